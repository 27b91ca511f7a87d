#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contracts E2, E4 and E5: how many buffers a pool has, and in which memory. The number follows the
# memory of the machine, and buffers never keep a DIMM from being removed. Not here: getting and
# putting them, see buffers.sh.

. ./lib/all.sh
. ./lib/pool.sh

# ---------------------------------------------------------------- in proportion to the memory

# about WHAT EXPECTED SEEN: within two percent
about() {
	local difference
	difference=$(($2 - $3))
	[ "$difference" -ge 0 ] || difference=$((-difference))
	[ $((difference * 50)) -le "$2" ] || fail "$1: expected about $2, is $3"
}

page_size() {
	awk '/^KernelPageSize:/ { print $2 * 1024; exit }' /proc/self/smaps
}

# The memory that can hold buffers, in bytes.
buffer_memory() {
	local pages
	pages=$(awk '
	/^Node / { zone = $4 }
	zone == "Movable" || zone == "Device" { next }
	$1 == "managed" { pages += $2 }
	$1 == "cma" { pages -= $2 }
	END { print pages }' /proc/zoneinfo)
	echo $((pages * $(page_size)))
}

proportion() {
	ctl "pool t buffer_size=16384 permille=20"
	settle
	equal "buffer size" 16384 "$(cat "$pools/t/buffer_size")"
	about "buffers" $(($(buffer_memory) * 20 / 1000 / 16384)) "$(cat "$pools/t/buffers")"
}
test_case proportion 'E2 buffers are in proportion to the memory'

follows_memory() {
	ctl "pool t buffer_size=16384 permille=20"
	settle
	before=$(cat "$pools/t/buffers")
	put "$system/memory/auto_online_blocks" online_kernel
	size=1G
	! kasan || size=128M
	plug_kernel_dimm "$size"
	settle
	grown=$(cat "$pools/t/buffers")
	about "buffers after a DIMM" $(($(buffer_memory) * 20 / 1000 / 16384)) "$grown"
	[ "$grown" -gt "$before" ] || fail "no more buffers with a DIMM: $before, then $grown"
	unplug_dimm "$plugged_dimm"
	settle
	equal "buffers after the DIMM" "$before" "$(cat "$pools/t/buffers")"
}
test_case follows_memory 'E2 buffers follow the memory up and down'

# Buffers are in the kernel's own zones only. A share of the movable memory could take all of these.
movable_memory() {
	ctl "pool t buffer_size=4096 permille=100"
	settle
	before=$(cat "$pools/t/buffers")
	put "$system/memory/auto_online_blocks" online_movable
	plug_dimm 1G
	settle
	grown=$(cat "$pools/t/buffers")
	equal "buffers with a DIMM that cannot hold any" "$before" "$grown"
}
test_case movable_memory 'E2 movable memory, which cannot hold buffers, adds none'

fewer_than() {
	[ "$(cat "$pools/$1/buffers")" -lt "$2" ]
}

# A tenth of 512 MiB are 13107 buffers.
unnoticed() {
	ctl "pool t buffer_size=4096 permille=100"
	settle
	before=$(cat "$pools/t/buffers")
	ctl "balloon mib=512"
	wait_or_fail 60 fewer_than t $((before - 13000))
	ctl "balloon mib=0"
	wait_or_fail 60 reads t buffers "$before"
}
test_case unnoticed 'E2 buffers follow within seconds when memory changes without a notification'

more_than() {
	[ "$(cat "$pools/$1/buffers")" -gt "$2" ]
}

# virtio-mem adds and removes a quarter of a block without a notification; a hundredth of that are
# 81 buffers. The block is not movable, because movable memory does not count.
part_of_a_block() {
	put "$system/memory/auto_online_blocks" online_kernel
	resize_virtio_mem $(($(block_bytes) / 2 >> 20))M
	await_grown 1
	wait_or_fail 60 grep -q online "$(state_file "$grown_blocks")"
	ctl "pool t buffer_size=4096 permille=10"
	settle
	seq=$(sequence)
	before=$(cat "$pools/t/buffers")
	resize_virtio_mem $(($(block_bytes) * 3 / 4 >> 20))M
	wait_or_fail 60 more_than t $((before + 80))
	resize_virtio_mem $(($(block_bytes) / 2 >> 20))M
	wait_or_fail 60 reads t buffers "$before"
	equal "number of the last event" "$seq" "$(sequence)"
}
test_case part_of_a_block 'E2 buffers follow within seconds when virtio-mem changes a part of a memory block'

floor_and_ceiling() {
	ctl "pool low buffer_size=4096 permille=1 min=5000"
	ctl "pool high buffer_size=4096 permille=500 max=700"
	settle
	equal "buffers at the floor" 5000 "$(cat "$pools/low/buffers")"
	equal "buffers at the ceiling" 700 "$(cat "$pools/high/buffers")"
}
test_case floor_and_ceiling 'E2 the buffers have a floor and a ceiling'

each_cpu() {
	plug_cpu
	ctl "pool t buffer_size=4096 permille=1 max=1"
	online "$plugged_cpu"
	settle
	[ "$(cat "$pools/t/buffers")" -ge "$(online_cpus | wc -w)" ] ||
		fail "fewer buffers than CPUs: $(cat "$pools/t/buffers")"
}
test_case each_cpu 'E2 at least one buffer for every CPU'

# ---------------------------------------------------------------- when memory is short

shrinks() {
	ctl "pool t buffer_size=4096 permille=20 min=300"
	settle
	before=$(cat "$pools/t/buffers")
	ctl "get t count=500"
	echo 2 >/proc/sys/vm/drop_caches
	less=$(cat "$pools/t/buffers")
	[ "$less" -lt $((before / 2)) ] || fail "still $less of $before buffers when memory is short"
	[ "$less" -ge 500 ] || fail "$less buffers, and 500 are in use"
	equal "buffers in use" 500 "$(cat "$pools/t/buffers_in_use")"
	ctl "put t"
	echo 2 >/proc/sys/vm/drop_caches
	less=$(cat "$pools/t/buffers")
	[ "$less" -ge 300 ] || fail "$less buffers, and the floor is 300"
	settle
	equal "buffers when there is memory again" "$before" "$(cat "$pools/t/buffers")"
	have_all t
}
test_case shrinks 'E2 free buffers above the floor are given up when memory is short, and come back'

grows_by_itself() {
	ctl "pool t buffer_size=4096 permille=20"
	settle
	before=$(cat "$pools/t/buffers")
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(cat "$pools/t/buffers")" -lt "$before" ] || fail "still $before buffers"
	wait_or_fail 60 reads t buffers "$before"
}
test_case grows_by_itself 'E2 buffers that were given up because memory was short come back by themselves'

# What the kernel has reclaimed since boot, in pages.
reclaimed() {
	awk '/^pgsteal_(kswapd|direct) / { pages += $2 } END { print pages }' /proc/vmstat
}

# Nothing is reclaimed for a second.
reclaim_is_over() {
	local before
	before=$(reclaimed)
	sleep 1
	[ "$(reclaimed)" = "$before" ]
}

# The page cache takes all memory that is free, until the test ends. Blocks of a RAM disk that were
# never written take no memory of their own. Closing the disk would empty the page cache.
fill_page_cache() {
	local kib begun
	kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	modprobe brd rd_nr=1 rd_size="$kib" 2>"$tmp/said" ||
		skip "needs CONFIG_BLK_DEV_RAM=m: $(tail -n 1 "$tmp/said")"
	# The disk is still in use for a moment after it has been closed.
	trap 'exec 4<&-; wait_for 30 rmmod brd 2>/dev/null' EXIT
	trap 'exit 130' INT TERM HUP
	exec 4</dev/ram0
	begun=$(reclaimed)
	dd if=/dev/ram0 of=/dev/null bs=1M 2>/dev/null
	[ "$(reclaimed)" -gt "$begun" ] || fail "$kib KiB were read, and nothing was reclaimed"
	wait_or_fail 60 reclaim_is_over
}

# Reclaim may be too slow for all of them at once; the pool retries for the missing ones.
has_floor() {
	[ "$(cat "$pools/u/buffers")" -ge 20000 ]
}

# A tenth of the memory would be more than 50000 buffers. Creating the pool takes some pages itself,
# and so do the commands here. If one of these pages has to be put among movable ones, kswapd
# reclaims up to 5000 pages, whatever the pool does. The boost factor makes it do that, so it is 0
# meanwhile.
spares_page_cache() {
	fill_page_cache
	boost=/proc/sys/vm/watermark_boost_factor
	boost_before=$(cat "$boost")
	trap 'exec 4<&-; wait_for 30 rmmod brd 2>/dev/null; echo "$boost_before" >"$boost"' EXIT
	put "$boost" 0 || fail "cannot set the boost factor: $why"
	before=$(reclaimed)
	ctl "pool t buffer_size=4096 permille=100"
	settle
	pushed_out=$(($(reclaimed) - before))
	echo "$(cat "$pools/t/buffers") buffers, $pushed_out pages pushed out"
	[ "$pushed_out" -lt 1000 ] || fail "$pushed_out pages of page cache were pushed out"
	logged 'pool t: has [0-9]* of [0-9]* buffers .* no memory for more' ||
		fail "the pool does not say that it is too small"

	ctl "pool u buffer_size=4096 permille=100 min=20000"
	wait_or_fail 60 has_floor

	echo 1 >/proc/sys/vm/drop_caches
	settle
	about "buffers when there is memory" $(($(buffer_memory) / 10 / 4096)) \
		"$(cat "$pools/t/buffers")"
}
test_case spares_page_cache 'E5 above its floor a pool grows only into memory that is free'

# normal VALUE: a value of zone Normal of node 0, in pages
normal() {
	awk -v value="$1" '/^Node/ { normal = $2 == "0," && $4 == "Normal" }
		normal && ($1 == value || $1 == "pages" && $2 == value) { print $NF; exit }' /proc/zoneinfo
}

# A page that cannot move and has to be put among movable ones raises the zone's watermarks, by up
# to one and a half times the high one. If less than this is free, the next allocation makes kswapd
# reclaim page cache, which the pool would take in turn. The commands here take some memory, up to a
# thousand pages, so the test makes the watermarks high.
keeps_distance() {
	[ -n "$(normal high)" ] || skip "needs a zone Normal"
	reserve=/proc/sys/vm/min_free_kbytes
	reserve_before=$(cat "$reserve")
	trap 'echo "$reserve_before" >"$reserve"' EXIT
	trap 'exit 130' INT TERM HUP
	put "$reserve" 65536 || fail "cannot raise the watermarks: $why"
	ctl "pool t buffer_size=65536 permille=500"
	ctl "pool u buffer_size=4096 permille=500"
	settle
	free=$(normal free)
	# The high one includes what it has been raised by.
	high=$(($(normal high) - $(normal boost)))
	logged 'pool u: has [0-9]* of [0-9]* buffers .* no memory for more' ||
		fail "there was memory for two pools of half the memory each"
	echo "zone Normal: $free pages free, and high watermark $high"
	[ "$free" -ge $((high * 2)) ] || fail "only $free pages are left free, not $((high * 2))"
}
test_case keeps_distance 'E5 above its floor a pool leaves so much free that the kernel need not reclaim'

# ---------------------------------------------------------------- memory that is removed

# kernel_dimm SIZE: plugs a DIMM for the kernel's own allocations, and watches which of pool t's
# buffers are in it. Sets $first to its first block. It is on a node without CPUs, if there is one:
# on others the kernel puts things into it that do not move.
kernel_dimm() {
	local size="$1" bytes
	put "$system/memory/auto_online_blocks" online_kernel
	! kasan || size=128M
	plug_kernel_dimm "$size"
	settle
	first=${plugged_blocks%%
*}
	bytes=$(($(echo "$plugged_blocks" | wc -l) * $(block_bytes)))
	ctl "watch t start=$(block_start "$first") size=$bytes"
}

given_back() {
	ctl "pool t buffer_size=65536 permille=200"
	kernel_dimm 256M
	before=$(cat "$pools/t/buffers")
	# Once they are put, they are free buffers like the others.
	ctl_refused ENOBUFS "get t count=1000000"
	[ "$(of t watched)" -gt 0 ] || impossible "the pool has no buffer in the DIMM"
	ctl "put t"
	unplug_dimm "$plugged_dimm"
	settle
	[ "$(cat "$pools/t/buffers")" -lt "$before" ] || fail "still $before buffers without the DIMM"
}
test_case given_back 'E4 free buffers are given back before a DIMM is removed'

in_use() {
	ctl "pool t buffer_size=65536 permille=200"
	kernel_dimm 128M
	ctl_refused ENOBUFS "get t count=1000000"
	[ "$(of t watched)" -gt 0 ] || impossible "the pool has no buffer in the DIMM"
	now
	started=$now
	refused EBUSY "$system/memory/memory$first/state" offline
	now
	took=$((now - started))
	[ "$took" -le 20 ] || fail "the kernel's answer took $took s"
	equal "state of the block" online "$(cat "$system/memory/memory$first/state")"
	logged 'dhp: .*pool t.*in use' || fail "the log does not name the pool that has buffers there"
	ctl "put t"
	set_block "$first" offline
	unplug_dimm "$plugged_dimm"
}
test_case in_use 'E4 buffers in use fail the removal of a DIMM after a bounded wait; without them it succeeds'

# Has the load taken a buffer from the DIMM?
seen_in_dimm() {
	[ "$(of t watched)" -gt 0 ]
}

# All other buffers are in use, so the load has to take those in the DIMM.
dimm_again() {
	ctl "pool t buffer_size=16384 permille=200"
	ctl_refused ENOBUFS "get t count=1000000"
	ctl "load t buffers=2000 hold_us=2000"
	for round in $(seq "$(portion 16)"); do
		kernel_dimm 256M
		if ! wait_for 60 seen_in_dimm; then
			[ "$round" != 1 ] || impossible "the pool has no buffer in the DIMM"
			fail "round $round: the pool has no buffer in the DIMM"
		fi
		unplug_dimm "$plugged_dimm"
		echo "round $round: $(of t watched) buffers were taken from the DIMM"
	done
	ctl "rest t"
	ctl "put t"
	all_ran t
	equal "buffers with two owners" 0 "$(of t shared)"
	equal "buffers in use" 0 "$(cat "$pools/t/buffers_in_use")"
}
test_case dimm_again 'E4 a DIMM is plugged and unplugged again and again with buffers in use'

# Two DIMMs of 1 GiB, most of it buffers, and half of those in use at any time: 16000 of 64 KiB, and
# 1 GiB of the other pool's.
two_gibibytes() {
	! kasan || skip "KASAN keeps DIMMs of more than one block from being removed"
	ctl "pool t buffer_size=65536 permille=500"
	ctl "pool u buffer_size=4096 permille=300"
	ctl_refused ENOBUFS "get t count=1000000"
	ctl "load t buffers=12000 hold_us=3000"
	for round in $(seq "$(portion 3)"); do
		kernel_dimm 1G
		one=$plugged_dimm
		first_block=$first
		kernel_dimm 1G
		other=$plugged_dimm
		[ "$first_block" -lt "$first" ] || first_block=$first
		ctl "watch t start=$(block_start "$first_block") size=$((2 << 30))"
		if ! wait_for 60 seen_in_dimm; then
			[ "$round" != 1 ] || impossible "the pool has no buffer in the DIMMs"
			fail "round $round: the pool has no buffer in the DIMMs"
		fi
		there="$(cat "$pools/t/buffers") and $(cat "$pools/u/buffers")"
		# The struct pages of the second one are in the first.
		unplug_dimm "$other"
		unplug_dimm "$one"
		settle
		echo "round $round: $there buffers, $(of t watched) were taken from the DIMMs"
	done
	ctl "rest t"
	ctl "put t"
	all_ran t
	have_all t
	have_all u
}
test_case two_gibibytes 'E4 2 GiB of buffers, half of them in use, are unplugged every time'

run_tests
