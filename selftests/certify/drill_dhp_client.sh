#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver is a client of dhp and uses it in a way that it does not allow, or gets
# a call that the contract does not allow. Other drivers skip this.

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh
. ./certify/lib/loop.sh
. ./certify/lib/calls.sh

restore() {
	local module
	for module in dhp_torture dhp_test; do
		! module_loaded "$module" || unload "$module"
	done
}

teardown() {
	restore
	(unload_driver)
}

# Each test case loads the driver anew, because dhp complains of a client once.
begin() {
	restore
	unload_driver
	load_driver
	is_client || skip "the driver is no client of dhp"
	trace_calls
}

# end: with the driver still loaded
end() {
	exercise_each
	judge_calls
	blame_misuse
}

cpus() {
	begin
	begin_exercise
	cycle_cpus
	if command -v hotplug >/dev/null; then
		plug_cpu
		come_online "$plugged_cpu"
		exercise "$plugged_cpu"
		go_offline "$plugged_cpu"
		unplug_cpu "$plugged_cpu"
	fi
	end_exercise
	end
}
test_case cpus 'CPUs come and go'

memory() {
	begin
	take_block
	begin_exercise
	for _ in 1 2 3; do
		go_block "$block" online_movable
		exercise_each
		go_block "$block" offline
	done
	end_exercise
	end
}
test_case memory 'memory comes and goes'

# Clients of dhp_test, one before the driver and one behind it: adds come to clients in the order of
# registration and removals in the reverse, so the driver gets the failure of either. Each veto is
# for one operation.
vetoed() {
	restore
	unload_driver
	load_others
	module_loaded dhp || skip "the driver is no client of dhp"
	load dhp_test
	ctl "processor c1 flags=existing,removals"
	ctl "memory m1 flags=adds,removals"
	load_driver
	is_client || skip "the driver is no client of dhp"
	ctl "processor c2 flags=existing,removals"
	ctl "memory m2 flags=adds,removals"
	trace_calls
	cpu=$(pick_cpu)
	take_block
	begin_exercise
	for _ in 1 2; do
		ctl "veto c1 state=remove_start errno=-1"
		offline_refused "$cpu" EPERM
	done
	go_offline "$cpu"
	for _ in 1 2; do
		ctl "veto c2 state=start errno=-1"
		online_refused "$cpu" EPERM
	done
	come_online "$cpu"
	exercise "$cpu"
	ctl "veto m2 state=start errno=-12"
	refused ENOMEM "$state" online_movable
	go_block "$block" online_movable
	ctl "veto m1 state=remove_start errno=-12"
	refused ENOMEM "$state" offline
	go_block "$block" offline
	end_exercise
	end
}
test_case vetoed 'other clients veto, after the driver was asked'

# has_finding: the oracle has one
has_finding() {
	[ "$(awk '$1 == "findings" { print $2 }' /sys/kernel/debug/dhp_torture/statistics)" != 0 ]
}

toggle_block() {
	put "$state" online_movable || true
	put "$state" offline || true
}

# The torture's clients, which veto at random, come and go around the driver, and its threads take
# CPUs offline and online. Its oracle checks what they get. They try what dhp must refuse.
torture() {
	begin
	take_block
	load dhp_torture "seed=$certify_seed"
	begin_exercise
	meanwhile toggle_block
	! wait_for 20 has_finding || true
	no_longer
	end_exercise
	unload dhp_torture
	log_since_mark | sed -n 's/.*dhp_torture: finding: //p' >"$tmp/findings"
	equal "findings of the torture's oracle" "" "$(cat "$tmp/findings")"
	logged 'dhp_torture: End of test: SUCCESS' || fail "the torture has not ended with success"
	exercise_each
	judge_calls
	blame_misuse others
}
test_case torture "the torture's clients come and go, and its oracle looks on"

# What the driver has left behind, dhp names when the driver goes.
leaves() {
	begin
	cycle_cpus
	exercise_each
	judge_calls
	put /dev/kmsg "certify: the driver goes" || fail "no log"
	unload_users
	rmmod "$driver" 2>"$tmp/rmmod" || fail "cannot unload $driver: $(cat "$tmp/rmmod")"
	blame_misuse
}
test_case leaves 'the driver goes, and leaves no client behind'

run_tests
