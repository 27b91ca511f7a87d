#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The guest's part of `make demo`: what dhp does while the machine changes. Each step shows a table
# of before and after, and the notifications in between, and verifies them. The whole log goes to the
# host, which draws it.
#
#   demo.sh [BOLD PLAIN]	escape codes before and after a title

sys=/sys/kernel/dhp
pool=$sys/pools/dhp
log=/sys/kernel/debug/dhp/log
seen=/tmp/log.seen
new=/tmp/log.new
tmp=/tmp/row
failures=0

bold=${1-}
plain=${2-}
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
good() { echo "  ok: $*"; }
bad() {
	echo "  NOT SEEN: $*"
	failures=$((failures + 1))
}

# verify WHAT COMMAND...: waits until COMMAND succeeds, for 3 seconds at most.
verify() {
	what=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 30 ]; then
			bad "$what"
			return
		fi
		sleep 0.1
	done
	good "$what"
}

value() { cat "$1" 2>/dev/null || echo -; }
buffer_bytes() { echo $(($(cat $pool/buffers) * $(cat $pool/buffer_size))); }
memory_kib() { awk '/^MemTotal:/ { print $2 }' /proc/meminfo; }
loaded() { [ -e $pool/buffers ]; }

row() {
	kib=-
	loaded && kib=$(($(buffer_bytes) / 1024))
	printf '  %-8s %-12s %-12s %8s %13s %9s\n' "$1" "$(value /sys/devices/system/cpu/online)" \
		"$(value $pool/workers)" "$(value $pool/buffers)" "$kib" $(($(memory_kib) / 1024))
}

# Begins a step: remembers the state, and the end of the log.
begin() {
	title "$*"
	row before >$tmp
	cp $log $seen 2>/dev/null || : >$seen
}

# Ends a step: waits for dhp's events, and shows the table and the time line.
end() {
	[ ! -e $sys/settle ] || value $sys/settle >/dev/null
	last=$(tail -n 1 $seen | cut -d' ' -f1)
	awk -v last="${last:-0}" '$1 > last' $log >$new 2>/dev/null || : >$new
	printf '  %-8s %-12s %-12s %8s %13s %9s\n' '' 'CPUs online' workers buffers 'buffers, KiB' \
		'memory, M'
	cat $tmp
	row after
	if [ -s $new ]; then
		echo "  time line:"
		sed 's/^/    /' $new
	fi
}

# logged 'PATTERN|PATTERN...': the step's part of the log has them, in this order.
logged() {
	awk -v patterns="$*" 'BEGIN { n = split(patterns, p, "|"); i = 1 }
		i <= n && $0 ~ p[i] { i++ } END { exit i <= n }' $new
}
count_is() { [ "$(grep -cE "$2" $new)" = "$1" ]; }

# in_list NUMBER LIST, where the list is like 0-1,3
in_list() {
	echo "$2" | tr , '\n' | awk -F- -v n="$1" '{ if ($1 <= n && n <= ($2 == "" ? $1 : $2)) found = 1 }
		END { exit !found }'
}
has_worker() { in_list "$1" "$(cat $pool/workers)"; }
no_worker() { ! has_worker "$1"; }
thread_runs_on() {
	for task in /proc/[0-9]*; do
		[ "$(cat "$task/comm" 2>/dev/null)" = "dhp/$1" ] || continue
		grep -q "^Cpus_allowed_list:[[:space:]]*$1\$" "$task/status" && return 0
	done
	return 1
}
same_workers() { [ "$(cat $pool/workers)" = "$(cat /sys/devices/system/cpu/online)" ]; }

# Of the memory that was added, the pool takes buffer_permille as buffers. A quarter more or less is
# accepted.
grew_in_proportion() {
	permille=$(value /sys/module/dhp/parameters/buffer_permille)
	[ "$permille" != - ] || permille=4
	wanted=$(($2 * 1024 * permille / 1000))
	[ "$1" -ge $((wanted * 3 / 4)) ] && [ "$1" -le $((wanted * 5 / 4)) ]
}

# ------------------------------------------------------------------ the steps

begin "insmod dhp.ko"
insmod /dhp/dhp.ko || bad "the module loads"
end
verify "a worker for every online CPU" same_workers
verify "buffers" [ "$(value $pool/buffers)" -gt 0 ]

# For the picture; by the clock that the log has.
tracing=/sys/kernel/tracing
if ! { echo mono >$tracing/trace_clock && echo 1 >$tracing/events/dhp/dhp_pool/enable; }; then
	bad "the size of the pool is traced"
fi

begin "a CPU is plugged and brought online"
cpu=$(hotplug cpu add | sed 's/^cpu//')
echo "  hotplug cpu add: cpu$cpu"
echo 1 >"/sys/devices/system/cpu/cpu$cpu/online" || bad "the CPU comes online"
end
verify "START, then COMPLETE, then ARRIVAL, once each" \
	logged "START cpu=$cpu .*|COMPLETE cpu=$cpu |ARRIVAL cpu=$cpu "
verify "it has a worker" has_worker "$cpu"
verify "the thread dhp/$cpu, bound to it" thread_runs_on "$cpu"

begin "a DIMM of 1 GiB is plugged and brought online"
memory=$(memory_kib)
bytes=$(buffer_bytes 2>/dev/null || echo 0)
# The kernel brings all blocks online at once. A shell may be too slow for one event.
echo online_kernel >/sys/devices/system/memory/auto_online_blocks
dimm=$(hotplug dimm add 1G)
echo "  hotplug dimm add 1G: $dimm"
end
more_memory=$(($(memory_kib) - memory))
more_bytes=$(($(buffer_bytes) - bytes))
verify "one ARRIVAL with one range for the whole DIMM" count_is 1 'ARRIVAL mem='
verify "$((more_memory / 1024)) M more memory" [ $more_memory -ge $((1000 * 1024)) ]
verify "buffers grew in proportion, by $((more_bytes / 1024)) KiB" \
	grew_in_proportion $more_bytes $more_memory

begin "the CPU is unplugged"
hotplug cpu del "cpu$cpu" >/dev/null || bad "the CPU is unplugged"
end
verify "REMOVE_START, then REMOVE_COMPLETE, then REMOVAL" \
	logged "REMOVE_START cpu=$cpu |REMOVE_COMPLETE cpu=$cpu |REMOVAL cpu=$cpu "
verify "its worker has ended" no_worker "$cpu"
verify "the CPU is not present" [ ! -e "/sys/devices/system/cpu/cpu$cpu" ]

begin "the DIMM is unplugged"
full=$(buffer_bytes 2>/dev/null || echo 0)
hotplug dimm del "$dimm" >/dev/null || bad "the DIMM is unplugged"
end
left=$(buffer_bytes 2>/dev/null || echo 0)
verify "its memory is removed" [ "$(memory_kib)" -lt $((memory + 100 * 1024)) ]
verify "$(((full - left) / 1024)) KiB of buffers given back" [ "$left" -lt "$full" ]

{
	cat $log
	grep dhp_pool: $tracing/trace
} | to-host log || bad "the log comes to the host"

begin "rmmod dhp"
rmmod dhp || bad "the module unloads"
end
verify "nothing is left of it" [ ! -e $sys ]

title "$([ $failures = 0 ] && echo 'Every step was seen to happen.' || echo "$failures things were not seen.")"
[ $failures = 0 ]
