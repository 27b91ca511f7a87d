# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# Memory of the driver that nothing refers to any more, by kmemleak. A drill reads this file after
# driver.sh.

# begin_leaks: before the driver is loaded. Skips the test if the kernel has no kmemleak.
begin_leaks() {
	[ -w "$kmemleak" ] || skip "this kernel has no kmemleak"
	jiffies >"$tmp/leaks_from"
}

scan_leaks() {
	put "$kmemleak" scan || fail "kmemleak has switched itself off; the kernel's log says why"
}

old_enough() {
	now
	[ "$now" -ge "$1" ]
}

# report_leaks: what the driver has allocated since begin_leaks and lost goes to the log, from which
# the host reads it. Fails if there is something. kmemleak wants to see an object twice, and to be
# five seconds old.
report_leaks() {
	scan_leaks
	now
	wait_or_fail 30 old_enough $((now + 6))
	scan_leaks
	leaked >"$tmp/leaks"
	[ -s "$tmp/leaks" ] || return 0
	# A line at a time: this is what the log takes.
	awk '/^unreferenced object/ { n++ } n <= 3 && NF' "$tmp/leaks" | while IFS= read -r line; do
		echo "$line" >/dev/kmsg
	done
	fail "$(grep -c '^unreferenced object' "$tmp/leaks") objects of the driver are lost"
}

# leaked: those of kmemleak's objects whose trace has a function of the driver, or an address where
# it was loaded, since unloaded functions have no names.
leaked() {
	awk -v driver="[$driver]" "$read_symbols"'
	FILENAME ~ /leaks_from$/ { from = $1; next }
	function end() {
		if (own && age >= from)
			print text
		text = own = age = ""
	}
	/^unreferenced object/ { end() }
	{ text = text $0 "\n" }
	match($0, /jiffies [0-9]+/) { age = substr($0, RSTART + 8, RLENGTH - 8) + 0 }
	index($0, driver) { own = 1 }
	match($0, / 0xffffffff[0-9a-f]+$/) && function_at(substr($0, RSTART + 3, RLENGTH - 3)) != "" {
		own = 1
	}
	END { end() }' "$tmp/symbols" "$tmp/leaks_from" "$kmemleak"
}
