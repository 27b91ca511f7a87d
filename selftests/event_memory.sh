#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver does not notice that memory came or went, or cannot trust the ranges it
# gets.
#
# Clauses A, with events of memory, and of memory and CPUs together: one event for one DIMM, what is
# there already, a full queue.

. ./lib/all.sh

# take_dimm SIZE: plugs a DIMM. Sets, for its caller: $plugged_blocks, its blocks, which are
# offline; $first, $count, $start, $size and $node of it; $seq, the number of the last event.
take_dimm() {
	put "$system/memory/auto_online_blocks" offline
	plug_dimm "$@"
	first=${plugged_blocks%%
*}
	count=$(echo "$plugged_blocks" | wc -l)
	start=$(block_start "$first")
	node=$(block_node "$first")
	size=$(printf '0x%x' $((count * $(block_bytes))))
	seq=$(sequence)
}

memory_events() {
	take_dimm 128M
	ctl "event e1 category=processor"
	ctl "event e2 category=memory"
	set_block "$first" online_movable
	settle
	set_block "$first" offline
	expect_log <<-END
	e2 ARRIVAL mem $start+$size node $node seq $((seq + 1))
	e2 REMOVAL mem $start+$size node $node seq $((seq + 2))
	END
}
test_case memory_events 'A1 A9 arrival and removal of memory, for clients of memory only'

both_kinds() {
	cpu=$(pick_cpu)
	take_dimm 128M
	ctl "event e1 category=memory"
	ctl "event e2 category=processor"
	set_block "$first" online_movable
	offline "$cpu"
	set_block "$first" offline
	online "$cpu"
	expect_log <<-END
	e1 ARRIVAL mem $start+$size node $node seq $((seq + 1))
	e2 REMOVAL cpu $cpu seq $((seq + 2))
	e1 REMOVAL mem $start+$size node $node seq $((seq + 3))
	e2 ARRIVAL cpu $cpu seq $((seq + 4))
	END
}
test_case both_kinds 'A4 A8 CPUs and memory share one order and one sequence without gaps'

