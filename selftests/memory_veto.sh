#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Without a veto, a driver could not keep memory that it needs, nor refuse memory that it cannot
# handle; and without an exact account of who was called before one, it would leak what it prepared.
#
# Not here: what happens without a veto, see memory.sh; a veto in a replay, see memory_replay.sh.

. ./lib/all.sh

# take_blocks: plugs a DIMM of four blocks, offline: $blocks
take_blocks() {
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 512M
	blocks=$plugged_blocks
	[ "$(echo "$blocks" | wc -w)" = 4 ] || skip "memory blocks here are not of 128 MiB"
}

# three_clients: m0, m1 and m2, which follow everything
three_clients() {
	for i in 0 1 2; do
		ctl "memory m$i flags=adds,removals"
	done
}

# expect_lines CLIENTS STATE RANGE [STATUS]: each of the clients is to get the call, in this order.
expect_lines() {
	for i in $1; do
		echo "m$i $2 $3${4:+ status $4}" >>"$tmp/calls"
	done
}

# expect_calls: the log has what expect_lines said, and is empty afterwards.
expect_calls() {
	expect_log <"$tmp/calls"
	ctl clear
	: >"$tmp/calls"
}

# The clients that are called before client $1 for START, and for REMOVE_START; nearest last.
first_to() {
	seq 0 $(($1 - 1))
}
last_to() {
	seq 2 -1 $(($1 + 1))
}

backwards() {
	for i in $1; do echo "$i"; done | sort "$2"
}

# Each of three clients vetoes each of four blocks, with an errno of its own.
veto_online() {
	take_blocks
	three_clients
	: >"$tmp/calls"
	for vetoer in 0 1 2; do
		number=$((28 + vetoer))	# ENOSPC, ESPIPE, EROFS
		name=$(echo ENOSPC ESPIPE EROFS | cut -d ' ' -f $((vetoer + 1)))
		for vetoed in $blocks; do
			ctl "veto m$vetoer state=start start=$(block_start "$vetoed") errno=-$number"
			for block in $blocks; do
				range=$(block_range "$block")
				if [ "$block" = "$vetoed" ]; then
					refused "$name" "$(state_file "$block")" online_movable
					equal "state of the block" offline "$(cat "$(state_file "$block")")"
					expect_lines "$(first_to "$vetoer")" START "$range"
					expect_lines "$vetoer" START "$range"
					expect_lines "$(backwards "$(first_to "$vetoer")" -r)" FAILURE "$range" -"$number"
				fi
				set_block "$block" online_movable
				expect_lines "0 1 2" START "$range"
				expect_lines "0 1 2" COMPLETE "$range"
			done
			expect_calls
			logged "dhp_test/on_memory#.* vetoes START of \[mem $(block_start "$vetoed")-.*\] with -$name" ||
				fail "the kernel's log does not name the veto"
			for block in $blocks; do
				set_block "$block" offline
			done
			settle
			ctl clear
		done
	done
}
test_case veto_online 'M2 each of three clients vetoes each block of a DIMM that goes online'

veto_offline() {
	take_blocks
	three_clients
	: >"$tmp/calls"
	for vetoer in 0 1 2; do
		number=$((28 + vetoer))
		name=$(echo ENOSPC ESPIPE EROFS | cut -d ' ' -f $((vetoer + 1)))
		for vetoed in $blocks; do
			for block in $blocks; do
				set_block "$block" online_movable
			done
			settle
			ctl clear
			ctl "veto m$vetoer state=remove_start start=$(block_start "$vetoed") errno=-$number"
			for block in $blocks; do
				range=$(block_range "$block")
				if [ "$block" = "$vetoed" ]; then
					refused "$name" "$(state_file "$block")" offline
					equal "state of the block" online "$(cat "$(state_file "$block")")"
					expect_lines "$(last_to "$vetoer")" REMOVE_START "$range"
					expect_lines "$vetoer" REMOVE_START "$range"
					expect_lines "$(backwards "$(last_to "$vetoer")" -n)" REMOVE_FAILURE "$range" -"$number"
				fi
				set_block "$block" offline
				expect_lines "2 1 0" REMOVE_START "$range"
				expect_lines "2 1 0" REMOVE_COMPLETE "$range"
			done
			expect_calls
		done
	done
}
test_case veto_offline 'M2 each of three clients vetoes each block of a DIMM that goes offline'

