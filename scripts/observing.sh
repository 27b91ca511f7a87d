#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's part of scripts/try-observing: runs each line of module/OBSERVING.md, prints its output,
# and changes the machine while those run that Ctrl-C ends.
#
#   observing.sh FOLDER	each file in FOLDER has one line; those of NUMBER.watch are ended by Ctrl-C
#
# For bash: its jobs have process groups, which Ctrl-C goes to, without a terminal as well.
set -m

system=/sys/devices/system
test_dir=/sys/kernel/debug/dhp_test

die() {
	echo "observing: $*"
	exit 1
}

# It vetoes, so that there are refusals; the page's readers have drivers of their own.
modprobe -a dhp dhp_test || die "the modules do not load"
echo offline >$system/memory/auto_online_blocks
before=$(echo $system/memory/memory*)
hotplug dimm add 128M >/dev/null || die "no DIMM can be plugged"
block=$(echo "$before" $system/memory/memory* | tr ' ' '\n' | sort | uniq -u)
echo online_movable >"$block/state" || die "$block does not go online"
cpu=$(hotplug cpu add) || die "no CPU can be plugged"
cpu=$system/cpu/$cpu
echo 'processor driver flags=existing,removals' >$test_dir/control || die "no client: $(cat $test_dir/control)"

# A CPU that has been offline since the boot, another one, and memory go online and offline.
change() {
	echo 1 >"$cpu/online"
	echo 'veto driver state=remove_start errno=-16' >$test_dir/control
	echo 0 >$system/cpu/cpu1/online 2>/dev/null && die "no client has vetoed"
	echo 0 >$system/cpu/cpu1/online
	echo 1 >$system/cpu/cpu1/online
	echo offline >"$block/state"
	echo online_movable >"$block/state"
	echo 0 >"$cpu/online"
	cat /sys/kernel/dhp/settle >/dev/null
	# A read returns when all are listed, and traced.
	cat /sys/kernel/dhp/refusals >/dev/null
}

# rests PID FILE: has it been asleep for half a second? A program that starts is not; and perf and bpftrace
# have opened their first event by then.
rests() {
	# shellcheck disable=SC2010 # busybox's readlink takes one name
	case $(cat "$2") in
	*'exec perf '* | *'exec bpftrace '*) ls -l "/proc/$1/fd" 2>/dev/null | grep -q perf_event || return 1 ;;
	esac
	for _ in 1 2 3 4 5; do
		grep -q '^State:.S' "/proc/$1/status" 2>/dev/null || return 1
		sleep 0.1
	done
}

# wait_until COMMAND...: for 120 seconds at most
wait_until() {
	local end=$((SECONDS + 120))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

ended() { ! kill -0 "$1" 2>/dev/null; }

# watch FILE: has the line run until it waits for something, changes the machine, waits until the line has
# shown it, and types Ctrl-C.
watch() {
	# Not on the guest's terminal: as lines.
	sh "$1" >/tmp/output 2>&1 &
	pid=$!
	wait_until rests $pid "$1" || echo "observing: it does not come to rest"
	change
	wait_until rests $pid "$1" || echo "observing: it does not come to rest again"
	kill -INT -- -$pid
	wait_until ended $pid || {
		echo "observing: Ctrl-C does not end it"
		kill -KILL -- -$pid
	}
	wait $pid 2>/dev/null
	code=$?
	cat /tmp/output
}

cd /share || die "there is no /share"
for file in "$1"/*; do
	name=${file##*/}
	echo "observing: begin ${name%.*}"
	case $file in
	*.watch) watch "$file" ;;
	*)
		sh "$file" >/tmp/output 2>&1
		code=$?
		cat /tmp/output
		;;
	esac
	echo "observing: end $code"
done
