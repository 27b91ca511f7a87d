#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract E1: a pool has one worker thread for each CPU. Also the life of a pool: creating it,
# destroying it, and a driver that leaves it behind. Not here: what workers run, see items.sh.

. ./lib/all.sh
. ./lib/pool.sh

# ---------------------------------------------------------------- one for each CPU

workers() {
	cpu=$(pick_cpu)
	check_workers dhp
	offline "$cpu"
	check_workers dhp
	online "$cpu"
	check_workers dhp
}
test_case workers 'E1 one worker for each CPU, bound to it, from COMPLETE to REMOVE_START'

workers_plugged() {
	plug_cpu
	check_workers dhp
	online "$plugged_cpu"
	check_workers dhp
	unplug_cpu "$plugged_cpu"
	check_workers dhp
}
test_case workers_plugged 'E1 a worker for a CPU that is plugged'

workers_failed() {
	cpu=$(pick_cpu)
	active=$(need_step sched:active)
	arm_step "$cpu" "$active"
	offline_refused "$cpu" EAGAIN
	offline "$cpu"
	check_workers dhp
	arm_step "$cpu" "$active"
	online_refused "$cpu" EAGAIN
	check_workers dhp
	online "$cpu"
	check_workers dhp
}
test_case workers_failed 'E1 E5 no worker is left or lost by an add or a removal that fails'

# The removal has begun when it is vetoed.
workers_vetoed() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	# The first pool is asked last. A pool that registers after the vetoing client is asked
	# before the veto.
	ctl "pool t"
	offline_refused "$cpu" EBUSY
	check_workers dhp
	check_workers t
	ctl "submit t cpu=$cpu count=10"
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
}
test_case workers_vetoed 'E1 the worker is there again after a removal that was vetoed'

# The shell may start no process while the limit is low, hence no $(...).
no_threads() {
	cpu=$(pick_cpu)
	limit=/proc/sys/kernel/threads-max
	old=$(cat "$limit")
	offline "$cpu"
	check_workers dhp
	file=$system/cpu/cpu$cpu/online
	trap 'echo "$old" >"$limit"' EXIT
	trap 'exit 130' INT TERM HUP
	echo 20 >"$limit"
	code=0
	echo 1 >"$file" || code=$?
	echo "$old" >"$limit"
	[ "$code" = 0 ] || fail "CPU$cpu does not come online without a worker for it"
	logged 'dhp: pool dhp: ' || fail "the pool does not log that a worker is missing"
	wait_or_fail 60 reads dhp workers "$(cat "$system/cpu/online")"
	check_workers dhp
}
test_case no_threads 'E5 a worker that cannot be created does not fail an add, and is created later'

# ---------------------------------------------------------------- clients

# A pool is in the list of clients, because it uses what every driver can use.
first_client() {
	settle
	before=$(cat "$dhp/clients")
	[ "$before" -ge 2 ] || fail "the pool of dhp's own is $before clients"
	ctl "pool t buffer_size=4096"
	equal "clients of a second pool" "$before" "$(($(cat "$dhp/clients") - before))"
	ctl "destroy t"
	equal "clients without it" "$before" "$(cat "$dhp/clients")"
}
test_case first_client 'E6 a pool is a client of dhp like any other'

# ---------------------------------------------------------------- destroying

# Not by its own file, which is locked while the CPU goes offline.
has_gone_offline() {
	case " $(online_cpus) " in
	*" $1 "*) return 1 ;;
	esac
}

# held_offline POOL: begins to take $cpu offline, and holds it up before dhp is notified. The pool's
# retry, when it is due, waits for that.
held_offline() {
	[ -r /proc/self/stack ] || skip "needs CONFIG_STACKTRACE"
	cpu=$(pick_cpu)
	only_worker "$1" "$cpu"
	ctl "gate shut"
	put "$system/cpu/cpu$cpu/online" 0 &
	await_line "gate CPU$cpu"
}

# The offline waits for the worker that is pinned there, and the retry waits for the offline.
destroyed_offline() {
	held_offline t
	wait_or_fail 30 blocked_below pool_retry
	ctl "destroy t" &
	destroyer=$!
	wait_or_fail 30 blocked_below dhp_pool_remove
	ctl "gate open"
	wait_or_fail 60 has_gone_offline "$cpu"
	wait "$destroyer" || fail "the pool was not destroyed"
	wait
	[ ! -e "$pools/t" ] || fail "the pool is still in sysfs"
}
test_case destroyed_offline 'E1 a pool is destroyed while a CPU goes offline and a worker is missing'

destroyed_inside() {
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "pool t buffer_size=4096 permille=4"
	ctl "processor c1 flags=removals"
	ctl "inside c1 state=start action=destroy arg=t"
	ctl "inside c1 state=remove_start action=destroy arg=t"
	online "$cpu"
	settle
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 destroy t
	c1 COMPLETE $cpu 0
	c1 REMOVE_START $cpu 0
	c1 destroy t
	c1 REMOVE_COMPLETE $cpu 0
	END
	online "$cpu"
	logged 'destroying a pool from inside a synchronous CPU callback is refused' ||
		fail "the refusal is not in the kernel's log"
	ctl "submit t count=100"
	all_ran t
	have_all t
	check_workers t
}
test_case destroyed_inside 'R6 a pool cannot be destroyed from inside a synchronous callback'

left_behind() {
	unload dhp_test
	load dhp_test forget=1
	ctl "pool t buffer_size=4096 permille=1"
	ctl "submit t count=300 sleep_us=1000"
	unload dhp_test
	logged 'dhp: dhp_test is removed without dhp_pool_destroy\(\) for pool t' ||
		fail "the log does not name the pool and its driver"
	logged 'dhp_test: pool t: 300 items ran' || fail "what was submitted has not run"
	equal "pools" "dhp" "$(cd "$pools" && echo *)"
	load dhp_test
	ctl "pool t"
}
test_case left_behind 'E3 E6 R8 a pool that its driver leaves behind is named, and its items run before the driver is unloaded'

run_tests
