#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not cope with another module that refuses CPUs or memory, or it
# refuses some itself without a reason.

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh

# Each test case loads the driver itself, before or after the module that refuses.
setup() {
	:
}

restore() {
	local code=0
	! module_loaded memory_notifier_error_inject || rmmod memory_notifier_error_inject
	(unload_driver) || code=1
	! module_loaded certify_refuse || unload certify_refuse
	return $code
}

teardown() {
	restore
}

# refused_twice ERRNO STOP WHAT FILE TEXT: the other module refuses a write with this errno; with
# another one, the driver does. Twice, because the first refusal may have left something half done.
# After STOP it refuses no more.
refused_twice() {
	local errno="$1" stop="$2" seen
	shift 2
	for _ in 1 2; do
		! put_in_time "$2" "$3" || fail "$1 was not refused"
		seen=$why
		if [ "$seen" != "$errno" ]; then
			$stop
			why=$seen
			blame_refusal "$@"
			fail "$1 was refused with $seen, not with $errno"
		fi
		exercise_each
	done
	$stop
	must "$@"
	exercise_each
}

# ---------------------------------------------------------------- CPUs

refuse=/sys/module/certify_refuse/parameters/refuse

# refusing STEP
refusing() {
	put "$refuse" "$1" || fail "certify_refuse: $why"
}

# refused_cpu STEP WHAT 0|1
refused_cpu() {
	refusing "$1"
	refused_twice EDOM 'refusing nothing' "$2" "$system/cpu/cpu$cpu/online" "$3"
}

refused_cpus() {
	cpu=$(pick_cpu)
	refused_cpu offline "taking CPU$cpu offline" 0
	refused_cpu prepare "bringing CPU$cpu online" 1
	go_offline "$cpu"
	refused_cpu online "bringing CPU$cpu online" 1
}

# Steps are called in the order of loading, and torn down in the reverse.
cpus_in_front() {
	restore
	load certify_refuse
	load_driver
	refused_cpus
}
test_case cpus_in_front 'a module that was loaded before the driver refuses CPUs'

cpus_behind() {
	restore
	load_driver
	load certify_refuse
	refused_cpus
}
test_case cpus_behind 'a module that was loaded after the driver refuses CPUs'

# ---------------------------------------------------------------- memory

# refused_block ACTION STATE
refused_block() {
	inject "$priority" "$1"
	refused_twice ENOMEM 'rmmod memory_notifier_error_inject' "memory block $block going $2" \
		"$state" "$2"
}

# refused_memory PRIORITY
refused_memory() {
	priority=$1
	restore
	load_driver
	take_block
	go_block "$block" online_movable
	exercise_each
	refused_block MEM_GOING_OFFLINE offline
	refused_block MEM_GOING_ONLINE online_movable
	go_block "$block" offline
}

memory_in_front() {
	refused_memory 100
}
test_case memory_in_front 'another module refuses memory before the driver is asked'

memory_behind() {
	refused_memory -100
}
test_case memory_behind 'another module refuses memory after the driver was asked'

# ---------------------------------------------------------------- nobody

nobody() {
	restore
	load_driver
	take_block
	for _ in 1 2 3; do
		cycle_cpus
		go_block "$block" online_movable
		exercise
		go_block "$block" offline
		exercise
	done
}
test_case nobody 'nobody refuses CPUs or memory'

run_tests
