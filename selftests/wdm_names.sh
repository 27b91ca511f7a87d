#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver that was ported from Windows runs its per-CPU code on a wrong CPU, hangs, or
# crashes when a CPU goes offline.
#
# Clause W9: Windows' names that are not notification. modules/wdm_names_*.c has the checks. What the
# functions refuse is in bad_input.sh.

. ./lib/all.sh
. ./lib/faults.sh

check=/sys/module/wdm_names/parameters/check

setup() {
	load dhp pool=0
	load wdm_names
}

# checks NAME...: the module's checks with these names
checks() {
	local name
	for name in "$@"; do
		put "$check" "$name" || fail "$name: $why; the kernel's log says what does not hold"
	done
}

small() {
	checks small lock
}
test_case small 'W1 W2 W9 types, annotations, small macros and push locks'

memory() {
	checks memory
}
test_case memory 'W9 pools of memory: sizes, contents, alignment, in a DPC'

affinity() {
	checks affinity affinity_thread
	! logged 'is not moved|cannot be moved' || fail "a thread could not be moved"
}
test_case affinity 'W9 groups; a thread moves over all CPUs and back'

affinity_worker() {
	checks affinity_worker
	logged 'KeSetSystemGroupAffinityThread.* cannot be moved' ||
		fail "the log does not say that a worker is not moved"
}
test_case affinity_worker 'W9 a worker of a workqueue is not moved'

affinity_offline() {
	pick_cpu >/dev/null
	checks affinity_offline
}
test_case affinity_offline 'W9 a thread whose CPU goes offline, and CPUs that are offline in a mask'

affinity_gap() {
	plug_cpu
	first=$plugged_cpu
	online "$first"
	plug_cpu
	online "$plugged_cpu"
	offline "$first"
	checks affinity dpc_everywhere
	# Unplugging an emulated CPU that is offline can take a minute.
	online "$first"
}
test_case affinity_gap 'W5 W9 threads and DPCs with a gap between the CPUs'

dpc() {
	checks dpc dpc_order dpc_everywhere dpc_memory
}
test_case dpc 'W9 a DPC runs once, on its CPU, in softirq context, and may free itself'

dpc_crowd() {
	checks dpc_crowd
}
test_case dpc_crowd 'W9 DPCs that are inserted and removed at the same time: each runs once, one at a time'

dpc_offline() {
	pick_cpu >/dev/null
	checks dpc_offline dpc_churn
}
test_case dpc_offline 'W9 DPCs for a CPU that goes offline run all the same'

# A DPC that inserts itself again and again.
dpc_left_behind() {
	checks leave_dpc
	unload wdm_names
	logged 'wdm_names is removed while its DPC never_ends .*is queued; dropped' ||
		fail "the log does not name the DPC"
	load wdm_names
	checks dpc
}
test_case dpc_left_behind 'R8 W9 a module is removed while its DPC is queued'

event() {
	checks event event_timeout
}
test_case event 'W9 events, and timeouts of all kinds'

event_crowd() {
	checks event_crowd
}
test_case event_crowd 'W9 many threads wait for an event: one goes, or all go, in their order'

event_race() {
	checks event_stack event_race
}
test_case event_race 'W9 an event is gone when the wait returns; timeouts and signals at the same time'

# ---------------------------------------------------------------- no memory

memory_short() {
	begin_faults
	for name in try_memory try_affinity; do
		in_turn self nothing nothing write "$check" "$name"
		[ "$failed" -gt 0 ] || fail "$name never failed"
		checks "$name"
	done
	logged 'is not moved, there is no memory' || fail "the log does not say that a thread is not moved"
}
test_case memory_short 'W9 no memory: NULL, or a thread that stays where it is'

run_tests
