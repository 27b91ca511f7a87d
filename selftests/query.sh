#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, an administrator is told that a CPU or a DIMM can go, and it cannot, or the other way
# round; or the question alone changes something.
#
# Clauses Q1 and Q2: questions before the fact. Not here: those of the host's `hotplug --dry-run`,
# see dry_run.sh.

. ./lib/all.sh
. ./lib/query.sh

# ---------------------------------------------------------------- the kernel's answer

cpu_kernel() {
	cpu=$(pick_cpu)
	expect_answers "cpu $cpu add" <<-END
	yes kernel: nothing to do
	yes
	END
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	yes
	END
	offline "$cpu"
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: nothing to do
	yes
	END
	expect_answers "cpu $cpu add" <<-END
	yes kernel: but
	yes
	END
}
test_case cpu_kernel 'Q2 what the kernel says of a CPU, and that there is nothing to do'

cpu_absent() {
	absent=$(missing "$(present_cpus)" "$(expand "$(cat "$system/cpu/possible")")" | head -n 1)
	[ -n "$absent" ] || skip "every possible CPU is present"
	for change in add remove; do
		expect_answers "cpu $absent $change" <<-END
		no kernel -ENODEV: the CPU is not present
		no
		END
	done
}
test_case cpu_absent 'Q2 a CPU that is not present'

cpu_permanent() {
	for cpu in $(online_cpus) none; do
		[ -e "$system/cpu/cpu$cpu/online" ] || break
	done
	[ "$cpu" != none ] || skip "every CPU here can be taken offline"
	expect_answers "cpu $cpu remove" <<-END
	no kernel -EPERM: the CPU cannot be taken offline
	no
	END
}
test_case cpu_permanent 'Q2 a CPU that the machine needs'

# dhp_test says that a permanent CPU is not, for as long as it is asked.
cpu_last() {
	for cpu in $(online_cpus); do
		[ ! -w "$system/cpu/cpu$cpu/online" ] || offline "$cpu"
	done
	cpu=$(online_cpus)
	ctl_refused EBUSY "ask cpu=$cpu removable=1"
	expect_answers "cpu $cpu remove" <<-END
	no kernel -EPERM: the CPU cannot be taken offline
	no
	END
}
test_case cpu_last 'Q2 the last CPU that is online'

cpu_halfway() {
	cpu=$(pick_cpu)
	half=$(need_step dhp:online)
	up=$(need_step online)
	ctl "processor c1 flags=removals"
	ctl "answers c1"
	offline "$cpu"
	put "$system/cpu/cpu$cpu/hotplug/target" "$half" ||
		skip "needs CONFIG_CPU_HOTPLUG_STATE_CONTROL"
	for change in add remove; do
		expect_answers "cpu $cpu $change" <<-END
		unknown kernel: cpuN/hotplug/target has left the CPU
		unknown
		END
	done
	put "$system/cpu/cpu$cpu/hotplug/target" "$up" || fail "CPU$cpu does not come up: $why"
	put "$system/cpu/cpu$cpu/online" 1
}
test_case cpu_halfway 'Q2 a CPU that hotplug/target has left half-way'

# ---------------------------------------------------------------- CPU clients

# In the order in which they would be called, which for a removal is the reverse.
cpu_clients() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "processor c2 flags=existing"
	ctl "processor c3 flags=existing,removals"
	ctl "processor c4 flags=removals"
	for i in 1 2 3; do ctl "answers c$i"; done
	ctl "veto c1 state=remove_start errno=-16 cpu=$cpu"
	# c2 has not asked for removals, and c4 does not hold the CPU.
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	yes c3
	no c1 -EBUSY
	no
	END
	offline_refused "$cpu" EBUSY
	settle
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	yes c3
	yes c1
	yes
	END
	offline "$cpu"
	ctl "veto c3 state=start errno=-12 cpu=$cpu"
	# c2 still holds the CPU, and is not notified when it comes back.
	expect_answers "cpu $cpu add" <<-END
	yes kernel: but
	yes c1
	no c3 -ENOMEM
	unknown c4: it answers no questions
	no
	END
	online_refused "$cpu" ENOMEM
	online "$cpu"
}
test_case cpu_clients 'Q1 Q2 the clients that would be called answer, in that order, and their no is their veto'

