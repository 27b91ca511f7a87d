#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract R: registering and unregistering.

. ./lib.sh

# replayed NAME STATE CPU...: the lines of one pass of a replay
replayed() {
	client=$1
	state=$2
	shift 2
	for one in "$@"; do
		echo "$client $state $one 0"
	done
}

clients() {
	cat "$dhp/clients"
}

plain() {
	ctl "processor c1"
	ctl "event c2 category=processor"
	ctl "event c3 category=memory"
	ctl "memory c4"
	equal "clients" 4 "$(clients)"
	ctl "unregister c*"
	equal "clients" 0 "$(clients)"
	expect_log <<-END
	END
}
test_case plain 'R1 registering gives a handle, unregistering takes it back'

refusals() {
	ctl_refused EINVAL "processor c1 fn=none"
	ctl_refused EINVAL "event c1 category=processor fn=none"
	ctl_refused EINVAL "memory c1 fn=none"
	ctl_refused EOPNOTSUPP "processor c1 flags=0x4"
	ctl_refused EOPNOTSUPP "processor c1 flags=0x80000001"
	ctl_refused EOPNOTSUPP "event c1 category=processor flags=0x2"
	ctl_refused EINVAL "event c1 category=2"
	ctl_refused EINVAL "event c1 category=-1"
	for pointer in null error; do
		ctl_refused EINVAL "unregister_bad processor pointer=$pointer"
		ctl_refused EINVAL "unregister_bad event pointer=$pointer"
		ctl_refused EINVAL "unregister_bad memory pointer=$pointer"
	done
	equal "clients" 0 "$(clients)"
	expect_log <<-END
	END
}
test_case refusals 'R1 what is refused has its errno, and nothing stays registered'

replay() {
	cpus=$(online_cpus)
	ctl "processor c1 flags=existing probe=1"
	# No settle: the replay is over when the registration returns.
	cat "$test_dir/log" >"$tmp/seen"
	# shellcheck disable=SC2086 # a list of numbers
	{
		replayed c1 START $cpus
		replayed c1 COMPLETE $cpus
	} >"$tmp/expected"
	same "$tmp/expected" "$tmp/seen"
}
test_case replay 'R2 the replay is START for all in ascending order, then COMPLETE for all'

no_replay() {
	ctl "processor c1"
	expect_log <<-END
	END
}
test_case no_replay 'R2 who did not ask for a replay gets none'

