#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory that comes online and goes offline, and the synchronous callbacks before it goes offline.
# Not here: more about asynchronous events, see event.sh; the buffers of pools, see
# buffer_memory.sh.

. ./lib/all.sh

# A DIMM of one block, offline: $block, and $range as dhp_test prints it.
take_block() {
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 128M
	block=$plugged_blocks
	range="mem $(block_start "$block")+$(block_size) node $(block_node "$block")"
}

removal() {
	take_block
	ctl "memory m1"
	ctl "memory m2"
	set_block "$block" online_movable
	expect_log <<-END
	END
	set_block "$block" offline
	expect_log <<-END
	m1 REMOVE_START $range
	m2 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	m2 REMOVE_COMPLETE $range
	END
}
test_case removal 'E4 A9 a block that goes offline is REMOVE_START and REMOVE_COMPLETE'

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

# inject PRIORITY ACTION [ERRNO]: the kernel's own notifier, called before ours or after it, refuses
inject() {
	modprobe memory-notifier-error-inject priority="$1" 2>"$tmp/said" ||
		skip "needs CONFIG_MEMORY_NOTIFIER_ERROR_INJECT: $(tail -n 1 "$tmp/said")"
	actions=/sys/kernel/debug/notifier-error-inject/memory/actions
	put "$actions/$2/error" "${3--12}" || fail "cannot inject an error: $why"
}

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
test_case offline_in_front 'E4 a removal refused before dhp is called is not notified'

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
	m1 REMOVE_START $range
	m2 REMOVE_START $range
	m2 REMOVE_FAILURE $range
	m1 REMOVE_FAILURE $range
	END
	rmmod memory_notifier_error_inject
	ctl clear
	set_block "$block" offline
	expect_log <<-END
	m1 REMOVE_START $range
	m2 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	m2 REMOVE_COMPLETE $range
	e1 REMOVAL $range seq $((seq + 1))
	END
}
test_case offline_behind 'E4 a removal refused after dhp was called is REMOVE_FAILURE'

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
				echo "m1 REMOVE_FAILURE $range"
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

# The callback of the second one unregisters the first one, itself, and the third one.
unregister_inside() {
	take_block
	for state in remove_start remove_complete; do
		ctl reset
		set_block "$block" online_movable
		settle
		for i in 0 1 2; do
			ctl "memory m$i"
		done
		ctl clear
		for action in "unregister arg=m0" unregister_self "unregister arg=m2"; do
			ctl "inside m1 state=$state action=$action"
		done
		set_block "$block" offline
		settle
		{
			if [ "$state" = remove_complete ]; then
				for i in 0 1 2; do
					echo "m$i REMOVE_START $range"
				done
			fi
			what=$(echo "$state" | tr '[:lower:]' '[:upper:]')
			echo "m0 $what $range"
			echo "m1 $what $range"
			echo "m1 unregister m0: 0"
			echo "m1 unregister_self: 0"
			echo "m1 unregister m2: 0"
		} >"$tmp/expected"
		cat "$test_dir/log" >"$tmp/seen"
		same "$tmp/expected" "$tmp/seen"
		equal "clients" 0 "$(cat "$dhp/clients")"
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
