#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver misses asynchronous events, or gets them twice or out of order.
#
# Clauses A, with events of CPUs. event_memory.sh has those of memory, and those of both together.

. ./lib/all.sh

# Sets, for its caller: $cpu, a CPU that can go offline; $seq, the number of the last event.
take_cpu() {
	cpu=$(pick_cpu)
	seq=$(sequence)
}

cpu_events() {
	take_cpu
	offline "$cpu"
	ctl "event e1 category=processor"
	ctl "event e2 category=memory"
	online "$cpu"
	offline "$cpu"
	expect_log <<-END
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	e1 REMOVAL cpu $cpu seq $((seq + 3))
	END
}
test_case cpu_events 'A1 A9 arrival and removal of a CPU, for clients of CPUs only'

failed_add() {
	take_cpu
	offline "$cpu"
	settle
	ctl "processor c1"
	ctl "event e1 category=processor"
	ctl "veto c1 state=start errno=-5"
	online_refused "$cpu" EIO
	expect_log <<-END
	c1 START $cpu 0
	END
	equal "last event" "$((seq + 1))" "$(sequence)"
}
test_case failed_add 'A1 an add that fails is no event'

after_complete() {
	take_cpu
	offline "$cpu"
	settle
	ctl "event e1 category=processor"
	ctl "processor c1"
	ctl "processor c2"
	ctl "inside c2 state=complete action=hold"
	online "$cpu"
	await_line "c2 COMPLETE $cpu 0"
	ctl "note waiting"
	ctl "release c2"
	expect_log <<-END
	c1 START $cpu 0
	c2 START $cpu 0
	c1 COMPLETE $cpu 0
	c2 COMPLETE $cpu 0
	waiting
	c2 released
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	END
}
test_case after_complete "A2 the arrival comes after every client's COMPLETE"

# dhp_test refuses to run these actions outside an event.
anything() {
	take_cpu
	offline "$cpu"
	settle
	ctl "event e1 category=processor"
	ctl "inside e1 state=arrival action=register arg=c1"
	ctl "inside e1 state=arrival action=offline arg=$cpu"
	ctl "inside e1 state=arrival action=unregister arg=c1"
	ctl "inside e1 state=arrival action=register_memory arg=m1"
	ctl "inside e1 state=arrival action=unregister arg=m1"
	ctl "inside e1 state=arrival action=register_event arg=e2"
	ctl "inside e1 state=arrival action=unregister arg=e2"
	ctl "inside e1 state=removal action=online arg=$cpu"
	online "$cpu"
	expect_log <<-END
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	e1 register c1: 0
	e1 offline $cpu: 0
	e1 unregister c1: 0
	e1 register_memory m1: 0
	e1 unregister m1: 0
	e1 register_event e2: 0
	e1 unregister e2: 0
	e1 REMOVAL cpu $cpu seq $((seq + 3))
	e1 online $cpu: 0
	e1 ARRIVAL cpu $cpu seq $((seq + 4))
	END
}
test_case anything 'A3 hotplug and registering from inside an event'

in_order() {
	take_cpu
	for i in 1 2 3; do
		ctl "event e$i category=processor"
	done
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	online "$cpu"
	offline "$cpu"
	online "$cpu"
	ctl "release e1"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 released
	e2 REMOVAL cpu $cpu seq $((seq + 1))
	e3 REMOVAL cpu $cpu seq $((seq + 1))
	e1 ARRIVAL cpu $cpu seq $((seq + 2))
	e2 ARRIVAL cpu $cpu seq $((seq + 2))
	e3 ARRIVAL cpu $cpu seq $((seq + 2))
	e1 REMOVAL cpu $cpu seq $((seq + 3))
	e2 REMOVAL cpu $cpu seq $((seq + 3))
	e3 REMOVAL cpu $cpu seq $((seq + 3))
	e1 ARRIVAL cpu $cpu seq $((seq + 4))
	e2 ARRIVAL cpu $cpu seq $((seq + 4))
	e3 ARRIVAL cpu $cpu seq $((seq + 4))
	END
}
test_case in_order 'A4 one event at a time, in order, to clients in the order of registration'

