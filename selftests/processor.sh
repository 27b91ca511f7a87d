#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver misses a CPU that comes online, or uses one that failed to.
#
# Clauses P: synchronous notification of CPUs that are brought online.

. ./lib/all.sh

# Sets $cpu to a CPU that is offline from here on.
take_cpu() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
}

five_clients() {
	local i
	for i in 1 2 3 4 5; do
		ctl "processor c$i"
	done
}

twice() {
	take_cpu
	ctl "processor c1"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case twice 'P1 an add is START and COMPLETE'

twice_failed() {
	take_cpu
	ctl "processor c1"
	ctl "processor c2"
	ctl "veto c2 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 FAILURE $cpu -5
	END
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 FAILURE $cpu -5
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	END
}
test_case twice_failed 'P1 an add that fails is START and FAILURE, the next one is an ordinary add'

# dhp_test itself marks a START for a CPU that is online already.
start_before() {
	take_cpu
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c1 START $cpu 0"
	case " $(online_cpus) " in
	*" $cpu "*) fail "CPU$cpu is online while START is running" ;;
	esac
	ctl "release c1"
	wait
	is_online "$cpu" || fail "CPU$cpu is not online"
	expect_log <<-END
	c1 START $cpu 0
	c1 released
	c1 COMPLETE $cpu 0
	END
}
test_case start_before 'P2 START comes before the CPU starts, and may sleep'

veto_errno() {
	take_cpu
	ctl "processor c1"
	for errno in "-5 EIO" "-12 ENOMEM" "-19 ENODEV" "-1 EPERM" "-11 EAGAIN"; do
		ctl clear
		ctl "veto c1 state=start errno=${errno% *}"
		online_refused "$cpu" "${errno#* }"
		is_online "$cpu" && fail "CPU$cpu is online after a veto"
		expect_log <<-END
		c1 START $cpu 0
		END
	done
}
test_case veto_errno 'P3 the caller that onlines a CPU gets the errno of the veto'

# Newer kernels retry after EBUSY, a few times.
veto_busy() {
	take_cpu
	ctl "processor c1"
	ctl "veto c1 state=start errno=-16 count=0"
	online_refused "$cpu" EBUSY
	settle
	equal "calls" "c1 START $cpu 0" "$(sort -u "$test_dir/log")"
}
test_case veto_busy 'P3 a veto with EBUSY reaches the caller when the kernel stops retrying'

