# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# Taking CPUs and memory offline and online while the driver is loaded, and whose fault it is if
# that is refused: the driver's if one of its callbacks refuses, or if it succeeds without it. A
# drill reads this file after lib/driver.sh and ../../lib/steps.sh, which has the trace. Not here:
# who refuses on purpose.

# ---------------------------------------------------------------- which CPUs

# can_change CPU: does the kernel let it go offline and online?
can_change() {
	[ -w "$system/cpu/cpu$1/online" ]
}

# changeable CPU...: those of them that can
changeable() {
	local one
	for one in "$@"; do
		! can_change "$one" || echo "$one"
	done
}

# shellcheck disable=SC2046 # a list
changeable_online() {
	changeable $(online_cpus)
}

# offline_cpus: those that are present and can come online
# shellcheck disable=SC2046 # lists
offline_cpus() {
	changeable $(missing "$(online_cpus)" "$(present_cpus)")
}

possible_cpus() {
	expand "$(cat "$system/cpu/possible")"
}

# ---------------------------------------------------------------- operations

go_offline() {
	must "taking CPU$1 offline" "$system/cpu/cpu$1/online" 0
}

come_online() {
	must "bringing CPU$1 online" "$system/cpu/cpu$1/online" 1
}

# cycle_cpus: each CPU goes offline and comes back, in order; the driver is used after each step.
cycle_cpus() {
	local one
	for one in $(changeable_online); do
		go_offline "$one"
		exercise
		come_online "$one"
		exercise "$one"
	done
}

# go_block NUMBER STATE
go_block() {
	must "memory block $1 going $2" "$(state_file "$1")" "$2"
}

# must WHAT FILE TEXT: a write that nobody has a reason to refuse. What the kernel refuses for a
# moment succeeds when it is repeated.
must() {
	put_in_time "$2" "$3" || blame_refusal "$@"
}

# put_in_time FILE TEXT: as put. While a page cannot be moved, the kernel tries to take its memory
# offline until a signal comes.
put_in_time() {
	why=$(timeout 30 ./put "$1" "$2") && return
	why=${why:-"no end after 30 s"}
	return 1
}

# blame_refusal WHAT FILE TEXT: after this was refused with $why. Returns if it is not any more.
blame_refusal() {
	local function errno="$why" without=
	# A subshell, because the trace ends with it.
	function=$(refusing_function "$2" "$3")
	case $function in
	'') ;;
	none)
		echo "$1 was refused with $errno, and not when it was repeated"
		return
		;;
	*) finding refuses "function=$function" "$1 is refused with $errno" ;;
	esac
	enough	# an exercise in the background may use the driver
	unload_driver
	put_in_time "$2" "$3" || without=$why
	load_driver
	[ -z "$without" ] || skip "$1 is refused without the driver, too: $without"
	finding refuses "$1 is refused with $errno, and no longer when the driver is unloaded"
}

# refusing_function FILE TEXT: repeats the write with the driver's callbacks traced. Prints the
# function of the driver that was the first to refuse, if there was one, and "none" if the write
# was not refused.
refusing_function() {
	[ -d /sys/kernel/tracing/events/cpuhp ] || return 0
	make_trace refusal
	trap 'rmdir "$trace"; forget_notifiers' EXIT
	trace_notifiers
	put "$trace/events/cpuhp/enable" 1 || fail "cpuhp cannot be traced: $why"
	if put_in_time "$1" "$2"; then
		echo none
		return
	fi
	awk -v driver="[$driver]" '
	/ cpuhp_(multi_)?enter: / {
		own = ""
		if (index($0, driver)) {
			own = $0
			sub(/.*\(/, "", own)
			sub(/[ )].*/, "", own)
		}
	}
	# The first that fails is the one that refuses. Those after it undo.
	/ cpuhp_exit: / && $NF != 0 {
		found = own
		exit
	}
	# NOTIFY_STOP_MASK, with more than NOTIFY_OK
	/notifier_call_chain.* <- .* result=0x8[0-9a-f][0-9a-f][0-9a-f]$/ && !/000$/ && !/001$/ {
		found = $0
		sub(/.* <- /, "", found)
		sub(/[ +)].*/, "", found)
		exit
	}
	END { if (found != "") print found }' "$trace/trace"
}

probes=/sys/kernel/tracing/kprobe_events

# Memory notifiers have no tracepoints, so the return of each function of the driver is traced, if
# this kernel can; its caller says which one is a notifier.
trace_notifiers() {
	local function number=0
	[ -w "$probes" ] || return 0
	grep -i " t .*\[$driver\]" /proc/kallsyms | awk '{ print $3 }' >"$tmp/functions"
	while read -r function; do
		number=$((number + 1))
		echo "r:certify/f$number $driver:$function result=\$retval:x32" 2>/dev/null >>"$probes" || true
	done <"$tmp/functions"
	[ ! -d "$trace/events/certify" ] || put "$trace/events/certify/enable" 1 ||
		fail "the driver's functions cannot be traced: $why"
}

# The events can be removed when no trace has them any more.
forget_notifiers() {
	[ ! -w "$probes" ] || grep -o '^[a-z0-9]*:certify/[a-z0-9]*' "$probes" |
		sed 's,.*:,-:,' >"$tmp/probes"
	[ ! -s "$tmp/probes" ] || cat "$tmp/probes" >>"$probes"
}
