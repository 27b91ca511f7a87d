#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract E: the elastic pool. The tests use a pool of dhp_test's; the module's own shows the
# workers.

. ./lib.sh

pools=$dhp/pools

setup() {
	load dhp pool=1
	load dhp_test
}

# of POOL WHAT: a count of dhp_test's own
of() {
	awk -v pool="$1" -v what="$2" '
	$1 == pool { for (i = 2; i < NF; i += 2) if ($i == what) print $(i + 1) }' "$test_dir/pools"
}

# reads POOL FILE VALUE
reads() {
	[ "$(cat "$pools/$1/$2")" = "$3" ]
}

# all_ran POOL: everything submitted has run, once; both sides agree.
all_ran() {
	ctl "flush $1"
	equal "items of $1 that ran" "$(of "$1" submitted)" "$(of "$1" ran)"
	equal "items of $1 that ran twice" 0 "$(of "$1" twice)"
	equal "items of $1 that had a signal" 0 "$(of "$1" signalled)"
	equal "submitted, in sysfs" "$(of "$1" submitted)" "$(cat "$pools/$1/submitted")"
	equal "completed, in sysfs" "$(of "$1" submitted)" "$(cat "$pools/$1/completed")"
}

# thread NAME: its process id
thread() {
	grep -lx "$1" /proc/[0-9]*/comm 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,'
}

# workers POOL: there is one for every processor that is online, bound to it and on it, and no
# other.
check_workers() {
	settle
	equal "workers of $1" "$(cat "$system/cpu/online")" "$(cat "$pools/$1/workers")"
	for one in $(online_cpus); do
		pid=$(thread "$1/$one")
		[ -n "$pid" ] || fail "no thread $1/$one"
		equal "processors of $1/$one" "$one" \
			"$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$pid/status")"
		equal "processor of $1/$one" "$one" \
			"$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f37)"
	done
	equal "threads of $1" "$(online_cpus | wc -w)" \
		"$(grep -lE "^$1/[0-9]+\$" /proc/[0-9]*/comm 2>/dev/null | wc -l)"
}

workers() {
	cpu=$(pick_cpu)
	check_workers dhp
	offline "$cpu"
	check_workers dhp
	online "$cpu"
	check_workers dhp
}
test_case workers 'E1 one worker for each processor, bound to it, from COMPLETE to REMOVE_START'

workers_plugged() {
	plug_cpu
	check_workers dhp
	online "$plugged_cpu"
	check_workers dhp
	unplug_cpu "$plugged_cpu"
	check_workers dhp
}
test_case workers_plugged 'E1 a worker for a processor that is plugged'

workers_failed() {
	cpu=$(pick_cpu)
	active=$(sed -n 's/^ *\([0-9]*\): sched:active$/\1/p' "$system/cpu/hotplug/states")
	[ -n "$active" ] || skip "this kernel has no step sched:active"
	for state in 0 1; do
		put "$system/cpu/cpu$cpu/hotplug/fail" "$active" || fail "cannot arm: $why"
		if [ "$state" = 0 ]; then
			offline_refused "$cpu" EAGAIN
			offline "$cpu"
		else
			online_refused "$cpu" EAGAIN
			check_workers dhp
			online "$cpu"
		fi
		check_workers dhp
	done
}
test_case workers_failed 'E1 E5 no worker is left or lost by an add or a removal that fails'

# Once begun, the removal is taken back.
workers_vetoed() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	# The pool is asked last, for it came first; so another pool that came later is asked
	# before the veto.
	ctl "pool t"
	offline_refused "$cpu" EBUSY
	check_workers dhp
	check_workers t
	ctl "submit t cpu=$cpu count=10"
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
}
test_case workers_vetoed 'E1 a worker is there again after a removal that was vetoed'

own_processor() {
	ctl "pool t"
	for one in $(online_cpus); do
		ctl "submit t cpu=$one count=200"
	done
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
	equal "items out of order" 0 "$(of t disorder)"
}
test_case own_processor 'E1 E3 items run on the processor that they are for, in order'

# Within two percent.
about() {
	difference=$(($2 - $3))
	[ "$difference" -ge 0 ] || difference=$((-difference))
	[ $((difference * 50)) -le "$2" ] || fail "$1: expected about $2, is $3"
}

page_size() {
	awk '/^KernelPageSize:/ { print $2 * 1024; exit }' /proc/self/smaps
}

