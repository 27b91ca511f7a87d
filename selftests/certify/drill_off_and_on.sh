#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not survive a CPU that goes offline and comes back.

. ./lib/all.sh
. ./certify/lib/driver.sh

in_order() {
	begin_exercise
	for cpu in $(online_cpus); do
		[ -w "$system/cpu/cpu$cpu/online" ] || continue
		offline "$cpu"
		online "$cpu"
		exercise "$cpu"
	done
	end_exercise
}
test_case in_order 'each CPU goes offline and comes back, in order'

run_tests
