#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not survive memory that comes and goes, or keeps a DIMM from being
# unplugged.

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh
. ./certify/lib/pages.sh

block_offline() {
	[ "$(cat "$state")" = offline ] || put_in_time "$state" offline
}

# comes_out: the DIMM, while the driver is loaded and idle. What the kernel caches may be given back
# first. Firmware that asks the kernel for the DIMM could not be interrupted, so the block goes
# offline before.
comes_out() {
	if ! block_offline; then
		echo 3 >/proc/sys/vm/drop_caches
		[ ! -w /proc/sys/vm/compact_memory ] || echo 1 >/proc/sys/vm/compact_memory
		block_offline || return
	fi
	unplug_dimm "$plugged_dimm"
}

is_online_block() {
	[ "$(cat "$(state_file "$1")" 2>/dev/null)" = online ]
}

# blame CLASS...: as finding. The driver is unloaded before, so that what it keeps can come out.
blame() {
	enough	# an exercise in the background may use it
	(unload_driver) || true
	finding "$@"
}

# whose_pages WHAT COMES_OUT BLOCK...: WHAT, which has these blocks, has not come out: $why. If a
# callback of the driver refuses, if the driver has pages in it, or if it comes out when the driver
# is unloaded, it is the driver. Returns if it comes out when this is repeated.
whose_pages() {
	local what="$1" comes_out="$2" said="$why" one file function pfn order number refused=
	shift 2
	for one in "$@"; do
		file=$(state_file "$one")
		is_online_block "$one" || continue
		function=$(refusing_function "$file" offline)
		case $function in
		none) ;;
		# virtio-mem itself may have taken it meanwhile.
		'') ! is_online_block "$one" || refused=1 ;;
		*) blame refuses "function=$function" "$what is kept: $said" ;;
		esac
	done
	if [ -z "$refused" ] && $comes_out; then
		echo "$what was kept, and not when it was asked for again: $said"
		return
	fi
	pages_of_driver | sort >"$tmp/pages"
	! lost_entries || echo "the trace of pages has lost entries"
	head -n 20 "$tmp/pages"
	number=$(grep -vc ' slab$' "$tmp/pages") || true
	read -r pfn order function <<-END
	$(grep -v ' slab$' "$tmp/pages" | head -n 1)
	END
	[ -z "$function" ] || blame page-pinned "function=$function" "object=page-frame-$pfn" \
		"$number allocations of the driver are in $what, the first of order $order, and $said"
	enough
	unload_driver
	$comes_out || skip "$what cannot be unplugged without the driver either: $said"
	read -r pfn order function _ <"$tmp/pages" || true
	finding page-pinned ${function:+"function=$function"} ${pfn:+"object=page-frame-$pfn"} \
		"$what can only be unplugged when the driver is unloaded: before, $said"
}

# dimm STATE: of its one block, $block. While the driver is used it may be in the way for a moment,
# but not for good.
dimm() {
	go_block "$block" "$1"
	begin_exercise
	exercise_each
	for _ in 1 2 3; do
		! block_offline || go_block "$block" "$1"
		exercise_each
	done
	end_exercise
	comes_out || {
		why="it does not go offline: $why"
		whose_pages "a DIMM" comes_out "$block"
	}
	exercise_each
}

movable() {
	loaded
	take_block
	watch_pages "$block" "$block"
	dimm online_movable
}
test_case movable 'a DIMM comes and goes as movable memory'

kernel() {
	loaded
	[ -n "$(lonely_node)" ] || impossible "this machine has no node without CPUs"
	prop_lonely_node
	# shellcheck disable=SC2154 # set by prop_lonely_node
	take_block_on "$lonely"
	watch_pages "$block" "$block"
	dimm online_kernel
}
test_case kernel "a DIMM comes and goes as the kernel's memory"

# shrinks: virtio-mem, to nothing. Sets $why if it does not.
shrinks() {
	! restore_virtio_mem 40 || return 0
	why=$(sed -n '1s/^hotplug: //p' "$tmp/refusal")
	why=${why:+it does not shrink: $why}
	why=${why:-the device has shrunk, and its memory blocks stay}
	return 1
}

all_online() {
	local one
	for one in $grown_blocks; do
		is_online_block "$one" || return
	done
}

virtio_mem() {
	loaded
	put "$system/memory/auto_online_blocks" online_movable
	# It is where no memory is yet.
	watch_pages $(($(memory_blocks | awk '{ print $NF }') + 1))
	begin_exercise
	for _ in 1 2; do
		grow_virtio_mem 2
		# What the kernel does not bring online by itself is refused by somebody.
		wait_for 10 all_online || for block in $grown_blocks; do
			is_online_block "$block" || go_block "$block" online_movable
		done
		exercise_each
		# shellcheck disable=SC2086 # a list
		shrinks || whose_pages "virtio-mem's memory" shrinks $grown_blocks
		exercise_each
	done
	end_exercise
}
test_case virtio_mem 'virtio-mem grows and shrinks'

run_tests