# The memory that can hold buffers, in bytes.
buffer_memory() {
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

# Otherwise the kernel's own zones, which have to hold all buffers, may be left with nothing.
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
test_case movable_memory 'E2 movable memory, which cannot hold buffers, brings none'

fewer_than() {
	[ "$(cat "$pools/$1/buffers")" -lt "$2" ]
}

# A tenth of 512 MiB are 13107 buffers.
unnoticed() {
	ctl "pool t buffer_size=4096 permille=100"
	settle
	before=$(cat "$pools/t/buffers")
	ctl "balloon mib=512"
	wait_or_fail 20 fewer_than t $((before - 13000))
	ctl "balloon mib=0"
	wait_or_fail 20 reads t buffers "$before"
}
test_case unnoticed 'E2 memory that changes without a notification is followed within seconds'

more_than() {
	[ "$(cat "$pools/$1/buffers")" -gt "$2" ]
}

# virtio-mem changes a quarter of a block, a hundredth of which are 81 buffers, without a notification.
# Movable memory does not count.
part_of_a_block() {
	put "$system/memory/auto_online_blocks" online_kernel
	resize_virtio_mem $(($(block_bytes) / 2 >> 20))M
	ctl "pool t buffer_size=4096 permille=10"
	settle
	seq=$(sequence)
	before=$(cat "$pools/t/buffers")
	resize_virtio_mem $(($(block_bytes) * 3 / 4 >> 20))M
	wait_or_fail 20 more_than t $((before + 80))
	resize_virtio_mem $(($(block_bytes) / 2 >> 20))M
	wait_or_fail 20 reads t buffers "$before"
	equal "number of the last event" "$seq" "$(sequence)"
}
test_case part_of_a_block 'E2 what virtio-mem does to a part of a memory block is followed within seconds'

floor_and_ceiling() {
	ctl "pool low buffer_size=4096 permille=1 min=5000"
	ctl "pool high buffer_size=4096 permille=500 max=700"
	settle
	equal "buffers at the floor" 5000 "$(cat "$pools/low/buffers")"
	equal "buffers at the ceiling" 700 "$(cat "$pools/high/buffers")"
}
test_case floor_and_ceiling 'E2 a floor and a ceiling of the buffers'

each_processor() {
	plug_cpu
	ctl "pool t buffer_size=4096 permille=1 max=1"
	online "$plugged_cpu"
	settle
	[ "$(cat "$pools/t/buffers")" -ge "$(online_cpus | wc -w)" ] ||
		fail "fewer buffers than processors: $(cat "$pools/t/buffers")"
}
test_case each_processor 'E2 at least one buffer for every processor'

all_buffers() {
	ctl "pool t buffer_size=8192 permille=10 max=500"
	settle
	ctl "get t count=500"
	equal "buffers in use" 500 "$(cat "$pools/t/buffers_in_use")"
	ctl_refused ENOBUFS "get t"
	ctl "put t count=200"
	equal "buffers in use" 300 "$(cat "$pools/t/buffers_in_use")"
	ctl "get t count=200"
	ctl "put t"
	equal "buffers in use" 0 "$(cat "$pools/t/buffers_in_use")"
	equal "buffers with two owners" 0 "$(of t shared)"
}
test_case all_buffers 'E2 every buffer can be had, once, from whichever processor'

# ctl_on CPU COMMAND: a command that this processor runs
ctl_on() {
	command -v taskset >/dev/null || skip "no 'taskset' command here"
	# shellcheck disable=SC2016 # the inner shell's
	taskset -c "$1" sh -c 'printf "%s\n" "$1" >"$2"' sh "$2" \
		"$test_dir/control" || fail "$2 on CPU$1: $(cat "$test_dir/control")"
}

# sound POOL: no buffer was bad in any way, and all are back.
sound() {
	for what in held shared askew dirty; do
		equal "buffers of $1 that are $what" 0 "$(of "$1" "$what")"
	done
	equal "buffers of $1 in use" 0 "$(cat "$pools/$1/buffers_in_use")"
}

# have_all POOL: every one of its buffers can be had, and put back.
have_all() {
	ctl "get $1 count=$(cat "$pools/$1/buffers")"
	ctl_refused ENOBUFS "get $1"
	equal "buffers of $1 in use" "$(cat "$pools/$1/buffers")" "$(cat "$pools/$1/buffers_in_use")"
	ctl "put $1"
	sound "$1"
}

sizes() {
	size=256
	while [ "$size" -le 65536 ]; do
		ctl "pool t buffer_size=$size permille=1 min=40 max=80"
		settle
		equal "buffer size" "$size" "$(cat "$pools/t/buffer_size")"
		[ "$(cat "$pools/t/buffers")" -ge 40 ] || fail "$size bytes: not even 40 buffers"
		[ "$(cat "$pools/t/buffers")" -lt 96 ] || fail "$size bytes: more than 80 buffers"
		have_all t
		ctl "destroy t"
		size=$((size * 2))
	done
	ctl "pool t buffer_size=257"
	equal "size of a buffer for 257 bytes" 512 "$(cat "$pools/t/buffer_size")"
}
test_case sizes 'E2 buffers of 256 bytes to 64 KiB, aligned, none of them twice'

# The stamps of the first round are in the buffers still.
zeroed() {
	for size in 256 4096 65536; do
		ctl "pool t buffer_size=$size permille=1 max=100"
		settle
		ctl "get t count=$(cat "$pools/t/buffers")"
		ctl "put t"
		ctl "get t count=$(cat "$pools/t/buffers") zeroed=1"
		ctl "put t"
		sound t
		ctl "destroy t"
	done
}
test_case zeroed 'E2 buffers are zero when they are to be'

put_elsewhere() {
	here=$(pick_cpu)
	there=$(online_cpus | cut -d' ' -f1)
	[ "$here" != "$there" ] || skip "one processor only"
	ctl "pool t buffer_size=256 permille=1 max=1600"
	settle
	for _ in 1 2 3; do
		ctl_on "$here" "get t count=1000"
		ctl_on "$there" "put t"
		sound t
	done
	# Some are in the cache of the other one.
	ctl_on "$here" "get t count=1600"
	ctl_on "$there" "put t"
	have_all t
}
test_case put_elsewhere 'E2 a buffer may be put back on another processor, and had again anywhere'

# What the processor keeps for itself goes back with it.
cache_leaves() {
	cpu=$(pick_cpu)
	ctl "pool t buffer_size=4096 permille=1 max=400"
	settle
	ctl_on "$cpu" "get t count=100"
	ctl_on "$cpu" "put t"
	offline "$cpu"
	settle
	have_all t
	online "$cpu"
	settle
	ctl_on "$cpu" "get t count=100"
	ctl_on "$cpu" "put t"
	have_all t
}
test_case cache_leaves 'E2 the buffers that a processor keeps can be had when it has left'

# Interrupts come in the middle of a get or a put now and then; a processor leaves, too.
in_interrupts() {
	cpu=$(pick_cpu)
	ctl "pool t buffer_size=1024 permille=1 max=800"
	settle
	ctl "ticks t period_us=300 hard=$1"
	ctl "load t buffers=200 pairs=20000"
	for _ in 1 2 3; do
		sleep 1
		offline "$cpu"
		online "$cpu"
	done
	ctl "rest t"
	have_all t
	ctl "destroy t"
}

in_softirqs() {
	in_interrupts 0
}
test_case in_softirqs 'E2 buffers come and go in softirqs, too'

in_hardirqs() {
	! preempt_rt || skip "with PREEMPT_RT, buffers are not for hard interrupts"
	in_interrupts 1
}
test_case in_hardirqs 'E2 buffers come and go in hardirqs, too'

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
test_case shrinks 'E2 free buffers above the floor go when memory is short, and come back'

grows_by_itself() {
	ctl "pool t buffer_size=4096 permille=20"
	settle
	before=$(cat "$pools/t/buffers")
	echo 2 >/proc/sys/vm/drop_caches
	[ "$(cat "$pools/t/buffers")" -lt "$before" ] || fail "still $before buffers"
	wait_or_fail 30 reads t buffers "$before"
}
test_case grows_by_itself 'E2 what went because memory was short comes back unasked'

# What was reclaimed since boot, in pages.
reclaimed() {
	awk '/^pgsteal_(kswapd|direct) / { pages += $2 } END { print pages }' /proc/vmstat
}

# Nothing is reclaimed for a second.
reclaim_is_over() {
	before=$(reclaimed)
	sleep 1
	[ "$(reclaimed)" = "$before" ]
}

# The page cache has all memory that is free, until the test ends. Blocks of a RAM disk that were
# never written take no memory of their own; who closes the disk last empties the page cache.
fill_page_cache() {
	kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	modprobe brd rd_nr=1 rd_size="$kib" 2>"$tmp/said" ||
		skip "needs CONFIG_BLK_DEV_RAM=m: $(tail -n 1 "$tmp/said")"
	# A moment after it has been closed it is still in use.
	trap 'exec 4<&-; wait_for 30 rmmod brd 2>/dev/null' EXIT
	trap 'exit 130' INT TERM HUP
	exec 4</dev/ram0
	begun=$(reclaimed)
	dd if=/dev/ram0 of=/dev/null bs=1M 2>/dev/null
	[ "$(reclaimed)" -gt "$begun" ] || fail "$kib KiB have been read, and nothing was pushed out"
	wait_or_fail 60 reclaim_is_over
}

# Reclaim may be too slow for all of them at once; the rest is tried for again.
has_floor() {
	[ "$(cat "$pools/u/buffers")" -ge 20000 ]
}

# A tenth of the memory would be more than 50000 buffers. The pool's creation itself takes some pages,
# and so do the commands here. When one of these has to go among movable pages, kswapd would reclaim up
# to 5000 pages, whatever the pool does; so the boost factor, which has it do that, is 0 meanwhile.
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
test_case spares_page_cache 'E5 above its floor a pool grows only into memory that nobody uses'

# normal VALUE: of zone Normal of node 0, in pages
normal() {
	awk -v value="$1" '/^Node/ { normal = $2 == "0," && $4 == "Normal" }
		normal && ($1 == value || $1 == "pages" && $2 == value) { print $NF; exit }' /proc/zoneinfo
}

# A page that cannot move and has to go among movable ones raises the zone's watermarks, by up to as
# much again as the high one and half of that. If less than this is free, the next allocation of
# anybody's has kswapd reclaim page cache, which the pool would take in turn. The commands here take
# some of it, up to a thousand pages, so the watermarks are high.
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
	# What is raised already counts in the high one.
	high=$(($(normal high) - $(normal boost)))
	logged 'pool u: has [0-9]* of [0-9]* buffers .* no memory for more' ||
		fail "there was memory for two halves of it"
	echo "zone Normal: $free pages free, and high watermark $high"
	[ "$free" -ge $((high * 2)) ] || fail "only $free pages are left free, not $((high * 2))"
}
test_case keeps_distance 'E5 above its floor a pool leaves free what the kernel may come to reclaim'