veto_no_errno() {
	take_cpu
	ctl "processor c1"
	ctl "inside c1 state=start action=write_status arg=7"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case veto_no_errno 'P3 a status that is not a negative errno is not a veto'

veto_first() {
	take_cpu
	five_clients
	ctl "veto c1 state=start errno=-12"
	online_refused "$cpu" ENOMEM
	expect_log <<-END
	c1 START $cpu 0
	END
}
test_case veto_first 'P4 veto by the first of five clients'

veto_middle() {
	take_cpu
	five_clients
	ctl "veto c3 state=start errno=-1"
	online_refused "$cpu" EPERM
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c3 START $cpu 0
	c2 FAILURE $cpu -1
	c1 FAILURE $cpu -1
	END
}
test_case veto_middle 'P4 veto by the middle one of five clients'

veto_last() {
	take_cpu
	five_clients
	ctl "veto c5 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c3 START $cpu 0
	c4 START $cpu 0
	c5 START $cpu 0
	c4 FAILURE $cpu -5
	c3 FAILURE $cpu -5
	c2 FAILURE $cpu -5
	c1 FAILURE $cpu -5
	END
}
test_case veto_last 'P4 veto by the last of five clients'

veto_two() {
	take_cpu
	five_clients
	ctl "veto c2 state=start errno=-12"
	ctl "veto c4 state=start errno=-1"
	online_refused "$cpu" ENOMEM
	online_refused "$cpu" EPERM
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 FAILURE $cpu -12
	c1 START $cpu 0
	c2 START $cpu 0
	c3 START $cpu 0
	c4 START $cpu 0
	c3 FAILURE $cpu -1
	c2 FAILURE $cpu -1
	c1 FAILURE $cpu -1
	END
}
test_case veto_two 'P4 the first veto wins, and the second one ends the next add'

# dhp_test marks a COMPLETE whose CPU is not active, or on which a thread that is bound to it does
# not run.
in_use() {
	take_cpu
	ctl "processor c1 probe=1"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case in_use 'P5 threads run on the CPU in COMPLETE'

late_failure() {
	take_cpu
	ctl "processor c1"
	ctl "processor c2"
	active=$(need_step sched:active)
	arm_step "$cpu" "$active"
	online_refused "$cpu" EAGAIN
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c2 FAILURE $cpu $(armed_status)
	c1 FAILURE $cpu $(armed_status)
	END
}
test_case late_failure 'P5 P6 a later step that fails is FAILURE with its errno, never COMPLETE'

failure_errno() {
	take_cpu
	ctl "processor c1"
	ctl "processor c2"
	for errno in "-12 ENOMEM" "-19 ENODEV"; do
		ctl clear
		ctl "veto c2 state=start errno=${errno% *}"
		online_refused "$cpu" "${errno#* }"
		expect_log <<-END
		c1 START $cpu 0
		c2 START $cpu 0
		c1 FAILURE $cpu ${errno% *}
		END
	done
}
test_case failure_errno 'P6 FAILURE carries the errno of the veto'

ignored_status() {
	take_cpu
	ctl "processor c1"
	ctl "processor c2"
	ctl "inside c1 state=complete action=write_status arg=-5 count=0"
	ctl "inside c1 state=failure action=write_status arg=-5 count=0"
	online "$cpu"
	settle
	logged 'dhp: .*COMPLETE.*ignored' || fail "nothing in the kernel's log about the status"
	offline "$cpu"
	ctl "veto c2 state=start errno=-12"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	END
	ctl "processor c3"
	ctl "inside c3 state=complete action=write_status arg=-5 count=0"
	online "$cpu"
	settle
	equal "lines about an ignored status" 2 "$(log_since_mark | grep -c 'dhp: .*ignored')"
	is_online "$cpu" || fail "CPU$cpu is not online"
}
test_case ignored_status 'P6 a status outside START is ignored, and reported once per client'

order() {
	take_cpu
	five_clients
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c3 START $cpu 0
	c4 START $cpu 0
	c5 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	c3 COMPLETE $cpu 0
	c4 COMPLETE $cpu 0
	c5 COMPLETE $cpu 0
	END
}
test_case order 'P7 START and COMPLETE in the order of registration'

# The order is that of the registrations, not of names or addresses.
order_changed() {
	take_cpu
	five_clients
	ctl "unregister c2"
	ctl "unregister c4"
	ctl "processor c2"
	ctl "processor c6"
	ctl clear
	ctl "veto c6 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c1 START $cpu 0
	c3 START $cpu 0
	c5 START $cpu 0
	c2 START $cpu 0
	c6 START $cpu 0
	c2 FAILURE $cpu -5
	c5 FAILURE $cpu -5
	c3 FAILURE $cpu -5
	c1 FAILURE $cpu -5
	END
}
test_case order_changed 'P7 FAILURE in the reverse order, also after some clients were unregistered and registered'

# dhp_test marks a call that begins while another one runs, and one that may not sleep. Calls come
# from two sources here: an add, and the replay for a new client.
serialised() {
	take_cpu
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c1 START $cpu 0"
	until_waits "$test_dir/control" "processor c2 flags=existing"
	ctl "note before"
	ctl "release c1"
	wait
	settle
	grep -v '^c2' "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	c1 START $cpu 0
	before
	c1 released
	c1 COMPLETE $cpu 0
	END
	same "$tmp/expected" "$tmp/seen"
	! grep '!' "$test_dir/log" || fail "a call was not as it should be"
	grep -q "^c2 COMPLETE $cpu 0" "$test_dir/log" || fail "c2 was not notified of CPU$cpu"
}
test_case serialised 'P8 no two callbacks at once, and all may sleep'

# dhp_test checks the change's node and the status argument in every call.
change() {
	take_cpu
	ctl "processor c1 flags=removals"
	online "$cpu"
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	c1 REMOVE_START $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case change 'P9 the change has state, CPU, node and status'

back() {
	take_cpu
	ctl "processor c1"
	online "$cpu"
	for i in 1 2 3; do
		offline "$cpu"
		online "$cpu"
	done
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case back 'P11 a client without removals gets no notification when its CPU goes offline and comes back'

first_failed() {
	take_cpu
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5"
	online_refused "$cpu" EIO
	online "$cpu"
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case first_failed 'P11 after a first add that failed, a later one is an ordinary add'

# The CPU was online before the client registered, and the client asked for no replay.
online_before() {
	cpu=$(pick_cpu)
	ctl "processor c1"
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case online_before 'P11 a CPU that the client never held is an add when it comes back'

plugged() {
	ctl "processor c1 probe=1"
	plug_cpu
	expect_log <<-END
	END
	online "$plugged_cpu"
	# Offlining ends scheduling there before it notifies us, so it must not meet the probe in COMPLETE.
	await_line "c1 COMPLETE $plugged_cpu 0"
	offline "$plugged_cpu"
	unplug_cpu "$plugged_cpu"
	expect_log <<-END
	c1 START $plugged_cpu 0
	c1 COMPLETE $plugged_cpu 0
	END
}
test_case plugged 'P1 P5 a CPU that is plugged'

# The kernel does not allow a refusal there.
shutdown() {
	cpu=$(pick_cpu)
	for i in 1 2 3; do
		ctl "processor c$i flags=existing,removals"
	done
	settle
	ctl clear
	ctl "veto c2 state=remove_start errno=-16 count=0"
	ctl "veto c2 state=start errno=-16 count=0"
	ctl "shutdown offline cpu=$cpu"
	ctl "shutdown online cpu=$cpu"
	expect_log <<-END
	c3 REMOVE_START $cpu 0
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c3 REMOVE_COMPLETE $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	c1 START $cpu 0
	c2 START $cpu 0
	c3 START $cpu 0
	c1 COMPLETE $cpu 0
	c3 COMPLETE $cpu 0
	END
	is_online "$cpu" || fail "CPU$cpu did not come online"
}
test_case shutdown 'P3 X3 on the way to a reboot a veto is ignored'

# set_target CPU STATE
set_target() {
	put "$system/cpu/cpu$1/hotplug/target" "$2" || fail "CPU$1 does not reach state $2: $why"
}

# Sets, for its caller: $cpu, a CPU that is offline; $half, the number of dhp's own state, in which
# it is online and not in use; $up, that of the state in which it is in use.
can_stop_halfway() {
	cpu=$(pick_cpu)
	half=$(step_number dhp:online)
	up=$(step_number online)
	offline "$cpu"
	put "$system/cpu/cpu$cpu/hotplug/target" "$half" ||
		skip "needs CONFIG_CPU_HOTPLUG_STATE_CONTROL"
	set_target "$cpu" 0
	settle
	ctl clear
}

# finish_online CPU STATE: takes it to STATE, in which it is in use, and its device knows it.
finish_online() {
	set_target "$1" "$2"
	put "$system/cpu/cpu$1/online" 1
}

halfway() {
	can_stop_halfway
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	seq=$(sequence)
	set_target "$cpu" "$half"
	case " $(online_cpus) " in
	*" $cpu "*) ;;
	*) fail "CPU$cpu is not half-way online, it is offline" ;;
	esac
	expect_log <<-END
	c1 START $cpu 0
	END
	# Neither an operation on another CPU nor a new client changes that.
	ctl "processor c2 flags=existing"
	settle
	grep -Fxq "c2 START $cpu 0" "$test_dir/log" || fail "c2 got no START for CPU$cpu"
	! grep -q "COMPLETE $cpu 0" "$test_dir/log" || fail "COMPLETE for a CPU that is half-way"
	set_target "$cpu" "$up"
	await_line "c1 COMPLETE $cpu 0"
	await_line "c2 COMPLETE $cpu 0"
	await_line "e1 ARRIVAL cpu $cpu seq $((seq + 1))"
	finish_online "$cpu" "$up"
}
test_case halfway 'P5 a CPU that hotplug/target has left half-way is not in use until it is'

halfway_back() {
	can_stop_halfway
	ctl "processor c1 flags=removals"
	set_target "$cpu" "$half"
	settle
	set_target "$cpu" 0
	expect_log <<-END
	c1 START $cpu 0
	c1 FAILURE $cpu -125
	END
	finish_online "$cpu" "$up"
}
test_case halfway_back 'P5 P1 a CPU that goes back from half-way is a failed add'

run_tests
