#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a busy machine that changes makes a driver miss a CPU, or loses its work or memory.
#
# Many changes, and several at the same time. Each client's whole log of calls is still checked.
# torture.sh does all of it at random.

. ./lib/all.sh

setup() {
	load dhp pool=1
	load dhp_test
}

# legal: checks the log (standard input) of CPU clients. For each client and CPU, each call must be
# allowed after the one before, and none follows unregistering.
legal() {
	awk '
	function bad(why) { print NR ": " $0 ": " why; failed = 1 }
	/!/ { bad("not as it should be") }
	$2 == "unregistered" { gone[$1] = 1; next }
	$2 == "unregister" { next }
	gone[$1] { bad("after unregistering") }
	{ at = $1 " " $3; was = state[at] }
	$2 == "START" { if (was != "") bad("after " was) }
	$2 == "COMPLETE" || $2 == "FAILURE" { if (was != "START") bad("after " was) }
	$2 == "REMOVE_START" {
		if (was != "COMPLETE" && was != "REMOVE_FAILURE") bad("after " was)
	}
	$2 == "REMOVE_COMPLETE" || $2 == "REMOVE_FAILURE" {
		if (was != "REMOVE_START") bad("after " was)
	}
	{ state[at] = $2 == "FAILURE" || $2 == "REMOVE_COMPLETE" ? "" : $2 }
	END { exit failed }' || fail "an impossible sequence"
}

# No process is started in the loop, so that there is no pause between the two.
straight_after() {
	cpu=$(pick_cpu)
	offline "$cpu"
	seq=$(sequence)
	ctl clear
	ctl "processor c1 flags=removals"
	ctl "processor c2"
	ctl "event e1 category=processor"
	file=$system/cpu/cpu$cpu/online
	failed=0
	times=$(portion 1000)
	for _ in $(seq "$times"); do
		echo 1 >"$file" || failed=$((failed + 1))
		echo 0 >"$file" || failed=$((failed + 1))
	done
	equal "operations that failed" 0 "$failed"
	settle
	awk -v cpu="$cpu" -v seq="$seq" -v times="$times" 'BEGIN {
		for (i = 1; i <= times; i++) {
			print "c1 START " cpu " 0"
			print "c1 COMPLETE " cpu " 0"
			print "c1 REMOVE_START " cpu " 0"
			print "c1 REMOVE_COMPLETE " cpu " 0"
		}
		print "c2 START " cpu " 0"
		print "c2 COMPLETE " cpu " 0"
		for (i = 1; i <= times; i++) {
			print "e1 ARRIVAL cpu " cpu " seq " seq + 2 * i - 1
			print "e1 REMOVAL cpu " cpu " seq " seq + 2 * i
		}
	}' >"$tmp/expected"
	cat "$test_dir/log" >"$tmp/log"
	for client in c1 c2 e1; do
		grep "^$client " "$tmp/log"
	done >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
	echo "$times times"
}
test_case straight_after 'P1 X4 offline straight after online, again and again without a pause'

# toggle COUNT: in the background, takes a CPU offline and online COUNT times, and then creates
# $tmp/over. `toggled` waits for it.
toggle() {
	local cpu
	cpu=$(pick_cpu)
	rm -f "$tmp/over"
	(
		for _ in $(seq "$1"); do
			echo 0 >"$system/cpu/cpu$cpu/online" || echo "offline failed"
			echo 1 >"$system/cpu/cpu$cpu/online" || echo "online failed"
		done
		touch "$tmp/over"
	) >"$tmp/toggle" 2>&1 &
}

toggled() {
	wait
	[ ! -s "$tmp/toggle" ] || fail "$(cat "$tmp/toggle")"
}

