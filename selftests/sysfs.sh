#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, an administrator or udev cannot see what dhp does.
#
# What dhp shows: /sys/kernel/dhp, debugfs, tracepoints, uevents. They have no clause.

. ./lib/all.sh
. ./lib/steps.sh

setup() {
	load dhp pool=1
	load dhp_test
}

files() {
	for file in clients sequence settle present_offline pools/dhp/workers pools/dhp/buffers \
		pools/dhp/buffer_size pools/dhp/buffers_in_use pools/dhp/submitted \
		pools/dhp/completed pools/dhp/pending pools/dhp/migrated; do
		[ -r "$dhp/$file" ] || fail "no $file"
		equal "lines in $file" 1 "$(wc -l <"$dhp/$file")"
		if put "$dhp/$file" 1; then
			fail "$file can be written"
		fi
	done
}
test_case files 'sysfs: every file exists, has one value, and is read-only'

clients() {
	before=$(cat "$dhp/clients")
	ctl "processor c1"
	ctl "event e1 category=memory"
	ctl "memory m1"
	equal clients $((before + 3)) "$(cat "$dhp/clients")"
	ctl "unregister c1"
	equal clients $((before + 2)) "$(cat "$dhp/clients")"
}
test_case clients 'sysfs: clients is the number of clients'

sequences() {
	cpu=$(pick_cpu)
	seq=$(sequence)
	offline "$cpu"
	online "$cpu"
	equal settle $((seq + 2)) "$(sequence)"
	equal sequence $((seq + 2)) "$(cat "$dhp/sequence")"
}
test_case sequences 'sysfs: sequence and settle are the number of the last event'

settles() {
	cpu=$(pick_cpu)
	seq=$(sequence)
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	cat "$dhp/settle" >"$tmp/settled" &
	pid=$!
	wait_or_fail 30 grep -q '^State:.[SD]' "/proc/$pid/status"
	[ ! -s "$tmp/settled" ] || fail "settle has returned while an event is being delivered"
	ctl "release e1"
	wait
	equal settle $((seq + 1)) "$(cat "$tmp/settled")"
}
test_case settles 'sysfs: settle returns when nothing is pending'

settle_interrupted() {
	cpu=$(pick_cpu)
	seq=$(sequence)
	ctl "event e1 category=processor"
	ctl "inside e1 state=removal action=hold"
	offline "$cpu"
	await_line "e1 REMOVAL cpu $cpu seq $((seq + 1))"
	cat "$dhp/settle" >/dev/null 2>&1 &
	pid=$!
	wait_or_fail 30 grep -q '^State:.S' "/proc/$pid/status"
	kill "$pid"
	wait "$pid" || true
	ctl "release e1"
	settle
}
test_case settle_interrupted 'sysfs: a read of settle can be interrupted'

present_offline() {
	cpu=$(pick_cpu)
	equal present_offline '' "$(cat "$dhp/present_offline")"
	offline "$cpu"
	equal present_offline "$cpu" "$(cat "$dhp/present_offline")"
	online "$cpu"
	equal present_offline '' "$(cat "$dhp/present_offline")"
}
test_case present_offline 'sysfs: present_offline lists CPUs that are offline'

present_offline_plugged() {
	plug_cpu
	equal present_offline "$plugged_cpu" "$(cat "$dhp/present_offline")"
	online "$plugged_cpu"
	equal present_offline '' "$(cat "$dhp/present_offline")"
}
test_case present_offline_plugged 'sysfs: present_offline lists a CPU that was plugged'

debug_clients() {
	cpu=$(pick_cpu)
	file=/sys/kernel/debug/dhp/clients
	ctl "processor c1 flags=existing"
	ctl "event e1 category=memory"
	ctl "memory m1"
	grep -q 'dhp_test.*on_processor' "$file" || fail "$file does not name the CPU client"
	grep -q 'dhp_test.*on_event' "$file" || fail "$file does not name the event client"
	grep -q 'dhp_test.*on_memory' "$file" || fail "$file does not name the memory client"
	grep -q '^dhp.*processor\|[^_]dhp/.*processor' "$file" || fail "$file does not name the pool"
	offline "$cpu"
	settle
	cat "$file"
	ctl "unregister c1"
	! grep -q 'dhp_test.*on_processor' "$file" || fail "$file names a client that has unregistered"
}
test_case debug_clients 'debugfs: clients names each client'

