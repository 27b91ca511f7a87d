#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# `make bench`, inside the guest: runs benchmarks of dhp_bench.ko. Its output is for scripts/bench,
# which knows three kinds of lines; all others are messages of programs.
#
#   result NAME SIDE OPS VALUE...	for OPS operations, a value a round
#   about WHAT WORD...		a property of the guest
#   step NAME			a step begins
#
#   bench.sh ROUNDS STEP...
#
# A step is the name of one of the module's benchmarks; or `dimm` or `plug`, for which this script
# plugs the hardware; or `online`, which brings CPU 1 online. dhp has its own pool for `dimm` and
# `plug`, and none for the others.

set -u
rounds=$1
shift
bench=/sys/kernel/debug/dhp_bench
dhp=/sys/kernel/dhp
system=/sys/devices/system

die() {
	echo "bench: $*" >&2
	exit 1
}

settle() {
	read -r _ <"$dhp/settle" || die "settle does not read"
}

load() {
	insmod /dhp/dhp.ko "$@" || die "dhp does not load"
	insmod /dhp/dhp_bench.ko || die "dhp_bench does not load"
	settle
}

unload() {
	sed 's/^/result /' "$bench/results"
	rmmod dhp_bench || die "dhp_bench does not unload"
	rmmod dhp || die "dhp does not unload"
}

# ---------------------------------------------------------------- a DIMM

offline_blocks() {
	grep -l offline "$system"/memory/memory*/state
}

# blocks ACTION BLOCK-STATE-FILE...; shell builtins only, since it is timed
blocks() {
	action=$1
	shift
	for block in "$@"; do
		echo "$action" >"$block" || die "writing $action to $block failed"
	done
}

# Brings the blocks of one DIMM online in a row. Measures the time until the last block is online,
# and from there the time until dhp has notified its clients and its pool has grown. Reading settle
# ends dhp's wait for further blocks, which is not work.
dimm_round() {
	few=$(cat "$dhp/pools/dhp/buffers")
	echo dimm/begin >"$bench/mark"
	# shellcheck disable=SC2086 # a list
	blocks online_kernel $dimm_blocks
	echo dimm/online >"$bench/mark"
	settle
	echo dimm/grown >"$bench/mark"
	many=$(cat "$dhp/pools/dhp/buffers")
	[ "$many" -gt "$few" ] || die "the pool has not grown: $few buffers, then $many"
	# shellcheck disable=SC2046,SC2086 # a list
	blocks offline $(echo $dimm_blocks | tr ' ' '\n' | tac)
	settle
}

dimm() {
	echo offline >"$system/memory/auto_online_blocks"
	hotplug dimm add 1G --node 1 >&2 || die "no DIMM"
	dimm_blocks=$(offline_blocks)
	[ -n "$dimm_blocks" ] || die "the DIMM has no blocks"
	# One more than is counted, for the warm-up.
	for _ in $(seq 0 "$rounds"); do
		dimm_round
	done
	hotplug dimm del >&2 || die "the DIMM cannot be unplugged"
}

# ---------------------------------------------------------------- CPUs

# The time that dhp's clients took for the last add of a CPU, by dhp's log, in microseconds.
took() {
	awk -v cpu="cpu=$1" '
	$3 != cpu { next }
	$2 == "START" && last != "START" { sum = 0 }
	{ last = $2 }
	/ (START|COMPLETE|ARRIVAL) / { sub(/.*took=/, ""); sub(/us/, ""); sum += $0 }
	END { print sum }' /sys/kernel/debug/dhp/log
}

# A CPU that the guest was booted with, and kept offline, need not be plugged.
plug_one() {
	[ -z "$booted" ] || return 0
	hotplug cpu add >&2 || die "no CPU $1"
	[ -e "$system/cpu/cpu$1" ] || die "another CPU than $1 was plugged"
}

online() {
	echo 1 >"$system/cpu/cpu$1/online" || die "CPU $1 cannot be brought online"
}

# hot_add CPU: plugs it, brings it online, prints dhp's part of the time, and unplugs it.
hot_add() {
	plug_one "$1"
	echo watch >"$bench/run" || die "watch failed"
	online "$1"
	echo watched >"$bench/run" || die "watched failed"
	echo "result hotadd/$1 took 1 $(took "$1")"
	echo 0 >"$system/cpu/cpu$1/online"
	settle
	[ -n "$booted" ] || hotplug cpu del >&2 || die "CPU $1 cannot be unplugged"
}

# One more than is counted, for the warm-up.
hot_adds() {
	for _ in $(seq 0 "$rounds"); do
		hot_add "$1"
	done
}

# CPU 2, and the last possible one while all others are online.
plug() {
	last=$(cat "$system/cpu/possible")
	last=${last##*-}
	[ "$last" -gt 2 ] || die "plug needs 4 possible CPUs or more, here the last one is $last"
	booted=
	[ ! -e "$system/cpu/cpu$last" ] || booted=1
	online 1 2>/dev/null
	hot_adds 2
	for cpu in $(seq 2 $((last - 1))); do
		plug_one "$cpu"
		online "$cpu"
	done
	settle
	hot_adds "$last"
}

# ---------------------------------------------------------------- steps

echo "about kernel $(uname -r)"
echo "about clock $(cat $system/clocksource/clocksource0/current_clocksource)"
pool=
for step in "$@"; do
	echo "step $step"
	case $step in
	dimm | plug) want=1 ;;
	*) want=0 ;;
	esac
	if [ "$pool" != "$want" ]; then
		[ -z "$pool" ] || unload
		load pool=$want
		pool=$want
	fi
	case $step in
	dimm | plug) $step ;;
	online) online 1 ;;
	*) echo "$step $rounds" >"$bench/run" || die "$step failed" ;;
	esac
done
unload
