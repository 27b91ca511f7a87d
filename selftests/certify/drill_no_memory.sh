#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not cope with an allocation that fails while it is loaded, or while
# CPUs or memory come and go: it must work or say no, and leave nothing half done.

. ./lib/all.sh
. ./lib/steps.sh
. ./lib/faults.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh
. ./certify/lib/left.sh
. ./certify/lib/nomem.sh

seconds_each=40	# that the allocations of one operation are made to fail

# Each test case loads the driver itself.
setup() {
	:
}

restore() {
	local code=0
	(unload_driver) || code=1
	end_nomem
	unwatch_left
	return $code
}

teardown() {
	restore
}

# half WHAT: says what is half done after an allocation has failed, from the output of a subshell
# that has failed.
half() {
	finding half-loaded ${failed_in:+"function=$failed_in"} \
		"$1 when allocation $nth has failed${failed_in:+ in $failed_in}: $(tail -n 3 "$tmp/half")"
}

loads() {
	local refusals=0
	restore
	watch_left
	begin_nomem
	try_nomem 0
	[ -z "$load_error" ] || finding load-failed "insmod $driver_file: $load_error"
	exercise_each
	note_devices
	unload_driver
	forget_left
	begin_allocations "$seconds_each"
	while next_allocation; do
		found=
		load_others
		list_threads >"$tmp/before.threads"
		try_nomem "$nth"
		[ -n "$failed_in" ] || break
		if [ -n "$load_error" ]; then
			refusals=$((refusals + 1))
			echo "allocation $nth, in $failed_in: $load_error"
		elif (exercise_each) >"$tmp/half" 2>&1; then
			:
		elif lacks_device; then
			refusals=$((refusals + 1))
			echo "allocation $nth, in $failed_in: no device"
		else
			half "it is loaded, but does not work"
		fi
		(unload_driver) >"$tmp/half" 2>&1 || half "it does not unload"
		report_left 1
		report_threads
		[ -z "$found" ] || fail "this is left when allocation $nth has failed, in $failed_in"
		forget_left
	done
	echo "$((nth - 1)) allocations, $refusals of them not to do without"
	(unload_driver)
	try_nomem 0
	[ -z "$load_error" ] || finding half-loaded "it does not load any more: $load_error"
	exercise_each
}
test_case loads 'each allocation of loading fails once'

# put_again FILE TEXT: memory may be refused for a moment.
put_again() {
	put_in_time "$1" "$2" || put_in_time "$1" "$2"
}

# still_works AFTER
still_works() {
	(exercise_each) >"$tmp/half" 2>&1 || half "it does not work after $1"
}

# each_fails WHAT FILE TO BACK: writes TO, and each allocation of the driver fails once meanwhile;
# writes BACK without any that fails.
each_fails() {
	local refusals=0 said
	begin_allocations "$seconds_each"
	while next_allocation; do
		said=
		arm "$nth"
		put_in_time "$2" "$3" || said=$why
		unarm
		if [ -n "$said" ] && [ -z "$failed_in" ]; then
			why=$said
			blame_refusal "$1" "$2" "$3"
		elif [ -n "$said" ]; then
			# The errno is that of the allocation, or one that the driver has made of it.
			refusals=$((refusals + 1))
			still_works "$1 is refused with $said"
			put_again "$2" "$3" || half "$1 is refused with $why for good"
		fi
		still_works "$1"
		put_again "$2" "$4" || half "$1 cannot be undone: $why"
		still_works "$1 is undone"
		[ -n "$failed_in" ] || break
	done
	echo "$1: $((nth - 1)) allocations, $refusals of them not to do without"
}

load_to_fail() {
	restore
	begin_nomem
	load_driver
}

cpus() {
	local file
	load_to_fail
	cpu=$(pick_cpu)
	file=$system/cpu/cpu$cpu/online
	each_fails "taking CPU$cpu offline" "$file" 0 1
	go_offline "$cpu"
	each_fails "bringing CPU$cpu online" "$file" 1 0
}
test_case cpus 'each allocation fails once when a CPU goes offline and comes back'

memory() {
	load_to_fail
	take_block
	each_fails "memory block $block going online" "$state" online_movable offline
	go_block "$block" online_movable
	each_fails "memory block $block going offline" "$state" offline online_movable
}
test_case memory 'each allocation fails once when memory goes online and offline'

run_tests