debug_wdm_clients() {
	file=/sys/kernel/debug/dhp/clients
	load wdm_listing_sync_en
	load wdm_listing_async_zh
	grep -q '^wdm_listing_sync_en/SyncProcessorCallback#' "$file" ||
		fail "$file does not name the driver's CPU callback: $(cat "$file")"
	grep -q '^wdm_listing_async_zh/AsyncProcessorCallback#' "$file" ||
		fail "$file does not name the driver's event callback: $(cat "$file")"
	unload wdm_listing_async_zh
	unload wdm_listing_sync_en
}
test_case debug_wdm_clients "debugfs: clients names a Windows driver's callbacks, not what adapts them"

# last_logged COUNT: the last calls of dhp_test's clients, without what differs from run to run
last_logged() {
	grep "dhp_test" /sys/kernel/debug/dhp/log | tail -n "$1" |
		sed -E 's/^[0-9]+\.[0-9]+ //; s/client=[^ ]*on_([a-z]*)[^ ]*/\1/; s/ node=-?[0-9]+//; s/ took=[0-9]+us$//'
}

debug_log() {
	cpu=$(pick_cpu)
	offline "$cpu"
	settle
	ctl "processor c1"
	ctl "veto c1 state=start errno=-5"
	ctl "event e1 category=processor"
	online_refused "$cpu" EIO
	online "$cpu"
	settle
	seq=$(sequence)
	last_logged 4 >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	START cpu=$cpu processor result=-5
	START cpu=$cpu processor result=0
	COMPLETE cpu=$cpu processor result=0
	ARRIVAL cpu=$cpu seq=$seq event
	END
	same "$tmp/expected" "$tmp/seen"
}
test_case debug_log 'debugfs: log has the last notifications, with their durations'

debug_log_memory() {
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 128M
	block=$plugged_blocks
	mem=$(printf 'mem=%#x-%#x' $((block * $(block_bytes))) $(((block + 1) * $(block_bytes) - 1)))
	ctl "memory m1"
	ctl "event e1 category=memory"
	set_block "$block" online_movable
	settle
	ctl "veto m1 state=remove_start errno=-5"
	refused EIO "$system/memory/memory$block/state" offline
	set_block "$block" offline
	seq=$(sequence)
	last_logged 5 >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	ARRIVAL $mem seq=$((seq - 1)) event
	REMOVE_START $mem memory result=-5
	REMOVE_START $mem memory result=0
	REMOVE_COMPLETE $mem memory result=0
	REMOVAL $mem seq=$seq event
	END
	same "$tmp/expected" "$tmp/seen"
}
test_case debug_log_memory 'debugfs: log has those of memory, too'

tracing=/sys/kernel/tracing
tracepoints() {
	cpu=$(pick_cpu)
	[ -d "$tracing/events" ] || skip "no tracefs at $tracing"
	[ -d "$tracing/events/dhp" ] || fail "no tracepoints dhp:*"
	ctl "processor c1 flags=existing,removals"
	ctl "event e1 category=processor"
	ctl "rebalance r1"
	settle
	echo >"$tracing/trace"
	echo 1 >"$tracing/events/dhp/enable"
	offline "$cpu"
	online "$cpu"
	settle
	echo 0 >"$tracing/events/dhp/enable"
	grep -v '^#' "$tracing/trace" >"$tmp/trace"
	echo >"$tracing/trace"
	for what in 'dhp_processor:.*REMOVE_START' 'dhp_processor:.*REMOVE_COMPLETE' \
		'dhp_processor:.*START' 'dhp_processor:.*COMPLETE' 'dhp_event:.*REMOVAL' \
		'dhp_event:.*ARRIVAL' 'dhp_rebalance:.*state=QUERY_STOP' \
		'dhp_rebalance:.*state=STOP' 'dhp_rebalance:.*state=START.*cpus=[1-9]'; do
		grep -q "$what" "$tmp/trace" || fail "no $what in the trace: $(cat "$tmp/trace")"
	done
	# trace-cmd and perf take the names from the format, in which the kernel replaces only enums
	# that the tracepoints define.
	for what in '{ 0, "START" }' '{ 5, "REMOVE_FAILURE" }'; do
		grep -qF "$what" "$tracing/events/dhp/dhp_processor/format" ||
			fail "no $what in the format of dhp_processor"
	done
	grep -qF '{ 1, "REMOVAL" }' "$tracing/events/dhp/dhp_event/format" ||
		fail "no { 1, \"REMOVAL\" } in the format of dhp_event"
	grep -qF '{ 0, "QUERY_STOP" }' "$tracing/events/dhp/dhp_rebalance/format" ||
		fail "no { 0, \"QUERY_STOP\" } in the format of dhp_rebalance"
}
test_case tracepoints 'tracepoints of notifications and events'

