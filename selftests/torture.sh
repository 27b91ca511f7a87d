#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, a driver on a busy machine gets a call that the contract forbids, or dhp crashes.
#
# Everything at random and at the same time, for TORTURE_MINUTES (5), from TORTURE_SEED (the
# time). modules/torture_*.c do what a module can do, with an oracle that checks each call; this
# script does what takes user space: sysfs, `hotplug`, loading and unloading modules.
#
# The first test is the torture itself. Each other one checks that one kind of change has happened,
# and is skipped where the machine has nothing to plug.

. ./lib/all.sh
. ./lib/steps.sh

torture_dir=/sys/kernel/debug/dhp_torture
minutes=${TORTURE_MINUTES:-5}
seed=${TORTURE_SEED:-$(date +%s)}
retries=50	# of a removal that clients veto at random
# QEMU's emulation keeps a context for each thread that ever ran a CPU. It has about 255, and the
# 253rd plug ended it.
plugs=200

needs="dhp dhp_torture"

setup() {
	load dhp
	# This loads virtio-mem's driver, since the kernel refuses to take CPUs offline while a driver loads.
	! command -v hotplug >/dev/null || hotplug virtio-mem list >/dev/null
}

# ---------------------------------------------------------------- shared by the loops

# draws LOOP: numbers below 1000, the same for the same seed, until the reader ends
draws() {
	awk -v seed="$seed" -v loop="$1" 'BEGIN {
		srand(seed * 10 + loop)
		while (1)
			print int(rand() * 1000)
	}'
}

# did KIND: counts one more of it
did() {
	echo >>"$tmp/$1"
}

# how_often KIND
how_often() {
	if [ -e "$tmp/$1" ]; then
		wc -l <"$tmp/$1"
	else
		echo 0
	fi
}

# wrong TEXT: notes a finding, and ends all loops
wrong() {
	echo "$*" >>"$tmp/wrong"
	enough
}

# count_vetoes CPU: sets $vetoes for its caller. It starts no process, which would take most of a
# loop's time.
count_vetoes() {
	local name
	while read -r name vetoes; do
		[ "$name" != "vetoes_of_cpu$1" ] || return 0
	done <"$torture_dir/statistics"
	vetoes=gone
}

# refusal KIND STATUS COMMAND...: was COMMAND refused? Another status, as of a `hotplug` that got no
# answer, is a finding.
refusal() {
	local kind="$1" status="$2"
	[ "$status" != 1 ] || return 0
	shift 2
	wrong "$*: status $status: $(cat "$tmp/$kind.out")"
	return 1
}

# vetoable KIND CPU COMMAND...: COMMAND changes CPU. A client may veto that; another refusal is a
# finding.
vetoable() {
	local kind="$1" cpu="$2" code=0 before vetoes
	shift 2
	count_vetoes "$cpu"
	before=$vetoes
	"$@" >"$tmp/$kind.out" 2>&1 || code=$?
	if [ "$code" = 0 ]; then
		did "$kind"
		return 0
	fi
	refusal "$kind" "$code" "$@" || return 1
	count_vetoes "$cpu"
	if [ "$vetoes" != gone ] && [ "$before" != "$vetoes" ]; then
		did "$kind.vetoed"
	else
		wrong "$*: refused without a veto: $(cat "$tmp/$kind.out")"
	fi
	return 1
}

# lacks KIND: did a `hotplug` fail because the machine has no such slot?
lacks() {
	grep -q 'QEMU has no \|QEMU has 0 ' "$tmp/$1.out" || return 1
	tail -n 1 "$tmp/$1.out" >"$tmp/$1.lacks"
}

# ---------------------------------------------------------------- loops

write_state() {
	echo "$2" >"$system/cpu/cpu$1/online"
}