cpu_unknown() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	unknown c1: it answers no questions, and may veto
	unknown
	END
	ctl "answers c1"
	equal "verdict" yes "$(verdict "cpu $cpu remove")"
	ctl "answers c1 on=0"
	equal "verdict" unknown "$(verdict "cpu $cpu remove")"
	ctl "answers c1"
	ctl "inside c1 state=query action=write_status arg=1"
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	unknown c1: it cannot say, and may veto
	unknown
	END
	ctl "inside c1 state=query action=write_status arg=16 count=2"
	for _ in 1 2; do
		expect_answers "cpu $cpu remove" <<-END
		yes kernel: but
		unknown c1: its answer is neither 0 nor a negative errno
		unknown
		END
	done
	equal "lines in the log" 1 \
		"$(log_since_mark | grep -c 'dhp_test/on_processor.* answered 16 to a question')"
}
test_case cpu_unknown 'Q2 a client that does not answer is named, and the answer is unknown'

# What a question could change: see lib/query.sh.
no_trace() {
	cpu=$(pick_cpu)
	for i in 1 2 3; do
		ctl "processor c$i flags=existing,removals"
		ctl "memory m$i flags=adds,removals"
		ctl "event e$i category=processor"
	done
	for i in 1 2; do
		ctl "answers c$i"
		ctl "answers m$i"
	done
	ctl "veto c1 state=remove_start errno=-16"
	ctl "veto c2 state=start errno=-16"
	ctl "veto m1 state=start errno=-16"
	settle
	ctl clear
	everything >"$tmp/before"
	for _ in 1 2 3; do
		for question in "cpu $cpu remove" "cpu $cpu add" "mem $(range_of 0) remove" \
			"mem $far add"; do
			ask "$question"
		done
	done
	everything >"$tmp/after"
	same "$tmp/before" "$tmp/after"
	# The scripts are still armed.
	offline_refused "$cpu" EBUSY
}
test_case no_trace 'Q1 a question leaves no trace: no call, no event, no count'

# ---------------------------------------------------------------- when and where

inside() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=removals"
	ctl "processor c2 flags=removals"
	ctl "event e1 category=processor"
	ctl "answers c2"
	offline "$cpu"
	settle
	ctl clear
	for state in start complete remove_start; do
		ctl "inside c1 state=$state action=ask arg=$cpu"
	done
	ctl "inside e1 state=arrival action=ask arg=$cpu"
	ctl "inside c2 state=query action=ask arg=$cpu"
	ctl "inside c2 state=query action=register arg=c9"
	online "$cpu"
	await_line "e1 ask $cpu: 0"
	offline "$cpu"
	settle
	grep ' \(ask\|register\) ' "$test_dir/log" | sort >"$tmp/seen"
	sort >"$tmp/expected" <<-END
	c1 ask $cpu: -35
	c1 ask $cpu: -35
	c1 ask $cpu: -35
	c2 ask $cpu: -35
	c2 register c9: -35
	e1 ask $cpu: 0
	END
	same "$tmp/expected" "$tmp/seen"
	logged 'a question from inside a synchronous CPU callback is refused' ||
		fail "the refusal is not in the kernel's log"
	online "$cpu"
}
test_case inside 'Q1 a question is refused where it would deadlock, and not in an event'

unregister_inside() {
	cpu=$(pick_cpu)
	for i in 1 2 3; do
		ctl "processor c$i flags=existing,removals"
		ctl "answers c$i"
	done
	ctl "inside c3 state=query action=unregister arg=c2"
	ctl "inside c3 state=query action=unregister_self"
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	yes c3
	yes c1
	yes
	END
	equal "clients" 1 "$(grep -c '^dhp_test/' /sys/kernel/debug/dhp/clients)"
}
test_case unregister_inside 'Q1 R6 a client unregisters itself, and another one, when it is asked'

# A question, a callback, and unregistering wait for each other.
one_at_a_time() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "answers c1"
	ctl "inside c1 state=query action=hold"
	settle
	ctl clear
	put "$dhp/query" "cpu $cpu remove"
	cat "$dhp/query" >"$tmp/answers" &
	asker=$!
	wait_or_fail 30 blocked_in client_await_release
	put "$test_dir/control" "unregister c1" &
	unregisterer=$!
	await_line "c1 unregister"
	wait_or_fail 30 asleep "$unregisterer"
	put "$system/cpu/cpu$cpu/online" 0 &
	operation=$!
	wait_or_fail 30 blocked_in dhp_turn_begin_in_operation
	ctl "release c1"
	wait "$asker" "$unregisterer" "$operation"
	sed 's/#[0-9]*//' "$tmp/answers" | grep -qx 'yes dhp_test/on_processor' ||
		fail "the client has not answered: $(cat "$tmp/answers")"
	! is_online "$cpu" || fail "CPU$cpu is still online"
	online "$cpu"
}
test_case one_at_a_time 'Q1 R5 unregistering, and an operation, wait for an answer that is being given'

