#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver that prepared for a change that then failed does not learn that it failed.
#
# A failure at each failable step of the kernel's CPU hotplug state machine, up and down. Clients
# get the notifications of an operation up to the step that fails, and then those that undo them.
# fault.sh has allocations that fail.

. ./lib/all.sh
. ./lib/steps.sh

# Sets, for its caller: $cpu, a CPU that can go offline; $prepare and $online, the numbers of dhp's
# steps; $armed, the status of a FAILURE after a step that was armed.
take_cpu() {
	armed=$(armed_status)
	cpu=$(pick_cpu)
	prepare=$(step_number dhp:prepare)
	online=$(step_number dhp:online)
	[ -n "$prepare" ] || fail "no dhp:prepare in cpu/hotplug/states"
	[ -n "$online" ] || fail "no dhp:online in cpu/hotplug/states"
}

# ---------------------------------------------------------------- the sweep
#
# The kernel's tracepoints record each call of a good removal and of a good add first. An operation
# that fails at a step must then make the calls of the good one up to that step, and undo them by
# the calls that the good one of the other direction makes for these steps. The step also determines
# the notifications that clients get.

# attempt CPU 1|0 STEP VETOER: as attempt_step, with client number VETOER to veto (0: none).
attempt() {
	local last refusal
	echo "note attempt:$((attempts + 1))" >"$test_dir/control"
	attempt_step "$1" "$2" "$3"
	read -r _ <"$dhp/settle"
	last=
	while read -r refusal; do
		last=$refusal
	done <"$dhp/refusals"
	echo "$attempts $4 $last" >>"$tmp/clients"
}

# choose_vetoer CLIENTS: chooses one of the clients to veto or, in half of the cases, none. Sets,
# for its caller: $seed, from which the next choice comes; $vetoer, the client's number or 0.
choose_vetoer() {
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	vetoer=$(((seed >> 16) % (2 * $1)))
	[ "$vetoer" -le "$1" ] || vetoer=0
}

# asked_before UP PREPARE ONLINE STEP: are clients called before the operation comes to STEP?
asked_before() {
	if [ "$1" = 1 ]; then
		[ "$4" -gt "$2" ]
	else
		[ "$4" -lt "$3" ]
	fi
}

# sweep 1|0 CLIENTS [random]: adds (1) or removals (0) that fail at each failable step, with that
# many clients; with "random", one of these vetoes at random.
sweep() {
	local up="$1" clients="$2" random="${3-}" attempts=0 vetoer=0 seed="$DHP_SEED" i step said left
	local flags=existing,removals veto_state=remove_start cpu prepare online active armed
	take_cpu
	begin_trace "$cpu"
	: >"$tmp/attempts"
	: >"$tmp/clients"
	if [ "$up" = 1 ]; then
		flags=removals
		veto_state=start
		offline "$cpu"
	fi
	for i in $(seq "$clients"); do
		ctl "processor c$i flags=$flags"
	done
	settle
	ctl clear
	[ -z "$random" ] || echo "DHP_SEED=$seed"

	attempt "$cpu" "$up" -1 0
	attempt "$cpu" $((1 - up)) -1 0
	for step in $(steps); do
		echo "$step" 2>/dev/null >"$system/cpu/cpu$cpu/hotplug/fail" || continue
		vetoer=0
		if [ -n "$random" ] && asked_before "$up" "$prepare" "$online" "$step"; then
			choose_vetoer "$clients"
			[ "$vetoer" = 0 ] ||
				echo "veto c$vetoer state=$veto_state errno=-12" >"$test_dir/control"
		fi
		attempt "$cpu" "$up" "$step" "$vetoer"
		[ "$left" = -1 ] || echo -1 >"$system/cpu/cpu$cpu/hotplug/fail"
		[ "$said" != "done" ] || attempt "$cpu" $((1 - up)) -1 0
	done
	attempt "$cpu" "$up" -1 0

	echo 0 >"$trace/tracing_on"
	! lost_entries || fail "the trace has lost entries"
	judge "$cpu" "$prepare" "$online" "$clients" "$random"
}

