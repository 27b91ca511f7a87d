#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver that was ported from Windows does not load, or gets wrong notifications.
#
# Clauses W: Windows' names. The drivers here show in their parameters what they were notified of.

. ./lib/all.sh

setup() {
	load dhp pool=0
	load dhp_test
}

listings='wdm_listing_sync_en wdm_listing_sync_ru wdm_listing_sync_zh'

# has MODULE PARAMETER VALUE
has() {
	equal "$1: $2" "$3" "$(cat "/sys/module/$1/parameters/$2")"
}

# has_counts MODULE STARTS COMPLETES FAILURES
has_counts() {
	has "$1" starts "$2"
	has "$1" completes "$3"
	has "$1" failures "$4"
	has "$1" held $(($2 - $4))
	has "$1" errors 0
}

sync_listings() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	number=$(online_cpus | wc -w)
	for listing in $listings; do
		load "$listing"
		has_counts "$listing" "$number" "$number" 0
	done
	online "$cpu"
	settle
	for listing in $listings; do
		has_counts "$listing" $((number + 1)) $((number + 1)) 0
	done
	offline "$cpu"
	online "$cpu"
	settle
	for listing in $listings; do
		has_counts "$listing" $((number + 1)) $((number + 1)) 0
		unload "$listing"
	done
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case sync_listings 'W1 the listings of synchronous notification, in three languages'

sync_plugged() {
	number=$(online_cpus | wc -w)
	for listing in $listings; do
		load "$listing"
	done
	plug_cpu
	online "$plugged_cpu"
	settle
	for listing in $listings; do
		has_counts "$listing" $((number + 1)) $((number + 1)) 0
	done
	unplug_cpu "$plugged_cpu"
	settle
	for listing in $listings; do
		has_counts "$listing" $((number + 1)) $((number + 1)) 0
		unload "$listing"
	done
}
test_case sync_plugged 'W1 a CPU that is plugged, with the listings of synchronous notification'

# The second driver vetoes with STATUS_INSUFFICIENT_RESOURCES; the first one is notified of the
# failure.
sync_veto() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	number=$(online_cpus | wc -w)
	load wdm_listing_sync_en
	load wdm_listing_sync_ru
	echo "$cpu" >/sys/module/wdm_listing_sync_ru/parameters/veto_cpu
	echo $((0xC000009A)) >/sys/module/wdm_listing_sync_ru/parameters/veto_status
	online_refused "$cpu" ENOMEM
	settle
	has_counts wdm_listing_sync_en $((number + 1)) "$number" 1
	has wdm_listing_sync_en last_failure $((0xC000009A))
	echo -1 >/sys/module/wdm_listing_sync_ru/parameters/veto_cpu
	online "$cpu"
	settle
	has_counts wdm_listing_sync_en $((number + 2)) $((number + 1)) 1
	unload wdm_listing_sync_ru
	unload wdm_listing_sync_en
}
test_case sync_veto 'W1 W2 a veto is an NTSTATUS for drivers and an errno for all others'

# insmod_fails MODULE ERRNO PARAMETER...: with that errno in the log
insmod_fails() {
	local module="$1" errno="$2"
	shift 2
	if try_load "$module" "$@" 2>"$tmp/said"; then
		fail "$module $* could be loaded"
	fi
	logged "$module: DriverEntry failed with status .*$errno" ||
		fail "the log does not say $errno for $module $*"
	module_loaded "$module" && fail "$module is still loaded"
	equal "clients" 0 "$(cat "$dhp/clients")"
}

failed_entry() {
	cpus=$(online_cpus)
	first=${cpus%% *}
	insmod_fails wdm_listing_sync_en ENOMEM "veto_cpu=$first"
	insmod_fails wdm_listing_sync_en EBUSY "veto_cpu=$first" veto_status=0x80000011
	# The last CPU that is online: the others get a FAILURE.
	insmod_fails wdm_listing_sync_zh EACCES "veto_cpu=${cpus##* }" veto_status=0xC0000022
	# Not in the errno table
	insmod_fails wdm_listing_sync_ru EIO "veto_cpu=$first" veto_status=0xC0FFEE00
}
test_case failed_entry 'W2 W3 a DriverEntry that fails is an insmod that fails, with the errno of its status'

