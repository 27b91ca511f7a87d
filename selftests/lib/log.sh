# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# $number is the number of the test, see ktap.sh
#
# The kernel's log: a mark before each test, and whether anything bad, or anything that a test looks
# for, comes after it. Not here: the patterns of bad lines, which are in the file bad-lines.

# bad_pattern FILE: its patterns as one
bad_pattern() {
	awk '!/^#/ && NF { printf "%s%s", separator, $0; separator = "|" }' "$1"
}

# It becomes a regular expression of awk's, between slashes.
bad_lines=$(bad_pattern ./bad-lines)
case $bad_lines in
'' | */*)
	echo "$0: ./bad-lines has no patterns, or a slash in one: bad lines could not be found" >&2
	exit 1
	;;
esac

# badness MARK: the bad lines of a log (standard input) after MARK, or of all of it if the log has
# lost the mark. An announced warning does not count, nor does its trace. A data race counts if
# either side is in one of our modules, or in a function that one of them has called: the kernel has
# races of its own.
#
# The pattern is a part of the program: busybox compiles a pattern in a variable anew for each line.
badness() {
	awk -v mark="$1" '
	index($0, mark) { count = expected = excused = 0; race = ""; next }
	match($0, /vm: expect WARNING: /) {
		expect[expected++] = substr($0, RSTART + RLENGTH)
		next
	}
	excused {
		if (/---\[ end trace/)
			excused = 0
		# Functions in the trace may have any name.
		if (/---\[ end trace|Call Trace:|\+0x[0-9a-f]+\/0x/)
			next
	}
	/WARNING: / {
		for (i = 0; i < expected; i++)
			if (expect[i] != "" && index($0, expect[i])) {
				expect[i] = ""
				excused = 1
				next
			}
	}
	/BUG: KCSAN: / && !/\[(dhp|wdm)[a-z_]*\]/ { race = $0; frames = 0; next }
	race != "" {
		if (/======/)
			race = ""
		else if (/ bytes by .* on cpu [0-9]+:/)
			frames = 0
		else if (/\+0x[0-9a-f]+\/0x/ && ++frames <= 2 && /\[(dhp|wdm)[a-z_]*\]/) {
			lines[count++] = race
			race = ""
		}
		if (race != "")
			next
	}
	/'"$bad_lines"'/ { lines[count++] = $0 }
	END { for (i = 0; i < count; i++) print lines[i] }'
}

# expect_warning TEXT: the next warning whose first line has TEXT is intended.
expect_warning() {
	echo "vm: expect WARNING: $1" >/dev/kmsg
}

# set_mark TITLE: sets $mark, and writes it to the log.
set_mark() {
	mark="dhp selftest $$.$number: $1"
	echo "$mark" >/dev/kmsg
}

# The end of the log, with the mark; or all of it if the mark is not in there. Reading and searching
# thousands of lines would be most of the time of a short test.
recent_log() {
	local log
	log=$(dmesg -s 16384)
	case $log in
	*"$mark"*) ;;
	*) log=$(dmesg) ;;
	esac
	printf '%s\n' "$log"
}

log_since_mark() {
	recent_log | awk -v mark="$mark" '
	index($0, mark) { count = 0; next }
	{ lines[count++] = $0 }
	END { for (i = 0; i < count; i++) print lines[i] }'
}

# logged REGEX: has the kernel logged it since the test began?
logged() {
	log_since_mark | grep -Eq "$1"
}

# Is there anything bad since the mark? Prints it.
bad_in_log() {
	recent_log | badness "$mark" >"$tmp/bad"
	[ -s "$tmp/bad" ] || return 1
	echo "bad in the kernel's log:"
	head -n 20 "$tmp/bad"
}
