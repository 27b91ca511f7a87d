#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver is left in a wrong state by a CPU that does not come online, or does
# not go offline, because a step of the kernel's CPU hotplug state machine fails.
#
# Each failable step is made to fail, up and down. The driver is used after each failure.

# shellcheck disable=SC2119 # what is called without arguments does not need the script's

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh
. ./certify/lib/kept_memory.sh
. ./certify/lib/leaks.sh

# Sets, for its caller: $cpu, a CPU whose steps can be made to fail, after it has gone offline and
# come back: from then on it is the failure that is to blame.
take_cpu() {
	cpu=$(pick_cpu)
	[ -e "$system/cpu/cpu$cpu/hotplug/fail" ] || skip "this kernel cannot make steps fail"
	go_offline "$cpu"
	come_online "$cpu"
	exercise "$cpu"
}

# ---------------------------------------------------------------- each step
#
# A good removal and a good add are traced first. An operation that fails at a step must make the
# driver's calls of the good one up to that step, and undo them by those that the good one of the
# other direction makes for these steps; and no call that undoes may fail.

# sweep 1|0: adds (1) or removals (0) that fail at each failable step
sweep() {
	local up="$1" attempts=0 step said left cpu
	take_cpu
	begin_trace "$cpu"
	: >"$tmp/attempts"
	[ "$up" = 0 ] || go_offline "$cpu"
	echo >"$trace/trace"
	attempt_step "$cpu" "$up" -1
	attempt_step "$cpu" $((1 - up)) -1
	for step in $(steps); do
		echo "$step" 2>/dev/null >"$system/cpu/cpu$cpu/hotplug/fail" || continue
		attempt_step "$cpu" "$up" "$step"
		echo -1 >"$system/cpu/cpu$cpu/hotplug/fail"
		if [ "$said" != "done" ]; then
			use
		else
			attempt_step "$cpu" $((1 - up)) -1
		fi
	done
	attempt_step "$cpu" "$up" -1
	use
	echo 0 >"$trace/tracing_on"
	! lost_entries || skip "the trace has lost entries"
	judge
}

# On the CPU, if it is online. What the driver makes for a CPU when it gets an instance is no part of
# an attempt, so it is not traced.
use() {
	echo 0 >"$trace/tracing_on"
	if is_online "$cpu"; then
		exercise "$cpu"
	else
		exercise
	fi
	echo 1 >"$trace/tracing_on"
}

