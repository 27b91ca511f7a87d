#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory that comes online and goes offline, and the synchronous callbacks for it. Not here: vetoes,
# see memory_veto.sh; the replay, see memory_replay.sh; asynchronous events, see event_memory.sh; the
# buffers of pools, see buffer_memory.sh.

. ./lib/all.sh

addition() {
	take_block
	seq=$(sequence)
	ctl "memory m1 flags=adds"
	ctl "memory m2 flags=adds,removals"
	ctl "memory m3 flags=removals"
	ctl "event e1 category=memory"
	set_block "$block" online_movable
	settle
	set_block "$block" offline
	expect_log <<-END
	m1 START $range
	m2 START $range
	m1 COMPLETE $range
	m2 COMPLETE $range
	e1 ARRIVAL $range seq $((seq + 1))
	m3 REMOVE_START $range
	m2 REMOVE_START $range
	m3 REMOVE_COMPLETE $range
	m2 REMOVE_COMPLETE $range
	e1 REMOVAL $range seq $((seq + 2))
	END
}
test_case addition 'M1 a block that goes online and offline; each client gets what it has asked for'

removal() {
	take_block
	ctl "memory m1"
	ctl "memory m2"
	set_block "$block" online_movable
	expect_log <<-END
	END
	set_block "$block" offline
	expect_log <<-END
	m2 REMOVE_START $range
	m1 REMOVE_START $range
	m2 REMOVE_COMPLETE $range
	m1 REMOVE_COMPLETE $range
	END
}
test_case removal 'M1 E4 A9 a block that goes offline is REMOVE_START and REMOVE_COMPLETE'

unplugged() {
	take_block
	set_block "$block" online_movable
	seq=$(sequence)
	ctl "memory m1"
	ctl "event e1 category=memory"
	unplug_dimm "$plugged_dimm"
	expect_log <<-END
	m1 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	e1 REMOVAL $range seq $((seq + 1))
	END
}
test_case unplugged 'E4 A9 a DIMM that is unplugged'

offline_in_front() {
	take_block
	set_block "$block" online_movable
	seq=$(sequence)
	ctl "memory m1"
	ctl "event e1 category=memory"
	inject 100 MEM_GOING_OFFLINE
	refused ENOMEM "$system/memory/memory$block/state" offline
	expect_log <<-END
	END
	rmmod memory_notifier_error_inject
	set_block "$block" offline
	expect_log <<-END
	m1 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	e1 REMOVAL $range seq $((seq + 1))
	END
}
test_case offline_in_front 'M3 E4 a removal refused before dhp is called is not notified'

offline_behind() {
	take_block
	set_block "$block" online_movable
	seq=$(sequence)
	ctl "memory m1"
	ctl "memory m2"
	ctl "event e1 category=memory"
	inject -100 MEM_GOING_OFFLINE
	refused ENOMEM "$system/memory/memory$block/state" offline
	expect_log <<-END
	m2 REMOVE_START $range
	m1 REMOVE_START $range
	m1 REMOVE_FAILURE $range status -125
	m2 REMOVE_FAILURE $range status -125
	END
	rmmod memory_notifier_error_inject
	ctl clear
	set_block "$block" offline
	expect_log <<-END
	m2 REMOVE_START $range
	m1 REMOVE_START $range
	m2 REMOVE_COMPLETE $range
	m1 REMOVE_COMPLETE $range
	e1 REMOVAL $range seq $((seq + 1))
	END
}
test_case offline_behind 'M3 E4 a removal refused after dhp was called is REMOVE_FAILURE'

# online_refused_by PRIORITY
online_refused_by() {
	take_block
	seq=$(sequence)
	ctl "memory m1"
	ctl "event e1 category=memory"
	inject "$1" MEM_GOING_ONLINE
	refused ENOMEM "$system/memory/memory$block/state" online_movable
	expect_log <<-END
	END
	rmmod memory_notifier_error_inject
	set_block "$block" online_movable
	expect_log <<-END
	e1 ARRIVAL $range seq $((seq + 1))
	END
}

online_in_front() {
	online_refused_by 100
}
test_case online_in_front 'A1 an arrival refused before dhp is called is no event'

online_behind() {
	online_refused_by -100
}
test_case online_behind 'A1 an arrival refused after dhp was called is no event'

