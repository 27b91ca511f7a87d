#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver that spreads something over all CPUs is stopped too often, too early, for
# ever, or not at all when the machine changes.
#
# Clauses B. The same while the machine is suspended is in suspend.sh.

. ./lib/all.sh

# machine: as a START shows it
machine() {
	local pages
	pages=$(awk '$1 == "present" { pages += $2 } END { print pages }' /proc/zoneinfo)
	echo "cpus $(cat "$system/cpu/online") nodes $(cat "$system/node/online") mem $((pages * 4096))"
}

# start_now NAME: the line of a START for the machine as it is now, behind the last event
start_now() {
	echo "$1 START $(machine) seq $(sequence)"
}

# triple_now NAME: the lines of a triple that ends with this START
triple_now() {
	printf '%s QUERY_STOP\n%s STOP\n' "$1" "$1"
	start_now "$1"
}

# has_start NAME: has NAME been started?
has_start() {
	grep -q "^$1 START " "$test_dir/log"
}

# rebalance NAME...: registers clients, and waits for their first start, which the log has not.
rebalance() {
	local name
	settle
	for name in "$@"; do
		ctl "rebalance $name"
	done
	settle
	for name in "$@"; do
		has_start "$name" || fail "$name was not started"
	done
	ctl clear
}

first_start() {
	settle
	ctl "rebalance r1"
	wait_or_fail 60 has_start r1
	start_now r1 >"$tmp/in"
	expect_log <"$tmp/in"
	equal "clients" 1 "$(cat "$dhp/clients")"
}
test_case first_start 'B1 the first call of a client is a start alone, with the machine'

