# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see all.sh
#
# The steps of the CPU hotplug state machine, and a trace of the calls that it makes. A script that
# needs them reads this file after all.sh. Not here: taking CPUs offline and online, and arming a
# step to fail, see machine.sh.

# steps: the numbers of all steps
steps() {
	sed -n 's/^ *\([0-9]*\): .*/\1/p' "$system/cpu/hotplug/states"
}

# make_trace NAME: sets $trace, for its caller and for the trap that removes it when the test ends, to
# a trace without events, ordered by a common counter since the CPUs' clocks differ.
make_trace() {
	[ -d /sys/kernel/tracing/events/cpuhp ] || skip "needs the tracepoints cpuhp:*"
	trace=/sys/kernel/tracing/instances/dhp_$1
	[ ! -d "$trace" ] || rmdir "$trace"
	mkdir "$trace" || fail "cannot make a trace instance"
	trap 'rmdir "$trace"' EXIT
	trap 'exit 130' INT TERM HUP
	put "$trace/trace_clock" counter || fail "no trace clock that orders: $why"
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