# toggle_cpus CPU...: takes CPUs that the machine was booted with offline and online, by sysfs.
toggle_cpus() {
	local toggled="$*" one state
	draws 1 | while read -r one && read -r state && going_on; do
		# shellcheck disable=SC2086 # a list
		set -- $toggled
		shift $((one % $#))
		vetoable sysfs "$1" write_state "$1" $((state % 2))
	done
}

# A CPU is plugged, is online for a moment, and is unplugged while it is online.
plug_cpus() {
	local more present id cpu try
	draws 2 | head -n "$plugs" | while read -r more && going_on; do
		present=$(present_cpus)
		if ! hotplug cpu add >"$tmp/cpu_add.out" 2>&1; then
			lacks cpu_add || wrong "hotplug cpu add: $(cat "$tmp/cpu_add.out")"
			break
		fi
		did cpu_add
		id=$(cat "$tmp/cpu_add.out")
		echo "$id" >"$tmp/cpus"
		cpu=$(missing "$present" "$(present_cpus)")
		vetoable cpu_toggle "$cpu" write_state "$cpu" 1
		[ $((more % 3)) != 0 ] || vetoable cpu_toggle "$cpu" write_state "$cpu" 0
		try=0
		until vetoable cpu_del "$cpu" hotplug cpu del "$id" || ! going_on; do
			try=$((try + 1))
			[ "$try" -lt "$retries" ] || wrong "vetoes kept CPU$cpu $retries times"
		done
		present_cpus | grep -qw "$cpu" || : >"$tmp/cpus"
	done
}

# plug_dimm_once NUMBER: unplugs $dimm, or plugs one and sets $dimm, for plug_memory. Memory in use
# may keep the DIMM here, but not at the end.
plug_dimm_once() {
	local code online_as blocks
	if [ -n "$dimm" ]; then
		code=0
		hotplug dimm del "$dimm" >"$tmp/dimm_del.out" 2>&1 || code=$?
		if [ "$code" = 0 ]; then
			did dimm_del
			unlist "$dimm" "$tmp/dimms"
			dimm=
		elif refusal dimm_del "$code" hotplug dimm del "$dimm"; then
			did dimm_del.refused
		fi
		return
	fi
	online_as=online_movable
	[ -z "$lonely" ] || [ $(($1 % 2)) = 0 ] || online_as=online_kernel
	echo "$online_as" >"$system/memory/auto_online_blocks"
	blocks=$(($1 % 4 + 1))
	! kasan || blocks=1
	# shellcheck disable=SC2086 # an option and its value
	if hotplug dimm add $((blocks * 128))M $lonely >"$tmp/dimm_add.out" 2>&1; then
		did dimm_add
		dimm=$(cat "$tmp/dimm_add.out")
		echo "$dimm" >>"$tmp/dimms"
	elif ! lacks dimm_add; then
		wrong "hotplug dimm add: $(cat "$tmp/dimm_add.out")"
	fi
}

# resize_once NUMBER: only movable memory, since other memory in use would keep its blocks.
resize_once() {
	local code size
	echo online_movable >"$system/memory/auto_online_blocks"
	size=$(($1 % 5 * 128))M
	code=0
	hotplug virtio-mem resize "$size" >"$tmp/resize.out" 2>&1 || code=$?
	if [ "$code" = 0 ]; then
		did resize
	elif refusal resize "$code" hotplug virtio-mem resize "$size" && ! lacks resize; then
		did resize.refused
	fi
}

plug_memory() {
	local dimm='' which how
	draws 3 | while read -r which && read -r how && going_on; do
		if [ $((which % 2)) = 0 ]; then
			[ -e "$tmp/dimm_add.lacks" ] || plug_dimm_once "$how"
		else
			[ -e "$tmp/resize.lacks" ] || resize_once "$how"
		fi
		[ ! -e "$tmp/dimm_add.lacks" ] || [ ! -e "$tmp/resize.lacks" ] || break
	done
}

# toggle_blocks: takes memory blocks that were plugged offline and online, by sysfs. Memory in use, a
# veto, or the unplugging of the block may refuse that. $booted has the blocks of the beginning.
toggle_blocks() {
	local how file
	draws 6 | while read -r how && going_on; do
		for file in "$system"/memory/memory[0-9]*/state; do
			case $booted in *" $file "*) continue ;; esac
			[ $((how % 3)) = 0 ] || continue
			if echo offline 2>/dev/null >"$file" && echo online_movable 2>/dev/null >"$file"; then
				did block
			else
				did block.refused
			fi
		done 2>/dev/null
		sleep 0.05
	done
}

# Loads and unloads drivers. Not all the time, nor does read_files read all the time, since
# processes are slow to start.
load_clients() {
	local which sample
	draws 4 | while read -r which && going_on; do
		case $((which % 4)) in
		0) sample=dhp_sample_native ;;
		1) sample=dhp_sample_wdm ;;
		2) sample=dhp_sample_memory ;;
		3) sample=dhp_sample_rebalance ;;
		esac
		try_load "$sample" >"$tmp/sample.out" 2>&1 ||
			wrong "$sample does not load: $(cat "$tmp/sample.out")"
		rmmod "$sample" >"$tmp/sample.out" 2>&1 ||
			wrong "$sample does not unload: $(cat "$tmp/sample.out")"
		did sample
		sleep 1
	done
}

