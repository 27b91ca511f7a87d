#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, an administrator is told that a DIMM can go, and it cannot, or the other way round.
#
# Clauses Q1 and Q2 for memory. Not here: what questions have in common, see query.sh.

. ./lib/all.sh
. ./lib/query.sh

# ---------------------------------------------------------------- the kernel's answer

# Of every block that is online, in this guest as it is: where the kernel says no, it refuses. Where
# it says yes, it may find out more while it does it, but not in most cases.
every_block() {
	tried=0 right=0
	for block in $(memory_blocks); do
		[ "$(cat "$(state_file "$block")")" = online ] || continue
		ask "mem $(range_of "$block") remove"
		# The clients of dhp_test refuse nothing.
		answer=$(head -n 1 "$tmp/answers")
		case $answer in
		'no kernel -E'*)
			expected=${answer#no kernel -}
			expected=${expected%%:*}
			! try "$(state_file "$block")" offline || fail "block $block has gone: $answer"
			equal "errno of block $block" "$expected" "$why"
			;;
		'yes kernel: but '*)
			tried=$((tried + 1))
			if try "$(state_file "$block")" offline; then
				right=$((right + 1))
				set_block "$block" online
			fi
			;;
		'unknown kernel: pages that may be in the way: '*) ;;
		*) fail "block $block: $answer" ;;
		esac
		echo "block $block: $answer"
	done
	[ $((right * 2)) -ge "$tried" ] || fail "of $tried blocks that could go, only $right went"
}
test_case every_block 'Q2 of each memory block, the kernel refuses what it is known to refuse'

holes() {
	ask "mem $(range_of 0) remove"
	grep -qx 'no kernel -EINVAL: a memory block of it has holes' "$tmp/answers" ||
		skip "the first memory block here has no hole: $(head -n 1 "$tmp/answers")"
	refused EINVAL "$(state_file 0)" offline
}
test_case holes 'Q2 a memory block with holes'

nothing_to_do() {
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 256M
	for block in $plugged_blocks; do :; done
	expect_answers "mem $(range_of "$block") remove" <<-END
	yes kernel: nothing to do
	yes
	END
	expect_answers "mem $(range_of "$block") add" <<-END
	yes kernel: but
	yes
	END
	set_block "$block" online_movable
	expect_answers "mem $(range_of "$block") add" <<-END
	yes kernel: nothing to do
	yes
	END
	# Half of the DIMM is online: there is something to do in either direction.
	all=$(dimm_range)
	for change in add remove; do
		expect_answers "mem $all $change" <<-END
		yes kernel: but
		yes
		END
	done
	expect_answers "mem $far remove" <<-END
	yes kernel: nothing to do
	yes
	END
}
test_case nothing_to_do 'Q2 memory that is online or offline already'

# dimm_range: the addresses of $plugged_blocks, which border on each other
dimm_range() {
	local first last
	first=${plugged_blocks%%[!0-9]*}
	for last in $plugged_blocks; do :; done
	printf '%#x-%#x' $((first * $(block_bytes))) $(((last + 1) * $(block_bytes) - 1))
}

# Buffers that a driver holds are marked as given away; their owner may return them, or may not.
given_away() {
	take_pool_block
	ctl "get t count=$with"
	ask "mem $(range_of "$block") remove"
	grep -Eq '^(unknown kernel: pages that may be in the way|no kernel -EBUSY: pages in the way):.* given_away=[0-9]+' \
		"$tmp/answers" || fail "the kernel's answer: $(cat "$tmp/answers")"
	ctl "put t"
	grep -q '^yes dhp_test/\|^yes dhp/memory_changed' "$tmp/answers" ||
		fail "the pool has not answered"
}
test_case given_away 'Q2 E4 pages that a pool holds are counted, and the answer is unknown'

# Pages of the kernel's in a DIMM that it uses: taken by dhp_test's balloon.
unmovable() {
	put "$system/memory/auto_online_blocks" online_kernel
	plug_kernel_dimm 128M
	block=$plugged_blocks
	# It keeps what it got when there is no more.
	put "$test_dir/control" "balloon mib=1000000" || true
	ask "mem $(range_of "$block") remove"
	answer=$(head -n 1 "$tmp/answers")
	case $answer in
	'no kernel -EBUSY: pages in the way: '*kernel=*) ;;
	*) skip "the balloon has taken nothing there: $answer" ;;
	esac
	refused EBUSY "$(state_file "$block")" offline
	ctl "balloon mib=0"
}
test_case unmovable 'Q2 unmovable pages are named, by kind and number'

# The kernel tries to move it until a signal comes; its owner may let go of it before.
pinned() {
	[ -n "$(lonely_node)" ] || impossible "needs a node without CPUs"
	put "$system/memory/auto_online_blocks" offline
	plug_kernel_dimm 128M
	block=$plugged_blocks
	set_block "$block" online_kernel
	ctl "pages pinned count=5 block=$block pages=$(($(block_bytes) / 4096)) node=$(block_node "$block")"
	ask "mem $(range_of "$block") remove"
	grep -Eq '^unknown kernel: pages that may be in the way: pinned=5\>' "$tmp/answers" ||
		fail "the kernel's answer: $(cat "$tmp/answers")"
	equal "verdict" unknown "$(tail -n 1 "$tmp/answers")"
	ctl "pages none"
	set_block "$block" offline
}
test_case pinned 'Q2 with pages that are pinned the answer is unknown'