# spoil_last POOL [OFFSET]: a page of the buffer that was taken last becomes bad. The kernel cannot
# do anything with such a page but mark it, and says so.
spoil_last() {
	hard_offline=$system/memory/hard_offline_page
	[ -w "$hard_offline" ] || skip "needs CONFIG_MEMORY_FAILURE"
	put "$hard_offline" "$(printf '0x%x' $(($(of "$1" last) + ${2-0})))" || true
	logged 'Memory failure: ' || fail "the kernel does not say that a page is bad: $why"
}

# spoiled POOL BUFFERS: all buffers can be had but the bad one, and those of its page; and then there
# are others instead.
spoiled() {
	ctl_refused ENOBUFS "get $1 count=100000"
	equal "bad buffers of $1 that were given out" 0 "$(of "$1" bad)"
	ctl "put $1"
	wait_or_fail 30 reads "$1" buffers "$2"
	have_all "$1"
	equal "bad buffers of $1 that were given out" 0 "$(of "$1" bad)"
}

# spoil_pool SIZE: a buffer in use, one in the CPU's cache. Of several pages, the last one is bad.
spoil_pool() {
	ctl "pool t buffer_size=$1 permille=1 max=64"
	settle
	all=$(cat "$pools/t/buffers")
	for when in used cached; do
		ctl_on "$cpu" "get t"
		[ "$when" = cached ] || spoil_last t $(($1 - 1))
		ctl_on "$cpu" "put t"
		[ "$when" = used ] || spoil_last t $(($1 - 1))
		ctl_on "$cpu" "get t"
		equal "bad buffers that were given out, $when when the page became bad" 0 "$(of t bad)"
		ctl "put t"
		spoiled t "$all"
	done
	ctl "destroy t"
}

