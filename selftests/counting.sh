#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver that was ported from Windows takes a number for a CPU that is none.
#
# Values of Windows' headers, and counting CPUs in Windows' way; wdm_values makes the checks. This
# script comes before those that plug CPUs: it needs one that was never started.

. ./lib/all.sh

setup() {
	load dhp pool=0
	load dhp_test
}

# booted CPU: has it been online, or nearly, since the system booted? The kernel's thread for it stays.
booted() {
	grep -lqx "cpuhp/$1" /proc/[0-9]*/comm 2>/dev/null
}

# Sets $fresh to a plugged CPU that was never started.
plug_fresh_cpu() {
	plug_cpu
	fresh=$plugged_cpu
	! booted "$fresh" || impossible "CPU$fresh has been started before, by another test"
}

# check [offline=CPU] [never_started=CPU]
check() {
	load wdm_values "$@"
	unload wdm_values
}

never_started() {
	possible=$(expand "$(cat "$system/cpu/possible")")
	plug_fresh_cpu
	check "never_started=$fresh"
	booted "${possible##* }" || check "never_started=${possible##* }"
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5"
	online_refused "$fresh" EIO
	check "never_started=$fresh"
	online "$fresh"
	check
	offline "$fresh"
	check "offline=$fresh"
	# Unplugging an emulated CPU that is offline can take a minute.
	online "$fresh"
}
test_case never_started 'W5 the index of a CPU that was never started is refused, that of an offline one is not'

# The kernel's accounting tells that it has been online.
offline_before_dhp() {
	cpu=$(pick_cpu)
	unload dhp_test
	unload dhp
	offline "$cpu"
	setup
	check "offline=$cpu"
}
test_case offline_before_dhp 'W5 a CPU that was online only before dhp was loaded has been started'

values() {
	check
}
test_case values 'W2 W4 W5 values, the errno table and counting'

values_gap() {
	plug_cpu
	first=$plugged_cpu
	online "$first"
	plug_cpu
	online "$plugged_cpu"
	offline "$first"
	check "offline=$first"
	online "$first"
}
test_case values_gap 'W5 counting with a gap between the CPUs'

run_tests