# Four processors, where some can be plugged.
replay_gap() {
	plug_cpu
	online "$plugged_cpu"
	first=$plugged_cpu
	plug_cpu
	online "$plugged_cpu"
	offline "$first"
	settle
	cpus=$(online_cpus)
	ctl "processor c1 flags=existing"
	# shellcheck disable=SC2086 # a list of numbers
	{
		replayed c1 START $cpus
		replayed c1 COMPLETE $cpus
		replayed c1 START "$first"
		replayed c1 COMPLETE "$first"
	} >"$tmp/expected"
	online "$first"
	settle
	cat "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}
test_case replay_gap 'R2 processors that are present and offline are not replayed'

# veto_replay PROCESSORS
veto_replay() {
	for victim in "$@"; do
		ctl reset
		ctl "veto c1 state=start cpu=$victim errno=-16"
		ctl_refused EBUSY "processor c1 flags=existing"
		before=
		: >"$tmp/expected"
		for one in "$@"; do
			echo "c1 START $one 0" >>"$tmp/expected"
			[ "$one" != "$victim" ] || break
			before="$one $before"
		done
		for one in $before; do
			echo "c1 FAILURE $one -16"
		done >>"$tmp/expected"
		cat "$test_dir/log" >"$tmp/seen"
		same "$tmp/expected" "$tmp/seen"
		equal "clients after a veto for CPU$victim" 0 "$(clients)"
	done
}

veto_each() {
	# shellcheck disable=SC2046 # a list of numbers
	veto_replay $(online_cpus)
}
test_case veto_each 'R3 a veto in the replay, at each processor that is online'

veto_each_plugged() {
	for i in 1 2; do
		plug_cpu
		online "$plugged_cpu"
	done
	# shellcheck disable=SC2046 # a list of numbers
	veto_replay $(online_cpus)
}
test_case veto_each_plugged 'R3 a veto in the replay, at each processor, with two more plugged'

# Other clients do not notice that somebody could not register.
veto_alone() {
	cpu=$(pick_cpu)
	ctl "processor c1"
	ctl "veto c2 state=start cpu=$cpu errno=-12"
	ctl_refused ENOMEM "processor c2 flags=existing"
	grep -v '^c2' "$test_dir/log" >"$tmp/seen" || true
	: >"$tmp/expected"
	same "$tmp/expected" "$tmp/seen"
	offline "$cpu"
	settle
	ctl clear
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case veto_alone 'R3 a replay that failed leaves nobody behind'

comes_while_registering() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	cpus=$(online_cpus)
	first=${cpus%% *}
	ctl "inside c1 state=start cpu=$first action=hold"
	put "$test_dir/control" "processor c1 flags=existing" &
	await_line "c1 START $first 0"
	until_waits "$system/cpu/cpu$cpu/online" 1
	ctl "release c1"
	wait
	settle
	# shellcheck disable=SC2086 # a list of numbers
	{
		replayed c1 START $cpus | sed "1a\\
c1 released"
		replayed c1 COMPLETE $cpus
		replayed c1 START "$cpu"
		replayed c1 COMPLETE "$cpu"
	} >"$tmp/expected"
	cat "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}
test_case comes_while_registering 'R4 a processor that comes during a replay is seen once, afterwards'

registers_while_coming() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c1 START $cpu 0"
	until_waits "$test_dir/control" "processor c2 flags=existing"
	ctl "release c1"
	wait
	settle
	cpus=$(online_cpus)
	# shellcheck disable=SC2086 # a list of numbers
	{
		replayed c2 START $cpus
		replayed c2 COMPLETE $cpus
	} >"$tmp/expected"
	grep '^c2' "$test_dir/log" >"$tmp/seen" || true
	same "$tmp/expected" "$tmp/seen"
}
test_case registers_while_coming 'R4 who registers while a processor comes sees it once, in the replay'

# The processor goes down while it is being replayed: it must wait.
goes_while_registering() {
	cpu=$(pick_cpu)
	cpus=$(online_cpus)
	first=${cpus%% *}
	ctl "inside c1 state=start cpu=$first action=hold"
	put "$test_dir/control" "processor c1 flags=existing,removals" &
	await_line "c1 START $first 0"
	until_waits "$system/cpu/cpu$cpu/online" 0
	ctl "release c1"
	wait
	settle
	# shellcheck disable=SC2086 # a list of numbers
	{
		replayed c1 START $cpus | sed "1a\\
c1 released"
		replayed c1 COMPLETE $cpus
		replayed c1 REMOVE_START "$cpu"
		replayed c1 REMOVE_COMPLETE "$cpu"
	} >"$tmp/expected"
	cat "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}
test_case goes_while_registering 'R4 a processor that goes during a replay is seen once, afterwards'

# Is process $1 asleep in the kernel?
waits() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c1 START $cpu 0"
	until_waits "$test_dir/control" "unregister c1" "c1 unregister"
	ctl "release c1"
	wait
	settle
	# Whether COMPLETE still came depends on who was faster.
	grep -v "^c1 COMPLETE $cpu 0" "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	c1 START $cpu 0
	c1 unregister
	c1 released
	c1 unregistered
	END
	same "$tmp/expected" "$tmp/seen"
	tail -n 1 "$test_dir/log" | grep -Fxq "c1 unregistered" || fail "a call after unregistering"
}
test_case waits 'R5 unregistering waits for a running callback, and none comes after it'

silent() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl clear
	ctl "unregister c1"
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	c1 unregister
	c1 unregistered
	END
}
test_case silent 'R5 unregistering makes no callbacks itself, and nothing is called any more'

# In the middle of an add: those who stay are told the end of it, who has gone is not.
gone_between() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	for i in 1 2 3; do
		ctl "processor c$i"
	done
	ctl "inside c3 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c3 START $cpu 0"
	until_waits "$test_dir/control" "unregister c2" "c2 unregister"
	ctl "release c3"
	wait
	settle
	grep '^c2' "$test_dir/log" | tail -n 1 | grep -Fxq "c2 unregistered" ||
		fail "a call after unregistering: $(grep '^c2' "$test_dir/log")"
	# Whether COMPLETE still came depends on who was faster.
	grep -v "^c2 COMPLETE $cpu 0\|^c2 unregister" "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c3 START $cpu 0
	c3 released
	c1 COMPLETE $cpu 0
	c3 COMPLETE $cpu 0
	END
	same "$tmp/expected" "$tmp/seen"
}
test_case gone_between 'R5 who unregisters during an add is not told its end, the others are'