async_listing() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	load wdm_listing_async_zh
	has wdm_listing_async_zh processor_arrivals 0
	online "$cpu"
	settle
	has wdm_listing_async_zh processor_arrivals 1
	has wdm_listing_async_zh processors "$(online_cpus | wc -w)"
	mask=0
	for one in $(online_cpus); do
		mask=$((mask | 1 << one))
	done
	has wdm_listing_async_zh affinity "$mask"
	offline "$cpu"
	settle
	has wdm_listing_async_zh processor_arrivals 1
	unload wdm_listing_async_zh
}
test_case async_listing 'W1 W4 the listing of asynchronous notification, and the arrival of a CPU'

async_plugged() {
	load wdm_listing_async_zh
	plug_cpu
	online "$plugged_cpu"
	settle
	has wdm_listing_async_zh processor_arrivals 1
	has wdm_listing_async_zh memory_arrivals 0
	put "$system/memory/auto_online_blocks" online_movable
	plug_dimm 256M
	settle
	has wdm_listing_async_zh processor_arrivals 1
	has wdm_listing_async_zh memory_arrivals 1
	unload wdm_listing_async_zh
}
test_case async_plugged 'W1 W4 a CPU and a DIMM that are plugged, with the listing of asynchronous notification'

async_existing() {
	load wdm_listing_async_zh existing=1
	settle
	has wdm_listing_async_zh processor_arrivals "$(online_cpus | wc -w)"
	[ "$(cat /sys/module/wdm_listing_async_zh/parameters/memory_arrivals)" -gt 0 ] ||
		fail "no memory was there already"
	unload wdm_listing_async_zh
}
test_case async_existing 'W4 what is there already is reported to a driver that asks for it'

# ---------------------------------------------------------------- one thread

existing=1
keep=$((0x80000000))

# rules_saw STARTS COMPLETES FAILURES: and all in the one thread, which holds nothing any more.
rules_saw() {
	settle
	has wdm_rules starts "$1"
	has wdm_rules completes "$2"
	has wdm_rules failures "$3"
	has wdm_rules locked 0
	has wdm_rules strangers 0
	has wdm_rules errors 0
	equal "thread of the calls" "$(wdm_thread)" "$(cat /sys/module/wdm_rules/parameters/pid)"
}

one_thread() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	number=$(online_cpus | wc -w)
	load wdm_rules callbacks=2 "flags=$existing"
	rules_saw $((2 * number)) $((2 * number)) 0
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5"
	online_refused "$cpu" EIO
	rules_saw $((2 * number + 2)) $((2 * number)) 2
	online "$cpu"
	rules_saw $((2 * number + 4)) $((2 * number + 2)) 2
	plug_cpu
	online "$plugged_cpu"
	rules_saw $((2 * number + 6)) $((2 * number + 4)) 2
	unload wdm_rules
	# Another driver, another time: the same thread
	before=$(wdm_thread)
	load wdm_rules "flags=$existing"
	rules_saw $((number + 2)) $((number + 2)) 0
	equal "the thread" "$before" "$(wdm_thread)"
	unload wdm_rules
}
test_case one_thread 'W6 all calls of all Windows drivers come from one thread'