existing_cpus() {
	seq=$(sequence)
	ctl "event e1 category=processor flags=existing"
	for one in $(online_cpus); do
		echo "e1 ARRIVAL cpu $one seq $seq existing"
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case existing_cpus 'A6 every CPU that is online is reported once'

# The CPU is online and its event is being delivered: a client that registers now gets it as
# existing, and only so.
existing_under_way() {
	take_cpu
	offline "$cpu"
	settle
	ctl "event e1 category=processor"
	ctl "inside e1 state=arrival action=hold"
	online "$cpu"
	await_line "e1 ARRIVAL cpu $cpu seq $((seq + 2))"
	ctl "event e2 category=processor flags=existing"
	ctl "release e1"
	{
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2))"
		echo "e1 released"
		for one in $(online_cpus); do
			echo "e2 ARRIVAL cpu $one seq $((seq + 2)) existing"
		done
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case existing_under_way 'A6 a CPU whose event is being delivered is reported once'

# The CPU is coming online: a client that registers now gets it as an event, and not as existing.
existing_onlining() {
	take_cpu
	offline "$cpu"
	settle
	cpus=$(online_cpus)
	ctl "processor c1"
	ctl "inside c1 state=start action=hold"
	put "$system/cpu/cpu$cpu/online" 1 &
	await_line "c1 START $cpu 0"
	ctl "event e1 category=processor flags=existing"
	last=${cpus##* }
	await_line "e1 ARRIVAL cpu $last seq $((seq + 1)) existing"
	ctl "release c1"
	wait
	{
		echo "c1 START $cpu 0"
		for one in $cpus; do
			echo "e1 ARRIVAL cpu $one seq $((seq + 1)) existing"
		done
		echo "c1 released"
		echo "c1 COMPLETE $cpu 0"
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2))"
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case existing_onlining 'A6 a CPU that is coming online is reported once'

unregister_waits() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	online "$cpu"
	until_waits "$test_dir/control" "unregister e1" "e1 unregister"
	ctl "note waiting"
	ctl "release e1"
	wait
	offline "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister
	waiting
	e1 released
	e1 unregistered
	END
}
test_case unregister_waits 'A7 unregistering waits for a running callback, and none comes after it'

# Unregistering drops the events that are queued for e2, and does not wait for e1's running
# callback.
unregister_pending() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "event e2 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	ctl "unregister e2"
	ctl "release e1"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e2 unregister
	e2 unregistered
	e1 released
	END
}
test_case unregister_pending 'A7 a client that has unregistered does not get pending events'

unregister_self() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "event e2 category=processor"
	ctl "inside e1 state=removal action=unregister_self"
	offline "$cpu"
	online "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister_self: 0
	e2 REMOVAL cpu $cpu seq $((seq + 1))
	e2 ARRIVAL cpu $cpu seq $((seq + 2))
	END
	equal "clients" 1 "$(cat "$dhp/clients")"
}
test_case unregister_self 'A7 a client unregisters itself in its callback'

unregister_self_existing() {
	seq=$(sequence)
	cpus=$(online_cpus)
	ctl "inside e1 state=arrival action=unregister_self"
	ctl "event e1 category=processor flags=existing"
	expect_log <<-END
	e1 ARRIVAL cpu ${cpus%% *} seq $seq existing
	e1 unregister_self: 0
	END
	equal "clients" 0 "$(cat "$dhp/clients")"
}
test_case unregister_self_existing 'A7 a client unregisters itself in its replay'

unregister_other() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "event e2 category=processor"
	ctl "event e3 category=processor"
	ctl "inside e1 state=removal action=unregister arg=e2"
	offline "$cpu"
	expect_log <<-END
	e1 REMOVAL cpu $cpu seq $((seq + 1))
	e1 unregister e2: 0
	e3 REMOVAL cpu $cpu seq $((seq + 1))
	END
}
test_case unregister_other 'A7 a client that another one unregisters in its callback is not called'

fields() {
	take_cpu
	ctl "event e1 category=processor"
	for i in 1 2 3 4 5; do
		offline "$cpu"
		online "$cpu"
	done
	for i in 1 2 3 4 5; do
		echo "e1 REMOVAL cpu $cpu seq $((seq + 2 * i - 1))"
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2 * i))"
	done >"$tmp/in"
	expect_log <"$tmp/in"
	equal "sequence in sysfs" "$((seq + 10))" "$(cat "$dhp/sequence")"
}
test_case fields 'A8 events are numbered without gaps, and their time does not run backwards'

# Events of CPUs are merged only when memory is short or the queue is full, and neither is the case
# here.
fast() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	online "$cpu"
	rounds=25
	for i in $(seq 2 "$rounds"); do
		offline "$cpu"
		online "$cpu"
	done
	ctl "release e1"
	for i in $(seq "$rounds"); do
		echo "e1 REMOVAL cpu $cpu seq $((seq + 2 * i - 1))"
		[ "$i" != 1 ] || echo "e1 released"
		echo "e1 ARRIVAL cpu $cpu seq $((seq + 2 * i))"
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case fast 'A10 events that come faster than a client takes them are not lost'

# The log names it while it runs, and once.
slow_callback() {
	take_cpu
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	named='dhp: event callback dhp_test/on_event#[0-9]* has been running for 1[0-9] s'
	wait_or_fail 60 logged "$named"
	online "$cpu"
	ctl "release e1"
	settle
	offline "$cpu"
	settle
	equal "lines that name it" 1 "$(log_since_mark | grep -c "$named")"
}
test_case slow_callback 'A10 the log names a callback that delays all events while it runs'

run_tests
