#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract E3: each item that a pool accepts runs exactly once, and on its CPU as long as that is
# online. Submitting, flushing, cancelling. Not here: stealing, see stealing.sh.

. ./lib/all.sh
. ./lib/pool.sh

# ---------------------------------------------------------------- where and how often

own_cpu() {
	ctl "pool t"
	for one in $(online_cpus); do
		ctl "submit t cpu=$one count=200"
	done
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
	equal "items out of order" 0 "$(of t disorder)"
}
test_case own_cpu 'E1 E3 items run on the CPU that they are for, in order'

offline_with_items() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl "submit t cpu=$cpu count=300 sleep_us=5000"
	offline "$cpu"
	all_ran t
	[ "$(of t elsewhere)" -gt 0 ] || fail "all items ran on CPU$cpu, which was offline"
	equal "items that moved" "$(of t elsewhere)" "$(cat "$pools/t/migrated")"
	ctl "submit t cpu=$cpu count=50"
	all_ran t
	online "$cpu"
	settle
	moved=$(of t elsewhere)
	ctl "submit t cpu=$cpu count=50"
	all_ran t
	equal "items elsewhere after CPU$cpu is back" "$moved" "$(of t elsewhere)"
}
test_case offline_with_items 'E3 what is queued for a CPU that goes offline runs on another one'

# between WHAT LOW VALUE HIGH
between() {
	if [ "$3" -lt "$2" ] || [ "$3" -gt "$4" ]; then
		fail "$1: $3, not $2 to $4"
	fi
}

# Reading a file takes a while. What has completed before and after it bounds what was pending.
counted() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl "submit t cpu=$cpu count=200 sleep_us=40000"
	looks=0
	while before=$(cat "$pools/t/completed"); [ "$before" -lt 200 ]; do
		pending=$(cat "$pools/t/pending")
		after=$(cat "$pools/t/completed")
		equal submitted 200 "$(cat "$pools/t/submitted")"
		between pending $((200 - after)) "$pending" $((200 - before))
		looks=$((looks + 1))
		[ "$looks" != 5 ] || offline "$cpu"
	done
	[ "$looks" -gt 5 ] || fail "all items had run after $looks looks"
	equal pending 0 "$(cat "$pools/t/pending")"
	online "$cpu"
	sound t
}
test_case counted 'E3 submitted is the sum of completed and pending, at any time'

# ---------------------------------------------------------------- submitting

queued_twice() {
	ctl "pool t"
	cpus=$(online_cpus)
	ctl "submit t cpu=${cpus%% *} count=50 sleep_us=2000 twice=1"
	all_ran t
}
test_case queued_twice 'E3 an item that is queued is not accepted again'

# A caller whose submission is refused relies on the run to come. Submissions without the barriers
# have to lose stores: they show whether this machine can. An emulator may run CPUs in turn.
seen_when_refused() {
	cpu=$(pick_cpu)
	here=$(other_than "$cpu")
	ctl_on "$here" "refused r cpu=$cpu ms=$(portion 300000)"
	read -r _ _ _ weak _ queue _ pool _ refusals <"$test_dir/log"
	echo "lost: weak $weak, workqueue $queue, pool $pool of $refusals that were refused"
	equal "stores that the pool has lost" 0 "$pool"
	equal "stores that the workqueue has lost" 0 "$queue"
	[ "$weak" -ge 5 ] ||
		skip "this machine hardly shows it: without barriers, $weak stores were lost, not 5"
}
test_case seen_when_refused 'E3 the run to come sees what was stored before a submission that is refused'

from_interrupt() {
	ctl "pool t"
	for one in $(online_cpus); do
		ctl "submit t cpu=$one count=200 irq=1"
	done
	ctl "submit t count=200 irq=1"
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
	equal "items out of order" 0 "$(of t disorder)"
}
test_case from_interrupt 'E3 items are submitted from interrupts'