tracepoints_memory() {
	[ -d "$tracing/events/dhp" ] || skip "no tracepoints dhp:* in $tracing"
	take_block
	ctl "memory m1 flags=adds,removals"
	ctl "veto m1 state=start errno=-5"
	echo >"$tracing/trace"
	echo 1 >"$tracing/events/dhp/dhp_memory/enable"
	refused EIO "$state" online_movable
	set_block "$block" online_movable
	set_block "$block" offline
	echo 0 >"$tracing/events/dhp/dhp_memory/enable"
	sed -n 's/.*dhp_memory: client=dhp_test[^ ]* //; T; s/ duration_ns=.*//p' "$tracing/trace" >"$tmp/seen"
	echo >"$tracing/trace"
	what=$(printf 'start_pfn=%#x nr_pages=%d nid=%s' $((block * $(block_bytes) / 4096)) \
		$(($(block_bytes) / 4096)) "$(block_node "$block")")
	cat >"$tmp/expected" <<-END
	state=START $what status=-5
	state=START $what status=0
	state=COMPLETE $what status=0
	state=REMOVE_START $what status=0
	state=REMOVE_COMPLETE $what status=0
	END
	same "$tmp/expected" "$tmp/seen"
	grep -qF '{ 3, "REMOVE_START" }' "$tracing/events/dhp/dhp_memory/format" ||
		fail "no { 3, \"REMOVE_START\" } in the format of dhp_memory"
}
test_case tracepoints_memory 'tracepoints of memory: state, range, node, status'

# With the clock mono, a call's record in the trace comes after the call's end, which is its duration after its
# beginning in the log, and before the next call's end. A refusal comes after the call that refused.
clocks() {
	[ -d "$tracing/events/dhp" ] || skip "no tracepoints dhp:* in $tracing"
	cpu=$(pick_cpu)
	make_trace clocks mono
	echo 1 >"$trace/events/dhp/dhp_processor/enable"
	echo 1 >"$trace/events/dhp/dhp_refusal/enable"
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	offline_refused "$cpu" EBUSY
	offline "$cpu"
	online "$cpu"
	tail -n 1 "$dhp/refusals" >"$tmp/refusal"
	grep -v '^#' "$trace/trace" >"$tmp/trace" || fail "nothing was traced"
	# What is not a call has one word more, or less, before the client.
	grep -E '^[0-9.]+ [A-Z_]+ cpu=[0-9]+ node=[0-9]+ client=' /sys/kernel/debug/dhp/log |
		tail -n "$(grep -c ': dhp_processor: ' "$tmp/trace")" >"$tmp/log"
	awk -v CONVFMT=%.6f '
	function wrong(text) {
		print text
		failed = 1
	}
	# Both have microseconds, and this clock is a little slower or faster while it is adjusted.
	function late(earlier, later) {
		return earlier > later + 0.00001
	}
	FILENAME ~ /log$/ {
		begin[++calls] = $1
		said[calls] = $2 " " $3
		next
	}
	FILENAME ~ /refusal$/ {
		sub(/.* time=/, "")
		refused = $1
		next
	}
	{
		match($0, /[0-9]+\.[0-9]+: dhp_/)
		time = substr($0, RSTART) + 0
	}
	/: dhp_refusal: / {
		if (late(vetoed, refused) || late(refused, time))
			wrong("refused at " refused ", vetoed at " vetoed ", traced at " time)
		seen++
		next
	}
	{
		match($0, / state=[A-Z_]+ cpu=[0-9]+/)
		what = substr($0, RSTART + length(" state="), RLENGTH - length(" state="))
		if (said[++n] != what)
			wrong("call " n " is traced as " what ", and logged as " said[n])
		match($0, / duration_ns=[0-9]+/)
		end = begin[n] + substr($0, RSTART + length(" duration_ns=")) / 1000000000
		if (late(end, time) || late(before, end))
			wrong(what " has ended at " end ", is traced at " time ", and the call before it at " before)
		before = time
		if (/ status=-16 /)
			vetoed = time
	}
	END {
		if (n < 5 || !vetoed || seen != 1)
			wrong(n + 0 " calls, " seen + 0 " refusals")
		exit failed
	}
	' "$tmp/log" "$tmp/refusal" "$tmp/trace" || fail "the times do not agree"
}
test_case clocks 'the log, refusals and the trace have one clock, if that of the trace is mono'