# A pool may be destroyed before its files are read, so errors do not count.
read_files() {
	local which
	draws 5 | while read -r which && going_on; do
		case $((which % 4)) in
		0) cat "$dhp/pools"/*/* ;;
		1) cat "$dhp/clients" "$dhp/sequence" "$dhp/present_offline" ;;
		2) cat /sys/kernel/debug/dhp/* ;;
		3) timeout 10 cat "$dhp/settle" ;;
		esac >/dev/null 2>&1
		did read
		sleep 0.5
	done
}

# ---------------------------------------------------------------- the torture

# figure NAME: of the module's statistics
figure() {
	awk -v name="$1" '$1 == name { print $2 }' "$tmp/figures"
}

# Has the oracle a finding?
found() {
	[ "$(awk '$1 == "findings" { print $2 }' "$torture_dir/statistics")" != 0 ]
}

# The time line has the size of each pool, if the kernel can trace it.
trace_pools() {
	trace=
	[ -d /sys/kernel/tracing/events/dhp ] || return 0
	make_trace torture mono
	put "$trace/events/dhp/dhp_pool/enable" 1 || fail "the pools' sizes cannot be traced: $why"
}

torture() {
	echo "seed $seed, $minutes minutes"
	toggled=
	for number in $(online_cpus); do
		[ ! -w "$system/cpu/cpu$number/online" ] || toggled="$toggled $number"
	done
	[ -n "$toggled" ] || skip "no CPU here can be taken offline"
	! command -v hotplug >/dev/null || prop_lonely_node
	booted=" $(echo "$system"/memory/memory[0-9]*/state) "
	load dhp_torture "seed=$seed"
	trace_pools

	set +e
	# shellcheck disable=SC2086 # a list
	toggle_cpus $toggled &
	loops="load_clients read_files"
	! command -v hotplug >/dev/null || loops="$loops plug_cpus plug_memory toggle_blocks"
	for loop in $loops; do
		$loop &
	done
	now
	until=$((now + minutes * 60))
	while now; [ "$now" -lt "$until" ] && going_on && ! found; do
		sleep 1
	done
	enough
	wait
	cat "$torture_dir/statistics" >"$tmp/figures"
	keep_log torture ${trace:+"$trace/trace"}
	set -e
	unload dhp_torture

	[ "$(how_often resize)" = 0 ] || hotplug virtio-mem resize 0M

	log_since_mark | sed -n 's/.*dhp_torture: End of test: //p' >"$tmp/summary"
	cat "$tmp/summary"
	for kind in sysfs cpu_add cpu_toggle cpu_del dimm_add dimm_del resize block sample read; do
		echo "$kind: $(how_often "$kind"), vetoed $(how_often "$kind.vetoed")," \
			"refused $(how_often "$kind.refused")"
	done
	[ ! -e "$tmp/wrong" ] || fail "$(cat "$tmp/wrong")"
	grep -q '^SUCCESS' "$tmp/summary" ||
		fail "findings: $(log_since_mark | sed -n 's/.*dhp_torture: finding: //p' | head -n 20)"
}
test_case torture 'P R M A X B E everything at random, and no call that the contract does not allow'

