#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not survive a CPU that is plugged into the machine, or unplugged.

# shellcheck disable=SC2119 # what is called without arguments does not need the script's

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh

# leave CPU: unplugs a CPU that was plugged. One that is online goes offline first.
leave() {
	! is_online "$1" || go_offline "$1"
	unplug_cpu "$1"
	case " $(present_cpus) " in
	*" $1 "*) fail "CPU$1 was unplugged and is still in cpu/present" ;;
	esac
}

# The next one has the number of the one before.
in_and_out() {
	begin_exercise
	for _ in 1 2 3; do
		plug_cpu
		come_online "$plugged_cpu"
		exercise "$plugged_cpu"
		leave "$plugged_cpu"
		exercise
	done
	end_exercise
}
test_case in_and_out 'a CPU is plugged, used and unplugged, again and again'

# The firmware asks for it, and the kernel takes it offline.
while_online() {
	begin_exercise
	plug_cpu
	come_online "$plugged_cpu"
	exercise "$plugged_cpu"
	unplug_cpu "$plugged_cpu"
	exercise_each
	end_exercise
}
test_case while_online 'a CPU is unplugged while it is online and used'

never_online() {
	begin_exercise
	plug_cpu
	exercise
	leave "$plugged_cpu"
	exercise
	end_exercise
}
test_case never_online 'a CPU is plugged and unplugged without coming online'

to_maximum() {
	begin_exercise
	plugged=
	for _ in $(missing "$(present_cpus)" "$(possible_cpus)"); do
		plug_cpu
		plugged="$plugged $plugged_cpu"
		come_online "$plugged_cpu"
		exercise "$plugged_cpu"
	done
	[ -n "$plugged" ] || impossible "there are as many CPUs as this machine can have"
	equal "CPUs present" "$(possible_cpus)" "$(present_cpus)"
	exercise_each
	# shellcheck disable=SC2086 # a list
	shuffle $plugged
	for cpu in $shuffled; do
		leave "$cpu"
		exercise
	done
	exercise_each
	end_exercise
}
test_case to_maximum 'CPUs are plugged up to the maximum, and unplugged in a random order'

run_tests