bad_page() {
	cpu=$(online_cpus | cut -d' ' -f1)
	for size in 256 4096 65536; do
		spoil_pool "$size"
	done
}
test_case bad_page 'E2 a buffer in a page that has become bad goes back to the kernel'

# With debug, pools keep nothing in caches: what is free is in the depot.
bad_free_page() {
	parameter=/sys/module/dhp/parameters/debug
	put "$parameter" 1 || fail "cannot set debug: $why"
	trap 'echo 0 >"$parameter"' EXIT
	trap 'exit 130' INT TERM HUP
	for size in 256 4096 65536; do
		ctl "pool t buffer_size=$size permille=1 max=64"
		settle
		all=$(cat "$pools/t/buffers")
		ctl "get t"
		ctl "put t"
		spoil_last t
		spoiled t "$all"
		ctl "destroy t"
	done
}
test_case bad_free_page 'E2 a free buffer in a page that has become bad is not given out'

# Pools that were made before do not know that they are to check.
debugged() {
	parameter=/sys/module/dhp/parameters/debug
	put "$parameter" 1 || fail "cannot set debug: $why"
	failed=
	for size in 256 16384; do
		(debug_pool "$size") || failed=1
	done
	put "$parameter" 0 || fail "cannot unset debug: $why"
	[ -z "$failed" ] || exit 1
}

debug_pool() {
	ctl "pool t buffer_size=$1 permille=1 max=64"
	ctl "pool u buffer_size=$1 permille=1 max=64"
	settle
	have_all t
	expect_warning debug_check_put
	ctl "misuse t how=twice"
	logged 'pool t: dhp_buffer_put.*was put before' || fail "put twice, and nobody says so"
	expect_warning debug_check_put
	ctl "misuse t how=elsewhere other=u"
	logged 'pool u: dhp_buffer_put.*not come from this pool' ||
		fail "put to the wrong pool, and nobody says so"
	expect_warning debug_check_put
	ctl "misuse t how=inside"
	logged 'pool t: dhp_buffer_put.*does not begin here' || fail "put a part, and nobody says so"
	sound t
	sound u
	ctl "misuse t how=after"
	expect_warning debug_check_free
	have_all t
	logged "pool t: buffer .* written to at offset $(($1 / 2)) after it was put" ||
		fail "used after it was put, and nobody says so"
	ctl "destroy t"
	ctl "destroy u"
}
test_case debugged 'E2 with debug=1, misuse of buffers is caught'

