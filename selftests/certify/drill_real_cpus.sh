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

# asked_back CPU: unplugs a CPU that is online. The firmware asks for it, and the kernel takes it
# offline, unless somebody refuses.
asked_back() {
	local code=0
	(unplug_cpu "$1") >"$tmp/asked_back" 2>&1 || code=$?
	[ "$code" != 4 ] || exit 4
	[ "$code" != 0 ] || return 0
	case " $(online_cpus) " in
	*" $1 "*) ;;
	*) fail "$(cat "$tmp/asked_back")" ;;
	esac
	why="the answer: $(sed -n '1s/.*hotplug: //p' "$tmp/asked_back")"
	blame_refusal "unplugging CPU$1" "$system/cpu/cpu$1/online" 0
	unplug_cpu "$1"
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

while_online() {
	begin_exercise
	plug_cpu
	come_online "$plugged_cpu"
	exercise "$plugged_cpu"
	asked_back "$plugged_cpu"
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