# A memmap is a 64th of the memory that is added.
memmap() {
	[ "$(cat /sys/module/memory_hotplug/parameters/memmap_on_memory 2>/dev/null)" != Y ] ||
		skip "the memmap is put into the memory that is added"
	total=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
	size=$((total * 65 << 20))
	size=$((size - size % $(block_bytes)))
	start=$((0x10000000000))
	ask "mem $(printf '%#x-%#x' "$start" $((start + size - 1))) add"
	grep -Eqx 'no kernel -ENOMEM: its struct pages need [0-9]+ MiB, and [0-9]+ MiB are available' \
		"$tmp/answers" || fail "the kernel's answer: $(cat "$tmp/answers")"
	equal "verdict" no "$(tail -n 1 "$tmp/answers")"
	ctl_refused ENOMEM "ask change=add start=$start size=$size"
	equal "verdict for a block" yes "$(verdict "mem $far add")"
}
test_case memmap 'Q2 a DIMM whose memmap does not fit into the memory that there is'

too_high() {
	refused EINVAL "$dhp/query" "mem 0xfffffffff8000000-0xffffffffffffffff add"
	ask "mem 0x7fffffff80000000-0x7fffffff87ffffff add"
	grep -q '^no kernel -E2BIG: memory must be within 0x' "$tmp/answers" ||
		fail "the kernel's answer: $(cat "$tmp/answers")"
	equal "verdict" yes "$(verdict "mem 0x7fffffff80000000-0x7fffffff87ffffff remove")"
}
test_case too_high 'Q2 memory at addresses that the machine does not have'

# ---------------------------------------------------------------- clients

clients() {
	take_block
	ctl "memory m1 flags=adds,removals"
	ctl "memory m2 flags=removals"
	ctl "memory m3 flags=adds"
	ctl "memory m4 flags=adds,removals"
	for i in 1 2 3; do ctl "answers m$i"; done
	ctl "veto m3 state=start errno=-12"
	expect_answers "mem $(range_of "$block") add" <<-END
	yes kernel: but
	yes m1
	no m3 -ENOMEM
	unknown m4: it answers no questions
	no
	END
	refused ENOMEM "$(state_file "$block")" online_movable
	set_block "$block" online_movable
	wait_or_fail 30 none_in_the_way "mem $(range_of "$block") remove"
	ctl "veto m1 state=remove_start errno=-16"
	expect_answers "mem $(range_of "$block") remove" <<-END
	yes kernel: but
	unknown m4: it answers no questions
	yes m2
	no m1 -EBUSY
	no
	END
	ctl_refused EBUSY "ask start=$(block_start "$block") size=$(block_bytes)"
	refused EBUSY "$(state_file "$block")" offline
	settle
	ctl "answers m4"
	equal "verdict" yes "$(verdict "mem $(range_of "$block") remove")"
	set_block "$block" offline
}
test_case clients 'Q1 Q2 memory clients answer in the order in which they would be called'

# In the callback of a block, and when they are asked themselves.
inside() {
	take_block
	cpu=$(pick_cpu)
	ctl "memory m1 flags=adds,removals"
	ctl "answers m1"
	ctl "inside m1 state=start action=ask arg=$cpu"
	ctl "inside m1 state=query action=ask arg=$cpu"
	ctl "inside m1 state=query action=register_memory arg=m9"
	ctl "inside m1 state=query action=unregister_self"
	set_block "$block" online_movable
	settle
	ctl clear
	ask "mem $(range_of "$block") remove"
	expect_log <<-END
	m1 ask $cpu: -35
	m1 register_memory m9: -35
	m1 unregister_self: 0
	END
	equal "clients" 0 "$(grep -c '^dhp_test/' /sys/kernel/debug/dhp/clients || true)"
}
test_case inside 'Q1 R6 a memory client that is asked may unregister itself, and not ask'

# The block waits for the answer, and the question waits for the callback.
one_at_a_time() {
	take_block
	ctl "memory m1 flags=adds,removals"
	ctl "answers m1"
	ctl "inside m1 state=query action=hold"
	put "$dhp/query" "mem $(range_of "$block") add"
	cat "$dhp/query" >"$tmp/answers" &
	wait_or_fail 30 blocked_in client_await_release
	put "$(state_file "$block")" online_movable &
	operation=$!
	wait_or_fail 30 blocked_in memory_notifier
	ctl "inside m1 state=start action=hold"
	ctl "release m1"
	await_line "m1 START $(block_range "$block")"
	wait_or_fail 30 blocked_in client_await_release
	cat "$dhp/query" >"$tmp/later" &
	wait_or_fail 30 blocked_in dhp_query_memory
	ctl "release m1"
	wait "$operation" || fail "the block has not come online"
	wait
	grep -q '^yes dhp_test/on_memory' "$tmp/answers" || fail "the client has not answered"
	equal "last line" yes "$(tail -n 1 "$tmp/answers")"
	[ "$(cat "$(state_file "$block")")" = online ] || fail "the block is not online"
}
test_case one_at_a_time 'Q1 M1 a memory client is asked when it is not called, and the other way round'

in_transit() {
	take_block
	ctl "memory m1 flags=adds,removals"
	ctl "inside m1 state=start action=hold"
	put "$(state_file "$block")" online_movable &
	await_line "m1 START $(block_range "$block")"
	wait_or_fail 30 blocked_in client_await_release
	cpu=$(pick_cpu)
	put "$dhp/query" "mem $(range_of "$block") remove"
	cat "$dhp/query" >"$tmp/answers" &
	ctl "release m1"
	wait
	# The question waits for the callback, and then the outcome is known or not. If the block is
	# online, somebody may have a page of it already.
	grep -Eq '^(yes kernel: |unknown kernel: (a memory block of it is going online|pages))' "$tmp/answers" ||
		fail "the kernel's answer: $(cat "$tmp/answers")"
}
test_case in_transit 'Q2 M1 a question about a block that is going online'

run_tests