leaves_with_items() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl "submit t cpu=$cpu count=300 sleep_us=5000"
	offline "$cpu"
	all_ran t
	[ "$(of t elsewhere)" -gt 0 ] || fail "all items ran on CPU$cpu, which was offline"
	equal "items that moved" "$(of t elsewhere)" "$(cat "$pools/t/migrated")"
	ctl "submit t cpu=$cpu count=50"
	all_ran t
	online "$cpu"
	settle
	moved=$(of t elsewhere)
	ctl "submit t cpu=$cpu count=50"
	all_ran t
	equal "items elsewhere after CPU$cpu is back" "$moved" "$(of t elsewhere)"
}
test_case leaves_with_items 'E3 what is queued for a processor that leaves runs on another one'

# between WHAT LOW VALUE HIGH
between() {
	if [ "$3" -lt "$2" ] || [ "$3" -gt "$4" ]; then
		fail "$1: $3, not $2 to $4"
	fi
}

# Each look takes a while: what has completed before and after it bounds what was pending.
counted() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl "submit t cpu=$cpu count=200 sleep_us=40000"
	looks=0
	while before=$(cat "$pools/t/completed"); [ "$before" -lt 200 ]; do
		pending=$(cat "$pools/t/pending")
		after=$(cat "$pools/t/completed")
		equal submitted 200 "$(cat "$pools/t/submitted")"
		between pending $((200 - after)) "$pending" $((200 - before))
		looks=$((looks + 1))
		[ "$looks" != 5 ] || offline "$cpu"
	done
	[ "$looks" -gt 5 ] || fail "all items had run after $looks looks"
	equal pending 0 "$(cat "$pools/t/pending")"
	online "$cpu"
	sound t
}
test_case counted 'E3 submitted is completed and pending, at any time'

queued_twice() {
	ctl "pool t"
	cpus=$(online_cpus)
	ctl "submit t cpu=${cpus%% *} count=50 sleep_us=2000 twice=1"
	all_ran t
}
test_case queued_twice 'E3 an item that is queued is not accepted again'

under_load() {
	cpu=$(pick_cpu)
	ctl "pool t buffer_size=4096 permille=2"
	ctl "load t buffers=50"
	for _ in $(seq "$(portion 20)"); do
		offline "$cpu"
		online "$cpu"
	done
	ctl "rest t"
	all_ran t
	[ "$(of t ran)" -gt "$(portion 1000)" ] || fail "hardly any load: $(of t ran) items"
	equal "buffers with two owners" 0 "$(of t shared)"
	equal "buffers in use" 0 "$(cat "$pools/t/buffers_in_use")"
	check_workers t
}
test_case under_load 'E3 exactly once, while a processor goes and comes'

under_load_failing() {
	cpu=$(pick_cpu)
	active=$(sed -n 's/^ *\([0-9]*\): sched:active$/\1/p' "$system/cpu/hotplug/states")
	[ -n "$active" ] || skip "this kernel has no step sched:active"
	ctl "pool t"
	ctl "load t"
	for _ in $(seq 5); do
		put "$system/cpu/cpu$cpu/hotplug/fail" "$active" || fail "cannot arm: $why"
		offline_refused "$cpu" EAGAIN
		offline "$cpu"
		put "$system/cpu/cpu$cpu/hotplug/fail" "$active" || fail "cannot arm: $why"
		online_refused "$cpu" EAGAIN
		online "$cpu"
	done
	ctl "rest t"
	all_ran t
	check_workers t
}
test_case under_load_failing 'E3 exactly once, while adds and removals fail'

# A caller that sees the item queued relies on the run to come. A submission without the barriers, which
# has to lose stores, shows whether this machine can; an emulator may run CPUs in turn.
seen_when_refused() {
	cpu=$(pick_cpu)
	here=$(other_than "$cpu")
	ctl_on "$here" "refused r cpu=$cpu ms=$(portion 300000)"
	read -r _ _ _ weak _ queue _ pool _ refusals <"$test_dir/log"
	echo "lost: weak $weak, workqueue $queue, pool $pool of $refusals that were refused"
	equal "stores that the pool has lost" 0 "$pool"
	equal "stores that the workqueue has lost" 0 "$queue"
	[ "$weak" -ge 5 ] ||
		skip "this machine hardly shows it: without barriers, $weak stores were lost, not 5"
}
test_case seen_when_refused 'E3 the run to come sees what was stored before a submission that is refused'

from_interrupt() {
	ctl "pool t"
	for one in $(online_cpus); do
		ctl "submit t cpu=$one count=200 irq=1"
	done
	ctl "submit t count=200 irq=1"
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
	equal "items out of order" 0 "$(of t disorder)"
}
test_case from_interrupt 'E3 items are submitted from interrupts'

# other_than CPU: an online one
other_than() {
	for one in $(online_cpus); do
		[ "$one" = "$1" ] || break
	done
	[ "$one" != "$1" ] || skip "one CPU only"
	echo "$one"
}

