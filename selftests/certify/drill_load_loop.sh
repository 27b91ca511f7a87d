#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver cannot be loaded and unloaded again and again while CPUs and memory come
# and go, or while its loading is interrupted.

. ./lib/all.sh
. ./certify/lib/driver.sh
. ./certify/lib/loop.sh

# All of it is two thousand loads, or a minute.
loads_each=500
seconds_each=15

setup() {
	:
}

toggle_cpu() {
	put "$system/cpu/cpu$cpu/online" 0 || true
	put "$system/cpu/cpu$cpu/online" 1 || true
}

cpus() {
	cpu=$(pick_cpu)
	meanwhile toggle_cpu
	slow_loads
	load_loop "$loads_each" "$seconds_each"
	no_longer
	is_online "$cpu" || online "$cpu"
	works
}
test_case cpus 'it is loaded again and again while a CPU goes off and on'

toggle_block() {
	put "$state" online_movable || true
	put "$state" offline || true
}

memory() {
	take_block
	meanwhile toggle_block
	slow_loads
	load_loop "$loads_each" "$seconds_each"
	no_longer
	works
}
test_case memory 'it is loaded again and again while memory goes online and offline'

# Once, as long as it takes.
plug_once() {
	plug_cpu
	plug_dimm 128M
	unplug_dimm "$plugged_dimm"
	unplug_cpu "$plugged_cpu"
	: >"$tmp/ended"
	rm -f "$tmp/meanwhile"
}

plugging() {
	can_plug
	put "$system/memory/auto_online_blocks" online_movable
	meanwhile plug_once
	load_loop 100000 100
	[ -e "$tmp/ended" ] || fail "plugging has not ended after 100 seconds"
	no_longer
	rm "$tmp/ended"
	works
}
test_case plugging 'it is loaded again and again while a CPU and a DIMM are plugged and unplugged'

loader_ended() {
	! kill -0 "$loader" 2>/dev/null
}

# A load that gets a signal fails, or not. Either way, the next one must work.
interrupted() {
	local deadline loads=0 done=0
	load_others
	now
	deadline=$((now + seconds_each))
	while [ "$loads" -lt "$loads_each" ] && [ "$now" -lt "$deadline" ]; do
		# shellcheck disable=SC2086 # a list
		insmod "$driver_file" $driver_params 2>/dev/null &
		loader=$!
		# Anywhere in the load: up to a tenth of a second.
		random 1000
		sleep "0.0$(printf %03d "$random")"
		kill -KILL "$loader" 2>/dev/null || true
		wait_for 60 loader_ended || fail "a load that was killed has not ended after a minute"
		wait "$loader" || true
		if module_loaded "$driver"; then
			done=$((done + 1))
			try_unload "$driver" || finding unload-failed "rmmod $driver after an interrupted load"
		fi
		loads=$((loads + 1))
		now
	done
	echo "$loads loads were interrupted, $done of them too late"
	works
}
test_case interrupted 'loading it is interrupted by signals'

run_tests
