#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, unloading a driver crashes the machine, or loading one from a callback hangs it.
#
# Clauses R8 and P8: modules that are unloaded with clients behind, and modules that a callback
# loads.

. ./lib/all.sh

# The callback returns into the module's code after its client has unregistered.
unload_in_callback() {
	cpu=$(pick_cpu)
	unload dhp_test
	load dhp_test forget=1
	ctl "processor c1 flags=existing"
	ctl "inside c1 state=start action=unregister_self"
	ctl "inside c1 state=start action=sleep_ms arg=3000"
	offline "$cpu"
	ctl "processor c2"
	ctl "inside c2 state=start action=unregister_self"
	ctl "inside c2 state=start action=sleep_ms arg=3000"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c2 unregister_self: 0"
	unload dhp_test
	wait
	is_online "$cpu" || fail "CPU$cpu did not come online"
	load dhp_test
}
test_case unload_in_callback 'R6 R8 a module stays loaded until a callback that unregistered its own client returns'

left_registered() {
	unload dhp_test
	load dhp_test forget=1
	ctl "processor c1 flags=existing"
	ctl "event c2 category=processor"
	ctl "event c3 category=memory"
	ctl "memory c4 flags=adds,removals,existing"
	ctl "rebalance c5"
	unload dhp_test
	logged 'removed without unregistering rebalance callback dhp_test/on_start' ||
		fail "the log does not name the rebalance client that was left"
	logged 'dhp: .*dhp_test.*unregister' || fail "the log does not name the client that was left"
	equal "clients" 0 "$(cat "$dhp/clients")"
	cpu=$(pick_cpu)
	offline "$cpu"
	online "$cpu"
	take_block
	set_block "$block" online_movable
	set_block "$block" offline
	settle
	load dhp_test
}
test_case left_registered 'R8 a module that is unloaded with clients is named, and nothing crashes'

# The callback returns into the module's code.
unload_in_event() {
	cpu=$(pick_cpu)
	unload dhp_test
	load dhp_test forget=1
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=unregister_self"
	ctl "inside e1 state=removal action=sleep_ms arg=3000"
	settle
	offline "$cpu"
	await_line "e1 unregister_self: 0"
	unload dhp_test
	equal "clients" 0 "$(cat "$dhp/clients")"
	online "$cpu"
	settle
	load dhp_test
}
test_case unload_in_event 'A7 R8 a module stays loaded until its last event callback returns'

# The same for a callback of a rebalance client, and for one that has begun and is still registered.
unload_in_rebalance() {
	cpu=$(pick_cpu)
	unload dhp_test
	for action in unregister_self sleep_ms; do
		load dhp_test forget=1
		settle
		ctl "rebalance r1"
		settle
		ctl "inside r1 state=stop action=$action arg=100"
		ctl "inside r1 state=stop action=sleep_ms arg=3000"
		offline "$cpu"
		wait_or_fail 60 grep -q '^r1 unregister_self: 0\|^r1 slept' "$test_dir/log"
		unload dhp_test
		equal "clients" 0 "$(cat "$dhp/clients")"
		online "$cpu"
		settle
	done
	load dhp_test
}
test_case unload_in_rebalance 'B1 R8 a module stays loaded until its last rebalance callback returns'

# set_modprobe INSMOD-ARGUMENT...: from here on request_module() loads dhp_helper, with these
# parameters.
set_modprobe() {
	local modprobe=/proc/sys/kernel/modprobe
	[ -e "$modprobe" ] || skip "this kernel has no $modprobe"
	echo "$modprobe $(cat "$modprobe")" >>"$tmp/states"
	cat >"$tmp/modprobe" <<-END
		#!/bin/sh
		[ -d /sys/module/dhp_helper ] || exec insmod $DHP_DIR/dhp_helper.ko $*
	END
	chmod 755 "$tmp/modprobe"
	put "$modprobe" "$tmp/modprobe"
}

