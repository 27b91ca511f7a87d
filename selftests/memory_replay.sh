#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Without an exact replay, a driver that is loaded late would not know a part of the memory, or
# prepare for it twice. Not here: memory that changes while nobody registers, see memory.sh.

. ./lib/all.sh

# online_ranges: the ranges of the replay as dhp_test prints them, by sysfs: contiguous blocks of one
# node, by address
online_ranges() {
	for one in $(memory_blocks); do
		[ "$(cat "$(state_file "$one")")" != online ] || echo "$(block_node "$one") $one"
	done | sort -n -k 2 | awk '
	$1 == node && $2 == last + 1 { last = $2; next }
	NR > 1 { print node, first, last }
	{ node = $1; first = last = $2 }
	END { print node, first, last }' | while read -r node first last; do
		printf 'mem 0x%x+0x%x node %d\n' $((first * $(block_bytes))) \
			$(((last - first + 1) * $(block_bytes))) "$node"
	done
}

# calls CLIENT STATE FILE [STATUS]: a call for each range in FILE
calls() {
	sed "s/.*/$1 $2 &${4:+ status $4}/" "$3"
}

# scatter: four DIMMs, the first and the third of which are online: more ranges
scatter() {
	put "$system/memory/auto_online_blocks" offline
	scattered=
	for _ in 1 2 3 4; do
		plug_dimm 128M
		scattered="$scattered $plugged_blocks"
	done
	# shellcheck disable=SC2086 # a list
	set -- $scattered
	set_block "$1" online_movable
	set_block "$3" online_movable
	settle
}

replayed() {
	scatter
	online_ranges >"$tmp/ranges"
	cat "$tmp/ranges"
	[ "$(wc -l <"$tmp/ranges")" -ge 3 ] || fail "too few ranges for a test"
	for flags in adds,existing adds,removals,existing; do
		ctl clear
		ctl "memory m0 flags=$flags"
		{
			calls m0 START "$tmp/ranges"
			calls m0 COMPLETE "$tmp/ranges"
		} >"$tmp/in"
		expect_log <"$tmp/in"
		# What was replayed goes offline block by block, and comes back.
		ctl clear
		block=$(echo "$scattered" | cut -d ' ' -f 4)
		range=$(block_range "$block")
		set_block "$block" offline
		set_block "$block" online_movable
		{
			if [ "$flags" != adds,existing ]; then
				echo "m0 REMOVE_START $range"
				echo "m0 REMOVE_COMPLETE $range"
			fi
			echo "m0 START $range"
			echo "m0 COMPLETE $range"
		} >"$tmp/in"
		expect_log <"$tmp/in"
		ctl "unregister m0"
	done
}
test_case replayed 'M4 a replay has every range that is online, once'