# Interrupts on a CPU that goes offline keep submitting items, for a CPU without a worker.
last_closes() {
	cpu=$(pick_cpu)
	other=$(other_than "$cpu")
	only_worker t "$cpu"
	rounds=0
	while reads t workers "$cpu"; do
		ctl "storm t on=$cpu cpu=$other"
		offline "$cpu"
		without=$(cat "$pools/t/workers")
		online "$cpu"
		ctl "rest t"
		[ -n "$without" ] || rounds=$((rounds + 1))
	done
	[ "$rounds" -gt 0 ] || fail "there was always a worker: $without"
	settle
	check_workers t
	all_ran t
	echo "$rounds times without a worker, $(of t ran) items"
}
test_case last_closes 'E3 items are submitted from interrupts while the last worker closes'

# ---------------------------------------------------------------- under load

under_load() {
	cpu=$(pick_cpu)
	ctl "pool t buffer_size=4096 permille=2"
	ctl "load t buffers=50"
	for _ in $(seq "$(portion 20)"); do
		offline "$cpu"
		online "$cpu"
	done
	ctl "rest t"
	all_ran t
	[ "$(of t ran)" -gt "$(portion 1000)" ] || fail "hardly any load: $(of t ran) items"
	equal "buffers with two owners" 0 "$(of t shared)"
	equal "buffers in use" 0 "$(cat "$pools/t/buffers_in_use")"
	check_workers t
}
test_case under_load 'E3 exactly once, while a CPU goes offline and comes online'

under_load_failing() {
	cpu=$(pick_cpu)
	active=$(need_step sched:active)
	ctl "pool t"
	ctl "load t"
	for _ in $(seq 5); do
		arm_step "$cpu" "$active"
		offline_refused "$cpu" EAGAIN
		offline "$cpu"
		arm_step "$cpu" "$active"
		online_refused "$cpu" EAGAIN
		online "$cpu"
	done
	ctl "rest t"
	all_ran t
	check_workers t
}
test_case under_load_failing 'E3 exactly once, while adds and removals fail'

destroyed_under_way() {
	cpus=$(online_cpus)
	ctl "pool t"
	ctl "submit t cpu=${cpus%% *} count=200 sleep_us=500"
	# It fails if an item did not run.
	ctl "destroy t"
	[ ! -e "$pools/t" ] || fail "the pool is still in sysfs"
	[ -z "$(thread "t/${cpus%% *}")" ] || fail "a worker is left"
}
test_case destroyed_under_way 'E3 what was accepted runs before the pool is destroyed'

# ---------------------------------------------------------------- cancelling

cancel() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl "submit t cpu=$cpu count=50 sleep_us=50000 keep=1"
	ctl "cancel t"
	[ "$(of t cancelled)" -gt 10 ] || fail "only $(of t cancelled) of 50 items were cancelled"
	accounted t
	# Cancelling waits for an item that runs.
	ctl "submit t cpu=$cpu sleep_us=500000 keep=1"
	ctl "cancel t"
	accounted t
	# Later items are accepted.
	ran=$(of t ran)
	ctl "submit t cpu=$cpu count=20"
	ctl "flush t"
	equal "items that ran" $((ran + 20)) "$(of t ran)"
}
test_case cancel 'E3 an item that was cancelled is neither queued nor running'

ran_more_than() {
	[ "$(of "$1" ran)" -gt "$2" ]
}

cancel_again() {
	ctl "pool t"
	ctl "submit t count=20 again=1 keep=1"
	wait_or_fail 30 ran_more_than t 1000
	ctl "cancel t"
	accounted t
}
test_case cancel_again 'E3 an item that submits itself again and again is cancelled'

cancel_offline() {
	cpu=$(pick_cpu)
	ctl "pool t"
	for _ in 1 2 3 4 5; do
		ctl "submit t cpu=$cpu count=200 sleep_us=300 keep=1"
		put "$system/cpu/cpu$cpu/online" 0 &
		ctl "cancel t"
		wait
		! is_online "$cpu" || fail "CPU$cpu has not gone offline"
		accounted t
		ctl "submit t cpu=$cpu count=200 sleep_us=300 keep=1"
		put "$system/cpu/cpu$cpu/online" 1 &
		ctl "cancel t"
		wait
		is_online "$cpu" || fail "CPU$cpu has not come online"
		accounted t
	done
}
test_case cancel_offline 'E3 items are cancelled while their CPU goes offline and comes online'

run_tests