held_locks() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	for _ in $(seq "$(portion 10)"); do
		load wdm_rules callbacks=2 lock=1
		online "$cpu"
		rules_saw 2 2 0
		unload wdm_rules
		offline "$cpu"
	done
	load wdm_rules callbacks=2 lock=1
	# A client behind both vetoes, then the second of them.
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5 count=0"
	rounds=$(portion 10)
	for _ in $(seq "$rounds"); do
		online_refused "$cpu" EIO
	done
	rules_saw $((2 * rounds)) 0 $((2 * rounds))
	echo "$cpu" >/sys/module/wdm_rules/parameters/veto_cpu
	for _ in $(seq "$rounds"); do
		online_refused "$cpu" EIO
	done
	rules_saw $((4 * rounds)) 0 $((3 * rounds))
	echo -1 >/sys/module/wdm_rules/parameters/veto_cpu
	ctl "unregister c1"
	plug_cpu
	online "$plugged_cpu"
	rules_saw $((4 * rounds + 2)) 2 $((3 * rounds))
	online "$cpu"
	rules_saw $((4 * rounds + 4)) 4 $((3 * rounds))
	unload wdm_rules
	load wdm_rules callbacks=2 lock=1 "flags=$existing"
	rules_saw $((2 * $(online_cpus | wc -w))) $((2 * $(online_cpus | wc -w))) 0
	unload wdm_rules
}
test_case held_locks 'W6 a lock that START takes is released by COMPLETE or FAILURE'

# calls_of CPU SINCE: STATE CLIENT of each call about this CPU in dhp's log after line SINCE
calls_of() {
	tail -n +$(($2 + 1)) /sys/kernel/debug/dhp/log |
		sed -n "s/^[^ ]* \([A-Z]*\) cpu=$1 .*client=\([^# ]*\).* result=.*/\1 \2/p"
}

# The driver leaves while a CPU is being added, and START has taken its lock.
has_started() {
	local starts=0
	until [ "$starts" = 1 ] || [ ! -e "$tmp" ]; do
		read -r starts </sys/module/wdm_rules/parameters/starts
	done
}

left_open() {
	cpu=$(pick_cpu)
	for _ in $(seq "$(portion 40)"); do
		offline "$cpu"
		load wdm_rules lock=1
		settle
		since=$(wc -l </sys/kernel/debug/dhp/log)
		put "$system/cpu/cpu$cpu/online" 1 &
		has_started
		unload wdm_rules
		wait
		calls_of "$cpu" "$since" >"$tmp/seen"
		printf '%s wdm_rules/on_processor\n' START COMPLETE >"$tmp/expected"
		same "$tmp/expected" "$tmp/seen"
	done
	! logged 'wdm_rules: unloaded with' || fail "its lock was held when it was unloaded"
}
test_case left_open 'W6 W8 a driver that deregisters while a CPU is being added gets the outcome first'

left_halfway() {
	cpu=$(pick_cpu)
	target=$system/cpu/cpu$cpu/hotplug/target
	half=$(step_number dhp:online)
	offline "$cpu"
	put "$target" "$half" || skip "needs CONFIG_CPU_HOTPLUG_STATE_CONTROL"
	put "$target" 0 || fail "CPU$cpu does not go back: $why"
	load wdm_rules callbacks=2 lock=1
	settle
	since=$(wc -l </sys/kernel/debug/dhp/log)
	put "$target" "$half" || fail "CPU$cpu does not go half-way: $why"
	unload wdm_rules
	calls_of "$cpu" "$since" >"$tmp/seen"
	printf '%s wdm_rules/on_processor\n' START START FAILURE FAILURE >"$tmp/expected"
	same "$tmp/expected" "$tmp/seen"
	! logged 'wdm_rules: unloaded with' || fail "its lock was held when it was unloaded"
	put "$target" 0 || fail "CPU$cpu does not go back: $why"
}
test_case left_halfway 'W6 W8 a driver that deregisters while a CPU is half-way gets a failure'

inside() {
	load wdm_rules inside=1 "flags=$existing"
	rules_saw "$(online_cpus | wc -w)" "$(online_cpus | wc -w)" 0
	equal "clients" 1 "$(cat "$dhp/clients")"
	logged 'registering a CPU callback from inside a synchronous CPU callback is refused' ||
		fail "registering inside the callback was not refused"
	unload wdm_rules
}
test_case inside 'R6 W6 what native clients may and may not do in a callback, in the thread'

