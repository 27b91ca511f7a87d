# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# $tmp is the folder of the run, see ktap.sh
#
# What a test says and how it waits: failing, skipping, comparing, waiting, writing to a file of the
# kernel. Not here: what it says it about.
#
# Processes are slow to make under emulation with checkers. So the shell itself does what each test
# does, or does again and again.

# ---------------------------------------------------------------- results

# The message goes to stderr, because fail is often called in a $(...).
fail() {
	echo "$*" >&2
	exit 1
}

skip() {
	echo "$*" >"$tmp/skip"
	exit 4
}

# impossible WHY: this machine cannot do what the test needs, so the test is skipped. With
# DHP_MUST_PLUG in the environment the machine has to be able to, so the test fails.
impossible() {
	[ -z "${DHP_MUST_PLUG-}" ] || fail "$*"
	skip "$*"
}

# same EXPECTED SEEN: compares two files.
same() {
	diff -u "$1" "$2" >"$tmp/diff" && return 0
	sed 1,2d "$tmp/diff"
	fail "this is not as expected (- expected, + seen)"
}

# equal WHAT EXPECTED SEEN
equal() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', is '$3'"
}

# ---------------------------------------------------------------- time

# Sets $now, in seconds.
now() {
	read -r now _ </proc/uptime
	now=${now%.*}
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds. Everything that waits, waits here.
wait_for() {
	local deadline
	now
	deadline=$((now + $1))
	shift
	until "$@"; do
		now
		[ "$now" -le "$deadline" ] || return 1
		sleep 0.05
	done
}

wait_or_fail() {
	wait_for "$@" || {
		shift
		fail "waited in vain for: $*"
	}
}

# portion N: how many rounds, or seconds, of a long test to run: DHP_PERCENT of N. A slow kernel, or
# the last one of many, needs fewer.
portion() {
	echo $((($1 * DHP_PERCENT + 99) / 100))
}

# Does this process sleep?
asleep() {
	grep -q '^State:.[SDI]' "/proc/$1/status"
}

# Does a task wait in this function, or in a part of it, and not in one that it has called? Not by
# /proc/PID/stack: the kernel warns if that task has just begun to run again, inside a function that has a
# kretprobe, as dhp gives device_online() and device_offline() one.
blocked_in() {
	grep -qsE "^($1)(\..*)?$" /proc/[0-9]*/wchan
}

# Does one wait in this function, or in one that it has called? For a task that puts nothing online or
# offline, while those that do are asleep.
blocked_below() {
	local function task where asleep=
	function=$1
	for task in /proc/[0-9]*; do
		where=0
		# It ends without a newline.
		read -r where 2>/dev/null <"$task/wchan" || true
		[ "${where:-0}" = 0 ] || asleep="$asleep $task/stack"
	done
	# shellcheck disable=SC2086 # a list of files
	grep -qs "\<${function}[.+]" /dev/null $asleep
}

# ---------------------------------------------------------------- writing to the kernel

# put FILE TEXT: one write. If it fails, $why is the name of the errno.
put() {
	why=$(./put "$1" "$2")
}

# refused ERRNO FILE TEXT: the write must fail with this errno.
refused() {
	if put "$2" "$3"; then
		fail "'$3' into $2 was not refused"
	fi
	equal "'$3' into $2" "$1" "$why"
}