clients_come_and_go() {
	ctl "processor c0 flags=existing,removals"
	toggle "$(portion 60)"
	i=0
	while [ ! -e "$tmp/over" ]; do
		i=$((i + 1))
		ctl "processor c$i flags=existing,removals"
		ctl "processor d$i"
		ctl "unregister c$i"
		ctl "unregister d$i"
	done
	toggled
	settle
	legal <"$test_dir/log"
	echo "$i times"
	# The replay for a new client has the CPUs that are online.
	ctl clear
	ctl "processor last flags=existing"
	{
		for one in $(online_cpus); do
			echo "last START $one 0"
		done
		for one in $(online_cpus); do
			echo "last COMPLETE $one 0"
		done
	} >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case clients_come_and_go 'R4 registering and unregistering in a loop while a CPU goes offline and online'

events_come_and_go() {
	toggle "$(portion 60)"
	ctl "event e0 category=processor"
	seq=$(sequence)
	i=0
	while [ ! -e "$tmp/over" ]; do
		i=$((i + 1))
		ctl "event e$i category=processor flags=existing"
		ctl "event f$i category=memory flags=existing"
		ctl "unregister e$i"
		ctl "unregister f$i"
	done
	toggled
	settle
	! grep '!' "$test_dir/log" || fail "dhp_test has found fault with a call"
	awk '
	$2 == "unregistered" { gone[$1] = 1 }
	($2 == "ARRIVAL" || $2 == "REMOVAL") && gone[$1] { print; failed = 1 }
	END { exit failed }' "$test_dir/log" || fail "an event after unregistering"
	# e0, which stays, gets all events, arrivals and removals in turn.
	grep '^e0 ' "$test_dir/log" | awk '
	{ if (last && $6 != last + 1 || $2 == before) { print; failed = 1 }; last = $6; before = $2 }
	END { exit failed }' || fail "a gap, or two of the same kind"
	echo "$i times"
}
test_case events_come_and_go 'A6 A7 event clients register and unregister while a CPU goes offline and online'

vetoes() {
	cpu=$(pick_cpu)
	for i in 1 2 3; do
		ctl "processor c$i flags=existing,removals"
	done
	settle
	ctl clear
	# Each client in turn, for each direction.
	for _ in 1 2 3 4 5; do
		for i in 1 2 3; do
			ctl "veto c$i state=remove_start errno=-16"
			offline_refused "$cpu" EBUSY
			offline "$cpu"
			ctl "veto c$i state=start errno=-12"
			online_refused "$cpu" ENOMEM
			online "$cpu"
		done
	done
	for _ in 1 2 3 4 5; do
		for i in 1 2 3; do
			for j in $(seq 3 -1 "$i"); do
				echo "c$j REMOVE_START $cpu 0"
			done
			for j in $(seq $((i + 1)) 3); do
				echo "c$j REMOVE_FAILURE $cpu -16"
			done
			for j in 3 2 1; do
				echo "c$j REMOVE_START $cpu 0"
			done
			for j in 3 2 1; do
				echo "c$j REMOVE_COMPLETE $cpu 0"
			done
			for j in $(seq "$i"); do
				echo "c$j START $cpu 0"
			done
			for j in $(seq $((i - 1)) -1 1); do
				echo "c$j FAILURE $cpu -12"
			done
			for j in 1 2 3; do
				echo "c$j START $cpu 0"
			done
			for j in 1 2 3; do
				echo "c$j COMPLETE $cpu 0"
			done
		done
	done >"$tmp/in"
	expect_log <"$tmp/in"
}
test_case vetoes 'P4 X3 vetoes of each client in turn'

five_hundred() {
	cpu=$(pick_cpu)
	ctl "bulk c count=500 flags=existing,removals"
	settle
	ctl clear
	for _ in 1 2 3; do
		offline "$cpu"
		online "$cpu"
	done
	awk -v cpu="$cpu" 'BEGIN {
		for (n = 0; n < 3; n++) {
			for (i = 500; i; i--) print "c" i " REMOVE_START " cpu " 0"
			for (i = 500; i; i--) print "c" i " REMOVE_COMPLETE " cpu " 0"
			for (i = 1; i <= 500; i++) print "c" i " START " cpu " 0"
			for (i = 1; i <= 500; i++) print "c" i " COMPLETE " cpu " 0"
		}
	}' >"$tmp/in"
	expect_log <"$tmp/in"
	ctl "unregister c*"
}
test_case five_hundred 'R7 500 clients while a CPU goes offline and online'

# Fills every slot that the machine has.
to_the_maximum() {
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	seq=$(sequence)
	new=
	: >"$tmp/in"
	while
		plug_or_full
	do
		online "$plugged_cpu"
		settle
		seq=$((seq + 1))
		new="$plugged_cpu $new"
		cat <<-END >>"$tmp/in"
		c1 START $plugged_cpu 0
		c1 COMPLETE $plugged_cpu 0
		e1 ARRIVAL cpu $plugged_cpu seq $seq
		END
	done
	[ -n "$new" ] || skip "nothing could be plugged: $(cat "$tmp/refusal")"
	equal "CPUs that are present and not online" '' "$(cat "$dhp/present_offline")"
	equal workers "$(cat "$system/cpu/online")" "$(cat "$dhp/pools/dhp/workers")"
	for one in $new; do
		unplug_cpu "$one"
		settle
		seq=$((seq + 1))
		cat <<-END >>"$tmp/in"
		c1 REMOVE_START $one 0
		c1 REMOVE_COMPLETE $one 0
		e1 REMOVAL cpu $one seq $seq
		END
	done
	expect_log <"$tmp/in"
	equal workers "$(cat "$system/cpu/online")" "$(cat "$dhp/pools/dhp/workers")"
}