# refused_to_pool PRIORITY: memory that a pool has buffers in is refused to go offline, and online,
# twice each, because the first refusal may have left something half done.
refused_to_pool() {
	take_pool_block
	range="mem $(block_start "$block")+$(block_size) node $(block_node "$block")"
	ctl "memory m1"
	ctl "event e1 category=memory"
	seq=$(sequence)

	inject "$1" MEM_GOING_OFFLINE -28
	for _ in 1 2; do
		refused ENOSPC "$state" offline
		equal "state of the block that was refused to go offline" online "$(cat "$state")"
		equal "buffers when memory was refused to go offline" "$with" "$(pool_buffers)"
	done
	rmmod memory_notifier_error_inject
	set_block "$block" offline
	equal "buffers without the memory" "$without" "$(pool_buffers)"

	inject "$1" MEM_GOING_ONLINE -28
	for _ in 1 2; do
		refused ENOSPC "$state" online_kernel
		equal "state of the block that was refused to go online" offline "$(cat "$state")"
		equal "buffers when memory was refused to go online" "$without" "$(pool_buffers)"
	done
	rmmod memory_notifier_error_inject
	set_block "$block" online_kernel
	equal "buffers with the memory" "$with" "$(pool_buffers)"

	{
		if [ "$1" -lt 0 ]; then
			for _ in 1 2; do
				echo "m1 REMOVE_START $range"
				echo "m1 REMOVE_FAILURE $range status -125"
			done
		fi
		echo "m1 REMOVE_START $range"
		echo "m1 REMOVE_COMPLETE $range"
		echo "e1 REMOVAL $range seq $((seq + 1))"
		echo "e1 ARRIVAL $range seq $((seq + 2))"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}

pool_in_front() {
	refused_to_pool 100
}
test_case pool_in_front 'E4 a removal and an arrival refused before dhp is called leave a pool as it is'

pool_behind() {
	refused_to_pool -100
}
test_case pool_behind 'E4 a pool has its buffers again after a removal refused after dhp was called'

# dhp_test logs the errno of each refusal.
refused_inside() {
	take_block
	set_block "$block" online_movable
	settle
	ctl "memory m1"
	ctl "event e1 category=processor"
	ctl "processor c2"
	ctl "inside m1 state=remove_start action=register_memory arg=m2"
	ctl "inside m1 state=remove_complete action=register arg=c1"
	ctl "inside m1 state=remove_complete action=unregister arg=c2"
	ctl "inside m1 state=remove_complete action=unregister arg=e1"
	set_block "$block" offline
	expect_log <<-END
	m1 REMOVE_START $range
	m1 register_memory m2: -35
	m1 REMOVE_COMPLETE $range
	m1 register c1: -35
	m1 unregister c2: -35
	m1 unregister e1: -35
	END
	equal "clients" 3 "$(cat "$dhp/clients")"
}
test_case refused_inside 'R6 what waits for other kinds of callbacks is refused inside a memory callback'

# provoke STATE: $block changes so that clients get a call in this state.
provoke() {
	case $1 in
	start | complete) set_block "$block" online_movable ;;
	failure)
		inject -100 MEM_GOING_ONLINE
		refused ENOMEM "$state" online_movable
		;;
	remove_failure)
		inject -100 MEM_GOING_OFFLINE
		refused ENOMEM "$state" offline
		;;
	*) set_block "$block" offline ;;
	esac
	! module_loaded memory_notifier_error_inject || rmmod memory_notifier_error_inject
}

# The callback of the second one unregisters the first one, itself, and the third one.
unregister_inside() {
	take_block
	for state_name in start complete failure remove_start remove_complete remove_failure; do
		case $state_name in
		remove_*) set_block "$block" online_movable ;;
		*) [ "$(cat "$state")" = offline ] || set_block "$block" offline ;;
		esac
		case $state_name in *failure) status=" status -125" ;; *) status= ;; esac
		case $state_name in remove_*) begin=REMOVE_START ;; *) begin=START ;; esac
		case $begin in START) up="m0 m1 m2" ;; *) up="m2 m1 m0" ;; esac
		case $state_name in
		start | complete | remove_failure) order="m0 m1 m2" ;;
		*) order="m2 m1 m0" ;;
		esac
		settle
		for i in 0 1 2; do
			ctl "memory m$i flags=adds,removals"
		done
		ctl clear
		for action in "unregister arg=m0" unregister_self "unregister arg=m2"; do
			ctl "inside m1 state=$state_name action=$action"
		done
		provoke "$state_name"
		what=$(echo "$state_name" | tr '[:lower:]' '[:upper:]')
		{
			case $state_name in
			start | remove_start) ;;
			*) for i in $up; do echo "$i $begin $range"; done ;;
			esac
			echo "${order%% *} $what $range$status"
			echo "m1 $what $range$status"
			echo "m1 unregister m0: 0"
			echo "m1 unregister_self: 0"
			echo "m1 unregister m2: 0"
		} >"$tmp/in"
		expect_log <"$tmp/in"
		equal "clients" 0 "$(cat "$dhp/clients")"
		ctl reset
		[ "$(cat "$state")" = offline ] || set_block "$block" offline
	done
}
test_case unregister_inside 'R6 memory clients that are unregistered inside a memory callback get no further call'

unload_meanwhile() {
	take_block
	load dhp_helper
	set_block "$block" online_movable
	settle
	ctl "memory m1"
	ctl "inside m1 state=remove_start action=hold"
	put "$system/memory/memory$block/state" offline &
	await_line "m1 REMOVE_START $range"
	timeout 60 rmmod dhp_helper || fail "a module without clients was not unloaded while a callback ran"
	ctl "note gone"
	ctl "release m1"
	wait
	expect_log <<-END
	m1 REMOVE_START $range
	gone
	m1 released
	m1 REMOVE_COMPLETE $range
	END
}
test_case unload_meanwhile 'R8 a module without clients is unloaded while a memory callback runs'