# requests INSMOD-ARGUMENT...: request_module() in a callback returns when the module's init has
# run, whether that succeeds or not.
requests() {
	local answer=loaded cpu cpus first
	set_modprobe "$@"
	[ $# = 0 ] || answer=refused
	cpu=$(pick_cpu)
	cpus=$(online_cpus)
	first=${cpus%% *}
	ctl "inside c1 state=start cpu=$first action=request_module arg=dhp_helper"
	ctl "inside c1 state=complete cpu=$first action=request_module arg=dhp_helper"
	timeout 60 ./put "$test_dir/control" "processor c1 flags=existing,removals" ||
		fail "the replay did not end within a minute"
	equal "answers in the replay" 2 "$(grep -c "request_module dhp_helper: $answer" "$test_dir/log")"
	ctl clear
	offline "$cpu"
	ctl "inside c1 state=complete action=request_module arg=dhp_helper"
	online "$cpu"
	await_line "c1 request_module dhp_helper: $answer"
	ctl clear
	ctl "processor c2 flags=existing,removals"
	settle
	ctl "veto c1 state=remove_start errno=-16"
	ctl "inside c2 state=remove_failure action=request_module arg=dhp_helper"
	offline_refused "$cpu" EBUSY
	await_line "c2 request_module dhp_helper: $answer"
	settle
	! module_loaded dhp_helper || unload dhp_helper
}

requests_module() {
	requests
}
test_case requests_module 'P8 a callback may load a module in a replay, COMPLETE and REMOVE_FAILURE'

requests_in_vain() {
	requests refuse=1
}
test_case requests_in_vain 'P8 R8 the same for a module whose init fails'

# outrun: the next operation comes before dhp's work item for the one before. Its callback loads a
# module, which waits for the next operation; that one gives up.
outrun() {
	probed || skip "needs CONFIG_KPROBES"
	set_modprobe
	cpu=$(pick_cpu)
	plug_cpu
	offline "$cpu"
	ctl "processor c1 flags=removals"
	ctl "late begin"
	settle
	ctl clear
	ctl "inside c1 state=complete action=request_module arg=dhp_helper"
	online "$cpu"
	# Newer kernels try again when it is busy, and the module is loaded by then.
	put "$system/cpu/cpu$plugged_cpu/online" 1 || [ "$why" = EBUSY ] ||
		fail "CPU$plugged_cpu does not go online: $why"
	logged "CPU$plugged_cpu: a callback of dhp_test/.* has been running for [0-9]+ s" ||
		fail "the operation has not waited for the callback"
	ctl "late end"
	settle
	head -n 3 "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	c1 request_module dhp_helper: loaded
	END
	same "$tmp/expected" "$tmp/seen"
	online "$plugged_cpu"
	settle
	unload dhp_helper
}
test_case outrun 'P8 a callback may load a module in COMPLETE, even when the next operation was faster'

# The callback waits for a module that is being loaded, which waits for the hotplug lock. Its
# holder, an operation, waits for the callback, and gives up, so that nothing hangs.
request_meets_operation() {
	set_modprobe
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "processor c1 flags=existing,removals"
	settle
	ctl clear
	ctl "inside c1 state=complete action=hold"
	ctl "inside c1 state=complete action=request_module arg=dhp_helper"
	online "$cpu"
	await_line "c1 COMPLETE $cpu 0"
	(offline_refused "$cpu" EBUSY) >"$tmp/operation" 2>&1 &
	operation=$!
	wait_or_fail 30 blocked_in dhp_turn_begin_in_operation
	ctl "release c1"
	await_line "c1 request_module dhp_helper: loaded"
	wait "$operation" || fail "$(cat "$tmp/operation")"
	logged "CPU$cpu: a callback of dhp_test/.* has been running for [0-9]+ s" ||
		fail "the log does not name the callback that delayed an operation"
	is_online "$cpu" || fail "CPU$cpu is not online"
	settle
	unload dhp_helper
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	c1 released
	c1 request_module dhp_helper: loaded
	c1 REMOVE_START $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	END
}
test_case request_meets_operation 'P8 an operation that waits for a callback that loads a module times out'

# In COMPLETE, for the kernel itself unloads no module while the CPU hotplug lock is held.
unload_others() {
	cpu=$(pick_cpu)
	load dhp_helper
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1"
	ctl "inside c1 state=complete action=hold"
	online "$cpu"
	await_line "c1 COMPLETE $cpu 0"
	timeout 60 rmmod dhp_helper || fail "a module without clients could not be unloaded while a callback ran"
	ctl "note unloaded"
	ctl "release c1"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	unloaded
	c1 released
	END
}
test_case unload_others 'R8 a module without clients can be unloaded while a callback runs'

dhp_in_use() {
	ctl "processor c1"
	if rmmod dhp 2>/dev/null; then
		fail "dhp could be unloaded with a client registered"
	fi
	equal "clients" 1 "$(cat "$dhp/clients")"
}
test_case dhp_in_use 'R8 dhp cannot be unloaded while it has clients'

run_tests