thread_comes_and_goes() {
	cpu=$(pick_cpu)
	unload dhp_test
	unload dhp
	offline "$cpu"
	setup
	equal "a thread before the first driver" "" "$(wdm_thread)"
	load wdm_rules forget=1 pnp=1
	online "$cpu"
	rules_saw 1 1 0
	unload wdm_rules
	logged 'wdm_rules is removed without KeDeregisterProcessorChangeCallback\(\) for on_processor' ||
		fail "the log does not name the callback that was left registered"
	logged 'wdm_rules is removed without IoUnregisterPlugPlayNotificationEx\(\) for on_event' ||
		fail "the log does not name the PnP callback that was left registered"
	equal "clients" 0 "$(cat "$dhp/clients")"
	offline "$cpu"
	online "$cpu"
	load wdm_rules "flags=$existing"
	rules_saw "$(online_cpus | wc -w)" "$(online_cpus | wc -w)" 0
	unload wdm_rules
	unload dhp_test
	unload dhp
	equal "a thread without dhp" "" "$(wdm_thread)"
	setup
}
test_case thread_comes_and_goes 'W6 R8 the thread comes with the first driver and goes with dhp'

in_order() {
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "processor c1"
	load wdm_rules
	ctl "processor c2"
	ctl "processor c3"
	ctl "veto c3 state=start errno=-5"
	settle
	since=$(wc -l </sys/kernel/debug/dhp/log)
	online_refused "$cpu" EIO
	online "$cpu"
	settle
	calls_of "$cpu" "$since" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	START dhp_test/on_processor
	START wdm_rules/on_processor
	START dhp_test/on_processor
	START dhp_test/on_processor
	FAILURE dhp_test/on_processor
	FAILURE wdm_rules/on_processor
	FAILURE dhp_test/on_processor
	START dhp_test/on_processor
	START wdm_rules/on_processor
	START dhp_test/on_processor
	START dhp_test/on_processor
	COMPLETE dhp_test/on_processor
	COMPLETE wdm_rules/on_processor
	COMPLETE dhp_test/on_processor
	COMPLETE dhp_test/on_processor
	END
	same "$tmp/expected" "$tmp/seen"
	unload wdm_rules
}
test_case in_order 'P7 W6 Windows and native clients in order of registration, each by its own name'

# ---------------------------------------------------------------- statuses

# STATUS_DEVICE_DATA_ERROR is -EIO, which leads back to STATUS_UNSUCCESSFUL.
status_kept() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	load wdm_listing_sync_en
	load wdm_rules callbacks=2 "veto_cpu=$cpu" veto_status=0xC000009C
	online_refused "$cpu" EIO
	settle
	has wdm_rules last_failure $((0xC000009C))
	has wdm_listing_sync_en last_failure $((0xC000009C))
	# The veto of somebody else, with the same errno
	echo -1 >/sys/module/wdm_rules/parameters/veto_cpu
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5"
	online_refused "$cpu" EIO
	settle
	has wdm_rules last_failure $((0xC0000001))
	has wdm_listing_sync_en last_failure $((0xC0000001))
	# One with an errno of its own: no status of an earlier veto
	echo "$cpu" >/sys/module/wdm_rules/parameters/veto_cpu
	online_refused "$cpu" EIO
	has wdm_rules last_failure $((0xC000009C))
	echo $((0xC0000022)) >/sys/module/wdm_rules/parameters/veto_status
	online_refused "$cpu" EACCES
	has wdm_rules last_failure $((0xC0000022))
	unload wdm_rules
	unload wdm_listing_sync_en
}
test_case status_kept "W2 a veto's NTSTATUS reaches the other Windows drivers unchanged"

# A step of the kernel's own fails: its errno as the nearest status.
status_of_step() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	load wdm_rules
	arm_step "$cpu" "$(need_step workqueue:online)"
	online_refused "$cpu" EAGAIN
	settle
	# STATUS_RETRY, or STATUS_CANCELLED where dhp does not know which step has failed
	if probed; then status=$((0xC000022D)); else status=$((0xC0000120)); fi
	has wdm_rules last_failure "$status"
	unload wdm_rules
}
test_case status_of_step 'W2 P6 a failure by a step of the kernel has the status of its errno'

