#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract A: asynchronous events of processors and memory.

. ./lib.sh

# take_cpu: a processor in $cpu, and the number of the last event in $seq
take_cpu() {
	cpu=$(pick_cpu)
	seq=$(sequence)
}

# take_dimm SIZE: its blocks, offline, in $plugged_blocks, and where it is
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

processor() {
	take_cpu
	offline "$cpu"
	ctl "event e1 category=processor"
	ctl "event e2 category=memory"
	online "$cpu"
	offline "$cpu"
	expect_log <<-END
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	e1 REMOVAL cpu $cpu seq $((seq + 3))
	END
}
test_case processor 'A1 A9 arrival and removal of a processor, to who asked for processors'

memory() {
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
test_case memory 'A1 A9 arrival and removal of memory, to who asked for memory'

failed_add() {
	take_cpu
	offline "$cpu"
	settle
	ctl "processor c1"
	ctl "event e1 category=processor"
	ctl "veto c1 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c1 START $cpu 0
	END
	equal "last event" "$((seq + 1))" "$(sequence)"
}
test_case failed_add 'A1 an add that failed is no event'

after_complete() {
	take_cpu
	offline "$cpu"
	settle
	ctl "event e1 category=processor"
	ctl "processor c1"
	ctl "processor c2"
	ctl "inside c2 state=complete action=hold"
	online "$cpu"
	await_line "c2 COMPLETE $cpu 0"
	ctl "note waiting"
	ctl "release c2"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	waiting
	c2 released
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	END
}
test_case after_complete "A2 the arrival comes after every client's COMPLETE"

# dhp_test refuses to run these from anything else than an event.
anything() {
	take_cpu
	offline "$cpu"
	settle
	ctl "event e1 category=processor"
	ctl "inside e1 state=arrival action=register arg=c1"
	ctl "inside e1 state=arrival action=offline arg=$cpu"
	ctl "inside e1 state=arrival action=unregister arg=c1"
	ctl "inside e1 state=arrival action=register_memory arg=m1"
	ctl "inside e1 state=arrival action=unregister arg=m1"
	ctl "inside e1 state=arrival action=register_event arg=e2"
	ctl "inside e1 state=arrival action=unregister arg=e2"
	ctl "inside e1 state=removal action=online arg=$cpu"
	online "$cpu"
	expect_log <<-END
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	e1 register c1: 0
	e1 offline $cpu: 0
	e1 unregister c1: 0
	e1 register_memory m1: 0
	e1 unregister m1: 0
	e1 register_event e2: 0
	e1 unregister e2: 0
	e1 REMOVAL cpu $cpu seq $((seq + 3))
	e1 online $cpu: 0
	e1 ARRIVAL cpu $cpu seq $((seq + 4))
	END
}
test_case anything 'A3 hotplug and registering from inside an event'

in_order() {
	take_cpu
	for i in 1 2 3; do
		ctl "event e$i category=processor"
	done
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	online "$cpu"
	offline "$cpu"
	online "$cpu"
	ctl "release e1"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 released
	e2 REMOVAL cpu $cpu seq $((seq + 1))
	e3 REMOVAL cpu $cpu seq $((seq + 1))
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	e2 ARRIVAL cpu $cpu seq $((seq + 2))
	e3 ARRIVAL cpu $cpu seq $((seq + 2))
	e1 REMOVAL cpu $cpu seq $((seq + 3))
	e2 REMOVAL cpu $cpu seq $((seq + 3))
	e3 REMOVAL cpu $cpu seq $((seq + 3))
	e1 ARRIVAL cpu $cpu seq $((seq + 4))
	e2 ARRIVAL cpu $cpu seq $((seq + 4))
	e3 ARRIVAL cpu $cpu seq $((seq + 4))
	END
}
test_case in_order 'A4 one event at a time, in order, to clients in the order of registration'

both_kinds() {
	take_cpu
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
test_case both_kinds 'A4 A8 processors and memory share one order and one sequence without gaps'

# sets $since
begin_wait() {
	now
	since=$now
}

# The events in the log are $size bytes from $start on, one behind the other.
contiguous() {
	settle
	at=$((start))
	events=0
	while read -r _ _ _ range _; do
		equal "begin of a range" "$(printf '0x%x' "$at")" "${range%+*}"
		at=$((at + ${range#*+}))
		events=$((events + 1))
	done <"$test_dir/log"
	equal "end of the last range" "$((start + size))" "$at"
	! grep '!' "$test_dir/log" || fail "an event is not as it should be"
}

# One event, or one more for each four seconds that a slow kernel has taken.
one_run() {
	now
	contiguous
	[ "$events" -le $((1 + (now - since) / 4)) ] || {
		cat "$test_dir/log"
		fail "$events events for blocks that came in $((now - since)) s"
	}
}

dimm_auto() {
	settle
	ctl "event e1 category=memory"
	put "$system/memory/auto_online_blocks" online_movable
	begin_wait
	plug_dimm 1G
	start=$(block_start "${plugged_blocks%%
*}")
	size=0x40000000
	one_run
}
test_case dimm_auto 'A5 a DIMM of 1 GiB that the kernel onlines is one event'

# No process between the blocks, so that they come quickly.
dimm_in_a_row() {
	take_dimm 1G
	ctl "event e1 category=memory"
	begin_wait
	for block in $plugged_blocks; do
		echo online_movable >"$system/memory/memory$block/state"
	done
	one_run
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
test_case dimm_one_by_one 'A5 blocks that are onlined one by one are events of their own'

# A block in between that goes the other way, or does not border on the others, ends the run.
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
test_case dimm_mixed 'A5 blocks that do not border on each other, or go the other way, do not merge'

# An event is there in five seconds; it has been held up for two, or there was nothing to see.
in_time() {
	wait_for 5 grep -q "^e1 $1 " "$test_dir/log" || fail "no $1 in five seconds"
	now
	[ $((now - since)) -ge 2 ] || fail "the run has ended after $((now - since)) s by itself"
}

# Each block comes before the run has waited for half a second.
growing() {
	take_dimm 3G
	ctl "event e1 category=memory"
	begin_wait
	for block in $plugged_blocks; do
		echo online_movable >"$system/memory/memory$block/state"
		going_on || break
		sleep 0.2
	done &
	in_time ARRIVAL
	wait $!
	contiguous
}
test_case growing 'A5 a run that keeps growing is delivered in five seconds'

# The second block is in transit for as long as a client takes.
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
	begin_wait
	in_time REMOVAL
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
test_case withheld 'A5 a removal waits no more than five seconds for the neighbour, whose own takes for ever'

existing_processors() {
	seq=$(sequence)
	ctl "event e1 category=processor flags=existing"
	for one in $(online_cpus); do
		echo "e1 ARRIVAL cpu $one seq $seq existing"
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case existing_processors 'A6 every processor that is there is reported once'

# range FIRST LAST NODE: as dhp_test prints it
range() {
	[ -z "$1" ] || printf '0x%x+0x%x node %s\n' $(($1 * bytes)) $((($2 - $1 + 1) * bytes)) "$3"
}

# What sysfs says is online, in contiguous ranges of one node each.
online_ranges() {
	bytes=$(block_bytes)
	begin=
	end=-2
	at=
	for block in $(memory_blocks); do
		[ "$(cat "$system/memory/memory$block/state")" = online ] || continue
		node=$(block_node "$block")
		case $node in
		*[!0-9]*) skip "memory block $block is of several nodes" ;;
		esac
		if [ "$block $node" != "$((end + 1)) $at" ]; then
			range "$begin" "$end" "$at"
			begin=$block
			at=$node
		fi
		end=$block
	done
	range "$begin" "$end" "$at"
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
test_case existing_memory 'A6 every range of memory that is there is reported once'

# Where System RAM begins in a memory block whose head is a hole: an address for each such block.
behind_holes() {
	end=0
	sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/\1 \2/p' /proc/iomem |
		while read -r from to; do
			from=$((0x$from))
			head=$((from % bytes))
			[ "$head" -lt $((2 << 20)) ] || [ $((from - head)) -lt "$end" ] ||
				echo "$from"
			end=$((0x$to + 1))
		done
}

# The kernel looks for holes in units of 2 MiB.
hole() {
	bytes=$(block_bytes)
	# shellcheck disable=SC2046 # addresses
	set -- $(behind_holes)
	# shellcheck disable=SC2016 # it is the kernel's
	[ $# != 0 ] || impossible 'no memory block here begins with a hole of 2 MiB or more;' \
		'boot with memmap=4M$0x20000000'
	for from; do
		equal "state of the block with the hole" online \
			"$(cat "$system/memory/memory$((from / bytes))/state")"
	done
	existing_memory
}
test_case hole 'A6 memory behind a hole of the firmware is reported'

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
test_case existing_dimm 'A6 a DIMM that is there is reported once, and so is a part of one'

# The processor is there and its event is under way: existing for who comes now, and not again.
existing_under_way() {
	take_cpu
	offline "$cpu"
	settle
	ctl "event e1 category=processor"
	ctl "inside e1 state=arrival action=hold"
	online "$cpu"
	await_line "e1 ARRIVAL cpu $cpu seq $((seq + 2))"
	ctl "event e2 category=processor flags=existing"
	ctl "release e1"
	{
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2))"
		echo "e1 released"
		for one in $(online_cpus); do
			echo "e2 ARRIVAL cpu $one seq $((seq + 2)) existing"
		done
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case existing_under_way 'A6 a processor whose event is under way is reported once'

# The processor is about to come: an event for who registers now, and not existing.
existing_coming() {
	take_cpu
	offline "$cpu"
	settle
	cpus=$(online_cpus)
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c1 START $cpu 0"
	ctl "event e1 category=processor flags=existing"
	last=${cpus##* }
	await_line "e1 ARRIVAL cpu $last seq $((seq + 1)) existing"
	ctl "release c1"
	wait
	{
		echo "c1 START $cpu 0"
		for one in $cpus; do
			echo "e1 ARRIVAL cpu $one seq $((seq + 1)) existing"
		done
		echo "c1 released"
		echo "c1 COMPLETE $cpu 0"
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2))"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case existing_coming 'A6 a processor that is about to come is reported once'

unregister_waits() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	online "$cpu"
	until_waits "$test_dir/control" "unregister e1" "e1 unregister"
	ctl "note waiting"
	ctl "release e1"
	wait
	offline "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister
	waiting
	e1 released
	e1 unregistered
	END
}
test_case unregister_waits 'A7 unregistering waits for a running callback, and none comes after it'

# Events that were queued for it are dropped, and others' running callbacks are not waited for.
unregister_pending() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "event e2 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	ctl "unregister e2"
	ctl "release e1"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e2 unregister
	e2 unregistered
	e1 released
	END
}
test_case unregister_pending 'A7 who has unregistered does not get what was pending'

unregister_self() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "event e2 category=processor"
	ctl "inside e1 state=removal action=unregister_self"
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister_self: 0
	e2 REMOVAL cpu $cpu seq $((seq + 1))
	e2 ARRIVAL cpu $cpu seq $((seq + 2))
	END
	equal "clients" 1 "$(cat "$dhp/clients")"
}
test_case unregister_self 'A7 unregistering from inside the own callback'

unregister_self_existing() {
	seq=$(sequence)
	cpus=$(online_cpus)
	ctl "inside e1 state=arrival action=unregister_self"
	ctl "event e1 category=processor flags=existing"
	expect_log <<-END
	e1 ARRIVAL cpu ${cpus%% *} seq $seq existing
	e1 unregister_self: 0
	END
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case unregister_self_existing 'A7 unregistering from inside the replay of what exists'

unregister_other() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "event e2 category=processor"
	ctl "event e3 category=processor"
	ctl "inside e1 state=removal action=unregister arg=e2"
	offline "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister e2: 0
	e3 REMOVAL cpu $cpu seq $((seq + 1))
	END
}
test_case unregister_other 'A7 a client that another one unregisters in its callback is not called'

fields() {
	take_cpu
	ctl "event e1 category=processor"
	for i in 1 2 3 4 5; do
		offline "$cpu"
		online "$cpu"
	done
	for i in 1 2 3 4 5; do
		echo "e1 REMOVAL cpu $cpu seq $((seq + 2 * i - 1))"
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2 * i))"
	done >"$tmp/in"
	expect_log <"$tmp/in"
	equal "sequence in sysfs" "$((seq + 10))" "$(cat "$dhp/sequence")"
}
test_case fields 'A8 events are numbered without gaps, and their time does not run backwards'

toggle_block() {
	while going_on; do
		echo online_movable >"$1"
		echo offline >"$1"
	done
}

# dhp_test marks a time that is before the last one's.
clocks() {
	take_cpu
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
	! grep '^e[13].*!' "$test_dir/log" || fail "time has run backwards"
	echo "$(grep -c '^e1' "$test_dir/log") processor events, $(grep -c '^e3' "$test_dir/log") of memory"
}
test_case clocks 'A4 times do not run backwards when processors and memory change at the same time'

# Processors are merged only when memory is short or the queue is full; what is behind must be
# right at the end.
fast() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	online "$cpu"
	rounds=25
	for i in $(seq 2 "$rounds"); do
		offline "$cpu"
		online "$cpu"
	done
	ctl "release e1"
	for i in $(seq "$rounds"); do
		echo "e1 REMOVAL cpu $cpu seq $((seq + 2 * i - 1))"
		[ "$i" != 1 ] || echo "e1 released"
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2 * i))"
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case fast 'A10 events that come faster than a client takes them are not lost'

# The queue has 512 places, one is for when it is full, and one event has left it.
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
	}' "$test_dir/log" || fail "these are not 521 events, of which 514 have a place of their own"
}
test_case full_queue 'A10 events that find the queue full are merged, and say so'

# While it runs, and once.
slow_callback() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	named='dhp: event callback dhp_test/on_event#[0-9]* has been running for 1[0-9] s'
	wait_or_fail 20 logged "$named"
	online "$cpu"
	ctl "release e1"
	settle
	offline "$cpu"
	settle
	equal "how often it is named" 1 "$(log_since_mark | grep -c "$named")"
}
test_case slow_callback 'A10 a callback that keeps all events waiting is named while it does'

run_tests