# contiguous START SIZE: the events in the log are SIZE bytes from START on, one after the other.
# Sets $events, their number, for its caller.
contiguous() {
	local at=$(($1)) range
	settle
	events=0
	while read -r _ _ _ range _; do
		equal "begin of a range" "$(printf '0x%x' "$at")" "${range%+*}"
		at=$((at + ${range#*+}))
		events=$((events + 1))
	done <"$test_dir/log"
	equal "end of the last range" "$(($1 + $2))" "$at"
	! grep '!' "$test_dir/log" || fail "dhp_test has found fault with an event"
}

# one_run START SIZE SINCE: the blocks there came online after SINCE, as one event; a slow kernel
# may make one more for each four seconds.
one_run() {
	local start="$1" size="$2" took
	now
	took=$((now - $3))
	contiguous "$start" "$size"
	[ "$events" -le $((1 + took / 4)) ] || {
		cat "$test_dir/log"
		fail "$events events for blocks that came in $took s"
	}
}

dimm_auto() {
	settle
	ctl "event e1 category=memory"
	put "$system/memory/auto_online_blocks" online_movable
	now
	since=$now
	plug_dimm 1G
	one_run "$(block_start "${plugged_blocks%%
*}")" 0x40000000 "$since"
}
test_case dimm_auto 'A5 a DIMM of 1 GiB that the kernel onlines is one event'

# No process is started between the blocks, so that they come quickly.
dimm_in_a_row() {
	take_dimm 1G
	ctl "event e1 category=memory"
	now
	since=$now
	for block in $plugged_blocks; do
		echo online_movable >"$system/memory/memory$block/state"
	done
	one_run "$start" "$size" "$since"
}
test_case dimm_in_a_row 'A5 a DIMM whose blocks a script onlines in a row is one event'

dimm_one_by_one() {
	take_dimm 256M
	ctl "event e1 category=memory"
	for block in $plugged_blocks; do
		set_block "$block" online_movable
		settle
	done
	bytes=$(block_size)
	for block in $plugged_blocks; do
		seq=$((seq + 1))
		echo "e1 ARRIVAL mem $(block_start "$block")+$bytes node $node seq $seq"
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case dimm_one_by_one 'A5 blocks that are onlined one by one are separate events'

# A block that changes the other way, or does not border on the others, ends a run.
dimm_mixed() {
	take_dimm 512M
	bytes=$(block_size)
	[ "$count" = 4 ] || skip "blocks here are not a quarter of 512M"
	ctl "event e1 category=memory"
	second=$(echo "$plugged_blocks" | sed -n 2p)
	third=$(echo "$plugged_blocks" | sed -n 3p)
	fourth=$(echo "$plugged_blocks" | sed -n 4p)
	echo online_movable >"$system/memory/memory$first/state"
	echo online_movable >"$system/memory/memory$third/state"
	echo online_movable >"$system/memory/memory$fourth/state"
	echo offline >"$system/memory/memory$fourth/state"
	echo online_movable >"$system/memory/memory$second/state"
	two=$(printf '0x%x' $((2 * bytes)))
	expect_log <<-END
	e1 ARRIVAL mem $(block_start "$first")+$bytes node $node seq $((seq + 1))
	e1 ARRIVAL mem $(block_start "$third")+$two node $node seq $((seq + 2))
	e1 REMOVAL mem $(block_start "$fourth")+$bytes node $node seq $((seq + 3))
	e1 ARRIVAL mem $(block_start "$second")+$bytes node $node seq $((seq + 4))
	END
}
test_case dimm_mixed 'A5 blocks that do not border on each other, or change the other way, are not merged'

# in_time KIND SINCE: waits for an event of KIND, at most five seconds. It must have waited for
# other blocks for two of them, since SINCE: otherwise the limit was not tested.
in_time() {
	wait_for 5 grep -q "^e1 $1 " "$test_dir/log" || fail "no $1 in five seconds"
	now
	[ $((now - $2)) -ge 2 ] || fail "the run ended by itself after $((now - $2)) s"
}

# Each block comes within half a second of the one before, so that the run goes on.
growing() {
	take_dimm 3G
	ctl "event e1 category=memory"
	now
	since=$now
	for block in $plugged_blocks; do
		echo online_movable >"$system/memory/memory$block/state"
		going_on || break
		sleep 0.2
	done &
	in_time ARRIVAL "$since"
	wait $!
	contiguous "$start" "$size"
}
test_case growing 'A5 a run that keeps growing is delivered in five seconds'

# The second block is in transit for as long as a client's callback runs.
withheld() {
	take_dimm 256M
	[ "$count" = 2 ] || skip "blocks here are not half of 256M"
	second=${plugged_blocks##*
}
	for block in $plugged_blocks; do
		set_block "$block" online_movable
	done
	ctl "event e1 category=memory"
	ctl "memory m1"
	ctl "inside m1 state=remove_start action=hold count=2"
	bytes=$(block_size)
	seq=$(sequence)
	ctl clear
	for block in $second $first; do
		echo offline >"$system/memory/memory$block/state"
	done &
	await_line "m1 REMOVE_START mem $(block_start "$second")+$bytes node $node"
	ctl "release m1"
	await_line "m1 REMOVE_START mem $start+$bytes node $node"
	now
	in_time REMOVAL "$now"
	ctl "release m1"
	wait $!
	expect_log <<-END
	m1 REMOVE_START mem $(block_start "$second")+$bytes node $node
	m1 released
	m1 REMOVE_COMPLETE mem $(block_start "$second")+$bytes node $node
	m1 REMOVE_START mem $start+$bytes node $node
	e1 REMOVAL mem $(block_start "$second")+$bytes node $node seq $((seq + 1))
	m1 released
	m1 REMOVE_COMPLETE mem $start+$bytes node $node
	e1 REMOVAL mem $start+$bytes node $node seq $((seq + 2))
	END
}
test_case withheld 'A5 a removal waits at most five seconds for a neighbour whose own removal does not end'

# range BYTES FIRST LAST NODE: of blocks of BYTES each, as dhp_test prints it; nothing without FIRST
range() {
	[ -z "$2" ] || printf '0x%x+0x%x node %s\n' $(($2 * $1)) $((($3 - $2 + 1) * $1)) "$4"
}

# The memory that is online according to sysfs, in contiguous ranges of one node each.
online_ranges() {
	local bytes begin='' end=-2 at='' block node
	bytes=$(block_bytes)
	for block in $(memory_blocks); do
		[ "$(cat "$system/memory/memory$block/state")" = online ] || continue
		node=$(block_node "$block")
		case $node in
		*[!0-9]*) skip "memory block $block belongs to several nodes" ;;
		esac
		if [ "$block $node" != "$((end + 1)) $at" ]; then
			range "$bytes" "$begin" "$end" "$at"
			begin=$block
			at=$node
		fi
		end=$block
	done
	range "$bytes" "$begin" "$end" "$at"
}

existing_memory() {
	seq=$(sequence)
	ctl "event e1 category=memory flags=existing"
	online_ranges >"$tmp/ranges"
	sed "s/.*/e1 ARRIVAL mem & seq $seq existing/" "$tmp/ranges" | sort >"$tmp/in"
	settle
	sort "$test_dir/log" >"$tmp/seen"
	same "$tmp/in" "$tmp/seen"
}
test_case existing_memory 'A6 every range of memory that is online is reported once'

# behind_holes BYTES: where System RAM begins in a memory block, of BYTES, that begins with a hole;
# an address for each such block. The kernel looks for holes in units of 2 MiB.
behind_holes() {
	local bytes="$1" end=0 from to head
	sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/\1 \2/p' /proc/iomem |
		while read -r from to; do
			from=$((0x$from))
			head=$((from % bytes))
			[ "$head" -lt $((2 << 20)) ] || [ $((from - head)) -lt "$end" ] ||
				echo "$from"
			end=$((0x$to + 1))
		done
}

hole() {
	bytes=$(block_bytes)
	# shellcheck disable=SC2046 # addresses
	set -- $(behind_holes "$bytes")
	# shellcheck disable=SC2016 # it is the kernel's
	[ $# != 0 ] || impossible 'no memory block here begins with a hole of 2 MiB or more;' \
		'boot with memmap=4M$0x20000000'
	for from; do
		equal "state of the block with the hole" online \
			"$(cat "$system/memory/memory$((from / bytes))/state")"
	done
	existing_memory
}
test_case hole 'A6 memory behind a firmware hole is reported'

existing_dimm() {
	take_dimm 256M
	for block in $plugged_blocks; do
		set_block "$block" online_movable
	done
	existing_memory
	set_block "$first" offline
	settle
	ctl reset
	existing_memory
}
test_case existing_dimm 'A6 a DIMM that is online is reported once, and so is a part of one'

toggle_block() {
	while going_on; do
		echo online_movable >"$1"
		echo offline >"$1"
	done
}

# dhp_test marks an event whose time is before that of the last one.
clocks() {
	cpu=$(pick_cpu)
	take_dimm 128M
	ctl "event e1 category=processor"
	ctl "event e3 category=memory"
	toggle_block "$system/memory/memory$first/state" &
	for _ in $(seq "$(portion 10)"); do
		offline "$cpu"
		online "$cpu"
	done
	enough
	wait
	settle
	! grep '^e[13].*!' "$test_dir/log" || fail "time runs backwards"
	echo "$(grep -c '^e1' "$test_dir/log") events of CPUs, $(grep -c '^e3' "$test_dir/log") of memory"
}
test_case clocks 'A4 times do not run backwards when CPUs and memory change at the same time'

# The queue has 512 places; one is kept for a full queue, and one event has left the queue.
full_queue() {
	take_dimm 128M
	ctl "event e1 category=memory"
	ctl "inside e1 state=arrival action=hold"
	set_block "$first" online_movable
	await_line "e1 ARRIVAL mem $start+$size node $node seq $((seq + 1))"
	for _ in $(seq 260); do
		echo offline >"$system/memory/memory$first/state"
		echo online_movable >"$system/memory/memory$first/state"
	done
	ctl "release e1"
	settle
	awk -v seq="$seq" '
	/^e1 released$/ { next }
	{ actions[$2]++ }
	$8 != ++seq || /!/ { print; bad = 1 }
	/ merged / { merged += $10; if ($2 != "ARRIVAL") { print; bad = 1 } }
	END {
		lines = actions["ARRIVAL"] + actions["REMOVAL"]
		print lines " events, " merged " more merged"
		exit bad || lines != 514 || lines + merged != 521
	}' "$test_dir/log" || fail "expected 521 events, of which 514 have a place of their own"
}
test_case full_queue 'A10 events that find the queue full are merged, and say so'

run_tests