# happened FIGURE...: fails unless each is above 0
happened() {
	local one
	[ -s "$tmp/figures" ] || fail "the torture did not end"
	for one in "$@"; do
		echo "$one $(figure "$one")"
	done
	for one in "$@"; do
		[ "$(figure "$one")" -gt 0 ] || fail "$one: none, so it was not tested"
	done
}

# skip_short FIGURE: skips the test if this has not happened, and fewer than 500 transitions have: as many as a
# minute has on a slow machine.
skip_short() {
	local transitions
	transitions=$(figure transitions)
	[ "$transitions" -ge 500 ] ||
		skip "$1: none in $transitions transitions; 500 or more must have one"
}

# seldom FIGURE...: as happened, but for what need not happen in a short time
seldom() {
	local one
	happened transitions
	for one in "$@"; do
		[ "$(figure "$one")" != 0 ] || skip_short "$one"
	done
	happened "$@"
}

# was_done KIND...: fails unless this script has done each of them
was_done() {
	local kind
	[ -s "$tmp/figures" ] || fail "the torture did not end"
	can_plug
	for kind in "$@"; do
		[ ! -e "$tmp/$kind.lacks" ] || impossible "$(cat "$tmp/$kind.lacks")"
	done
	for kind in "$@"; do
		echo "$kind $(how_often "$kind")"
		[ "$(how_often "$kind")" -gt 0 ] || {
			skip_short "$kind"
			fail "$kind: none, so it was not tested"
		}
	done
}

cpus() {
	happened online_successes offline_successes processor_events processor_calls audits
	[ "$(how_often sysfs)" -gt 0 ] || fail "none by sysfs"
}
test_case cpus 'P1 R4 X2 A9 CPUs went offline and online'

vetoed() {
	seldom start_vetoes remove_vetoes replay_vetoes
}
test_case vetoed 'P3 P4 R3 X3 clients vetoed, live and in a replay'

clients() {
	happened client_successes clients_left clients_left_inside event_calls
	[ "$(how_often sample)" -gt 0 ] || fail "no driver was loaded and unloaded"
}
test_case clients 'R5 A6 A7 clients of all kinds and drivers registered and unregistered'

rebalanced() {
	happened rebalance_triples
	seldom rebalance_put_off
}
test_case rebalanced 'B1 B2 B3 clients were stopped and started, and put it off'

pools() {
	happened pools_destroyed items_ran items_cancelled items_refused buffers_taken
	[ "$(how_often read)" -gt 0 ] || fail "sysfs was not read"
}
test_case pools 'E1 E2 E3 pools were created and destroyed, with work and buffers in use'

plugged_cpus() {
	was_done cpu_add cpu_toggle cpu_del
}
test_case plugged_cpus 'X3 X4 CPUs were plugged and unplugged'

plugged_dimms() {
	was_done dimm_add dimm_del block
	happened memory_events memory_calls
}
test_case plugged_dimms 'A1 A9 E4 DIMMs were plugged and unplugged'

vetoed_memory() {
	was_done dimm_add
	happened memory_vetoes memory_replay_vetoes
}
test_case vetoed_memory 'M2 M4 memory clients vetoed, live and in a replay'

resized() {
	was_done resize
}
test_case resized 'E4 virtio-mem grew and shrank'

run_tests