unregister_waits() {
	take_block
	set_block "$block" online_movable
	settle
	ctl "memory m1"
	ctl "inside m1 state=remove_start action=hold"
	put "$system/memory/memory$block/state" offline &
	await_line "m1 REMOVE_START $range"
	until_waits "$test_dir/control" "unregister m1" "m1 unregister"
	ctl "note waiting"
	ctl "release m1"
	wait
	settle
	# Whether REMOVE_COMPLETE was still called depends on which was faster.
	grep -v "^m1 REMOVE_COMPLETE" "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	m1 REMOVE_START $range
	m1 unregister
	waiting
	m1 released
	m1 unregistered
	END
	same "$tmp/expected" "$tmp/seen"
	tail -n 1 "$test_dir/log" | grep -Fxq "m1 unregistered" || fail "a call after unregistering"
}
test_case unregister_waits 'R5 unregistering waits for a running memory callback'

# A block that goes offline cannot belong to the run of blocks that come online.
not_held() {
	take_block
	set_block "$block" online_movable
	settle
	ctl "memory m1"
	ctl "event e1 category=memory"
	ctl "inside m1 state=remove_start action=hold"
	seq=$(sequence)
	plug_dimm 128M
	second=$plugged_blocks
	set_block "$second" online_movable
	put "$system/memory/memory$block/state" offline &
	await_line "m1 REMOVE_START $range"
	await_line "e1 ARRIVAL mem $(block_start "$second")+$(block_size) node $(block_node "$second") seq $((seq + 1))"
	ctl "release m1"
	wait
}
test_case not_held 'A1 an arrival does not wait for a block that goes offline'

# The node may have had no memory before.
lonely() {
	node=$(lonely_node)
	[ -n "$node" ] || skip "every node here has CPUs"
	take_block_on "$node"
	ctl "memory m1 flags=adds,removals"
	set_block "$block" online_movable
	set_block "$block" offline
	equal "node" "${node#--node }" "$(block_node "$block")"
	expect_log <<-END
	m1 START $range
	m1 COMPLETE $range
	m1 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	END
}
test_case lonely 'M1 memory on a node without CPUs'

virtio_mem() {
	put "$system/memory/auto_online_blocks" online_movable
	ctl "memory m1 flags=adds,removals"
	ctl "memory m2 flags=adds,removals"
	grow_virtio_mem 2
	for block in $grown_blocks; do
		range=$(block_range "$block")
		for what in "m1 START" "m2 START" "m1 COMPLETE" "m2 COMPLETE"; do
			echo "$what $range"
		done
	done >"$tmp/up"
	# The device gives back what it has added last.
	for block in $(echo "$grown_blocks" | sort -rn); do
		range=$(block_range "$block")
		for what in "m2 REMOVE_START" "m1 REMOVE_START" "m2 REMOVE_COMPLETE" "m1 REMOVE_COMPLETE"; do
			echo "$what $range"
		done
	done >"$tmp/down"
	await_line "$(tail -n 1 "$tmp/up")"
	expect_log <"$tmp/up"
	ctl clear
	resize_virtio_mem 0M
	wait_or_fail 30 same_blocks
	expect_log <"$tmp/down"
}
test_case virtio_mem 'M1 virtio-mem grows and shrinks'

in_use() {
	logged "dhp_sample_memory: $1 memory blocks in use$"
}

sample() {
	put "$system/memory/auto_online_blocks" online_movable
	there=$(cat "$system"/memory/memory[0-9]*/state | grep -c '^online$')
	load dhp_sample_memory
	in_use "$there" || fail "the sample does not begin with $there blocks"
	plug_dimm 256M
	in_use $((there + 2)) || fail "the sample does not have the blocks of a DIMM"
	set_mark "the DIMM is unplugged"
	# A removal that fails in the end.
	block=${plugged_blocks%%
*}
	inject -100 MEM_GOING_OFFLINE
	refused ENOMEM "$(state_file "$block")" offline
	rmmod memory_notifier_error_inject
	in_use $((there + 1)) || fail "the sample has not stopped using a block"
	in_use $((there + 2)) || fail "the sample does not use a block again that stays"
	set_mark "the DIMM is unplugged"
	unplug_dimm "$plugged_dimm"
	in_use "$there" || fail "the sample still has the blocks of a DIMM that was unplugged"
	unload dhp_sample_memory
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case sample 'M1 M4 the sample follows a DIMM that is plugged and unplugged'

dimm_again() {
	put "$system/memory/auto_online_blocks" online_movable
	for round in $(seq "$(portion 16)"); do
		ctl "event e1 category=memory"
		seq=$(sequence)
		plug_dimm 256M
		first=${plugged_blocks%%
*}
		range="mem $(block_start "$first")+0x10000000 node $(block_node "$first")"
		expect_log <<-END
		e1 ARRIVAL $range seq $((seq + 1))
		END
		ctl "unregister e1"
		unplug_dimm "$plugged_dimm"
		ctl clear
	done
	echo "$round rounds"
}
test_case dimm_again 'A5 a DIMM is plugged and unplugged again and again'

run_tests
