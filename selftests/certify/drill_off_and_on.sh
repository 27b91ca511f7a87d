#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not survive a CPU that goes offline and comes back.

# shellcheck disable=SC2119 # what is called without arguments does not need the script's

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh

in_order() {
	begin_exercise
	cycle_cpus
	end_exercise
}
test_case in_order 'each CPU goes offline and comes back, in order'

# A CPU is used as soon as it is back. Sometimes all others are offline.
at_random() {
	cpus=$(changeable_online)
	[ -n "$cpus" ] || skip "no CPU here can be taken offline"
	begin_exercise
	for _ in $(seq "$(portion 20)"); do
		# shellcheck disable=SC2086 # a list
		choose $cpus
		if ! is_online "$choice"; then
			come_online "$choice"
			exercise "$choice"
		elif [ "$(online_cpus | wc -w)" -gt 1 ]; then
			go_offline "$choice"
		fi
	done
	exercise_each
	end_exercise
}
test_case at_random 'CPUs go offline and come back at random'

last_one() {
	begin_exercise
	for cpu in $(changeable_online); do
		[ "$(online_cpus | wc -w)" = 1 ] || go_offline "$cpu"
	done
	exercise "$(online_cpus)"
	for cpu in $(offline_cpus); do
		come_online "$cpu"
	done
	exercise_each
	end_exercise
}
test_case last_one 'all CPUs but one go offline, and come back'

# load_driver_on CPU: what the driver makes when it is loaded, it makes there.
load_driver_on() {
	(
		read -r shell _ </proc/self/stat
		taskset -pc "$1" "$shell" >"$tmp/taskset" || fail "taskset: $(cat "$tmp/taskset")"
		load_driver
	) || exit
}

loader() {
	cpu=$(pick_cpu)
	unload_driver
	load_driver_on "$cpu"
	begin_exercise
	exercise "$cpu"
	go_offline "$cpu"
	exercise
	come_online "$cpu"
	exercise "$cpu"
	end_exercise
}
test_case loader 'the CPU that the driver was loaded from goes offline and comes back'

unload_without() {
	cpu=$(pick_cpu)
	load_driver_on "$cpu"
	exercise "$cpu"
	go_offline "$cpu"
	unload_driver
	load_driver
	exercise
	come_online "$cpu"
	exercise "$cpu"
}
test_case unload_without 'unloaded and loaded while a CPU that it was used on is offline'

cpu_0() {
	can_change 0 || skip "this kernel keeps CPU0 online"
	begin_exercise
	go_offline 0
	exercise
	come_online 0
	exercise 0
	end_exercise
}
test_case cpu_0 'CPU0 goes offline and comes back'

run_tests