# judge CPU PREPARE ONLINE CLIENTS RANDOM: compares $tmp/attempts with the trace and the log of the
# clients' calls.
judge() {
	awk -v prepare="$2" -v online="$3" -v cpu="$1" -v clients="$4" -v random="$5" \
		-v armed="$(armed_status)" \
		-v again='Resource temporarily unavailable' -v vetoed='Cannot allocate memory' \
		"$read_attempts"'
	function wrong(n, text) {
		if (wrongs++ < 5)
			print "attempt " n ", " (up[n] ? "up" : "down") ", step " step[n] " " \
				name[step[n]] ", vetoer " vetoer[n] ": " text
	}

	# differ(NUMBER, WHAT, EXPECTED, SEEN): prints where two lists of lines first differ
	function differ(n, what, expected, seen,    nr, a, b, i) {
		if (expected == seen)
			return
		nr = split(expected, a, "\n")
		nr = max(nr, split(seen, b, "\n"))
		for (i = 1; i < nr && a[i] == b[i]; i++)
			;
		wrong(n, what " " i ": expected \"" a[i] "\", is \"" b[i] "\"")
	}

	function max(a, b) { return a > b ? a : b }

	# The calls of an operation that fails at a step; the one of that step itself only if "called".
	# A negative step: it does not fail.
	function calls_expected(n, at, called,    i, line, text) {
		for (i = 1; i <= nr_calls[good[up[n]]]; i++) {
			line = call[good[up[n]], i]
			if (at < 0 || sooner(up[n], line + 0, at) || called && line + 0 == at)
				text = text line "\n"
		}
		for (i = 1; at >= 0 && i <= nr_calls[good[!up[n]]]; i++) {
			line = call[good[!up[n]], i]
			if (sooner(up[n], line + 0, at))
				text = text line "\n"
		}
		return text
	}

	function calls_made(n,    i, text) {
		for (i = 1; i <= nr_calls[n]; i++)
			text = text call[n, i] "\n"
		return text
	}

	# notify(WHAT, FROM, TO, STATUS, BACKWARDS): the lines of clients FROM to TO
	function notify(what, from, to, status, backwards,    i, text) {
		if (backwards)
			for (i = from; i >= to; i--)
				text = text "c" i " " what " " cpu " " status "\n"
		else
			for (i = from; i <= to; i++)
				text = text "c" i " " what " " cpu " " status "\n"
		return text
	}

	# The clauses P1, P4 to P7, X2, X3.
	function notified_expected(n, at, called) {
		if (at >= 0 && !called && !sooner(up[n], up[n] ? prepare : online, at))
			return ""
		if (up[n]) {
			if (called)
				return notify("START", 1, vetoer[n], 0) \
					notify("FAILURE", vetoer[n] - 1, 1, -12, 1)
			return notify("START", 1, clients, 0) \
				(at < 0 ? notify("COMPLETE", 1, clients, 0) :
					notify("FAILURE", clients, 1, armed, 1))
		}
		if (called)
			return notify("REMOVE_START", clients, vetoer[n], 0, 1) \
				notify("REMOVE_FAILURE", vetoer[n] + 1, clients, -12)
		return notify("REMOVE_START", clients, 1, 0, 1) \
			(at < 0 ? notify("REMOVE_COMPLETE", clients, 1, 0, 1) :
				notify("REMOVE_FAILURE", 1, clients, armed))
	}

	# Callbacks that return an error: the one with the veto, and the one that waits for the steps
	# that the CPU does itself. A step that is armed is not called.
	function errors_expected(n, at, called,    waits, text) {
		if (called)
			text = at " -12\n"
		waits = up[n] ? bringup : kick
		if (at > (up[n] ? bringup : teardown))
			text = text waits (called ? " -12\n" : " -11\n")
		return text
	}

	# The last line of refusals: a new one if the operation has failed. Without probes, only what
	# dhp sees itself is listed.
	function judge_refusal(n, at, called,    line, text) {
		if (armed == -125)
			return
		line = refusal[n]
		sub(/^seq=[0-9]+ time=[0-9.]+ /, "", line)
		sub(/name=dhp_test.on_processor#[0-9]+/, "name=CLIENT", line)
		if (refusal_seq[n] - refusal_seq[n - 1] != (at >= 0))
			wrong(n, "refusal " refusal_seq[n] " comes after " refusal_seq[n - 1])
		text = "cpu=" cpu " action=" (up[n] ? "add" : "remove") " by="
		if (called)
			text = text "client name=CLIENT errno=-ENOMEM"
		else
			text = text "step name=" name[at] " step=" at " errno=-EAGAIN"
		if (at >= 0 && line != text)
			wrong(n, "refused: expected \"" text "\", is \"" line "\"")
	}

	function judge(n,    at, called, ours, i) {
		ours = up[n] ? prepare : online
		at = -1
		if (said[n] == "done") {
			if (vetoer[n])
				wrong(n, "it succeeded in spite of a veto")
			if (left[n] != step[n])
				wrong(n, "step " left[n] " is still armed")
			for (i = 1; step[n] >= 0 && i <= nr_calls[n]; i++)
				if (call[n, i] + 0 == step[n])
					wrong(n, "it did not fail")
		} else if (step[n] >= 0 && left[n] < 0) {
			at = step[n]
			failures++
			if (vetoer[n] || index(said[n], again) == 0)
				wrong(n, "it failed with: " said[n])
		} else {
			at = ours
			called = 1
			vetoes++
			if (!vetoer[n] || index(said[n], vetoed) == 0)
				wrong(n, "it failed with: " said[n])
		}
		if (is_up[n] != (at < 0 ? up[n] : !up[n]))
			wrong(n, "online is " is_up[n])
		differ(n, "call", calls_expected(n, at, called), calls_made(n))
		differ(n, "error", errors_expected(n, at, called), errors[n])
		differ(n, "notification", notified_expected(n, at, called), notified[n])
		judge_refusal(n, at, called)
	}

	# Can an operation be made to fail at this call? Not at STARTING steps, nor at PREPARE steps
	# when a CPU goes offline; and waiting for the steps that the CPU does itself is not a step.
	function failable(up, line) {
		return (line + 0 >= teardown || up && line + 0 <= bringup) &&
			line !~ /cpuhp_kick_ap_work/
	}

	# A good operation comes to each step in order.
	function judge_good(n,    i) {
		if (said[n] != "done" || !nr_calls[n])
			wrong(n, "it failed without a fault: " said[n])
		for (i = 2; i <= nr_calls[n]; i++)
			if (sooner(up[n], call[n, i] + 0, call[n, i - 1] + 0))
				wrong(n, "\"" call[n, i] "\" comes after \"" call[n, i - 1] "\"")
	}

	file == 1 && $2 == "cpu:bringup" { bringup = $1 + 0 }
	file == 1 && $2 == "cpu:teardown" { teardown = $1 + 0 }

	file == 2 { tried[step[nr] + 0] = 1 }

	event == "enter" {
		call[now, ++nr_calls[now]] = $0
		if (/cpuhp_kick_ap_work/)
			kick = $1
	}
	event == "exit" { errors[now] = errors[now] $1 " " $3 "\n" }

	file == 4 && /^attempt:/ { now = substr($0, 9); next }
	file == 4 { notified[now] = notified[now] $0 "\n" }

	file == 5 {
		vetoer[$1] = $2
		refusal_seq[$1] = substr($3, 5) + 0
		refusal[$1] = $0
		sub(/^[^ ]+ [^ ]+ /, "", refusal[$1])
		if ($1 == 1)
			refusal_seq[0] = refusal_seq[1]
	}

	END {
		judge_good(1)
		judge_good(2)
		for (i = 1; i <= nr_calls[1]; i++)
			if (failable(up[1], call[1, i]) && !((call[1, i] + 0) in tried))
				wrong(1, "no attempt was made to fail at \"" call[1, i] "\"")
		for (n = 1; n <= nr; n++)
			judge(n)
		print nr " operations, of which " failures " failed at a step and " vetoes + 0 \
			" by a veto; calls of a good one: " nr_calls[good[1]] " up, " \
			nr_calls[good[0]] " down"
		if (failures + vetoes <= 5)
			wrong(nr, "only " failures + vetoes " operations have failed")
		if (random && !vetoes)
			wrong(nr, "no client has vetoed")
		if (wrongs)
			print wrongs " findings"
		exit wrongs != 0
	}' "$system/cpu/hotplug/states" "$tmp/attempts" "$trace/trace" "$test_dir/log" \
		"$tmp/clients"
}

up_alone() {
	sweep 1 0
}
test_case up_alone 'P5 an add that fails at each failable step is undone step by step'

up_one() {
	sweep 1 1
}
test_case up_one 'P1 P5 P6 Q3 an add that fails at each failable step, with one client'

up_five() {
	sweep 1 5 random
}
test_case up_five 'P1 P4 P6 P7 an add that fails at each failable step, with five clients, of which one vetoes at random'

down_alone() {
	sweep 0 0
}
test_case down_alone 'X2 a removal that fails at each failable step is undone step by step'

down_one() {
	sweep 0 1
}
test_case down_one 'X2 P6 Q3 a removal that fails at each failable step, with one client'

down_five() {
	sweep 0 5 random
}
test_case down_five 'X2 X3 a removal that fails at each failable step, with five clients, of which one vetoes at random'

# ---------------------------------------------------------------- one step

up_active() {
	take_cpu
	active=$(need_step sched:active)
	offline "$cpu"
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	seq=$(sequence)
	ctl clear
	for _ in 1 2 3; do
		arm_step "$cpu" "$active"
		online_refused "$cpu" EAGAIN
	done
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 FAILURE $cpu $armed
	c1 START $cpu 0
	c1 FAILURE $cpu $armed
	c1 START $cpu 0
	c1 FAILURE $cpu $armed
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	e1 ARRIVAL cpu $cpu seq $((seq + 1))
	END
}
test_case up_active 'P5 A1 an add that fails at sched:active causes no COMPLETE, no removal and no event'

# An add that fails does not concern a client that already holds the CPU.
up_held() {
	take_cpu
	active=$(need_step sched:active)
	ctl "processor c1 flags=existing"
	offline "$cpu"
	settle
	ctl clear
	arm_step "$cpu" "$active"
	online_refused "$cpu" EAGAIN
	online "$cpu"
	expect_log <<-END
	END
}
test_case up_held 'P11 a client that already holds a CPU gets nothing of an add that fails'

down_active() {
	take_cpu
	active=$(need_step sched:active)
	ctl "processor c1 flags=existing,removals"
	ctl "event e1 category=processor"
	settle
	ctl clear
	arm_step "$cpu" "$active"
	offline_refused "$cpu" EAGAIN
	expect_log <<-END
	END
	is_online "$cpu" || fail "CPU$cpu is not online"
}
test_case down_active 'X2 A9 a removal that fails at sched:active causes no notification'

mixed() {
	take_cpu
	active=$(need_step sched:active)
	ctl "processor c1 flags=removals"
	ctl "processor c2 flags=removals"
	offline "$cpu"
	settle
	ctl clear
	ctl "veto c2 state=start errno=-12"
	online_refused "$cpu" ENOMEM
	arm_step "$cpu" "$active"
	online_refused "$cpu" EAGAIN
	online "$cpu"
	ctl "veto c1 state=remove_start errno=-16"
	offline_refused "$cpu" EBUSY
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 FAILURE $cpu -12
	c1 START $cpu 0
	c2 START $cpu 0
	c2 FAILURE $cpu $armed
	c1 FAILURE $cpu $armed
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c2 REMOVE_FAILURE $cpu -16
	c2 REMOVE_START $cpu 0
	c1 REMOVE_START $cpu 0
	c2 REMOVE_COMPLETE $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case mixed 'P1 X2 vetoes and failures one after the other'

run_tests
