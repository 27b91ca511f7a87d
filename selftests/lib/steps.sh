# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see all.sh
#
# The steps of the CPU hotplug state machine, a trace of the calls that it makes, and operations
# that fail at a step. A script that needs them reads this file after all.sh. Not here: taking CPUs
# offline and online, and arming a step to fail, see machine.sh; what is expected of operations.

# steps: the numbers of all steps
steps() {
	sed -n 's/^ *\([0-9]*\): .*/\1/p' "$system/cpu/hotplug/states"
}

# make_trace NAME [CLOCK]: sets $trace, for its caller and for the trap that removes it when the test ends, to
# a trace without events. Unless there is a CLOCK, a common counter orders it, since the CPUs' clocks differ.
make_trace() {
	[ -d /sys/kernel/tracing/instances ] || skip "needs the kernel's tracing, at /sys/kernel/tracing"
	trace=/sys/kernel/tracing/instances/dhp_$1
	[ ! -d "$trace" ] || rmdir "$trace"
	mkdir "$trace" || fail "cannot make a trace instance"
	trap 'rmdir "$trace"' EXIT
	trap 'exit 130' INT TERM HUP
	put "$trace/trace_clock" "${2:-counter}" || fail "there is no trace clock '${2:-counter}': $why"
}

# lost_entries: were there more than $trace had room for?
lost_entries() {
	local counts
	counts=$(sed -n '/entries-in-buffer/ { s/^[^:]*: *\([0-9/]*\).*/\1/p; q; }' "$trace/trace")
	[ "${counts%/*}" != "${counts#*/}" ]
}

# begin_trace CPU: calls of the CPU's steps go to $trace, in order, whichever CPU makes them.
begin_trace() {
	local cpu="$1"
	make_trace steps
	put "$trace/events/cpuhp/filter" "cpu == $cpu" || fail "the trace cannot be filtered: $why"
	put "$trace/events/cpuhp/cpuhp_exit/filter" "cpu == $cpu && ret != 0" ||
		fail "the trace cannot be filtered: $why"
	put "$trace/events/cpuhp/enable" 1 || fail "cpuhp cannot be traced: $why"
}

# ---------------------------------------------------------------- operations that fail
#
# A sweep has about fifty operations. So one of them starts no process, and all are judged at the
# end.

# attempt_step CPU 1|0 STEP: an add or a removal with STEP armed (-1: none). Sets $said, "done" or
# the kernel's error, and $left, the step that is still armed. Counts it in $attempts, which the
# caller sets to 0 before, as it empties $tmp/attempts and begins the trace.
attempt_step() {
	local is_now
	attempts=$((attempts + 1))
	echo "attempt $attempts" >"$trace/trace_marker"
	said="done"
	echo "$2" 2>"$tmp/said" >"$system/cpu/cpu$1/online" || read -r said <"$tmp/said"
	read -r left <"$system/cpu/cpu$1/hotplug/fail"
	read -r is_now <"$system/cpu/cpu$1/online"
	echo "$attempts $2 $3 $left $is_now $said" >>"$tmp/attempts"
}

# The beginning of an awk program that reads cpu/hotplug/states, $tmp/attempts, the trace, and other
# files behind them. The first two of the nr attempts are a good add and a good removal, in any order:
# good[1] and good[0]. Of attempt N it sets up[N], step[N], left[N], is_up[N] and said[N]. name[STEP]
# is a step in words. For a line of the trace, event is "attempt", "enter", "exit" or nothing, and now
# is the number of the attempt. Of a call, only what begins with the number of its step is left in $0.
# shellcheck disable=SC2016,SC2034 # awk's fields; for scripts
read_attempts='
	# Does the state machine come to step a sooner than to b, up or down?
	function sooner(up, a, b) { return up ? a < b : a > b }

	FNR == 1 { file++ }
	{ event = "" }
	file == 1 { name[$1 + 0] = $2 }
	file == 2 {
		nr++
		up[nr] = $2
		step[nr] = $3
		left[nr] = $4
		is_up[nr] = $5
		sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "")
		said[nr] = $0
		if (nr <= 2)
			good[up[nr]] = nr
	}
	file == 3 && / tracing_mark_write: attempt / {
		now = $NF
		event = "attempt"
	}
	file == 3 && / cpuhp_(enter|multi_enter|exit): / {
		event = / cpuhp_exit: / ? "exit" : "enter"
		sub(/.* step: */, "")
	}
'
