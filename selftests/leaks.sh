#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Has any of the tests that ran before leaked memory? This script comes last, when their modules are
# unloaded: what only the modules pointed to is unreferenced then. Not here: which test it was, see
# lib/leaks.sh.

. ./lib/all.sh

setup() {
	:
}

leaks() {
	[ -w "$kmemleak" ] || skip "this kernel has no kmemleak"
	scan
	now
	old_enough=$((now + 6))	# five seconds, and what this clock rounds off
	wait_or_fail 30 over
	scan
	cat "$kmemleak" >"$tmp/leaks"
	blame "$journal" "$tmp/leaks" >"$tmp/blame"
	cat "$tmp/blame"
	echo "$(wc -l <"$journal") tests, setups and teardowns were checked"
	rm "$journal"
	[ ! -s "$tmp/blame" ] || fail "$(grep -c ' leaked:$' "$tmp/blame") objects were leaked"
}

scan() {
	put "$kmemleak" scan || fail "kmemleak has switched itself off; the kernel's log says why"
}

over() {
	now
	[ "$now" -ge "$old_enough" ]
}
test_case leaks 'no test has leaked memory'

run_tests
