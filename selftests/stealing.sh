#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract E3 with stealing: in a pool that allows it, idle workers run items of a worker that is
# behind. Not here: items in general, see items.sh.

. ./lib/all.sh
. ./lib/pool.sh

ran_everywhere() {
	[ "$(of "$1" on)" = "$(cat "$system/cpu/online")" ]
}

# steal_all POOL: items submit themselves again where they run, so there is work until each worker
# has stolen some, however late its CPU gets to run.
steal_all() {
	ctl "submit $1 count=100 sleep_us=5000 again=1 keep=1"
	wait_or_fail 60 ran_everywhere "$1"
	ctl "cancel $1"
	accounted "$1"
}

stealing() {
	ctl "pool t stealing=1"
	ctl "submit t count=100 sleep_us=5000"
	all_ran t
	steal_all t
	[ "$(cat "$pools/t/migrated")" -gt 0 ] || fail "no item has moved to another worker"
}
test_case stealing 'E3 with stealing, idle workers steal from one that is behind'

no_stealing() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl_on "$cpu" "submit t count=100 sleep_us=1000"
	all_ran t
	equal "items that moved" 0 "$(cat "$pools/t/migrated")"
	equal "CPUs that items ran on" "$cpu" "$(of t on)"
}
test_case no_stealing 'E3 without stealing, idle workers do not steal'

stealing_bound() {
	ctl "pool t stealing=1"
	for one in $(online_cpus); do
		ctl "submit t cpu=$one count=100 sleep_us=500"
		ctl "submit t count=20 sleep_us=500"
	done
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
	equal "items out of order" 0 "$(of t disorder)"
}
test_case stealing_bound 'E3 items for a named CPU are not stolen'

stealing_online() {
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "pool t stealing=1"
	ctl "submit t count=1000 sleep_us=5000"
	online "$cpu"
	settle
	all_ran t
	steal_all t
}
test_case stealing_online 'E3 the worker of a CPU that has just come online steals'

stealing_offline() {
	cpu=$(pick_cpu)
	ctl "pool t stealing=1"
	for _ in 1 2 3 4 5; do
		ctl "submit t count=300 sleep_us=200"
		offline "$cpu"
		ctl "submit t count=300 sleep_us=200"
		online "$cpu"
	done
	all_ran t
}
test_case stealing_offline 'E3 exactly once, with stealing, while a CPU goes offline and comes online'

# Workers fall asleep and wake up as often as they can, for items of their own and to steal.
restless() {
	ctl "pool t stealing=1"
	ctl "load t hold_us=1"
	sleep "$(portion 20)"
	ctl "rest t"
	all_ran t
	echo "$(of t submitted) items"
}
test_case restless 'E3 no worker sleeps while items wait for it'

run_tests
