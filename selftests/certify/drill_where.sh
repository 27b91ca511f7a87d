#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a thread of the driver runs on another CPU than the one that it is for.
#
# A thread that was bound to a CPU must not run elsewhere while the CPU is offline, and must be
# bound again when it is back: the same one, or another one of the same name.

# shellcheck disable=SC2119 # what is called without arguments does not need the script's

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh
. ./certify/lib/threads.sh

# The threads that there are when the driver is loaded and was used on each CPU: $tmp/bound.CPU.
setup() {
	local cpu pid
	load_others
	note_other_threads
	load_driver
	exercise_each
	for cpu in $(online_cpus); do
		bound_threads "$cpu" >"$tmp/bound.$cpu"
		while read -r pid _; do
			echo "$pid $(await_function "$pid")"
		done <"$tmp/bound.$cpu" >"$tmp/functions.$cpu"
	done
}

# Sets $cpus to those that can go offline and have threads.
need_threads() {
	local cpu
	cpus=
	for cpu in $(changeable_online); do
		[ ! -s "$tmp/bound.$cpu" ] || cpus="$cpus $cpu"
	done
	[ -n "$cpus" ] || skip "the driver has no thread that is bound to a CPU which can go offline"
}

# blame_thread CLASS CPU NAME TEXT: a finding about a thread that was bound to this CPU
blame_thread() {
	local pid function
	pid=$(awk -v name="$3" '
		{ pid = $1; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "") }
		$0 == name { print pid; exit }' "$tmp/bound.$2")
	function=$(sed -n "s/^$pid //p" "$tmp/functions.$2")
	finding "$1" "${function:+function=$function }object=$(echo "$3" | tr ' ' _) $4"
}

# ---------------------------------------------------------------- while a CPU is offline

# strayed FILE CPU: has a thread of FILE, which are bound to this CPU, run elsewhere since FILE was
# written? Sets $stray to its name and $where to the other CPU.
strayed() {
	local pid before name switches
	while read -r pid _ before name; do
		switches=$(awk '/ctxt_switches:/ { n += $2 } END { print n }' "/proc/$pid/status" \
			2>/dev/null) || continue
		where=$(last_cpu "$pid")
		case $where in
		'' | "$2") continue ;;
		esac
		[ "$switches" -gt "$before" ] || continue
		stray=$name
		return 0
	done <"$1"
	return 1
}

# note_threads FILE: those of FILE as they are now, into FILE.now
note_threads() {
	driver_threads | awk 'NR == FNR { known[$1] = 1; next } $1 in known' "$1" - >"$1.now"
}

# Waiting for what must not happen takes a second or two.
no_stray() {
	! wait_for 1 strayed "$tmp/threads.now" "$1" ||
		blame_thread thread-wrong-cpu "$1" "$stray" \
			"while CPU$1 is offline, its thread $stray runs on CPU$where"
}

while_offline() {
	need_threads
	for cpu in $cpus; do
		bound_threads "$cpu" >"$tmp/threads"
		go_offline "$cpu"
		note_threads "$tmp/threads"
		no_stray "$cpu"
		exercise
		no_stray "$cpu"
		come_online "$cpu"
		exercise "$cpu"
	done
}
test_case while_offline 'no thread of a CPU runs elsewhere while the CPU is offline'

# ---------------------------------------------------------------- when it is back

# unbound CPU: are threads that were bound to this CPU not bound now? Sets $unbound to the name of
# one, and $allowed to where it may run, nothing if it is gone. Counts by name: a thread may have
# been replaced.
unbound() {
	local said
	driver_threads >"$tmp/threads_now"
	said=$(awk -v cpu="$1" '
	function name_of(line) {
		sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", line)
		return line
	}
	NR == FNR {
		before[name_of($0)]++
		next
	}
	name_of($0) in before {
		if ($2 == cpu)
			after[name_of($0)]++
		else
			elsewhere[name_of($0)] = $2
	}
	END {
		for (name in before)
			if (after[name] < before[name]) {
				print elsewhere[name] " " name
				exit
			}
	}' "$tmp/bound.$1" "$tmp/threads_now")
	allowed=${said%% *}
	unbound=${said#* }
	[ -n "$said" ]
}

all_bound() {
	! unbound "$1"
}

when_back() {
	need_threads
	for cpu in $cpus; do
		for _ in 1 2; do
			go_offline "$cpu"
			exercise
			come_online "$cpu"
			exercise "$cpu"
			wait_for 10 all_bound "$cpu" || blame_unbound "$cpu"
		done
	done
	exercise_each
}

blame_unbound() {
	local text="the thread $unbound was bound to CPU$1, which was offline and is back, and it"
	text="$text ${allowed:+may run on $allowed}"
	[ -n "$allowed" ] || text="${text}is gone"
	blame_thread thread-unbound "$1" "$unbound" "$text"
}
test_case when_back 'each thread is bound to its CPU again when the CPU is back'

run_tests