module_leaves() {
	cpu=$(pick_cpu)
	unload dhp_test
	load dhp_test forget=1
	ctl "processor c1 flags=existing,removals"
	ctl "memory m1 flags=removals"
	ctl "answers c1"
	ctl "answers m1"
	ctl "inside c1 state=query action=sleep_ms arg=2000"
	put "$dhp/query" "cpu $cpu remove"
	cat "$dhp/query" >"$tmp/answers" &
	wait_or_fail 30 blocked_below act_sleep_ms
	unload dhp_test
	wait
	grep -q '^yes dhp_test/on_processor' "$tmp/answers" || fail "the client has not answered"
	expect_answers "cpu $cpu remove" <<-END
	yes kernel: but
	yes
	END
	load dhp_test
}
test_case module_leaves 'Q1 R8 a module is unloaded while it is asked'

# ---------------------------------------------------------------- text

long_answer() {
	cpu=$(pick_cpu)
	ctl "bulk c count=200 flags=existing,removals"
	ask "cpu $cpu remove"
	[ "$(wc -c <"$tmp/answers")" -le "$(getconf PAGESIZE 2>/dev/null || echo 4096)" ] ||
		fail "the answers are longer than a page"
	equal "last line" unknown "$(tail -n 1 "$tmp/answers")"
	more=$(sed -n 's/^\([0-9]*\) more answers do not fit here$/\1/p' "$tmp/answers")
	[ -n "$more" ] || fail "no line says what is left out"
	equal "answers" 201 $((more + $(grep -c '^\(yes\|unknown\) ' "$tmp/answers")))
	ctl "veto c1 state=remove_start errno=-16"
	ctl "answers c1"
	# It is the last one that is asked, and its answer does not fit.
	equal "verdict" no "$(verdict "cpu $cpu remove")"
}
test_case long_answer 'Q2 answers that do not fit into a page are counted, and count'

text() {
	cpu=$(pick_cpu)
	put "$dhp/query" "cpu $cpu remove"
	equal "question" "cpu $cpu remove" "$(head -n 1 "$dhp/query")"
	# What was not understood does not become the question.
	for bad in '' cpu "cpu $cpu" "cpu $cpu delete" "cpu $cpu remove now" "cpu  $cpu remove" \
		"cpu -1 remove" "cpu 4294967295 remove" "cpu 4294967296 remove" "cpu 99999 add" \
		"cpu x add" "cpu $cpu,1 remove" "cpu '' add" "memory 0-1 add" "mem 0 add" "mem 0- add" \
		"mem -1 add" "mem 0-0 add" "mem 0-1 add" "mem 0x1-0x8000000 remove" \
		"mem 0x8000000-0x7ffffff add" "mem 0-0xffffffffffffffff add" \
		"mem 0-0x1ffffffffffffffff add" "CPU $cpu remove" "cpu $cpu remove	" " cpu $cpu add" \
		"$(printf '%0200d' 0)" "cpu $(printf '%080d' 1) remove"; do
		refused EINVAL "$dhp/query" "$bad"
	done
	refused EINVAL "$dhp/query" "cpu $cpu
remove"
	equal "question" "cpu $cpu remove" "$(head -n 1 "$dhp/query")"
	logged 'dhp: bad question "cpu 99999 add.n": the CPU is not in cpu/possible' ||
		fail "the log does not say what is wrong"
	# 0x10 is 16; the question is shown as dhp has understood it.
	put "$dhp/query" "cpu 0x0 add" || fail "hexadecimal numbers are refused: $why"
	equal "question" "cpu 0 add" "$(head -n 1 "$dhp/query")"
	equal "mode" 600 "$(stat -c %a "$dhp/query")"
}
test_case text 'Q2 bad: questions that are not understood are refused, and the last good one stays'

nothing_asked() {
	unload dhp_test
	unload dhp
	load dhp
	load dhp_test
	equal "answers without a question" '' "$(cat "$dhp/query")"
}
test_case nothing_asked 'Q2 without a question there is no answer'

# The module's own pool is a client, and refuses nothing.
pool() {
	unload dhp_test
	unload dhp
	load dhp pool=1
	cpu=$(pick_cpu)
	ask "cpu $cpu remove"
	grep -q '^yes dhp/processor_changed#' "$tmp/answers" || fail "the pool has not said yes"
	equal "verdict" yes "$(tail -n 1 "$tmp/answers")"
	load dhp_test
}
test_case pool 'Q1 E6 a pool answers questions like any other client'

run_tests
