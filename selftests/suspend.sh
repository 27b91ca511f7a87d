#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Suspend and resume, at the level that freezes all CPUs but one, and at the level of devices.

. ./lib/all.sh
. ./lib/nap.sh

no_add() {
	cpu=$(pick_cpu)
	before=$(online_cpus)
	ctl "processor c1"
	ctl "processor c2 flags=existing"
	ctl "processor c3 flags=existing,removals"
	ctl "event e1 category=processor"
	ctl "rebalance r1"
	settle
	ctl clear
	nap
	expect_log <<-END
	END
	equal "CPUs online" "$before" "$(online_cpus)"
}
test_case no_add 'P10 B2 CPUs that suspend freezes and resume brings back are not reported'

veto() {
	cpu=$(pick_cpu)
	before=$(online_cpus)
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16 count=0"
	ctl "veto c1 state=start errno=-16 count=0"
	settle
	ctl clear
	nap
	expect_log <<-END
	END
	equal "CPUs online" "$before" "$(online_cpus)"
}
test_case veto 'P10 X3 suspend and resume cannot be vetoed'

afterwards() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	settle
	nap
	settle
	ctl clear
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	c1 REMOVE_START $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case afterwards 'P10 after a suspend, CPUs go offline and online as before'

# A CPU that was offline stays offline. Bringing it online later is an add.
offline_before() {
	cpu=$(pick_cpu)
	plug_cpu
	online "$plugged_cpu"
	offline "$cpu"
	ctl "processor c1"
	settle
	ctl clear
	nap
	is_online "$cpu" && fail "resume has brought CPU$cpu online"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case offline_before 'P10 suspend and resume do not touch a CPU that was offline before'

# The COMPLETE of an add is due just when all tasks are frozen.
right_after_add() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl clear
	ctl "processor c1 flags=removals"
	for _ in 1 2 3; do
		online "$cpu"
		nap
		offline "$cpu"
	done
	for _ in 1 2 3; do
		cat <<-END
		c1 START $cpu 0
		c1 COMPLETE $cpu 0
		c1 REMOVE_START $cpu 0
		c1 REMOVE_COMPLETE $cpu 0
		END
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case right_after_add 'P10 suspend directly after an add and before a removal'

# A step fails when resume brings the CPU online, and a veto comes too late. A third CPU is online,
# because the kernel refuses to take the last one offline.
lost() {
	step=$(need_step irq/affinity:online)
	cpu=$(pick_cpu)
	plug_cpu
	online "$plugged_cpu"
	ctl "processor c1 flags=existing,removals"
	ctl "processor c2 flags=existing"
	ctl "event e1 category=processor"
	ctl "veto c1 state=remove_start errno=-16"
	seq=$(sequence)
	ctl clear
	put "$system/cpu/cpu$cpu/hotplug/fail" "$step" ||
		skip "step irq/affinity:online cannot be armed: $why"
	nap
	case " $(online_cpus) " in
	*" $cpu "*) fail "CPU$cpu is online, although a step was to fail" ;;
	esac
	# dhp_test marks that the CPU is offline already.
	expect_log <<-END
	c1 REMOVE_START $cpu 0 !offline
	c1 REMOVE_COMPLETE $cpu 0
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	END
	logged "dhp: CPU$cpu has not come back from suspend" || fail "the log does not say so"
	ctl clear
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	END
}
test_case lost 'P10 A9 X4 a CPU that resume does not bring back is a removal'

# rules_saw STARTS COMPLETES: wdm_rules, and in one thread
rules_saw() {
	settle
	grep -H . /sys/module/wdm_rules/parameters/* | sed 's,.*/,,' >"$tmp/rules"
	for expected in "starts:$1" "completes:$2" failures:0 strangers:0 errors:0; do
		grep -Fxq "$expected" "$tmp/rules" ||
			fail "wdm_rules has not $expected: $(tr '\n' ' ' <"$tmp/rules")"
	done
}