vetoed() {
	scatter
	online_ranges >"$tmp/ranges"
	cp "$tmp/ranges" "$tmp/each"
	number=0
	while read -r range; do
		start=${range#mem }
		ctl "veto m0 state=start start=${start%%+*} errno=-28"
		ctl_refused ENOSPC "memory m0 flags=adds,removals,existing"
		head -n $((number + 1)) "$tmp/ranges" >"$tmp/begun"
		head -n "$number" "$tmp/ranges" | sed '1!G;h;$!d' >"$tmp/undone"
		{
			calls m0 START "$tmp/begun"
			calls m0 FAILURE "$tmp/undone" -28
		} >"$tmp/in"
		expect_log <"$tmp/in"
		equal "clients" 0 "$(cat "$dhp/clients")"
		ctl clear
		number=$((number + 1))
	done <"$tmp/each"
	[ "$number" -ge 3 ] || fail "too few ranges for a test"
	# Nothing is left of the attempts.
	ctl "memory m0 flags=adds,existing"
	{
		calls m0 START "$tmp/ranges"
		calls m0 COMPLETE "$tmp/ranges"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case vetoed 'M4 M2 a veto in a replay, at each range: the registration fails, and the ranges before it are undone'

# ---------------------------------------------------------------- a block in transit

gate_waits() {
	[ "$(cat /sys/module/dhp_memory_gate/parameters/waits)" = Y ]
}

# in_transit STATE [PARAMETER...]: $block waits on its way to STATE, after dhp was called.
in_transit() {
	local to="$1"
	shift
	load dhp_memory_gate priority=-100 "$@"
	./put "$state" "$to" >"$tmp/gate" &
	wait_or_fail 30 gate_waits
}

# open_gate [ERRNO]: the block goes on, or is refused.
open_gate() {
	put /sys/module/dhp_memory_gate/parameters/shut 0
	wait $! || true
	equal "the block's errno" "${1-}" "$(cat "$tmp/gate")"
	rmmod dhp_memory_gate
}

# While a block is going online: an old client, and new ones of each kind.
transit_online() {
	take_block
	ctl "memory m0 flags=adds"
	in_transit online_movable online=1 "$@"
	# Not online yet, so a replay does not have it.
	online_ranges >"$tmp/ranges"
	grep -Fxq "$range" "$tmp/ranges" && fail "the block is online already"
	ctl "memory m1 flags=adds,removals,existing"
	ctl "memory m2 flags=adds"
	ctl "memory m3 flags=removals"
	ctl "veto m4 state=start start=$(block_start "$block") errno=-28"
	ctl_refused ENOSPC "memory m4 flags=adds,existing"
}

expect_registered_online() {
	sed '1!G;h;$!d' "$tmp/ranges" >"$tmp/undone"
	echo "m0 START $range"
	calls m1 START "$tmp/ranges"
	echo "m1 START $range"
	calls m1 COMPLETE "$tmp/ranges"
	echo "m2 START $range"
	calls m4 START "$tmp/ranges"
	echo "m4 START $range"
	calls m4 FAILURE "$tmp/undone" -28
}

joins_online() {
	transit_online
	open_gate
	{
		expect_registered_online
		echo "m0 COMPLETE $range"
		echo "m1 COMPLETE $range"
		echo "m2 COMPLETE $range"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case joins_online 'M4 clients that register while a block goes online: START at once, COMPLETE with the others'

joins_failure() {
	transit_online error=-12
	open_gate ENOMEM
	{
		expect_registered_online
		echo "m2 FAILURE $range status -125"
		echo "m1 FAILURE $range status -125"
		echo "m0 FAILURE $range status -125"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case joins_failure 'M4 M3 clients that register while a block goes online in vain'

# While a block is going offline it is still online for a replay.
transit_offline() {
	take_block
	set_block "$block" online_movable
	settle
	online_ranges >"$tmp/ranges"
	ctl "memory m0"
	in_transit offline "$@"
	ctl "memory m1 flags=adds,removals,existing"
	ctl "memory m2 flags=adds,existing"
	ctl "inside m3 state=remove_start action=write_status arg=-28"
	ctl "memory m3 flags=removals"
}

expect_registered_offline() {
	echo "m0 REMOVE_START $range"
	for one in m1 m2; do
		calls "$one" START "$tmp/ranges"
		calls "$one" COMPLETE "$tmp/ranges"
		[ "$one" = m2 ] || echo "$one REMOVE_START $range"
	done
	echo "m3 REMOVE_START $range"
}

joins_offline() {
	transit_offline
	logged 'on_memory#.* wrote status -28 in REMOVE_START of \[mem .*, which is ignored' ||
		fail "no message about a veto that comes too late"
	open_gate
	{
		expect_registered_offline
		echo "m3 REMOVE_COMPLETE $range"
		echo "m1 REMOVE_COMPLETE $range"
		echo "m0 REMOVE_COMPLETE $range"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case joins_offline 'M4 clients that register while a block goes offline: it is replayed, and then REMOVE_START'

joins_remove_failure() {
	transit_offline error=-12
	open_gate ENOMEM
	{
		expect_registered_offline
		echo "m0 REMOVE_FAILURE $range status -125"
		echo "m1 REMOVE_FAILURE $range status -125"
		echo "m3 REMOVE_FAILURE $range status -125"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case joins_remove_failure 'M4 M3 clients that register while a block is to go offline, which fails'

# ---------------------------------------------------------------- all the time

newcomers() {
	take_block
	first=$state
	# What is online from now on stays so.
	settle
	ctl "memory_newcomers start"
	rounds=0
	until [ "$rounds" -ge "$(portion 80)" ] && has_line "newcomers: one registered during a change"; do
		put "$first" online_movable || fail "the block does not go online: $why"
		put "$first" offline || fail "the block does not go offline: $why"
		rounds=$((rounds + 1))
		[ "$rounds" -lt 1000 ] || fail "none registered during one of $rounds changes"
	done
	ctl "memory_newcomers stop"
	cat "$test_dir/log"
	awk '/^newcomers registered/ { gsub(",", ""); seen = $3 && $7 && $10 && !$12 } END { exit !seen }' \
		"$test_dir/log" || fail "calls that do not fit, or none to look at"
}
test_case newcomers 'M4 clients register all the time while a block goes online and offline: nothing is lost or doubled'

run_tests