# plug_or_full: like plug_cpu; fails when every slot is in use, and then a further CPU must be
# refused.
plug_or_full() {
	local free
	can_plug
	free=$(hotplug cpu list | awk '$2 == "free"' | wc -l)
	[ "$free" -gt 0 ] || {
		hotplug cpu add >/dev/null 2>"$tmp/refusal" && fail "a CPU was plugged although no slot is free"
		return 1
	}
	plug_cpu
}
test_case to_the_maximum 'P1 A8 CPUs are plugged up to the maximum, and unplugged'

again_and_again() {
	ctl "processor c1 flags=removals"
	: >"$tmp/in"
	for _ in 1 2 3 4; do
		plug_cpu
		online "$plugged_cpu"
		unplug_cpu "$plugged_cpu"
		cat <<-END >>"$tmp/in"
		c1 START $plugged_cpu 0
		c1 COMPLETE $plugged_cpu 0
		c1 REMOVE_START $plugged_cpu 0
		c1 REMOVE_COMPLETE $plugged_cpu 0
		END
	done
	expect_log <"$tmp/in"
}
test_case again_and_again 'X4 the same CPU is plugged and unplugged again and again'

everything() {
	ctl "pool t buffer_size=4096 permille=10"
	ctl "load t buffers=100"
	ctl "processor c0 flags=existing,removals"
	ctl "event e0 category=memory"
	put "$system/memory/auto_online_blocks" online_movable
	toggle "$(portion 40)"
	i=0
	while [ ! -e "$tmp/over" ]; do
		i=$((i + 1))
		plug_dimm 128M
		ctl "processor c$i flags=existing"
		unplug_dimm "$plugged_dimm"
		ctl "unregister c$i"
	done
	toggled
	ctl "rest t"
	settle
	echo "$i DIMMs"
	grep '^c' "$test_dir/log" | legal
	ctl "flush t"
	sound_pools
}
test_case everything 'E3 E4 CPUs, DIMMs, clients and a pool under load, all at once'

# Two pools with producers on every CPU and buffers in use; also buffers in a DIMM, where the
# machine has a node for it.
for_minutes() {
	cpu=$(pick_cpu)
	online_as=online_movable
	[ -z "$(lonely_node)" ] || online_as=online_kernel
	put "$system/memory/auto_online_blocks" "$online_as"
	ctl "pool t buffer_size=4096 permille=20"
	ctl "pool s buffer_size=256 permille=2 stealing=1"
	ctl "load t buffers=400 pairs=1000"
	ctl "load s buffers=400 pairs=1000"
	(
		while going_on; do
			echo 0 >"$system/cpu/cpu$cpu/online" || echo "offline failed"
			echo 1 >"$system/cpu/cpu$cpu/online" || echo "online failed"
		done
	) >"$tmp/toggle" 2>&1 &
	now
	until=$((now + $(portion 120)))
	i=0
	while now; [ "$now" -lt "$until" ]; do
		i=$((i + 1))
		plug_kernel_dimm 128M
		plug_cpu
		online "$plugged_cpu"
		unplug_cpu "$plugged_cpu"
		unplug_dimm "$plugged_dimm"
	done
	enough
	toggled
	ctl "rest t"
	ctl "rest s"
	ctl "flush t"
	ctl "flush s"
	settle
	echo "$i DIMMs and CPUs in $(portion 120) s"
	sound_pools
	for pool in t s; do
		for count in submitted completed; do
			equal "$count of $pool, in sysfs" \
				"$(awk -v pool="$pool" '$1 == pool { print $3 }' "$test_dir/pools")" \
				"$(cat "$dhp/pools/$pool/$count")"
		done
		equal "buffers of $pool in use" 0 "$(cat "$dhp/pools/$pool/buffers_in_use")"
		# All buffers are available again.
		ctl "get $pool count=$(cat "$dhp/pools/$pool/buffers")"
		ctl "put $pool"
	done
}
test_case for_minutes 'E2 E3 E4 load on every CPU for minutes, while CPUs and DIMMs are plugged and unplugged'

run_tests