status_kept_in_replay() {
	cpus=$(online_cpus)
	insmod_fails wdm_rules EIO "flags=$existing" "veto_cpu=${cpus##* }" veto_status=0xC000009C
	logged 'on_processor.* failed: vetoed with status 0xc000009c' ||
		fail "the log does not say the status of the veto"
	logged "failures=$(($(echo "$cpus" | wc -w) - 1)) last_failure=0xc000009c locked=0 strangers=0 errors=0" ||
		fail "the driver has not got the status of its own veto"
}
test_case status_kept_in_replay 'W2 a failed replay has the NTSTATUS of the veto'

# ---------------------------------------------------------------- CPUs that stay

# kept CPU: taking it offline is refused, and the log names the driver.
kept() {
	offline_refused "$1" EBUSY
	logged "wdm_rules/on_processor#[0-9]+ vetoes REMOVE_START of CPU$1 with" ||
		fail "the log does not name the driver that keeps CPU$1"
}

keep() {
	cpu=$(pick_cpu)
	number=$(online_cpus | wc -w)
	load wdm_rules "flags=$((keep | existing))"
	put "$dhp/query" "cpu $cpu remove"
	grep -q '^no wdm_rules/on_processor#[0-9]* -EBUSY$' "$dhp/query" ||
		fail "asked beforehand, the driver does not say no: $(cat "$dhp/query")"
	kept "$cpu"
	kept "$cpu"
	rules_saw "$number" "$number" 0
	unload wdm_rules
	# Without a replay, it holds no CPU yet.
	load wdm_rules "flags=$keep"
	offline "$cpu"
	online "$cpu"
	rules_saw 1 1 0
	kept "$cpu"
	rules_saw 1 1 0
	unload wdm_rules
	offline "$cpu"
}
test_case keep 'W7 Q2 CPUs that a driver keeps do not go offline, and the log names it'

keep_plugged() {
	load wdm_rules "flags=$keep"
	plug_cpu
	online "$plugged_cpu"
	kept "$plugged_cpu"
	rules_saw 1 1 0
	unload wdm_rules
}
test_case keep_plugged 'W7 a CPU that is plugged, and kept'

# ---------------------------------------------------------------- deregistering

hold=/sys/module/wdm_deregister/parameters/hold
submit=/sys/module/wdm_deregister/parameters/submit

# deregister WHERE [PARAMETER]: loads a driver that deregisters its callback there. Sets, for its
# caller, $cpu to a CPU that is offline.
deregister() {
	local place="$1"
	cpu=$(pick_cpu)
	offline "$cpu"
	shift
	load wdm_deregister "where=$place" "$@"
	settle
}

has_deregistered() {
	[ "$(cat /sys/module/wdm_deregister/parameters/deregistered)" = Y ]
}

# deregistered CPU CALLS: waits until the driver has deregistered; it got CALLS calls until then,
# and changes of CPU cause no more.
deregistered() {
	wait_or_fail 30 has_deregistered
	has wdm_deregister calls "$2"
	is_online "$1" && offline "$1"
	online "$1"
	settle
	has wdm_deregister calls "$2"
	has wdm_deregister late 0
	unload wdm_deregister
	equal "clients" 0 "$(cat "$dhp/clients")"
	! logged 'dhp: .*(refused|is removed without)' || fail "dhp has refused or released something"
}

deregister_in_callback() {
	deregister start
	online "$cpu"
	deregistered "$cpu" 1
	deregister complete
	online "$cpu"
	deregistered "$cpu" 2
}
test_case deregister_in_callback 'W8 a Windows callback deregisters itself'

deregister_in_event() {
	deregister event
	online "$cpu"
	deregistered "$cpu" 2
}
test_case deregister_in_event 'W8 a Windows callback is deregistered inside an asynchronous event'

deregister_in_memory() {
	deregister memory
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 128M
	set_block "$plugged_blocks" online_movable
	set_block "$plugged_blocks" offline
	deregistered "$cpu" 0
}
test_case deregister_in_memory 'W8 a Windows callback is deregistered inside a memory callback'

deregister_in_item() {
	deregister item
	put "$submit" 1
	deregistered "$cpu" 0
}
test_case deregister_in_item 'W8 a Windows callback is deregistered inside a work item'