# CPUs that a Windows driver keeps are frozen all the same. The driver is never notified of a CPU
# that it holds already, not even of one that came back late.
windows_driver() {
	step=$(need_step irq/affinity:online)
	cpu=$(pick_cpu)
	plug_cpu
	online "$plugged_cpu"
	number=$(online_cpus | wc -w)
	load wdm_rules flags=0x80000001
	rules_saw "$number" "$number"
	nap
	rules_saw "$number" "$number"
	offline_refused "$cpu" EBUSY
	put "$system/cpu/cpu$cpu/hotplug/fail" "$step" ||
		skip "step irq/affinity:online cannot be armed: $why"
	nap
	case " $(online_cpus) " in
	*" $cpu "*) fail "CPU$cpu is online, although a step was to fail" ;;
	esac
	settle
	offline "$cpu"
	online "$cpu"
	rules_saw "$number" "$number"
	offline_refused "$cpu" EBUSY
	unload wdm_rules
	offline "$cpu"
	load wdm_rules
	online "$cpu"
	rules_saw 1 1
	unload wdm_rules
}
test_case windows_driver 'P10 P11 W6 W7 a Windows driver, its CPUs and its thread over a suspend'

# dhp_test registers clients while resume has brought back some of three CPUs, and before and after.
newcomers() {
	plug_cpu
	online "$plugged_cpu"
	ctl "newcomers start"
	for _ in 1 2 3; do
		nap
	done
	ctl "newcomers stop"
	grep '^newcomers notified [1-9].* wrong 0$' "$test_dir/log" ||
		fail "clients were notified of too few CPUs: $(cat "$test_dir/log")"
	! grep -q ' refused 0 ' "$test_dir/log" || fail "no client registered while CPUs were frozen"
}
test_case newcomers 'R2 R4 registering while CPUs are frozen is refused, and later misses no CPU'

pool() {
	ctl "pool t buffer_size=4096"
	ctl "load t buffers=10"
	workers=$(cat "$dhp/pools/t/workers")
	for _ in 1 2 3; do
		nap
	done
	settle
	equal "workers" "$workers" "$(cat "$dhp/pools/t/workers")"
	cpu=$(pick_cpu)
	offline "$cpu"
	online "$cpu"
	nap
	ctl "rest t"
	settle
	equal "workers" "$workers" "$(cat "$dhp/pools/t/workers")"
	ctl "flush t"
	sound_pools
}
test_case pool 'P10 E1 E3 a pool under load survives a suspend'

shared_pool() {
	unload dhp_test
	unload dhp
	load dhp pool=1
	load dhp_test
	ctl "pool t system=1"
	ctl "load t buffers=10"
	nap
	ctl "rest t"
	ctl "flush t"
	before=$(cat "$dhp/pools/dhp/completed")
	ctl "submit t count=100"
	ctl "flush t"
	equal "items that ran after it" 100 "$(($(cat "$dhp/pools/dhp/completed") - before))"
	sound_pools
}
test_case shared_pool 'E7 P10 the pool that all drivers share runs items after a suspend'

