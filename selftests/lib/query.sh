# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of lib/all.sh, which scripts read first
#
# Questions by way of /sys/kernel/dhp/query. For query.sh, query_memory.sh and query_random.sh.

# An address at which there is no memory, and which the kernel could use: a range of one block.
# shellcheck disable=SC2034 # the scripts use it
far=0x10000000000-0x10007ffffff

# ask QUESTION: the answers are in $tmp/answers, without the question.
ask() {
	put "$dhp/query" "$1" || fail "'$1' cannot be asked: $why"
	tail -n +2 "$dhp/query" >"$tmp/answers"
}

# verdict QUESTION
verdict() {
	ask "$1"
	tail -n 1 "$tmp/answers"
}

# A page of movable memory that was allocated just now is not yet on a list from which it could be
# moved.
none_in_the_way() {
	ask "$1"
	! grep -q '^unknown kernel: pages that may be in the way' "$tmp/answers"
}

# expect_answers QUESTION: the answers begin like the lines of standard input, one by one. dhp_test's
# clients have their own names there: c1 stands for the first CPU client that is registered, in the
# order of their numbers, and m1 for the first memory client.
expect_answers() {
	cat >"$tmp/expected"
	# Before it is asked, for a client may unregister then.
	cat /sys/kernel/debug/dhp/clients >"$tmp/names"
	ask "$1"
	awk '
	FNR == NR {
		if ($1 ~ /^dhp_test\//)
			names[$1] = ($1 ~ /on_processor/ ? "c" ++cpus : "m" ++mems)
		next
	}
	$2 ~ /^dhp_test\// {
		colon = sub(/:$/, "", $2) ? ":" : ""
		$2 = names[$2] colon
	}
	{ print }' "$tmp/names" "$tmp/answers" >"$tmp/named"
	# Of each line, what is expected of it.
	awk '
	FNR == NR { expected[FNR] = $0; next }
	FNR in expected && index($0, expected[FNR]) == 1 && length(expected[FNR]) > 7 {
		print expected[FNR]
		next
	}
	{ print }' "$tmp/expected" "$tmp/named" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}

# try FILE TEXT: as put. The kernel tries to move a page that is pinned until a signal comes: then $why
# is EINTR.
try() {
	local code=0
	why=$(timeout 30 ./put "$1" "$2") || code=$?
	[ "$code" -lt 128 ] || why=EINTR
	return "$code"
}

# range_of BLOCK: its addresses, as a question has them
range_of() {
	printf '%#x-%#x' $(($1 * $(block_bytes))) $((($1 + 1) * $(block_bytes) - 1))
}

# What a question must not change: calls, events, counts, what is online.
everything() {
	cat "$test_dir/log"
	echo "event $(sequence), clients $(cat "$dhp/clients")"
	cat /sys/kernel/debug/dhp/clients /sys/kernel/debug/dhp/log "$system/cpu/online" \
		"$system"/memory/memory*/state
}