# The item waits for the callback, and for nothing else.
deregister_running() {
	deregister item
	put "$hold" 1
	put "$system/cpu/cpu$cpu/online" 1 &
	has_called() {
		[ "$(cat /sys/module/wdm_deregister/parameters/calls)" = 1 ]
	}
	wait_or_fail 30 has_called
	put "$submit" 1
	wait_or_fail 30 blocked_in 'dhp_wdm_finish|KeDeregisterProcessorChangeCallback'
	! has_deregistered || fail "deregistered while its callback runs"
	put "$hold" 0
	wait
	deregistered "$cpu" 1
}
test_case deregister_running 'W8 R5 deregistering inside a work item waits for a running callback'

# The item runs while the module is being removed; dhp has released its registration by then.
deregister_left_behind() {
	deregister item forget=1
	put "$hold" 1
	put "$submit" 1
	rmmod wdm_deregister &
	wait_or_fail 30 logged 'wdm_deregister is removed without dhp_pool_destroy'
	put "$hold" 0
	wait
	logged 'is removed without KeDeregisterProcessorChangeCallback\(\) for on_processor' ||
		fail "the log does not name the callback that was left registered"
	logged 'KeDeregister.* not what KeRegister' || fail "a handle that was released is still good"
	equal "clients" 0 "$(cat "$dhp/clients")"
	online "$cpu"
	settle
}
test_case deregister_left_behind 'R8 W8 a work item of a module that is being removed deregisters what was released'

# counts QUERIES STOPS STARTS: of wdm_rebalance_driver
counts() {
	settle
	has wdm_rebalance_driver queries "$1"
	has wdm_rebalance_driver stops "$2"
	has wdm_rebalance_driver starts "$3"
	has wdm_rebalance_driver errors 0
}

starts_again() {
	[ "$(cat /sys/module/wdm_rebalance_driver/parameters/starts)" = "$1" ]
}

rebalanced() {
	cpu=$(pick_cpu)
	settle
	load wdm_rebalance_driver
	counts 0 0 1
	offline "$cpu"
	counts 1 1 2
	has wdm_rebalance_driver processors "$(online_cpus | wc -w)"
	put /sys/module/wdm_rebalance_driver/parameters/refuse 1
	online "$cpu"
	wait_or_fail 60 starts_again 3
	counts 3 2 3
	has wdm_rebalance_driver processors "$(online_cpus | wc -w)"
	put /sys/module/wdm_rebalance_driver/parameters/unregister 1
	offline "$cpu"
	counts 4 3 3
	equal "clients" 0 "$(cat "$dhp/clients")"
	unload wdm_rebalance_driver
}
test_case rebalanced 'B1 B2 a Windows driver is asked, stopped and started'

# says SAMPLE WHAT...: fails unless the sample has logged each of them, and its budget for all CPUs
says() {
	local sample="$1" what
	shift
	for what in "$@" "budget: [1-9][0-9]* pages for each of $(online_cpus | wc -w) CPUs"; do
		logged "$sample: $what" || fail "$sample has not logged '$what'"
	done
}

sample() {
	cpu=$(pick_cpu)
	load dhp_sample_wdm
	offline "$cpu"
	online "$cpu"
	plug_cpu
	online "$plugged_cpu"
	settle
	unload dhp_sample_wdm
	says dhp_sample_wdm "CPU $cpu: data and thread made" "CPU $cpu: in use" \
		"CPU $plugged_cpu: in use" "CPU $cpu: freed after"
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case sample "W1 the sample driver in Windows' shape"

native_sample() {
	cpu=$(pick_cpu)
	load dhp_sample_native
	offline "$cpu"
	online "$cpu"
	plug_cpu
	online "$plugged_cpu"
	settle
	unload dhp_sample_native
	says dhp_sample_native "CPU $cpu: data and thread made" "CPU $cpu: in use" \
		"CPU $cpu: being removed" "CPU $cpu: freed after" "CPU $plugged_cpu: in use"
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case native_sample 'R5 the native sample driver'

run_tests