# leaves_in STATE EXPECTED...: c1 unregisters itself in STATE, and hears nothing more; EXPECTED are
# its calls.
leaves_in() {
	state=$1
	shift
	ctl reset
	for i in 0 1 2; do
		ctl "processor c$i flags=existing,removals"
	done
	ctl "inside c1 state=$state action=unregister_self"
	settle
	ctl clear
	offline "$cpu"
	online "$cpu"
	offline "$cpu"
	settle
	{
		for call in "$@"; do
			echo "c1 $call $cpu 0"
		done
		echo "c1 unregister_self: 0"
	} >"$tmp/expected"
	grep '^c1' "$test_dir/log" >"$tmp/seen" || true
	same "$tmp/expected" "$tmp/seen"
	equal "clients" 2 "$(clients)"
	# The others get all of it.
	for i in 0 2; do
		for call in REMOVE_START REMOVE_COMPLETE START COMPLETE REMOVE_START REMOVE_COMPLETE; do
			echo "c$i $call $cpu 0"
		done >"$tmp/expected"
		grep "^c$i" "$test_dir/log" >"$tmp/seen" || true
		same "$tmp/expected" "$tmp/seen"
	done
	online "$cpu"
}

self_from_inside() {
	cpu=$(pick_cpu)
	leaves_in remove_start REMOVE_START
	leaves_in remove_complete REMOVE_START REMOVE_COMPLETE
	leaves_in start REMOVE_START REMOVE_COMPLETE START
	leaves_in complete REMOVE_START REMOVE_COMPLETE START COMPLETE
}
test_case self_from_inside 'R6 a client that unregisters itself in a callback gets no further call'

# Before it in the order, and behind it.
other_from_inside() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	for state in start complete; do
		ctl reset
		for i in 0 1 2; do
			ctl "processor c$i"
		done
		ctl "inside c1 state=$state action=unregister arg=c0"
		ctl "inside c1 state=$state action=unregister arg=c2"
		online "$cpu"
		settle
		sed -n '/^c1/!p' "$test_dir/log" >"$tmp/seen"
		case $state in
		start) echo "c0 START $cpu 0" ;;
		complete) printf '%s\n' "c0 START $cpu 0" "c2 START $cpu 0" "c0 COMPLETE $cpu 0" ;;
		esac >"$tmp/expected"
		same "$tmp/expected" "$tmp/seen"
		has_line "c1 unregister c0: 0" || fail "c0 was not unregistered in $state"
		has_line "c1 unregister c2: 0" || fail "c2 was not unregistered in $state"
		equal "clients" 1 "$(clients)"
		offline "$cpu"
		settle
	done
}
test_case other_from_inside 'R6 a client that another one unregisters in a callback gets no further call'

# Those that are undone are those that were started and are still there.
inside_failure() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	for i in 0 1 2 3; do
		ctl "processor c$i"
	done
	ctl "inside c2 state=start action=unregister arg=c1"
	ctl "inside c2 state=start action=unregister_self"
	ctl "veto c3 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c0 START $cpu 0
	c1 START $cpu 0
	c2 START $cpu 0
	c2 unregister c1: 0
	c2 unregister_self: 0
	c3 START $cpu 0
	c0 FAILURE $cpu -5
	END
	equal "clients" 2 "$(clients)"
}
test_case inside_failure 'R6 P4 a client that has gone in the middle of an add is not told that it failed'

# Its handle is gone when it returns, its code is still needed.
leaves_in_callback() {
	cpu=$(pick_cpu)
	unload dhp_test
	load dhp_test forget=1
	ctl "processor c1 flags=existing"
	ctl "inside c1 state=start action=unregister_self"
	ctl "inside c1 state=start action=sleep_ms arg=3000"
	offline "$cpu"
	ctl "processor c2"
	ctl "inside c2 state=start action=unregister_self"
	ctl "inside c2 state=start action=sleep_ms arg=3000"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c2 unregister_self: 0"
	unload dhp_test
	wait
	is_online "$cpu" || fail "CPU$cpu did not come online"
	load dhp_test
}
test_case leaves_in_callback 'R6 R8 a module stays until a callback that has unregistered itself returns'

