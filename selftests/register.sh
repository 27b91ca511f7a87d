#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver that is loaded misses CPUs, or is called after it has unregistered.
#
# Clauses R: registering, the replay, unregistering. modules.sh has modules that are loaded and
# unloaded meanwhile.

. ./lib/all.sh

# replayed NAME STATE CPU...: the lines of one pass of a replay
replayed() {
	local client="$1" state="$2" one
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
test_case refusals 'R1 each refusal has its errno, and nothing stays registered'

replay() {
	cpus=$(online_cpus)
	ctl "processor c1 flags=existing probe=1"
	# No settle: the replay ends before the registration returns.
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
test_case no_replay 'R2 a client that does not ask for a replay gets none'

# Four CPUs, one of them offline, where two can be plugged.
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
test_case replay_gap 'R2 CPUs that are present and offline are not replayed'

# veto_replay CPU...: those that are online; a client vetoes each of them in turn.
veto_replay() {
	local victim one before
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
test_case veto_each 'R3 a veto in the replay, at each CPU that is online'

veto_each_plugged() {
	for i in 1 2; do
		plug_cpu
		online "$plugged_cpu"
	done
	# shellcheck disable=SC2046 # a list of numbers
	veto_replay $(online_cpus)
}
test_case veto_each_plugged 'R3 a veto in the replay, at each CPU, with two more plugged'

# Other clients do not notice a registration that fails.
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
test_case veto_alone 'R3 a replay that fails leaves no client behind'

online_during_replay() {
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
test_case online_during_replay 'R4 a CPU that comes online during a replay is seen once, afterwards'

register_during_online() {
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
test_case register_during_online 'R4 a client that registers while a CPU comes online sees it once, in the replay'

# Taking the CPU offline waits for the replay.
offline_during_replay() {
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
test_case offline_during_replay 'R4 a CPU that goes offline during a replay is seen once, afterwards'

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
	# Whether COMPLETE comes first is a race.
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
test_case silent 'R5 unregistering makes no callbacks itself, and none comes after it'

# In the middle of an add: the clients that stay get its end.
unregister_during_add() {
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
	# Whether COMPLETE comes first is a race.
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
test_case unregister_during_add 'R5 a client that unregisters during an add does not get its end, the others do'

# unregister_in CPU STATE EXPECTED...: c1 unregisters itself in STATE and gets no further call;
# EXPECTED are its calls.
unregister_in() {
	local cpu="$1" state="$2" i call
	shift 2
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
	unregister_in "$cpu" remove_start REMOVE_START
	unregister_in "$cpu" remove_complete REMOVE_START REMOVE_COMPLETE
	unregister_in "$cpu" start REMOVE_START REMOVE_COMPLETE START
	unregister_in "$cpu" complete REMOVE_START REMOVE_COMPLETE START COMPLETE
}
test_case self_from_inside 'R6 a client that unregisters itself in a callback gets no further call'

# A client before it in the order, and one after it.
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

# FAILURE is for clients that got START and are still registered.
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
test_case inside_failure 'R6 P4 a client that unregistered in the middle of an add does not get its FAILURE'

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
	logged 'registering a CPU callback from inside a synchronous .* is refused' ||
		fail "the kernel's log does not name the refusal"
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

# Registering an event client waits for nothing. Unregistering one waits for its callback, which may
# wait for this one.
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
test_case event_from_inside 'R6 a synchronous callback can register event clients, and cannot unregister them'

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

run_tests