# With an event client: a vetoed change is no event, and does not hold back the events before it.
auto_online() {
	ctl "memory m0 flags=adds"
	ctl "event e1 category=memory"
	seq=$(sequence)
	put "$system/memory/auto_online_blocks" online_movable
	# The DIMM is plugged where the last one was.
	plug_dimm 128M
	where=$(block_start "$plugged_blocks")
	unplug_dimm "$plugged_dimm"
	settle
	ctl clear
	ctl "veto m0 state=start start=$where errno=-28"
	plug_dimm 128M
	equal "block of the second DIMM" "$where" "$(block_start "$plugged_blocks")"
	range=$(block_range "$plugged_blocks")
	equal "state of the vetoed block" offline "$(cat "$(state_file "$plugged_blocks")")"
	expect_log <<-END
	m0 START $range
	END
	set_block "$plugged_blocks" online_movable
	expect_log <<-END
	m0 START $range
	m0 START $range
	m0 COMPLETE $range
	e1 ARRIVAL $range seq $((seq + 3))
	END
}
test_case auto_online 'M2 A1 a veto of a block that the kernel itself brings online: no event'

unplug_refused() {
	take_block
	set_block "$block" online_movable
	settle
	ctl "memory m0"
	ctl "memory m1"
	ctl "veto m0 state=remove_start errno=-16 count=0"
	if hotplug dimm del "$plugged_dimm" >/dev/null 2>"$tmp/refusal"; then
		fail "the DIMM was unplugged in spite of a veto"
	fi
	equal "state of the block" online "$(cat "$state")"
	cat "$test_dir/log" >"$tmp/seen"
	asked=$(grep -c "^m0 REMOVE_START" "$tmp/seen")
	echo "asked $asked times"
	: >"$tmp/calls"
	for _ in $(seq "$asked"); do
		expect_lines "1 0" REMOVE_START "$range"
		expect_lines 1 REMOVE_FAILURE "$range" -16
	done
	expect_calls
	ctl "unregister m0"
	unplug_dimm "$plugged_dimm"
	expect_log <<-END
	m0 unregister
	m0 unregistered
	m1 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	END
}
test_case unplug_refused 'M2 a veto keeps a DIMM that is to be unplugged, until its client is gone'

# The device takes all memory out of a block that is not to go offline, and keeps it. Older kernels try
# to remove it again when the device has used it again, newer ones by themselves.
virtio_mem_refused() {
	put "$system/memory/auto_online_blocks" online_movable
	ctl "memory m0 flags=adds"
	ctl "memory m1 flags=adds,removals"
	ctl "veto m1 state=start errno=-12"
	grow_virtio_mem 1
	block=$grown_blocks
	range=$(block_range "$block")
	wait_or_fail 60 has_line "m0 FAILURE $range status -12"
	equal "state of the block" offline "$(cat "$(state_file "$block")")"
	set_block "$block" online_movable
	: >"$tmp/calls"
	expect_lines "0 1" START "$range"
	expect_lines 0 FAILURE "$range" -12
	expect_lines "0 1" START "$range"
	expect_lines "0 1" COMPLETE "$range"
	expect_calls

	ctl "memory m2"
	ctl "veto m1 state=remove_start errno=-16"
	hotplug virtio-mem resize 0M >/dev/null 2>&1 || true
	wait_or_fail 60 has_line "m1 REMOVE_START $range"
	settle
	head -n 3 "$test_dir/log" >"$tmp/seen"
	expect_lines "2 1" REMOVE_START "$range"
	expect_lines 2 REMOVE_FAILURE "$range" -16
	same "$tmp/calls" "$tmp/seen"

	resize_virtio_mem 128M
	resize_virtio_mem 0M
	wait_or_fail 60 same_blocks
	settle
	tail -n 4 "$test_dir/log" >"$tmp/seen"
	: >"$tmp/calls"
	expect_lines "2 1" REMOVE_START "$range"
	expect_lines "2 1" REMOVE_COMPLETE "$range"
	same "$tmp/calls" "$tmp/seen"
}
test_case virtio_mem_refused 'M2 a veto of a block of virtio-mem, each way'