# dhp_test has a device. Devices are suspended when tasks are frozen; dhp_test registers then.
pending_asleep() {
	can_nap mem
	seq=$(sequence)
	ctl "asleep start register=e1"
	try_nap mem devices || fail "mem: $why"
	ctl "asleep stop"
	{
		echo "asleep"
		echo "e1 registered: 0"
		echo "awake"
		for one in $(online_cpus); do
			echo "e1 ARRIVAL cpu $one seq $seq existing"
		done
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case pending_asleep 'A3 an event that is pending while tasks are frozen is delivered afterwards'

# No callback runs while tasks are frozen, so unregistering waits for none.
unregister_asleep() {
	clients=$(cat "$dhp/clients")
	can_nap mem
	ctl "asleep start register=e1 unregister=e1"
	try_nap mem devices || fail "mem: $why"
	ctl "asleep stop"
	expect_log <<-END
	asleep
	e1 registered: 0
	e1 unregister
	e1 unregistered
	awake
	END
	equal "clients" "$clients" "$(cat "$dhp/clients")"
}
test_case unregister_asleep 'A3 A7 unregistering while tasks are frozen, with an event pending'

# asleep_order: in which order things happened in the last suspend, in one line
asleep_order() {
	sed 's/^e1 \([A-Z]*\) .*/\1/' "$test_dir/log" | tr '\n' ' '
}

# The event is due half a second after its block, when devices are asleep. If freezing was slow, the
# event came before that, and the test tries again.
due_asleep() {
	can_nap mem
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 128M
	ctl "event e1 category=memory"
	ctl "asleep start"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		set_block "$plugged_blocks" online_movable
		try_nap mem devices || fail "mem: $why"
		settle
		order=$(asleep_order)
		[ "$order" = "ARRIVAL asleep awake " ] || break
		set_block "$plugged_blocks" offline
		settle
		ctl clear
	done
	ctl "asleep stop"
	equal "order" "asleep awake ARRIVAL " "$order"
}
test_case due_asleep 'A3 a run of memory blocks that ends while tasks are frozen is delivered afterwards'

# nap_given_up WHEN: freezing gives up, after two seconds and not twenty.
nap_given_up() {
	local freeze_timeout slept=1
	freeze_timeout=$(cat /sys/power/pm_freeze_timeout)
	echo 2000 >/sys/power/pm_freeze_timeout
	try_nap mem || slept=
	echo "$freeze_timeout" >/sys/power/pm_freeze_timeout
	[ -z "$slept" ] || fail "the machine suspended $1"
	equal "refused with" EBUSY "$why"
}

# Freezing waits for the callback, and gives up. A task that reads settle meanwhile is frozen at
# once, and gets its answer afterwards.
callback_runs() {
	can_nap mem
	cpu=$(pick_cpu)
	seq=$(sequence)
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	cat "$dhp/settle" >"$tmp/settled" &
	reader=$!
	wait_or_fail 30 asleep "$reader"
	nap_given_up "while an event callback was running"
	! logged 'refusing to freeze, wq_busy=0' || fail "a task was in the way, not the callback"
	ctl "release e1"
	wait "$reader" || fail "the reader of settle got no answer"
	equal "settled at" "$((seq + 1))" "$(cat "$tmp/settled")"
	online "$cpu"
	nap
}
test_case callback_runs 'A3 suspend waits for a callback that runs, and not for a reader of settle'

# r1_order: in which order things happened, in one line
r1_order() {
	sed 's/^r1 \([A-Z_]*\).*/\1/' "$test_dir/log" | tr '\n' ' '
}

has_start() {
	grep -q '^r1 START' "$test_dir/log"
}

# The client is asked again after a second, when devices are asleep. If freezing was slow, that came
# before, and the test tries again.
put_off_asleep() {
	can_nap mem
	cpu=$(pick_cpu)
	ctl "rebalance r1"
	ctl "asleep start"
	settle
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		ctl clear
		ctl "veto r1 state=query_stop errno=-16"
		offline "$cpu"
		settle
		try_nap mem devices || fail "mem: $why"
		wait_or_fail 60 has_start
		order=$(r1_order)
		[ "$order" = "QUERY_STOP QUERY_STOP STOP START asleep awake " ] || break
		online "$cpu"
		settle
	done
	ctl "asleep stop"
	equal "order" "QUERY_STOP asleep awake QUERY_STOP STOP START " "$order"
}
test_case put_off_asleep 'B1 B2 a client that has put its stop off is asked again after a suspend, not in it'

# It is started when tasks run again.
rebalance_asleep() {
	can_nap mem
	ctl "rebalance r2"
	settle
	ctl clear
	ctl "asleep start rebalance=r1 unregister=r2"
	try_nap mem devices || fail "mem: $why"
	ctl "asleep stop"
	settle
	equal "order" "asleep r1 registered: 0 r2 unregister r2 unregistered awake START " \
		"$(sed 's/^r1 \(START\) .*/\1/' "$test_dir/log" | tr '\n' ' ')"
}
test_case rebalance_asleep 'B2 B3 a client that registers while tasks are frozen is started afterwards'

# Freezing waits for the triple, and gives up.
stop_runs() {
	can_nap mem
	cpu=$(pick_cpu)
	settle
	ctl "rebalance r1"
	settle
	ctl clear
	ctl "inside r1 state=stop action=hold"
	offline "$cpu"
	await_line "r1 STOP"
	nap_given_up "between a stop and its start"
	ctl "release r1"
	wait_or_fail 60 has_start
	online "$cpu"
	nap
}
test_case stop_runs 'B2 suspend waits for a triple that has begun'

item_runs() {
	grep -q '^t submitted 1 ran 1 ' "$test_dir/pools"
}

# An item that does not end keeps its CPU online.
long_item() {
	cpu=$(pick_cpu)
	ctl "pool t"
	workers=$(cat "$dhp/pools/t/workers")
	ctl "submit t cpu=$cpu sleep_us=30000000"
	wait_or_fail 60 item_runs
	if try_nap mem; then
		fail "the machine suspended while an item was running on CPU$cpu"
	fi
	equal "refused with" EBUSY "$why"
	logged "dhp: pool t: an item has been running on CPU$cpu" ||
		fail "the log does not name the pool and the CPU"
	ctl "flush t"
	settle
	equal "workers" "$workers" "$(cat "$dhp/pools/t/workers")"
	nap
	sound_pools
}
test_case long_item 'E3 a suspend fails while an item runs for long, and the log names its pool'

load_and_unload() {
	while going_on; do
		load dhp buffer_permille=1
		unload dhp
		echo >>"$tmp/loaded"
	done
}

# No suspend can begin while dhp is being loaded.
nap_or_busy() {
	try_nap mem && return 0
	equal "refused with" EBUSY "$why"
	return 1
}

while_loading() {
	can_nap mem
	unload dhp_test
	unload dhp
	load_and_unload >"$tmp/loading" 2>&1 &
	naps=$(portion 20)
	for _ in $(seq "$naps"); do
		wait_or_fail 60 nap_or_busy
	done
	enough
	wait $! || fail "$(cat "$tmp/loading")"
	echo "loaded $(wc -l <"$tmp/loaded") times, suspended $naps times"
	load dhp pool=0
	load dhp_test
}
test_case while_loading 'P10 E1 the machine suspends while dhp is loaded and unloaded again and again'

# hibernate: sets $image, the size of the image in KiB, which is allocated before CPUs are frozen.
hibernate() {
	local before
	before=$(images | wc -l)
	nap disk
	image=$(images | tail -n "+$((before + 1))")
	[ -n "$image" ] || fail "the log does not say how many pages the image has"
	image=$((image * 4))
}

images() {
	log_since_mark | sed -n 's/.*Allocated \([0-9]*\) pages for snapshot.*/\1/p'
}

hibernation() {
	can_nap disk
	ctl "processor c1 flags=existing,removals"
	ctl "event e1 category=processor"
	ctl "event e2 category=memory"
	ctl "pool t buffer_size=4096 permille=1"
	ctl "load t buffers=10"
	settle
	ctl clear
	hibernate
	without=$image
	expect_log <<-END
	END
	# With KASAN, a larger image takes minutes, and there is not enough memory for all of it.
	if ! kasan; then
		ctl "destroy t"
		ctl "pool t buffer_size=4096 permille=150"
		ctl "load t buffers=10"
		buffers=$(($(pool_buffers) * 4))
		ctl clear
		hibernate
		expect_log <<-END
		END
		echo "image of $without KiB, and of $image KiB with $buffers KiB of buffers"
		[ $((image - without)) -ge $((buffers * 9 / 10)) ] ||
			fail "the buffers are not in the image"
	fi
	ctl "rest t"
	ctl "flush t"
	settle
	sound_pools
}
test_case hibernation 'P10 E1 E2 a pool under load survives a hibernation, and its buffers are in the image'

# Firmware adds a CPU while devices are asleep, when the kernel brings none online.
auto_online_asleep() {
	can_nap mem
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	put /sys/module/dhp/parameters/auto_online 1
	ctl "asleep start add=$cpu"
	try_nap mem devices || fail "mem: $why"
	settle
	put /sys/module/dhp/parameters/auto_online 0
	ctl "asleep stop"
	expect_log <<-END
	asleep
	added $cpu: 0
	awake
	END
	is_online "$cpu" || fail "CPU$cpu has become present and is not online"
	! logged 'bringing it online failed' || fail "dhp tried when it could not succeed"
}
test_case auto_online_asleep 'P10 a CPU that is added in the middle of a suspend is brought online afterwards'

run_tests