# only_worker POOL CPU: a pool that has a worker on this CPU and, for some seconds, on no other one,
# because the others were busy when it was made.
only_worker() {
	for _ in 1 2 3; do
		told=$(nr_told "$1")
		for one in $(online_cpus); do
			[ "$one" = "$2" ] || ctl_on "$2" "hog cpu=$one ms=5000"
		done
		ctl_on "$2" "pool $1"
		if wait_for 30 tried_twice "$1" "$told" && reads "$1" workers "$2"; then
			return 0
		fi
		ctl "destroy $1"
	done
	fail "other CPUs than CPU$2 have workers, busy though they were"
}

# nr_told POOL: how often the log says that it has no worker for a CPU
nr_told() {
	log_since_mark | grep -c "pool $1: no worker for" || true
}

# tried_twice POOL BEFORE: at once and once more, in vain; the next time is seconds away.
tried_twice() {
	[ "$(nr_told "$1")" -ge $(($2 + 2)) ]
}

# Interrupts submit items all the time, on a CPU that goes, for one without a worker.
last_closes() {
	cpu=$(pick_cpu)
	other=$(other_than "$cpu")
	only_worker t "$cpu"
	rounds=0
	while reads t workers "$cpu"; do
		ctl "storm t on=$cpu cpu=$other"
		offline "$cpu"
		without=$(cat "$pools/t/workers")
		online "$cpu"
		ctl "rest t"
		[ -n "$without" ] || rounds=$((rounds + 1))
	done
	[ "$rounds" -gt 0 ] || fail "there was always a worker: $without"
	settle
	check_workers t
	all_ran t
	echo "$rounds times without a worker, $(of t ran) items"
}
test_case last_closes 'E3 items are submitted from interrupts while the last worker closes'

has_gone() {
	case " $(online_cpus) " in
	*" $1 "*) return 1 ;;
	esac
}

# held_offline POOL: $cpu is being taken offline, and held up before dhp is notified. The pool's retry,
# when it is due, waits for that.
held_offline() {
	[ -r /proc/self/stack ] || skip "needs CONFIG_STACKTRACE"
	cpu=$(pick_cpu)
	only_worker "$1" "$cpu"
	ctl "gate shut"
	put "$system/cpu/cpu$cpu/online" 0 &
	await_line "gate CPU$cpu"
}

# The offline waits for the worker that is pinned there, the retry for the offline.
destroyed_leaving() {
	held_offline t
	wait_or_fail 30 blocked_in pool_retry
	ctl "destroy t" &
	destroyer=$!
	wait_or_fail 30 blocked_in dhp_pool_destroy
	ctl "gate open"
	wait_or_fail 60 has_gone "$cpu"
	wait "$destroyer" || fail "the pool was not destroyed"
	wait
	[ ! -e "$pools/t" ] || fail "the pool is still in sysfs"
}
test_case destroyed_leaving 'E1 a pool is destroyed while a CPU goes offline and a worker is missing'

# accounted POOL: what did not run was cancelled, nothing ran afterwards
accounted() {
	ctl "flush $1"
	equal "items of $1 that ran or were cancelled" "$(of "$1" submitted)" \
		"$(($(of "$1" ran) + $(of "$1" cancelled)))"
	equal "items of $1 that ran after they were cancelled" 0 "$(of "$1" after)"
	equal "items of $1 that ran twice" 0 "$(of "$1" twice)"
	equal "completed, in sysfs" "$(of "$1" submitted)" "$(cat "$pools/$1/completed")"
}

cancel() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl "submit t cpu=$cpu count=50 sleep_us=50000 keep=1"
	ctl "cancel t"
	[ "$(of t cancelled)" -gt 10 ] || fail "only $(of t cancelled) of 50 items were cancelled"
	accounted t
	# One that runs to its end is waited for.
	ctl "submit t cpu=$cpu sleep_us=500000 keep=1"
	ctl "cancel t"
	accounted t
	# None of it is a reason to refuse later ones.
	ran=$(of t ran)
	ctl "submit t cpu=$cpu count=20"
	ctl "flush t"
	equal "items that ran" $((ran + 20)) "$(of t ran)"
}
test_case cancel 'E3 an item that was cancelled is neither queued nor running'

ran_more_than() {
	[ "$(of "$1" ran)" -gt "$2" ]
}

cancel_again() {
	ctl "pool t"
	ctl "submit t count=20 again=1 keep=1"
	wait_or_fail 30 ran_more_than t 1000
	ctl "cancel t"
	accounted t
}
test_case cancel_again 'E3 an item that submits itself again and again is cancelled'

cancel_leaving() {
	cpu=$(pick_cpu)
	ctl "pool t"
	for _ in 1 2 3 4 5; do
		ctl "submit t cpu=$cpu count=200 sleep_us=300 keep=1"
		put "$system/cpu/cpu$cpu/online" 0 &
		ctl "cancel t"
		wait
		! is_online "$cpu" || fail "CPU$cpu has not gone"
		accounted t
		ctl "submit t cpu=$cpu count=200 sleep_us=300 keep=1"
		put "$system/cpu/cpu$cpu/online" 1 &
		ctl "cancel t"
		wait
		is_online "$cpu" || fail "CPU$cpu has not come"
		accounted t
	done
}
test_case cancel_leaving 'E3 items are cancelled while their processor goes and comes'