# refused_by PRIORITY: the kernel's own notifier refuses, twice each way.
refused_by() {
	take_block
	three_clients
	: >"$tmp/calls"
	inject "$1" MEM_GOING_ONLINE
	for _ in 1 2; do
		refused ENOMEM "$state" online_movable
		[ "$1" -gt 0 ] || {
			expect_lines "0 1 2" START "$range"
			expect_lines "2 1 0" FAILURE "$range" -125
		}
	done
	rmmod memory_notifier_error_inject
	set_block "$block" online_movable
	expect_lines "0 1 2" START "$range"
	expect_lines "0 1 2" COMPLETE "$range"
	inject "$1" MEM_GOING_OFFLINE
	for _ in 1 2; do
		refused ENOMEM "$state" offline
		[ "$1" -gt 0 ] || {
			expect_lines "2 1 0" REMOVE_START "$range"
			expect_lines "0 1 2" REMOVE_FAILURE "$range" -125
		}
	done
	rmmod memory_notifier_error_inject
	set_block "$block" offline
	expect_lines "2 1 0" REMOVE_START "$range"
	expect_lines "2 1 0" REMOVE_COMPLETE "$range"
	expect_calls
}

in_front() {
	refused_by 100
}
test_case in_front 'M3 what another notifier refuses before dhp is called, clients are not notified of'

behind() {
	refused_by -100
}
test_case behind 'M3 what another notifier refuses after dhp was called is one FAILURE for each client'

# Where both would refuse, the client's veto comes first, and the other is not asked.
veto_and_refusal() {
	take_block
	three_clients
	: >"$tmp/calls"
	inject -100 MEM_GOING_ONLINE
	ctl "veto m2 state=start errno=-28"
	refused ENOSPC "$state" online_movable
	expect_lines "0 1 2" START "$range"
	expect_lines "1 0" FAILURE "$range" -28
	refused ENOMEM "$state" online_movable
	expect_lines "0 1 2" START "$range"
	expect_lines "2 1 0" FAILURE "$range" -125
	expect_calls
}
test_case veto_and_refusal 'M2 M3 a veto comes before the refusal of a later notifier'

# A status is not a veto where nothing can be refused, and where it is not an errno.
ignored() {
	take_block
	ctl "memory m0 flags=adds,removals"
	ctl "memory m1 flags=adds,removals"
	for way in complete remove_complete; do
		ctl "inside m0 state=$way action=write_status arg=-28"
	done
	ctl "inside m1 state=start action=write_status arg=28"
	set_block "$block" online_movable
	set_block "$block" offline
	expect_log <<-END
	m0 START $range
	m1 START $range
	m0 COMPLETE $range
	m1 COMPLETE $range
	m1 REMOVE_START $range
	m0 REMOVE_START $range
	m1 REMOVE_COMPLETE $range
	m0 REMOVE_COMPLETE $range
	END
	log_since_mark | grep 'which is ignored' >"$tmp/ignored" || true
	equal "messages" 2 "$(wc -l <"$tmp/ignored")"
	grep -q 'on_memory#.* wrote status -28 in COMPLETE of \[mem ' "$tmp/ignored" ||
		fail "no message about the status in COMPLETE"
	grep -q 'on_memory#.* wrote status 28 in START of \[mem ' "$tmp/ignored" ||
		fail "no message about the status that is not an errno"
}
test_case ignored 'M2 P6 a status that cannot be a veto is ignored, and logged once for each client'

# A client that vetoes and unregisters itself in one call.
veto_and_leave() {
	take_block
	three_clients
	ctl "inside m1 state=start action=write_status arg=-28"
	ctl "inside m1 state=start action=unregister_self"
	refused ENOSPC "$state" online_movable
	set_block "$block" online_movable
	expect_log <<-END
	m0 START $range
	m1 START $range
	m1 unregister_self: 0
	m0 FAILURE $range status -28
	m0 START $range
	m2 START $range
	m0 COMPLETE $range
	m2 COMPLETE $range
	END
}
test_case veto_and_leave 'M2 R6 a client vetoes and unregisters itself in the same call'

run_tests
