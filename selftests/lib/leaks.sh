# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Which test has leaked memory. Not here: the scan, see leaks.sh of the suite.
#
# kmemleak reports an object when two scans found it unreferenced, unchanged, and five seconds old;
# and an emulated kernel scans for seconds. So each test writes down when it began, by the clock of
# kmemleak's reports. leaks.sh, the last script, scans and names the test for each leak.

kmemleak=/sys/kernel/debug/kmemleak
journal=/tmp/dhp-selftest.journal

jiffies() {
	awk '/^jiffies: / { print $2; exit }' /proc/timer_list
}

# note_in_journal WHAT: WHAT begins.
note_in_journal() {
	[ ! -w "$kmemleak" ] || echo "$(jiffies) ${0##*/}: $1" >>"$journal"
}

# The kernel's own scans would report leaks in the middle of a test, without saying which one
# leaked.
stop_scans() {
	[ ! -w "$kmemleak" ] || echo scan=off >"$kmemleak" 2>/dev/null || true
}

# blame JOURNAL LEAKS: the leaks, each after the entry that was the last to begin when the object
# was allocated. Objects from before the first entry are not the tests'.
blame() {
	awk '
	NR == FNR {
		from[NR] = $1
		sub(/^[^ ]* /, "")
		who[NR] = $0
		next
	}
	/^unreferenced object/ { head = $0; next }
	/^ *comm .*jiffies/ {
		match($0, /jiffies [0-9]+/)
		at = substr($0, RSTART + 8, RLENGTH - 8) + 0
		culprit = ""
		for (i = 1; i in from && from[i] <= at; i++)
			culprit = who[i]
		if (culprit != "")
			print culprit " leaked:\n" head
	}
	culprit != "" { print }' "$1" "$2"
}