# judge: compares $tmp/attempts with the trace.
judge() {
	awk -v driver="[$driver]" "$read_attempts"'
	function wrong(class, function_name, n, text) {
		if (!wrongs++)
			print "finding: class=" class \
				(function_name ? " function=" function_name : "") " " \
				(up[n] ? "an add" : "a removal") \
				(step[n] >= 0 ? " that failed at step " step[n] " (" \
					name[step[n]] ")" : "") ": " text
	}

	function name_of(line) {
		sub(/^[^(]*\(/, "", line)
		sub(/[ )].*/, "", line)
		return line
	}

	# The calls of the driver in an operation that fails at a step.
	function expect(n,    i, line) {
		nr_expected = 0
		for (i = 1; i <= nr_calls[good[up[n]]]; i++) {
			line = call[good[up[n]], i]
			if (sooner(up[n], line + 0, step[n]))
				expected[++nr_expected] = line
		}
		nr_done = nr_expected
		for (i = 1; i <= nr_calls[good[!up[n]]]; i++) {
			line = call[good[!up[n]], i]
			if (sooner(up[n], line + 0, step[n]))
				expected[++nr_expected] = line
		}
	}

	function judge_one(n,    i) {
		if (said[n] == "done") {
			if (is_up[n] != up[n])
				wrong("not-undone", "", n, "it succeeded, and online is " is_up[n])
			return
		}
		if (step[n] < 0 || left[n] >= 0) {
			wrong("refuses", error_name[n], n, "it failed after others: " said[n])
			return
		}
		failures++
		if (is_up[n] == up[n])
			wrong("not-undone", "", n, "it failed, and online is " is_up[n])
		if (error_name[n])
			wrong("not-undone", error_name[n], n, \
				"a call that undoes it returned " error[n])
		expect(n)
		for (i = 1; i <= nr_expected || i <= nr_calls[n]; i++) {
			if (i > nr_calls[n] || i <= nr_expected && call[n, i] != expected[i]) {
				wrong("not-undone", name_of(expected[i]), n, "step " expected[i] \
					(i > nr_done ? " is not undone" : " is not called") \
					" where it should be")
				return
			}
			if (i > nr_expected) {
				wrong("not-undone", name_of(call[n, i]), n, "step " call[n, i] \
					" is called without need")
				return
			}
		}
	}

	event == "attempt" { own = "" }
	event == "enter" {
		own = index($0, driver) ? name_of($0) : ""
		own_step = $1
		if (own)
			call[now, ++nr_calls[now]] = $0
	}
	event == "exit" {
		# Waiting for the steps that the CPU does itself fails with one of these.
		if (own && $1 == own_step && !error_name[now]) {
			error_name[now] = own
			error[now] = $3
		}
	}

	END {
		for (n = 1; n <= nr; n++)
			judge_one(n)
		print nr " operations, of which " failures + 0 " failed at a step"
		for (i = 1; i <= nr_calls[1]; i++)
			print (up[1] ? "up" : "down") ", the driver: step " call[1, i]
		for (i = 1; i <= nr_calls[2]; i++)
			print (up[2] ? "up" : "down") ", the driver: step " call[2, i]
		if (failures <= 5)
			print "only " failures + 0 " operations have failed"
		exit wrongs || failures <= 5
	}' "$system/cpu/hotplug/states" "$tmp/attempts" "$trace/trace"
}

up() {
	sweep 1
}
test_case up 'a CPU does not come online, because of each step that can fail'

down() {
	sweep 0
}
test_case down 'a CPU does not go offline, because of each step that can fail'

# ---------------------------------------------------------------- memory

# fails_after STEP: prints the first step after this one that can be made to fail when the CPU comes
# online; nothing if there is none.
fails_after() {
	local step said
	for step in $(steps); do
		[ "$step" -gt "$1" ] || continue
		echo "$step" 2>/dev/null >"$system/cpu/cpu$cpu/hotplug/fail" || continue
		said="done"
		echo 1 2>"$tmp/said" >"$system/cpu/cpu$cpu/online" || said=
		echo -1 >"$system/cpu/cpu$cpu/hotplug/fail"
		if [ -z "$said" ]; then
			echo "$step"
			return 0
		fi
		offline "$cpu"
	done
}

# own_steps: the numbers of the driver's steps in the trace
own_steps() {
	grep ' cpuhp_\(multi_\)\?enter: ' "$trace/trace" |
		sed -n "s/.* step: *\\([0-9]*\\) (.*\\[$driver\\].*/\\1/p" | sort -nu
}

# find_failing: sets $failing to the steps that can be made to fail right after one of the driver's,
# and leaves the CPU offline.
find_failing() {
	local after step
	begin_trace "$cpu"
	go_offline "$cpu"
	echo >"$trace/trace"
	come_online "$cpu"
	after=$(own_steps)
	[ -n "$after" ] || skip "the driver has no step that is called when a CPU comes online"
	go_offline "$cpu"
	failing=
	for step in $after; do
		failing="$failing $(fails_after "$step")"
	done
	# shellcheck disable=SC2086 # a list
	failing=$(printf '%s\n' $failing | sort -nu)
	[ -n "$failing" ] || skip "no step right after the driver's can be made to fail"
}

# Adds that fail, several times each. Few processes are started meanwhile, because all memory that is
# freed is traced.
memory() {
	take_cpu
	find_failing
	trace_memory
	for _ in 1 2 3 4; do
		echo "memory: good" >"$trace/trace_marker"
		come_online "$cpu"
		go_offline "$cpu"
	done
	for step in $failing; do
		for _ in 1 2 3 4; do
			echo "memory: step $step" >"$trace/trace_marker"
			echo "$step" >"$system/cpu/cpu$cpu/hotplug/fail"
			! echo 1 2>/dev/null >"$system/cpu/cpu$cpu/online" || go_offline "$cpu"
		done
		echo "memory: after" >"$trace/trace_marker"
		come_online "$cpu"
		go_offline "$cpu"
	done
	judge_kept
}
test_case memory 'an add that fails gives back what was allocated for it'

# Here each failure is followed by a good add, which may lose what the failure has left.
leaks() {
	begin_leaks
	take_cpu
	find_failing
	for step in $failing; do
		for _ in 1 2 3; do
			arm_step "$cpu" "$step"
			! put "$system/cpu/cpu$cpu/online" 1 || fail "step $step did not fail"
			come_online "$cpu"
			go_offline "$cpu"
		done
	done
	report_leaks
}
test_case leaks 'an add that fails loses no memory'

run_tests
