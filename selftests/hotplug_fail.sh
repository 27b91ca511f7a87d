#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A failure at every step of the kernel's hotplug machine that can be made to fail, up and down:
# whatever is told of the way there is told of the way back, exactly.

. ./lib.sh

# number_of NAME: a step's number
number_of() {
	sed -n "s/^ *\\([0-9]*\\): $1\$/\\1/p" "$system/cpu/hotplug/states"
}

steps() {
	sed -n 's/^ *\([0-9]*\): .*/\1/p' "$system/cpu/hotplug/states"
}

take_cpu() {
	cpu=$(pick_cpu)
	prepare=$(number_of dhp:prepare)
	online=$(number_of dhp:online)
	[ -n "$prepare" ] || fail "no dhp:prepare in cpu/hotplug/states"
	[ -n "$online" ] || fail "no dhp:online in cpu/hotplug/states"
	active=$(number_of sched:active)
}

arm() {
	put "$system/cpu/cpu$cpu/hotplug/fail" "$1"
}

# fails STEP 1|0: lets STEP fail on the way up or down, if it can. It cannot without a callback,
# which it may have in one direction only: then the operation succeeds and leaves it armed.
fails() {
	arm "$1" || return 1
	settle
	ctl clear
	if put "$system/cpu/cpu$cpu/online" "$2"; then
		equal "step that is armed still after CPU$cpu/online has become $2" "$1" \
			"$(cat "$system/cpu/cpu$cpu/hotplug/fail")"
		disarm
		put "$system/cpu/cpu$cpu/online" $((1 - $2)) || fail "CPU$cpu: $why"
		return 1
	fi
	echo "step $1: $(sed -n "s/^ *$1: //p" "$system/cpu/hotplug/states")"
	equal "errno of CPU$cpu/online" "$(word_of EAGAIN)" "$why"
	tried=$((tried + 1))
}

# An add that fails at a step between ours and the end: START and FAILURE, in reverse. At a step
# before ours or at ours: nothing. Nothing is due either way when it is tried again.
up() {
	take_cpu
	offline "$cpu"
	# They do not hold the processor after a step that cannot fail.
	ctl "processor c1 flags=removals"
	ctl "processor c2 flags=removals"
	tried=0
	for step in $(steps); do
		fails "$step" 1 || continue
		is_online "$cpu" && fail "CPU$cpu is online, though step $step has failed"
		if [ "$step" -gt "$prepare" ]; then
			cat <<-END
			c1 START $cpu 0
			c2 START $cpu 0
			c2 FAILURE $cpu -125
			c1 FAILURE $cpu -125
			END
		fi >"$tmp/in"
		expect_log <"$tmp/in"
	done
	echo "$tried steps"
	[ "$tried" -gt 5 ] || fail "only $tried steps could be made to fail"
	ctl clear
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	END
}
test_case up 'P5 P6 an add that fails at every failable step'

up_active() {
	take_cpu
	[ -n "$active" ] || skip "this kernel has no step sched:active"
	offline "$cpu"
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	seq=$(sequence)
	ctl clear
	for _ in 1 2 3; do
		arm "$active" || fail "sched:active cannot be armed: $why"
		online_refused "$cpu" EAGAIN
	done
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 FAILURE $cpu -125
	c1 START $cpu 0
	c1 FAILURE $cpu -125
	c1 START $cpu 0
	c1 FAILURE $cpu -125
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	e1 ARRIVAL cpu $cpu seq $((seq + 1))
	END
}
test_case up_active 'P5 A1 an add that fails at sched:active is no COMPLETE, no removal and no event'

# For a processor that is held already, an add that fails is nothing.
up_held() {
	take_cpu
	[ -n "$active" ] || skip "this kernel has no step sched:active"
	ctl "processor c1 flags=existing"
	offline "$cpu"
	settle
	ctl clear
	arm "$active" || fail "sched:active cannot be armed: $why"
	online_refused "$cpu" EAGAIN
	online "$cpu"
	expect_log <<-END
	END
}
test_case up_held 'P11 an add that fails is nothing to who holds the processor already'

# A removal that fails at a step that comes behind ours, that is, with a lower number: it was
# begun, so it is taken back. At ours or before it: nothing was said yet.
down() {
	take_cpu
	ctl "processor c1 flags=existing,removals"
	ctl "processor c2 flags=existing,removals"
	tried=0
	for step in $(steps); do
		fails "$step" 0 || continue
		is_online "$cpu" || fail "CPU$cpu is offline, though step $step has failed"
		if [ "$step" -lt "$online" ]; then
			cat <<-END
			c2 REMOVE_START $cpu 0
			c1 REMOVE_START $cpu 0
			c1 REMOVE_FAILURE $cpu -125
			c2 REMOVE_FAILURE $cpu -125
			END
		fi >"$tmp/in"
		expect_log <"$tmp/in"
	done
	echo "$tried steps"
	[ "$tried" -gt 5 ] || fail "only $tried steps could be made to fail"
	ctl clear
	offline "$cpu"
	expect_log <<-END
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case down 'X2 a removal that fails at every failable step'

down_active() {
	take_cpu
	[ -n "$active" ] || skip "this kernel has no step sched:active"
	ctl "processor c1 flags=existing,removals"
	ctl "event e1 category=processor"
	settle
	ctl clear
	arm "$active" || fail "sched:active cannot be armed: $why"
	offline_refused "$cpu" EAGAIN
	expect_log <<-END
	END
	is_online "$cpu" || fail "CPU$cpu is not online"
}
test_case down_active 'X2 A9 a removal that fails at sched:active is nothing to anybody'

# A failure and a veto one after the other, up and down.
mixed() {
	take_cpu
	[ -n "$active" ] || skip "this kernel has no step sched:active"
	ctl "processor c1 flags=removals"
	ctl "processor c2 flags=removals"
	offline "$cpu"
	settle
	ctl clear
	ctl "veto c2 state=start errno=-12"
	online_refused "$cpu" ENOMEM
	arm "$active" || fail "sched:active cannot be armed: $why"
	online_refused "$cpu" EAGAIN
	online "$cpu"
	ctl "veto c1 state=remove_start errno=-16"
	offline_refused "$cpu" EBUSY
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 FAILURE $cpu -12
	c1 START $cpu 0
	c2 START $cpu 0
	c2 FAILURE $cpu -125
	c1 FAILURE $cpu -125
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c2 REMOVE_FAILURE $cpu -16
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case mixed 'P1 X2 vetoes and failures one after the other'

run_tests