# traced_size: pool t has been traced with the size that it has
traced_size() {
	local workers
	settle
	workers=$(tr ',' '\n' <"$dhp/pools/t/workers" |
		awk -F- 'NF { n += ($2 == "" ? $1 : $2) - $1 + 1 } END { print n + 0 }')
	equal "$1" "workers=$workers buffers=$(cat "$dhp/pools/t/buffers")" \
		"$(sed -n 's/.*dhp_pool: pool=t //p' "$tracing/trace" | tail -n 1)"
}

tracepoint_pool() {
	[ -d "$tracing/events/dhp" ] || skip "no tracepoints dhp:* in $tracing"
	cpu=$(pick_cpu)
	echo >"$tracing/trace"
	echo 1 >"$tracing/events/dhp/dhp_pool/enable"
	take_pool_block
	traced_size "size with more memory"
	set_block "$block" offline
	traced_size "size without it"
	offline "$cpu"
	traced_size "size without CPU$cpu"
	online "$cpu"
	traced_size "size with CPU$cpu"
	grep -c 'pool=t ' "$tracing/trace" >"$tmp/before"
	ctl "get t count=10"
	ctl "put t"
	grep -c 'pool=t ' "$tracing/trace" >"$tmp/after"
	same "$tmp/before" "$tmp/after"
	ctl "destroy t"
	echo 0 >"$tracing/events/dhp/dhp_pool/enable"
	sed -n 's/.*dhp_pool: pool=t //p' "$tracing/trace" >"$tmp/sizes"
	echo >"$tracing/trace"
	equal "size at the end" "workers=0 buffers=0" "$(tail -n 1 "$tmp/sizes")"
	equal "sizes that were traced twice" "" "$(uniq -d "$tmp/sizes")"
}
test_case tracepoint_pool 'tracepoint of a pool: its size whenever that has changed'

# listen: busybox writes each uevent as a line of variables into $tmp/uevents. Sets $listener, its
# process, for the caller.
listen() {
	busybox uevent --help >/dev/null 2>&1 || skip "needs busybox's uevent to listen with"
	: >"$tmp/uevents"
	cat >"$tmp/on_uevent" <<-END
	[ -n "\$DHP_ACTION" ] || exit 0
	echo \$(env | grep ^DHP_ | sort) >>"$tmp/uevents"
	END
	busybox uevent sh "$tmp/on_uevent" >/dev/null 2>&1 &
	listener=$!
	wait_or_fail 30 grep -q '^State:.S' "/proc/$listener/status"
}

# have_uevents NUMBER: are there so many lines?
have_uevents() {
	[ "$(wc -l <"$tmp/uevents")" -ge "$1" ]
}

uevents() {
	cpu=$(pick_cpu)
	seq=$(sequence)
	listen
	offline "$cpu"
	online "$cpu"
	settle
	wait_for 60 have_uevents 2 || {
		kill "$listener"
		fail "uevents: $(cat "$tmp/uevents")"
	}
	kill "$listener"
	for n in 1 2; do
		grep -q "DHP_ACTION=.* DHP_CATEGORY=processor DHP_CPU=$cpu .*DHP_SEQUENCE=$((seq + n))\$" \
			"$tmp/uevents" || fail "uevents: $(cat "$tmp/uevents")"
	done
}
test_case uevents 'uevents for each event'

run_tests
