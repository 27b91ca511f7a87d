#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, nobody warns a driver's author of a deadlock before it happens.
#
# Whether lockdep connects the CPU hotplug lock with what a callback of a CPU or of memory takes, also
# where a Windows driver's callback runs in another thread than the operation. lockdep stops at its first report, so
# this script comes after those that it checks.

. ./lib/all.sh

setup() {
	load dhp pool=0
	load dhp_test
}

need_lockdep() {
	[ -r /proc/lockdep ] || skip "this kernel has no lockdep"
	grep -q '^ *debug_locks: *1' /proc/lockdep_stats || skip "lockdep has switched itself off"
}

# leads_to LOCK LOCK: has lockdep seen the second one taken directly under the first one?
leads_to() {
	awk -v lock="$1" -v to="$2" '
	/^[0-9a-f]+ .*FD:/ { inside = $NF == lock; next }
	inside && /^ *->/ && $NF == to { found = 1 }
	END { exit !found }' /proc/lockdep
}

seen_in_driver() {
	need_lockdep
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	load wdm_rules lock=1
	online "$cpu"
	settle
	leads_to cpu_hotplug_lock dhp_turn_mutex || fail "lockdep does not see the turn of an operation"
	leads_to dhp_turn_mutex dhp_wdm_call || fail "lockdep does not see that a turn waits for the thread"
	leads_to dhp_wdm_call first_mutex || fail "lockdep does not see what the callback takes"
	! leads_to first_mutex dhp_wdm_call || fail "lockdep takes a lock of an earlier call for one of the caller's"
	unload wdm_rules
}
test_case seen_in_driver 'W6 lockdep sees through the thread of the Windows drivers'

# A memory callback that takes the CPU hotplug lock closes the circle.
seen_in_memory() {
	need_lockdep
	leads_to cpu_hotplug_lock dhp_online_mutex || fail "lockdep does not know the order of the locks"
}
test_case seen_in_memory 'M5 lockdep knows that a memory callback is inside the CPU hotplug lock'

reports_driver() {
	need_lockdep
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	load wdm_rules
	online "$cpu"
	settle
	unload wdm_rules
	# In a replay, where nobody has the CPU hotplug lock, this does no harm.
	expect_warning 'possible circular locking dependency detected'
	load wdm_rules flags=1 hotplug_lock=1
	unload wdm_rules
	logged 'possible circular locking dependency detected' || fail "lockdep has reported nothing"
	logged 'cpu_hotplug_lock.*cpus_read_lock|on_processor' || fail "the report does not name the driver"
}
test_case reports_driver 'P8 W6 lockdep reports a Windows driver whose callback takes the CPU hotplug lock'

run_tests
