#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not survive suspend and resume.
#
# The machine suspends as far as each level of /sys/power/pm_test. From the level of processors on,
# all CPUs but one are frozen, and come back.

# shellcheck disable=SC2119 # what is called without arguments does not need the script's

. ./lib/all.sh
. ./lib/steps.sh
. ./lib/nap.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh

# nap_at LEVEL: if the machine does not suspend because of the driver, that is a finding.
nap_at() {
	can_nap mem
	grep -qw "$1" /sys/power/pm_test || skip "this kernel has no level '$1' in /sys/power/pm_test"
	try_nap mem "$1" || explain_nap "$1"
}

# explain_nap LEVEL: after this was refused with $why. Ends the test.
explain_nap() {
	local function errno="$why" without=
	function=$(log_since_mark | grep -o "[A-Za-z0-9_.]*+0x[0-9a-f]*/0x[0-9a-f]* \[$driver\]" |
		head -n 1)
	function=${function%%+*}
	enough	# an exercise in the background may use the driver
	unload_driver
	try_nap mem "$1" || without=$why
	load_driver
	[ -z "$without" ] || skip "the machine does not suspend without the driver either: $without"
	finding refuses "${function:+function=$function }the machine does not suspend to the level" \
		"'$1' while the driver is loaded: $errno; without it, it does"
}

# under_use LEVEL
under_use() {
	begin_exercise
	nap_at "$1"
	exercise_each
	end_exercise
}

freezer() {
	under_use freezer
}
test_case freezer 'tasks are frozen while the driver is used'

devices() {
	under_use devices
}
test_case devices 'devices are suspended while the driver is used'

platform() {
	under_use platform
}
test_case platform 'the platform is prepared for suspend while the driver is used'

processors() {
	under_use processors
}
test_case processors 'all CPUs but one are frozen while the driver is used'

core() {
	under_use core
}
test_case core 'the core is suspended while the driver is used'

again() {
	begin_exercise
	for _ in 1 2 3; do
		nap_at processors
	done
	exercise_each
	end_exercise
}
test_case again 'all CPUs but one are frozen three times'

offline_before() {
	cpu=$(pick_cpu)
	go_offline "$cpu"
	nap_at processors
	! is_online "$cpu" || fail "resume has brought CPU$cpu online"
	exercise_each
	come_online "$cpu"
	exercise "$cpu"
}
test_case offline_before 'a CPU that was offline before the suspend comes online afterwards'

# Resume tries to bring the CPU online, and a step fails. For sysfs the CPU is online all the same:
# it goes offline there first.
lost() {
	step=$(need_step irq/affinity:online)
	cpu=$(pick_cpu)
	[ "$(online_cpus | wc -w)" -gt 2 ] || skip "needs three CPUs that are online"
	put "$system/cpu/cpu$cpu/hotplug/fail" "$step" ||
		skip "step irq/affinity:online cannot be armed: $why"
	nap_at processors
	case " $(online_cpus) " in
	*" $cpu "*) fail "CPU$cpu is online, although a step was to fail" ;;
	esac
	exercise
	exercise_each
	go_offline "$cpu"
	come_online "$cpu"
	exercise "$cpu"
	go_offline "$cpu"
	exercise_each
}
test_case lost 'a CPU does not come back from suspend'

run_tests
