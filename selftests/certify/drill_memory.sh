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

# whose_pages: the DIMM has not come out. If the driver has pages in it, or if it comes out when the
# driver is unloaded, it is the driver.
whose_pages() {
	local pfn order function number said="it does not go offline: $why"
	function=$(refusing_function "$state" offline)
	[ "${function:-none}" = none ] || finding refuses "function=$function" "a DIMM is kept: $said"
	pages_of_driver | sort >"$tmp/pages"
	head -n 20 "$tmp/pages"
	number=$(grep -vc ' slab$' "$tmp/pages") || true
	read -r pfn order function <<-END
	$(grep -v ' slab$' "$tmp/pages" | head -n 1)
	END
	[ -z "$function" ] || finding page-pinned "function=$function" "object=page-frame-$pfn" \
		"$number allocations of the driver are in a DIMM, the first of order $order, and $said"
	unload_driver
	comes_out || skip "a DIMM cannot be unplugged without the driver either: $said"
	read -r pfn order function _ <"$tmp/pages" || true
	finding page-pinned ${function:+"function=$function"} ${pfn:+"object=page-frame-$pfn"} \
		"a DIMM can only be unplugged when the driver is unloaded: before, $said"
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
	comes_out || whose_pages
	exercise_each
}

movable() {
	loaded
	take_block
	watch_pages "$block"
	dimm online_movable
}
test_case movable 'a DIMM comes and goes as movable memory'

kernel() {
	loaded
	[ -n "$(lonely_node)" ] || impossible "this machine has no node without CPUs"
	prop_lonely_node
	# shellcheck disable=SC2154 # set by prop_lonely_node
	take_block_on "$lonely"
	watch_pages "$block"
	dimm online_kernel
}
test_case kernel "a DIMM comes and goes as the kernel's memory"

virtio_mem() {
	loaded
	put "$system/memory/auto_online_blocks" online_movable
	begin_exercise
	for _ in 1 2; do
		grow_virtio_mem 2
		exercise_each
		restore_virtio_mem || fail "virtio-mem does not shrink: $(cat "$tmp/refusal")"
		exercise_each
	done
	end_exercise
}
test_case virtio_mem 'virtio-mem grows and shrinks'

run_tests
