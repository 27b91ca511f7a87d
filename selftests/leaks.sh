#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Has any of the tests that ran before leaked memory? Comes last, when their modules have gone, for
# what only they still knew shows then.

. ./lib.sh

setup() {
	:
}

leaks() {
	[ -w "$kmemleak" ] || skip "this kernel has no kmemleak"
	scan
	now
	old_enough=$((now + 6))	# five, and what this clock rounds off
	wait_or_fail 30 over
	scan
	cat "$kmemleak" >"$tmp/leaks"
	blame "$journal" "$tmp/leaks" >"$tmp/blame"
	cat "$tmp/blame"
	echo "$(wc -l <"$journal") tests, set-ups and tear-downs were looked at"
	rm "$journal"
	[ ! -s "$tmp/blame" ] || fail "$(grep -c ' leaked:$' "$tmp/blame") objects were leaked"
}

scan() {
	put "$kmemleak" scan || fail "kmemleak has switched itself off; why is in the kernel's log"
}

over() {
	now
	[ "$now" -ge "$old_enough" ]
}
test_case leaks 'no test has leaked memory'

run_tests