register_from_inside() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1"
	for state in start complete; do
		ctl "inside c1 state=$state action=register arg=c3"
	done
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 register c3: -35
	c1 COMPLETE $cpu 0
	c1 register c3: -35
	END
	logged 'registering a processor callback from inside a synchronous .* is refused' ||
		fail "nothing in the kernel's log about the refusal"
	equal "clients" 1 "$(clients)"
}
test_case register_from_inside 'R1 registering from inside a synchronous callback is refused'

inside_replay() {
	cpus=$(online_cpus)
	ctl "processor c2"
	ctl "inside c1 state=start cpu=${cpus%% *} action=unregister arg=c2"
	ctl "processor c1 flags=existing"
	# shellcheck disable=SC2086 # a list of numbers
	{
		replayed c1 START $cpus | sed "1a\\
c1 unregister c2: 0"
		replayed c1 COMPLETE $cpus
	} >"$tmp/expected"
	cat "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
	equal "clients" 1 "$(clients)"
}
test_case inside_replay 'R6 unregistering another client from inside a replay'

# Registering an event's client waits for nobody, unregistering may wait for who waits for us.
event_from_inside() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1"
	ctl "event e1 category=processor"
	ctl "inside c1 state=start action=register_event arg=e2"
	ctl "inside c1 state=start action=unregister arg=e1"
	seq=$(sequence)
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 register_event e2: 0
	c1 unregister e1: -35
	c1 COMPLETE $cpu 0
	e1 ARRIVAL cpu $cpu seq $((seq + 1))
	e2 ARRIVAL cpu $cpu seq $((seq + 1))
	END
}
test_case event_from_inside 'R6 event clients may be registered in a synchronous callback, and not unregistered'

hotplug_states() {
	grep -c ': dhp:' "$system/cpu/hotplug/states"
}

many() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	equal "hotplug states of dhp" 2 "$(hotplug_states)"
	ctl "bulk c count=500"
	equal "clients" 500 "$(clients)"
	equal "hotplug states of dhp with 500 clients" 2 "$(hotplug_states)"
	online "$cpu"
	for i in $(seq 500); do
		echo "c$i START $cpu 0"
	done >"$tmp/in"
	for i in $(seq 500); do
		echo "c$i COMPLETE $cpu 0"
	done >>"$tmp/in"
	expect_log <"$tmp/in"
	ctl "unregister c*"
	equal "clients" 0 "$(clients)"
}
test_case many 'R7 500 clients at once use two hotplug states'

many_veto() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	ctl "bulk c count=500"
	ctl "veto c500 state=start errno=-5"
	online_refused "$cpu" EIO
	for i in $(seq 500); do
		echo "c$i START $cpu 0"
	done >"$tmp/in"
	for i in $(seq 499 -1 1); do
		echo "c$i FAILURE $cpu -5"
	done >>"$tmp/in"
	expect_log <"$tmp/in"
}
test_case many_veto 'R7 a veto by the last of 500 clients'

forgetful() {
	unload dhp_test
	load dhp_test forget=1
	ctl "processor c1 flags=existing"
	ctl "event c2 category=processor"
	ctl "event c3 category=memory"
	ctl "memory c4"
	unload dhp_test
	logged 'dhp: .*dhp_test.*unregister' || fail "the log does not name who forgot"
	equal "clients" 0 "$(clients)"
	cpu=$(pick_cpu)
	offline "$cpu"
	online "$cpu"
	settle
	load dhp_test
}
test_case forgetful 'R8 a client that leaves without unregistering is named, and nothing crashes'

# It returns into the module's code, which must be there still.
leaves_running() {
	cpu=$(pick_cpu)
	unload dhp_test
	load dhp_test forget=1
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=unregister_self"
	ctl "inside e1 state=removal action=sleep_ms arg=3000"
	settle
	seq=$(sequence)
	offline "$cpu"
	await_line "e1 unregister_self: 0"
	unload dhp_test
	equal "clients" 0 "$(clients)"
	online "$cpu"
	settle
	load dhp_test
}
test_case leaves_running 'A7 R8 a module that leaves is not gone before its last callback has ended'

