#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver leaves something behind when it is unloaded: a hotplug state, a thread,
# a timer or work item, a slab cache, memory, or a file.

. ./lib/all.sh
. ./lib/steps.sh
. ./lib/faults.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh
. ./certify/lib/left.sh
. ./certify/lib/leaks.sh
. ./certify/lib/nomem.sh

# Each test case loads the driver itself, and unloads it.
setup() {
	:
}

teardown() {
	local code=0
	(unload_driver) || code=1
	end_nomem
	unwatch_left
	return $code
}

# use_all: a life of the driver in which a CPU goes and comes back.
use_all() {
	load_driver
	exercise_each
	cpu=$(pick_cpu)
	go_offline "$cpu"
	exercise
	come_online "$cpu"
	exercise "$cpu"
	unload_driver
}

# What the kernel makes once, for the first load, is not the driver's.
after_unload() {
	found=
	watch_left
	use_all
	take_stock before
	use_all
	report_left 2
	report_lists
	unwatch_left
	nothing_left
}
test_case after_unload 'nothing is left when the driver is unloaded'

# The last allocation that loading cannot do without fails.
after_failure() {
	found=
	watch_left
	begin_nomem
	try_nomem 0
	[ -z "$load_error" ] || finding load-failed "insmod $driver_file: $load_error"
	unload_driver
	nth=$allocations
	now
	deadline=$((now + 60))
	while [ "$nth" -gt 0 ]; do
		now
		[ "$now" -lt "$deadline" ] || skip "in a minute, no allocation that makes loading fail"
		try_nomem "$nth"
		[ -z "$load_error" ] || break
		unload_driver
		nth=$((nth - 1))
	done
	[ "$nth" -gt 0 ] || skip "nothing that can fail makes loading fail"
	# Once more, as the kernel makes some things once.
	forget_left
	take_stock before
	try_nomem "$nth"
	[ -n "$load_error" ] || unload_driver
	report_left 1
	report_lists
	end_nomem
	unwatch_left
	nothing_left
}
test_case after_failure 'nothing is left when loading fails'

# Something of the driver that runs after it was unloaded crashes. This is without certify_left,
# which would end it.
afterwards() {
	end_nomem
	unwatch_left
	use_all
	! wait_for 10 bad_in_log >"$tmp/said" || fail "$(cat "$tmp/said")"
}
test_case afterwards 'nothing happens after the driver was unloaded'

memory() {
	end_nomem
	unwatch_left
	begin_leaks
	use_all
	use_all
	report_leaks
}
test_case memory 'memory is freed when the driver is unloaded'

run_tests
