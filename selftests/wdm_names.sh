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

# leave_behind CHECK DPC: CHECK inserts a DPC that inserts itself again.
leave_behind() {
	checks "$1"
	unload wdm_names
	load wdm_names
	logged "wdm_names is removed while its DPC $2 .*(is queued; dropped|is inserted; refused)" ||
		fail "the log does not name the DPC"
	checks dpc
}

dpc_left_behind() {
	leave_behind leave_dpc never_ends
}
test_case dpc_left_behind 'R8 W9 a module is removed while its DPC is queued'

# Where removing a module waits for RCU, it waits for the DPC, which is queued again then.
dpc_left_running() {
	pick_cpu >/dev/null
	leave_behind leave_running_dpc lasts
	! logged 'its DPC lasts .*is inserted; refused' || logged 'its DPC lasts .*runs; waiting for it' ||
		fail "the log does not say that the DPC runs"
}
test_case dpc_left_running 'R8 W9 a module is removed while its DPC runs'

# DPCs that go from CPU to CPU.
dpc_hopping() {
	for _ in $(seq "$(portion 50)"); do
		checks leave_dpcs_hopping
		unload wdm_names
		load wdm_names
	done
	checks dpc
}
test_case dpc_hopping 'R8 W9 a module is removed while its DPCs go from CPU to CPU'

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

# ---------------------------------------------------------------- samples

# sample NAME: loads it, takes a CPU offline and online, and plugs one. Sets $cpu and $number, which
# counts the CPUs that were online.
sample() {
	cpu=$(pick_cpu)
	number=$(online_cpus | wc -w)
	load "$1"
	offline "$cpu"
	online "$cpu"
	plug_cpu
	online "$plugged_cpu"
	settle
}

# says SAMPLE WHAT...: fails unless the sample has logged each of them
says() {
	local sample="$1" what
	shift
	for what in "$@"; do
		logged "$sample: $what" || fail "$sample has not logged '$what'"
	done
}

sample_dpc() {
	cpu=$(pick_cpu)
	load dhp_sample_wdm_dpc
	plug_cpu
	online "$plugged_cpu"
	settle
	says dhp_sample_wdm_dpc "CPU $cpu: set up by a DPC on CPU $cpu" \
		"CPU $plugged_cpu: set up by a DPC on CPU $plugged_cpu"
	# It holds them, as their state would be lost.
	offline_refused "$cpu" EBUSY
	unload dhp_sample_wdm_dpc
	says dhp_sample_wdm_dpc "CPU $cpu: taken back by a DPC on CPU $cpu" \
		"CPU $plugged_cpu: taken back by a DPC on CPU $plugged_cpu"
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case sample_dpc 'W9 the sample that sets CPUs up by a DPC'

sample_affinity() {
	sample dhp_sample_wdm_affinity
	unload dhp_sample_wdm_affinity
	says dhp_sample_wdm_affinity "$number CPUs read, $number active" "CPU $cpu: read there" \
		"CPU $plugged_cpu: read there"
	! logged 'dhp_sample_wdm_affinity: .* not read' || fail "a new CPU was not read"
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case sample_affinity 'W6 W9 the sample whose thread goes to each CPU'

table=/sys/module/dhp_sample_wdm_epoch/parameters/table

sample_epoch() {
	sample dhp_sample_wdm_epoch
	equal "table" "epoch $((number + 1)): $(online_cpus)" "$(cat "$table")"
	offline "$plugged_cpu"
	online "$plugged_cpu"
	settle
	equal "table" "epoch $((number + 1)): $(online_cpus)" "$(cat "$table")"
	unload dhp_sample_wdm_epoch
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case sample_epoch 'W6 W9 the sample that holds a lock from START to COMPLETE'

# A client behind it vetoes; the next add takes the lock again.
sample_epoch_failure() {
	cpu=$(pick_cpu)
	offline "$cpu"
	number=$(online_cpus | wc -w)
	load dhp_sample_wdm_epoch
	load dhp_test
	ctl "processor c1"
	ctl "veto c1 state=start errno=-13"
	online_refused "$cpu" EACCES
	settle
	says dhp_sample_wdm_epoch "CPU $cpu: not added, epoch $number stays"
	equal "table" "epoch $number: $(online_cpus)" "$(cat "$table")"
	ctl "unregister c1"
	online "$cpu"
	settle
	equal "table" "epoch $((number + 1)): $(online_cpus)" "$(cat "$table")"
	unload dhp_test
	unload dhp_sample_wdm_epoch
}
test_case sample_epoch_failure 'W6 W9 the sample that holds a lock from START to FAILURE'

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
