#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract X: removal of CPUs. Not here: failures at every step, see hotplug_fail.sh.

. ./lib/all.sh

# clients COUNT [WORD]: registers that many, which follow removals and hold every CPU that is
# online.
clients() {
	local i
	for i in $(seq "$1"); do
		ctl "processor c$i flags=existing,removals ${2-}"
	done
	settle
	ctl clear
}

opt_in() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing"
	ctl "processor c2 flags=existing,removals"
	ctl "processor c3"
	settle
	ctl clear
	offline "$cpu"
	expect_log <<-END
	c2 REMOVE_START $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	END
}
test_case opt_in 'X1 only clients that opt in are notified of a removal'

not_held() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=removals"
	offline "$cpu"
	expect_log <<-END
	END
}
test_case not_held 'X1 only clients that hold the CPU are notified of a removal'

# dhp_test marks a REMOVE_START if a thread that it has bound to the CPU in COMPLETE does not run
# any more, and a REMOVE_COMPLETE if the CPU is online.
order() {
	cpu=$(pick_cpu)
	for i in 1 2 3 4 5; do
		ctl "processor c$i flags=existing,removals probe=1"
	done
	settle
	ctl clear
	offline "$cpu"
	expect_log <<-END
	c5 REMOVE_START $cpu 0
	c4 REMOVE_START $cpu 0
	c3 REMOVE_START $cpu 0
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c5 REMOVE_COMPLETE $cpu 0
	c4 REMOVE_COMPLETE $cpu 0
	c3 REMOVE_COMPLETE $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case order 'X2 REMOVE_START while threads run there, REMOVE_COMPLETE when it is gone, both in reverse'

# The CPU hotplug state machine comes to the step after dhp's on the way down. dhp_test marks a
# REMOVE_FAILURE if a bound thread does not get to run.
late_failure() {
	cpu=$(pick_cpu)
	clients 3 probe=1
	state=$(sed -n 's/^ *\([0-9]*\): .*:online$/\1/p' "$system/cpu/hotplug/states" | head -n 20 |
		while read -r number; do
			put "$system/cpu/cpu$cpu/hotplug/fail" "$number" && echo "$number" && break
		done)
	[ -n "$state" ] || skip "no step below dhp's can be made to fail"
	offline_refused "$cpu" EAGAIN
	expect_log <<-END
	c3 REMOVE_START $cpu 0
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c1 REMOVE_FAILURE $cpu $(armed_status)
	c2 REMOVE_FAILURE $cpu $(armed_status)
	c3 REMOVE_FAILURE $cpu $(armed_status)
	END
	is_online "$cpu" || fail "CPU$cpu is not online"
}
test_case late_failure 'X2 P6 a removal that fails after REMOVE_START is REMOVE_FAILURE, in the order of registration'

# vetoed VETOER ERRNO-NUMBER ERRNO-NAME
vetoed() {
	local cpu i
	cpu=$(pick_cpu)
	clients 5
	ctl "veto c$1 state=remove_start errno=$2"
	offline_refused "$cpu" "$3"
	is_online "$cpu" || fail "CPU$cpu is not online"
	{
		for i in $(seq 5 -1 "$1"); do
			echo "c$i REMOVE_START $cpu 0"
		done
		for i in $(seq $(($1 + 1)) 5); do
			echo "c$i REMOVE_FAILURE $cpu $2"
		done
	} >"$tmp/in"
	expect_log <"$tmp/in"
	ctl clear
	offline "$cpu"
	{
		for i in 5 4 3 2 1; do
			echo "c$i REMOVE_START $cpu 0"
		done
		for i in 5 4 3 2 1; do
			echo "c$i REMOVE_COMPLETE $cpu 0"
		done
	} >"$tmp/in"
	expect_log <"$tmp/in"
}

veto_first() {
	vetoed 1 -16 EBUSY
}
test_case veto_first 'X3 a removal vetoed by the first of five clients, which is asked last'

veto_middle() {
	vetoed 3 -5 EIO
}
test_case veto_middle 'X3 a removal vetoed by the middle one of five clients'

veto_last() {
	vetoed 5 -1 EPERM
}
test_case veto_last 'X3 a removal vetoed by the last of five clients, which is asked first'

veto_unplug() {
	plug_cpu
	online "$plugged_cpu"
	ctl "processor c1 flags=existing,removals"
	settle
	ctl clear
	# The kernel tries twice before it accepts the veto.
	ctl "veto c1 state=remove_start errno=-16 count=2"
	id=$(cat "$tmp/cpus")
	if hotplug cpu del "$id" >"$tmp/said" 2>&1; then
		: >"$tmp/cpus"
		fail "a CPU was unplugged despite a veto"
	fi
	expect_log <<-END
	c1 REMOVE_START $plugged_cpu 0
	c1 REMOVE_START $plugged_cpu 0
	END
	is_online "$plugged_cpu" || fail "CPU$plugged_cpu is not online"
	unplug_cpu "$plugged_cpu"
	expect_log <<-END
	c1 REMOVE_START $plugged_cpu 0
	c1 REMOVE_START $plugged_cpu 0
	c1 REMOVE_START $plugged_cpu 0
	c1 REMOVE_COMPLETE $plugged_cpu 0
	END
}
test_case veto_unplug 'X3 a veto keeps a CPU from being unplugged'

# dhp may be unloaded while a CPU is online that a client has followed.
unload_after() {
	cpu=$(pick_cpu)
	clients 1
	ctl "veto c1 state=remove_start errno=-16 count=0"
	offline_refused "$cpu" EBUSY
	ctl "unregister c1"
	unload dhp_test
	unload dhp
	is_online "$cpu" || fail "unloading has taken CPU$cpu offline"
	offline "$cpu"
	online "$cpu"
	setup
}
test_case unload_after 'X3 unloading refuses nothing and takes no CPU offline'

again() {
	cpu=$(pick_cpu)
	clients 2
	for i in 1 2; do
		offline "$cpu"
		online "$cpu"
	done
	settle
	for i in 1 2; do
		cat <<-END
		c2 REMOVE_START $cpu 0
		c1 REMOVE_START $cpu 0
		c2 REMOVE_COMPLETE $cpu 0
		c1 REMOVE_COMPLETE $cpu 0
		c1 START $cpu 0
		c2 START $cpu 0
		c1 COMPLETE $cpu 0
		c2 COMPLETE $cpu 0
		END
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case again 'X4 after REMOVE_COMPLETE the next add is an ordinary add'

again_vetoed() {
	cpu=$(pick_cpu)
	clients 2
	offline "$cpu"
	ctl "veto c2 state=start errno=-12"
	online_refused "$cpu" ENOMEM
	online "$cpu"
	expect_log <<-END
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	c1 START $cpu 0
	c2 START $cpu 0
	c1 FAILURE $cpu -12
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	END
}
test_case again_vetoed 'X4 an add after a removal can be vetoed like any other'

run_tests