ran_everywhere() {
	[ "$(of "$1" on)" = "$(cat "$system/cpu/online")" ]
}

# The items submit themselves again where they run, so there is work until each worker has had its
# share, however late its CPU gets to run.
stealing() {
	ctl "pool t stealing=1"
	ctl "submit t count=100 sleep_us=5000"
	all_ran t
	ctl "submit t count=100 sleep_us=5000 again=1 keep=1"
	wait_or_fail 60 ran_everywhere t
	ctl "cancel t"
	accounted t
	[ "$(cat "$pools/t/migrated")" -gt 0 ] || fail "no item has moved to another worker"
}
test_case stealing 'E3 idle workers help one that is behind, where it is allowed'

no_stealing() {
	cpu=$(pick_cpu)
	ctl "pool t"
	ctl_on "$cpu" "submit t count=100 sleep_us=1000"
	all_ran t
	equal "items that moved" 0 "$(cat "$pools/t/migrated")"
	equal "processors that items ran on" "$cpu" "$(of t on)"
}
test_case no_stealing 'E3 where it is not allowed, they do not'

stealing_bound() {
	ctl "pool t stealing=1"
	for one in $(online_cpus); do
		ctl "submit t cpu=$one count=100 sleep_us=500"
		ctl "submit t count=20 sleep_us=500"
	done
	all_ran t
	equal "items elsewhere" 0 "$(of t elsewhere)"
	equal "items out of order" 0 "$(of t disorder)"
}
test_case stealing_bound 'E3 items for a named processor are not stolen'

stealing_newcomer() {
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "pool t stealing=1"
	ctl "submit t count=1000 sleep_us=5000"
	online "$cpu"
	settle
	all_ran t
	ctl "submit t count=100 sleep_us=5000 again=1 keep=1"
	wait_or_fail 60 ran_everywhere t
	ctl "cancel t"
	accounted t
}
test_case stealing_newcomer 'E3 a processor that has just come takes its share'

stealing_leaving() {
	cpu=$(pick_cpu)
	ctl "pool t stealing=1"
	for _ in 1 2 3 4 5; do
		ctl "submit t count=300 sleep_us=200"
		offline "$cpu"
		ctl "submit t count=300 sleep_us=200"
		online "$cpu"
	done
	all_ran t
}
test_case stealing_leaving 'E3 exactly once, with stealing, while a processor goes and comes'

# Workers fall asleep and are woken as often as can be, by items of their own and to help others.
restless() {
	ctl "pool t stealing=1"
	ctl "load t hold_us=1"
	sleep "$(portion 20)"
	ctl "rest t"
	all_ran t
	echo "$(of t submitted) items"
}
test_case restless 'E3 no worker sleeps while items wait for it'

destroyed_inside() {
	cpu=$(pick_cpu)
	offline "$cpu"
	ctl "pool t buffer_size=4096 permille=4"
	ctl "processor c1 flags=removals"
	ctl "inside c1 state=start action=destroy arg=t"
	ctl "inside c1 state=remove_start action=destroy arg=t"
	online "$cpu"
	settle
	offline "$cpu"
	expect_log <<-END
	c1 START $cpu 0
	c1 destroy t
	c1 COMPLETE $cpu 0
	c1 REMOVE_START $cpu 0
	c1 destroy t
	c1 REMOVE_COMPLETE $cpu 0
	END
	online "$cpu"
	logged 'destroying a pool from inside a synchronous processor callback is refused' ||
		fail "nothing in the kernel's log about the refusal"
	ctl "submit t count=100"
	all_ran t
	have_all t
	check_workers t
}
test_case destroyed_inside 'R6 a pool cannot be destroyed from inside a synchronous callback'

destroyed_under_way() {
	cpus=$(online_cpus)
	ctl "pool t"
	ctl "submit t cpu=${cpus%% *} count=200 sleep_us=500"
	# It says how many did not run, if any.
	ctl "destroy t"
	[ ! -e "$pools/t" ] || fail "the pool is still in sysfs"
	[ -z "$(thread "t/${cpus%% *}")" ] || fail "a worker is left"
}
test_case destroyed_under_way 'E3 what was accepted runs before the pool is destroyed'