# By itself, without a reader of settle.
by_itself() {
	rebalance r1
	cpu=$(pick_cpu)
	offline "$cpu"
	wait_or_fail 60 has_start r1
	triple_now r1 >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case by_itself 'B1 a client is asked, stopped and started when a change is over'

burst() {
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 256M
	plug_cpu
	cpu=$(pick_cpu)
	rebalance r1 r2
	echo 0 >"$system/cpu/cpu$cpu/online"
	echo 1 >"$system/cpu/cpu$plugged_cpu/online"
	for block in $plugged_blocks; do
		echo online_movable >"$system/memory/memory$block/state"
	done
	echo 1 >"$system/cpu/cpu$cpu/online"
	{
		triple_now r1
		triple_now r2
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case burst 'B1 B2 one triple for CPUs and memory that come and go, one client after the other'

undone() {
	cpu=$(pick_cpu)
	rebalance r1
	echo 0 >"$system/cpu/cpu$cpu/online"
	echo 1 >"$system/cpu/cpu$cpu/online"
	triple_now r1 >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case undone 'B2 a change that is undone at once is a burst'

failed_add() {
	cpu=$(pick_cpu)
	offline "$cpu"
	rebalance r1
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c1 START $cpu 0
	END
}
test_case failed_add 'B2 an operation that fails is no burst'

# A change every half a second, for longer than the limit.
endless() {
	cpu=$(pick_cpu)
	rebalance r1
	now
	since=$now
	until has_line "r1 STOP" || [ $((now - since)) -gt 90 ]; do
		offline "$cpu"
		sleep 0.2
		online "$cpu"
		sleep 0.2
		now
	done
	has_line "r1 STOP" || fail "no triple in $((now - since)) s of changes"
	[ $((now - since)) -ge 28 ] || fail "a triple after $((now - since)) s, in the middle of a burst"
}
test_case endless 'B2 a burst that does not end has a triple after half a minute'

after_events() {
	cpu=$(pick_cpu)
	rebalance r1
	seq=$(sequence)
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	cat "$dhp/settle" >"$tmp/settled" &
	reader=$!
	! wait_for 3 has_line "r1 QUERY_STOP" || fail "a triple before the event is delivered"
	ctl "release e1"
	wait "$reader"
	{
		echo "e1 REMOVAL cpu $cpu seq $((seq + 1))"
		echo "e1 released"
		triple_now r1
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case after_events 'B3 the triple comes after the events of the burst'

# The clients have a change behind them, and the reader of settle does not let them wait for a pause.
cpu_on_its_way() {
	cpu=$(pick_cpu)
	rebalance r1
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	echo 0 >"$system/cpu/cpu$cpu/online"
	until_waits "$system/cpu/cpu$cpu/online" 1 "c1 START $cpu 0"
	cat "$dhp/settle" >"$tmp/settled" &
	! wait_for 3 has_line "r1 QUERY_STOP" || fail "a triple while a CPU is coming online"
	ctl "release c1"
	wait
	{
		echo "c1 START $cpu 0"
		echo "c1 released"
		echo "c1 COMPLETE $cpu 0"
		triple_now r1
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case cpu_on_its_way 'B2 no triple while a CPU is coming online'

memory_on_its_way() {
	cpu=$(pick_cpu)
	put "$system/memory/auto_online_blocks" online_movable
	plug_dimm 128M
	rebalance r1
	ctl "memory m1"
	ctl "inside m1 state=remove_start action=hold"
	echo 0 >"$system/cpu/cpu$cpu/online"
	until_waits "$system/memory/memory$plugged_blocks/state" offline
	wait_or_fail 60 grep -q '^m1 REMOVE_START' "$test_dir/log"
	cat "$dhp/settle" >"$tmp/settled" &
	! wait_for 3 has_line "r1 QUERY_STOP" || fail "a triple while memory is going offline"
	ctl "release m1"
	wait
	settle
	grep '^r1' "$test_dir/log" >"$tmp/seen"
	triple_now r1 >"$tmp/in"
	same "$tmp/in" "$tmp/seen"
}
test_case memory_on_its_way 'B2 no triple while memory is going offline'

always_yes() {
	cpu=$(pick_cpu)
	settle
	ctl "rebalance r1 lacks=query_stop"
	settle
	ctl clear
	offline "$cpu"
	{
		echo "r1 STOP"
		start_now r1
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case always_yes 'B1 a client without query_stop is not asked'

put_off() {
	cpu=$(pick_cpu)
	rebalance r1 r2
	ctl "veto r1 state=query_stop errno=-16 count=4"
	offline "$cpu"
	{
		echo "r1 QUERY_STOP"
		triple_now r2
	} >"$tmp/in"
	# settle does not wait for r1, unless it was asked again since.
	settle
	grep -v '^r1' "$tmp/in" >"$tmp/expected"
	grep -v '^r1' "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
	# After the fourth time, at the latest, it sees a change that has come meanwhile.
	wait_or_fail 60 has_start r1
	{
		cat "$tmp/in"
		for _ in 2 3 4; do
			echo "r1 QUERY_STOP"
		done
		triple_now r1
	} >"$tmp/all"
	expect_log <"$tmp/all"
	named='dhp: rebalance client dhp_test/on_start#[0-9]* has put its stop off 4 times'
	equal "lines that name it" 1 "$(log_since_mark | grep -c "$named")"
	grep -q '^dhp_test/on_start#[0-9]* rebalance [0-9]* 4 ' /sys/kernel/debug/dhp/clients ||
		fail "the list of clients has not counted: $(cat /sys/kernel/debug/dhp/clients)"
}
test_case put_off 'B1 a client that puts its stop off is asked again, and named; others do not wait for it'

# The change that it has put off, and the one after it, are one triple.
put_off_and_changed() {
	cpu=$(pick_cpu)
	rebalance r1
	ctl "veto r1 state=query_stop errno=-16 count=2"
	offline "$cpu"
	settle
	await_line "r1 QUERY_STOP"
	online "$cpu"
	wait_or_fail 60 has_start r1
	{
		echo "r1 QUERY_STOP"
		echo "r1 QUERY_STOP"
		triple_now r1
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case put_off_and_changed 'B1 B2 a change while a stop is put off is in the same triple'

# op_changes STATE: the callback for STATE takes a CPU offline.
op_changes() {
	cpu=$(pick_cpu)
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 128M
	rebalance r1
	ctl "inside r1 state=$1 action=offline arg=$cpu"
	set_block "$plugged_blocks" online_movable
	settle
	awk '$2 == "START" { $NF = $8 = $4 = "-" } { print }' "$test_dir/log" >"$tmp/seen"
	triple_now r1 | awk '$2 == "START" { $NF = $8 = $4 = "-" } { print }' >"$tmp/triple"
	awk -v state="$1" -v line="r1 offline $cpu: 0" '
		{ print }
		tolower($2) == state { print line }' "$tmp/triple" >"$tmp/in"
	cat "$tmp/triple" >>"$tmp/in"
	same "$tmp/in" "$tmp/seen"
	start_now r1 >"$tmp/in"
	tail -n 1 "$test_dir/log" >"$tmp/seen"
	same "$tmp/in" "$tmp/seen"
}

query_stop_changes() {
	op_changes query_stop
}
test_case query_stop_changes 'B1 A3 a query_stop that takes a CPU offline makes a further triple'

stop_changes() {
	op_changes stop
}
test_case stop_changes 'B1 A3 a stop that takes a CPU offline makes a further triple'

start_changes() {
	op_changes start
}
test_case start_changes 'B1 A3 a start that takes a CPU offline makes a further triple'

# op_unregisters STATE LINE...: the callback for STATE unregisters its own client; then its log is LINE...
op_unregisters() {
	local state="$1"
	shift
	cpu=$(pick_cpu)
	rebalance r1 r2
	ctl "inside r1 state=$state action=unregister_self"
	offline "$cpu"
	settle
	printf '%s\n' "$@" >"$tmp/in"
	triple_now r2 >>"$tmp/in"
	sed 's/^r1 START .*/r1 START/' "$test_dir/log" >"$tmp/seen"
	same "$tmp/in" "$tmp/seen"
	online "$cpu"
	settle
	equal "clients" 1 "$(cat "$dhp/clients")"
}

query_stop_unregisters() {
	op_unregisters query_stop "r1 QUERY_STOP" "r1 unregister_self: 0"
}
test_case query_stop_unregisters 'B1 B2 a client that unregisters in query_stop is not stopped'

stop_unregisters() {
	op_unregisters stop "r1 QUERY_STOP" "r1 STOP" "r1 unregister_self: 0"
}
test_case stop_unregisters 'B1 B2 a client that unregisters in stop is not started'

start_unregisters() {
	op_unregisters start "r1 QUERY_STOP" "r1 STOP" "r1 START" "r1 unregister_self: 0"
}
test_case start_unregisters 'B1 B2 a client that unregisters in start gets nothing more'

first_start_unregisters() {
	settle
	ctl "inside r1 state=start action=unregister_self"
	ctl "rebalance r1"
	{
		start_now r1
		echo "r1 unregister_self: 0"
	} >"$tmp/in"
	expect_log <"$tmp/in"
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case first_start_unregisters 'B1 a client unregisters in its first start'

# A callback does anything to other clients; r3 is registered after the change, so it has no triple.
others() {
	cpu=$(pick_cpu)
	rebalance r1 r2
	ctl "inside r1 state=stop action=unregister arg=r2"
	ctl "inside r1 state=stop action=register_rebalance arg=r3"
	ctl "inside r1 state=stop action=register arg=c1"
	ctl "inside r1 state=stop action=unregister arg=c1"
	ctl "inside r1 state=stop action=register_event arg=e1"
	ctl "inside r1 state=stop action=unregister arg=e1"
	ctl "inside r1 state=stop action=read_settle"
	offline "$cpu"
	settle
	{
		triple_now r1 | head -n 2
		cat <<-END
		r1 unregister r2: 0
		r1 register_rebalance r3: 0
		r1 register c1: 0
		r1 unregister c1: 0
		r1 register_event e1: 0
		r1 unregister e1: 0
		r1 read_settle: -35
		END
		start_now r1
		start_now r3
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case others 'B3 A3 a callback registers and unregisters clients of other kinds and of its own'

# Unregistering waits for the callback, and for the start that follows a stop.
unregister_waits() {
	cpu=$(pick_cpu)
	rebalance r1
	ctl "inside r1 state=stop action=hold"
	offline "$cpu"
	await_line "r1 STOP"
	until_waits "$test_dir/control" "unregister r1" "r1 unregister"
	ctl "release r1"
	wait
	online "$cpu"
	settle
	sed 's/^r1 START .*/r1 START/' "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/in" <<-END
	r1 QUERY_STOP
	r1 STOP
	r1 unregister
	r1 released
	r1 START
	r1 unregistered
	END
	same "$tmp/in" "$tmp/seen"
}
test_case unregister_waits 'B2 unregistering waits for the start that belongs to a stop'

# An unregistering that comes while the client is asked: it is not stopped any more.
unregister_while_asked() {
	cpu=$(pick_cpu)
	rebalance r1
	ctl "inside r1 state=query_stop action=hold"
	offline "$cpu"
	await_line "r1 QUERY_STOP"
	until_waits "$test_dir/control" "unregister r1" "r1 unregister"
	ctl "release r1"
	wait
	expect_log <<-END
	r1 QUERY_STOP
	r1 unregister
	r1 released
	r1 unregistered
	END
}
test_case unregister_while_asked 'B2 a client that is unregistered while it is asked is not stopped'

unregister_from_event() {
	cpu=$(pick_cpu)
	rebalance r1
	seq=$(sequence)
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=unregister arg=r1"
	offline "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister r1: 0
	END
}
test_case unregister_from_event 'B3 A3 an event callback unregisters a rebalance client'

# In a synchronous callback it would wait for a callback that may wait for the operation.
unregister_refused() {
	cpu=$(pick_cpu)
	rebalance r1
	ctl "processor c1 flags=removals,existing"
	ctl clear
	ctl "inside c1 state=remove_start action=register_rebalance arg=r2"
	ctl "inside c1 state=remove_start action=unregister arg=r1"
	offline "$cpu"
	settle
	grep '^c1' "$test_dir/log" >"$tmp/seen"
	cat >"$tmp/in" <<-END
	c1 REMOVE_START $cpu 0
	c1 register_rebalance r2: 0
	c1 unregister r1: -35
	c1 REMOVE_COMPLETE $cpu 0
	END
	same "$tmp/in" "$tmp/seen"
	logged 'unregistering a rebalance client from inside a synchronous CPU callback is refused' ||
		fail "the log does not say so"
}
test_case unregister_refused 'B1 a synchronous callback registers a client, and may not unregister one'

lacking() {
	for what in stop start all; do
		ctl_refused EINVAL "rebalance r1 lacks=$what"
	done
	for pointer in null error; do
		ctl_refused EINVAL "unregister_bad rebalance pointer=$pointer"
	done
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case lacking 'B1 R1 a registration without stop or start is refused, and so is a bad handle'

shown() {
	cpu=$(pick_cpu)
	rebalance r1
	ctl "veto r1 state=query_stop errno=-16"
	offline "$cpu"
	wait_or_fail 30 has_start r1
	settle
	name='client=dhp_test/on_start#[0-9]*'
	for line in "QUERY_STOP $name result=-16 took=" "QUERY_STOP $name result=0 took=" \
		"STOP $name took=" "START cpus=$(online_cpus | wc -w) nodes=1 mem=0x[0-9a-f]* seq=$(sequence) $name took="; do
		grep -q " ${line}[0-9]*us\$" /sys/kernel/debug/dhp/log || {
			tail /sys/kernel/debug/dhp/log
			fail "no '$line' in the log"
		}
	done
}
test_case shown 'B1 debugfs shows each call, with what it took'

# It is not in use, and delays no triple.
halfway() {
	cpu=$(pick_cpu)
	plug_cpu
	target=$system/cpu/cpu$cpu/hotplug/target
	offline "$cpu"
	put "$target" "$(step_number dhp:online)" || skip "needs CONFIG_CPU_HOTPLUG_STATE_CONTROL"
	is_online "$cpu" || online_cpus | grep -qw "$cpu" || fail "CPU$cpu is not half-way online"
	rebalance r1
	online "$plugged_cpu"
	settle
	equal "calls" "QUERY_STOP STOP START " "$(cut -d ' ' -f 2 "$test_dir/log" | tr '\n' ' ')"
	equal "CPUs in use" "$(online_cpus | tr ' ' '\n' | grep -vx "$cpu" | tr '\n' ' ')" \
		"$(expand "$(sed -n 's/^r1 START cpus \([^ ]*\) .*/\1/p' "$test_dir/log")") "
	put "$target" "$(step_number online)" || fail "CPU$cpu does not come online: $why"
	put "$system/cpu/cpu$cpu/online" 1 || true
}
test_case halfway 'B1 B2 a CPU that hotplug/target has left half-way is not in the machine'

# Half-way down, and offline already: its REMOVAL comes when it is moved on.
halfway_down() {
	cpu=$(pick_cpu)
	plug_cpu
	target=$system/cpu/cpu$cpu/hotplug/target
	rebalance r1
	put "$target" "$(step_number dhp:prepare)" || skip "needs CONFIG_CPU_HOTPLUG_STATE_CONTROL"
	online_cpus | grep -qw "$cpu" && fail "CPU$cpu is still online"
	online "$plugged_cpu"
	settle
	equal "calls" "QUERY_STOP STOP START " "$(cut -d ' ' -f 2 "$test_dir/log" | tr '\n' ' ')"
	equal "CPUs in use" "$(online_cpus) " \
		"$(expand "$(sed -n 's/^r1 START cpus \([^ ]*\) .*/\1/p' "$test_dir/log")") "
	ctl clear
	put "$target" 0 || fail "CPU$cpu does not go offline: $why"
	settle
	equal "calls" "QUERY_STOP STOP START " "$(cut -d ' ' -f 2 "$test_dir/log" | tr '\n' ' ')"
	put "$target" "$(step_number online)" || fail "CPU$cpu does not come online: $why"
	put "$system/cpu/cpu$cpu/online" 1 || true
}
test_case halfway_down 'B2 B3 a CPU that hotplug/target has left half-way down delays no triple'

# sample NAME: a parameter of the sample
sample() {
	cat "/sys/module/dhp_sample_rebalance/parameters/$1"
}

rebuilt() {
	[ "$(sample rebuilds)" = "$1" ]
}

# plug_all: every CPU and four DIMMs that the machine can take. Sets $cpus, the CPUs that are offline.
plug_all() {
	put "$system/memory/auto_online_blocks" offline
	cpus=
	blocks=
	hotplug cpu list >"$tmp/slots" 2>&1 || impossible "$(cat "$tmp/slots")"
	while try_plug_cpu; do
		cpus="$cpus $plugged_cpu"
	done
	for _ in 1 2 3 4; do
		plug_dimm 128M
		blocks="$blocks $plugged_blocks"
	done
}

try_plug_cpu() {
	hotplug cpu list | grep -q free && plug_cpu
}

many() {
	plug cpu list
	cat "$tmp/plugged"
	load dhp_sample_rebalance
	settle
	equal "rebuilds" 1 "$(sample rebuilds)"
	plug_all
	rebalance r1
	for cpu in $cpus; do
		echo 1 >"$system/cpu/cpu$cpu/online"
	done
	for block in $blocks; do
		echo online_movable >"$system/memory/memory$block/state"
	done
	triple_now r1 >"$tmp/in"
	expect_log <"$tmp/in"
	equal "rebuilds" 2 "$(sample rebuilds)"
	equal "queues" "$(online_cpus | wc -w)" "$(sample queues)"
	equal "CPUs of the table" "$(online_cpus)" \
		"$(sample spread | tr ' ' '\n' | sort -nu | tr '\n' ' ' | sed 's/ $//')"
	echo "one triple for $(echo "$cpus" | wc -w) CPUs and $(echo "$blocks" | wc -w) DIMMs"
	unload dhp_sample_rebalance
}
test_case many 'B1 B2 a driver makes its table once when all CPUs and four DIMMs have come'

run_tests
