#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Without CPU notification, a driver would have no per-CPU resources on a CPU that comes online.
#
# A template: copy it, say in the first line what a user would lose if the tests failed, and add the
# copy to TEST_PROGS in Makefile. Runs in a guest:
#
#   scripts/check --guest --run 'cd dhp && ./NAME.sh -t FUNCTION'
#
# lib/all.sh lists what there is to use. modules/test_main.c has the commands of ctl.

. ./lib/all.sh

# A test is a function. It fails by a command that fails, or by fail; skip skips it. What it changes
# with ctl, offline, plug_cpu and their like is undone when it ends.
comes_online() {
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "processor c1"
	online "$cpu"
	# All of what the clients' callbacks logged:
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
# The title begins with the clauses of module/CONTRACT.md that the test shows.
test_case comes_online 'P1 a CPU that comes online is START and COMPLETE'

run_tests
