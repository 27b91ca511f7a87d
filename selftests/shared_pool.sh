#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract E7: the module's own pool is everybody's. If this fails, a driver without a pool of its
# own crashes, or takes the pool away from the others.

. ./lib/all.sh
. ./lib/pool.sh

# How many items the pool has run.
completed() {
	cat "$pools/dhp/completed"
}

beyond() {
	[ "$(completed)" -gt "$1" ]
}

two_drivers() {
	cpu=$(pick_cpu)
	load dhp_sample_shared_pool
	ctl "pool t system=1"
	equal "pools" "dhp" "$(cd "$pools" && echo *)"
	ctl "submit t count=300"
	ctl "submit t cpu=$cpu count=100"
	ctl "load t buffers=10"
	offline "$cpu"
	ctl "submit t cpu=$cpu count=100"
	online "$cpu"
	ctl "destroy t"
	# dhp_test is gone from the pool, the other driver is not, and the workers stay.
	check_workers dhp
	wait_or_fail 30 beyond $(($(completed) + 10))
	unload dhp_sample_shared_pool
	logged "dhp_sample_shared_pool: CPU $cpu: [1-9][0-9]* rounds there .* [1-9][0-9]* with a buffer" ||
		fail "the sample has not used the pool on CPU$cpu"
	equal "items that have not run" 0 "$(cat "$pools/dhp/pending")"
	equal "buffers in use" 0 "$(cat "$pools/dhp/buffers_in_use")"
	equal "completed" "$(cat "$pools/dhp/submitted")" "$(completed)"
}
test_case two_drivers 'E7 E3 two drivers use one pool while a CPU goes and comes, and each leaves alone'

# more_ran COUNT: has dhp_test's item run more often?
more_ran() {
	[ "$(of t ran)" -gt "$1" ]
}

# The item of dhp_test's sleeps for long. The sample has none that it would wait for.
leaves_alone() {
	cpu=$(pick_cpu)
	ctl "pool t system=1"
	ctl "submit t cpu=$cpu keep=1 again=1 sleep_us=1000"
	load dhp_sample_shared_pool
	unload dhp_sample_shared_pool
	wait_or_fail 30 more_ran "$(of t ran)"
	ctl "cancel t"
	equal "items that have not run" 0 "$(cat "$pools/dhp/pending")"
}
test_case leaves_alone "E7 a driver that leaves cancels its own items, and not another driver's"

not_destroyed() {
	ctl "pool t system=1"
	ctl "submit t count=100 sleep_us=100"
	ctl "destroy_system"
	ctl_refused EEXIST "pool dhp"
	logged 'pool dhp is shared by all drivers' || fail "the log does not say why"
	ctl "submit t count=100"
	ctl "flush t"
	equal "items that ran" 200 "$(of t ran)"
	ctl "get t count=10"
	ctl "put t"
	check_workers dhp
}
test_case not_destroyed 'E7 no driver can destroy the pool that all share'

without() {
	unload dhp_test
	unload dhp
	load dhp pool=0
	load dhp_test
	ctl_refused ENODEV "pool t system=1"
	if try_load dhp_sample_shared_pool 2>"$tmp/said"; then
		fail "the sample could be loaded without a pool"
	fi
	grep -qi 'no such device' "$tmp/said" || fail "insmod says: $(cat "$tmp/said")"
	logged 'dhp_sample_shared_pool: dhp has no pool' || fail "the sample does not say why"
	! module_loaded dhp_sample_shared_pool || fail "the sample is still loaded"
}
test_case without 'E7 with pool=0 a driver learns that there is no shared pool, and nothing crashes'

run_tests