# set_modprobe INSMOD-ARGUMENT...: request_module() loads dhp_helper, with these parameters.
set_modprobe() {
	modprobe=/proc/sys/kernel/modprobe
	[ -e "$modprobe" ] || skip "this kernel has no $modprobe"
	echo "$modprobe $(cat "$modprobe")" >>"$tmp/states"
	cat >"$tmp/modprobe" <<-END
		#!/bin/sh
		[ -d /sys/module/dhp_helper ] || exec insmod $DHP_DIR/dhp_helper.ko $*
	END
	chmod 755 "$tmp/modprobe"
	put "$modprobe" "$tmp/modprobe"
}

# What is asked for in a callback is there when it returns, whatever its init says.
requests() {
	set_modprobe "$@"
	answer=loaded
	[ $# = 0 ] || answer=refused
	cpu=$(pick_cpu)
	cpus=$(online_cpus)
	first=${cpus%% *}
	ctl "inside c1 state=start cpu=$first action=request_module arg=dhp_helper"
	ctl "inside c1 state=complete cpu=$first action=request_module arg=dhp_helper"
	timeout 60 ./put "$test_dir/control" "processor c1 flags=existing,removals" ||
		fail "the replay did not end within a minute"
	equal "answers in the replay" 2 "$(grep -c "request_module dhp_helper: $answer" "$test_dir/log")"
	ctl clear
	offline "$cpu"
	ctl "inside c1 state=complete action=request_module arg=dhp_helper"
	online "$cpu"
	await_line "c1 request_module dhp_helper: $answer"
	ctl clear
	ctl "processor c2 flags=existing,removals"
	settle
	ctl "veto c1 state=remove_start errno=-16"
	ctl "inside c2 state=remove_failure action=request_module arg=dhp_helper"
	offline_refused "$cpu" EBUSY
	await_line "c2 request_module dhp_helper: $answer"
	settle
	! module_loaded dhp_helper || unload dhp_helper
}

requests_module() {
	requests
}
test_case requests_module 'P8 a callback may load a module in a replay, COMPLETE and REMOVE_FAILURE'

requests_in_vain() {
	requests refuse=1
}
test_case requests_in_vain 'P8 R8 the same for a module whose init fails'

# Loading waits for the hotplug lock, which an operation has that waits for the callback. It
# gives up, and nothing hangs.
request_meets_operation() {
	set_modprobe
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "processor c1 flags=existing,removals"
	settle
	ctl clear
	ctl "inside c1 state=complete action=hold"
	ctl "inside c1 state=complete action=request_module arg=dhp_helper"
	online "$cpu"
	await_line "c1 COMPLETE $cpu 0"
	(offline_refused "$cpu" EBUSY) >"$tmp/operation" 2>&1 &
	operation=$!
	wait_or_fail 30 blocked_in turn_begin_in_operation
	ctl "release c1"
	await_line "c1 request_module dhp_helper: loaded"
	wait "$operation" || fail "$(cat "$tmp/operation")"
	logged "CPU$cpu: a callback of dhp_test/.* has been running for [0-9]+ s" ||
		fail "the log does not name the callback that an operation waited for"
	is_online "$cpu" || fail "CPU$cpu is not online"
	settle
	unload dhp_helper
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	c1 released
	c1 request_module dhp_helper: loaded
	c1 REMOVE_START $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case request_meets_operation 'P8 an operation that waits for a callback that loads a module gives up'

# While the CPU hotplug lock is held the kernel itself lets no module go, so it is COMPLETE.
others_go() {
	cpu=$(pick_cpu)
	load dhp_helper
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1"
	ctl "inside c1 state=complete action=hold"
	online "$cpu"
	await_line "c1 COMPLETE $cpu 0"
	timeout 60 rmmod dhp_helper || fail "a module without clients did not go while a callback ran"
	ctl "note gone"
	ctl "release c1"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	gone
	c1 released
	END
}
test_case others_go 'R8 a module without clients goes while a callback runs'

dhp_in_use() {
	ctl "processor c1"
	if rmmod dhp 2>/dev/null; then
		fail "dhp could be unloaded with a client registered"
	fi
	equal "clients" 1 "$(clients)"
}
test_case dhp_in_use 'R8 dhp cannot go while it has clients'

run_tests