# kernel_dimm SIZE: a DIMM for the kernel's own allocations, and pool t with buffers in it. On a
# node without processors, if there is one: on others the kernel puts into it what does not move.
kernel_dimm() {
	put "$system/memory/auto_online_blocks" online_kernel
	size=$1
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
	# Taken and put back, they are free buffers like the others.
	ctl_refused ENOBUFS "get t count=1000000"
	[ "$(of t watched)" -gt 0 ] || impossible "the pool has no buffer in the DIMM"
	ctl "put t"
	unplug_dimm "$plugged_dimm"
	settle
	[ "$(cat "$pools/t/buffers")" -lt "$before" ] || fail "still $before buffers without the DIMM"
}
test_case given_back 'E4 free buffers are given back before a DIMM goes'

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
	logged 'dhp: .*pool t.*in use' || fail "the log does not say which pool has buffers there"
	ctl "put t"
	set_block "$first" offline
	unplug_dimm "$plugged_dimm"
}
test_case in_use 'E4 buffers in use: a bounded wait, then the answer is no; afterwards it goes'

# Has the load taken a buffer from the DIMM?
seen_in_dimm() {
	[ "$(of t watched)" -gt 0 ]
}

# All other buffers are held, so that the load has to take those in the DIMM.
dimm_again() {
	ctl "pool t buffer_size=16384 permille=200"
	ctl_refused ENOBUFS "get t count=1000000"
	ctl "load t buffers=2000 hold_us=2000"
	for round in $(seq "$(portion 16)"); do
		kernel_dimm 256M
		if ! wait_for 30 seen_in_dimm; then
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
test_case dimm_again 'E4 a DIMM plugged and pulled again and again with buffers in use'

# Two DIMMs of 1 GiB, most of it buffers, and half of those in use at any time: 16000 of 64 KiB
# are there, and 1 GiB of the other pool's.
two_gibibytes() {
	! kasan || skip "KASAN keeps DIMMs of more than one block from going"
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
		# The kernel has the struct pages of the second one in the first.
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
test_case two_gibibytes 'E4 2 GiB of buffers, half of them in use, are pulled every time'

# No new thread in the whole machine while the processor comes. The shell that does it may not
# start any process either, hence no $(...).
no_threads() {
	cpu=$(pick_cpu)
	limit=/proc/sys/kernel/threads-max
	old=$(cat "$limit")
	offline "$cpu"
	check_workers dhp
	file=$system/cpu/cpu$cpu/online
	trap 'echo "$old" >"$limit"' EXIT
	trap 'exit 130' INT TERM HUP
	echo 20 >"$limit"
	code=0
	echo 1 >"$file" || code=$?
	echo "$old" >"$limit"
	[ "$code" = 0 ] || fail "CPU$cpu does not come online without a worker for it"
	logged 'dhp: pool dhp: ' || fail "the pool says nothing about a worker that it does not have"
	wait_or_fail 60 reads dhp workers "$(cat "$system/cpu/online")"
	check_workers dhp
}
test_case no_threads 'E5 a worker that cannot be made is no reason to refuse, and comes later'

# What a pool does, any driver can: it is in the list of clients like all others.
first_client() {
	settle
	before=$(cat "$dhp/clients")
	[ "$before" -ge 2 ] || fail "the pool of dhp's own is $before clients"
	ctl "pool t buffer_size=4096"
	equal "clients of a second pool" "$before" "$(($(cat "$dhp/clients") - before))"
	ctl "destroy t"
	equal "clients without it" "$before" "$(cat "$dhp/clients")"
}
test_case first_client 'E6 a pool is a client of dhp like any other'

bad_configurations() {
	for bad in "buffer_size=65537" "buffer_size=4096 permille=0" "buffer_size=4096 permille=501" \
		"buffer_size=4096 min=10 max=5"; do
		ctl_refused EINVAL "pool t $bad"
	done
	ctl_refused EINVAL "pool elevenchars"
	ctl_refused EINVAL "pool a/b"
	ctl_refused EEXIST "pool dhp"
	ctl "pool t buffer_size=1"
	equal "buffer size" 256 "$(cat "$pools/t/buffer_size")"
	ctl_refused EEXIST "pool t"
	equal "pools" "dhp t" "$(cd "$pools" && echo *)"
}
test_case bad_configurations 'E2 a bad configuration is refused, and leaves nothing'

left_in_use() {
	ctl "pool t buffer_size=4096 permille=1"
	settle
	ctl "get t count=3"
	ctl "destroy t"
	logged 'dhp: .*pool t.* 3 buffers' || fail "the log does not name the buffers that are lost"
}
test_case left_in_use 'E2 buffers that were not put back are named when the pool is destroyed'

forgotten() {
	unload dhp_test
	load dhp_test forget=1
	ctl "pool t buffer_size=4096 permille=1"
	ctl "submit t count=300 sleep_us=1000"
	unload dhp_test
	logged 'dhp: dhp_test leaves without dhp_pool_destroy\(\) for pool t' ||
		fail "the log does not name the pool and its driver"
	logged 'dhp_test: pool t: 300 items ran' || fail "what was submitted has not run"
	equal "pools" "dhp" "$(cd "$pools" && echo *)"
	load dhp_test
	ctl "pool t"
}
test_case forgotten 'E3 E6 R8 a pool that its driver leaves behind is named, and its items run before the driver has gone'

run_tests
