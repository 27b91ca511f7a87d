#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Contract E2: the buffers of a pool, one by one: getting and putting them, from every context, and
# what happens when their driver misuses them or their memory fails. Not here: how many there are,
# see buffer_memory.sh.

. ./lib/all.sh
. ./lib/pool.sh

# ---------------------------------------------------------------- getting and putting

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
test_case all_buffers 'E2 any CPU can get every buffer, once'

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

# The buffers still hold the stamps of the first round.
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
test_case zeroed 'E2 buffers are zero when the caller wants them zeroed'

put_elsewhere() {
	here=$(pick_cpu)
	there=$(online_cpus | cut -d' ' -f1)
	[ "$here" != "$there" ] || skip "one CPU only"
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
test_case put_elsewhere 'E2 a buffer may be put on another CPU, and is then available on any'

# The CPU's cache is emptied when it goes offline.
cache_offline() {
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
test_case cache_offline 'E2 the buffers in the cache of a CPU are available after it has gone offline'

# in_interrupts HARD: now and then an interrupt comes in the middle of a get or a put. A CPU goes
# offline, too.
in_interrupts() {
	local cpu
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
test_case in_softirqs 'E2 softirqs get and put buffers, too'

in_hardirqs() {
	! preempt_rt || skip "with PREEMPT_RT, buffers are not for hard interrupts"
	in_interrupts 1
}
test_case in_hardirqs 'E2 hardirqs get and put buffers, too'

# ---------------------------------------------------------------- memory that fails

# spoil_last POOL [OFFSET]: a page of the buffer that was taken last becomes bad. The kernel can
# only mark such a page, and logs it.
spoil_last() {
	local hard_offline="$system/memory/hard_offline_page"
	[ -w "$hard_offline" ] || skip "needs CONFIG_MEMORY_FAILURE"
	put "$hard_offline" "$(printf '0x%x' $(($(of "$1" last) + ${2-0})))" || true
	logged 'Memory failure: ' || fail "the kernel does not log that a page is bad: $why"
}

# spoiled POOL BUFFERS: all buffers are available but the bad one and those of its page; later there
# are as many as before.
spoiled() {
	ctl_refused ENOBUFS "get $1 count=100000"
	equal "bad buffers of $1 that were given out" 0 "$(of "$1" bad)"
	ctl "put $1"
	wait_or_fail 30 reads "$1" buffers "$2"
	have_all "$1"
	equal "bad buffers of $1 that were given out" 0 "$(of "$1" bad)"
}

# spoil_pool CPU SIZE: a buffer in use, and one in the CPU's cache. Of several pages, the last one
# is bad.
spoil_pool() {
	local all when
	ctl "pool t buffer_size=$2 permille=1 max=64"
	settle
	all=$(cat "$pools/t/buffers")
	for when in used cached; do
		ctl_on "$1" "get t"
		[ "$when" = cached ] || spoil_last t $(($2 - 1))
		ctl_on "$1" "put t"
		[ "$when" = used ] || spoil_last t $(($2 - 1))
		ctl_on "$1" "get t"
		equal "bad buffers that were given out, $when when the page became bad" 0 "$(of t bad)"
		ctl "put t"
		spoiled t "$all"
	done
	ctl "destroy t"
}

bad_page() {
	cpu=$(online_cpus | cut -d' ' -f1)
	for size in 256 4096 65536; do
		spoil_pool "$cpu" "$size"
	done
}
test_case bad_page 'E2 a buffer in a page that has become bad goes back to the kernel'

# With debug=1, pools keep nothing in caches, so a free buffer is in the depot.
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

# ---------------------------------------------------------------- misuse

# debug_pool SIZE
debug_pool() {
	ctl "pool t buffer_size=$1 permille=1 max=64"
	ctl "pool u buffer_size=$1 permille=1 max=64"
	settle
	have_all t
	expect_warning debug_check_put
	ctl "misuse t how=twice"
	logged 'pool t: dhp_buffer_put.*was put before' || fail "put twice, and nothing is logged"
	expect_warning debug_check_put
	ctl "misuse t how=elsewhere other=u"
	logged 'pool u: dhp_buffer_put.*not come from this pool' ||
		fail "put to the wrong pool, and nothing is logged"
	expect_warning debug_check_put
	ctl "misuse t how=inside"
	logged 'pool t: dhp_buffer_put.*does not begin here' || fail "put a part, and nothing is logged"
	sound t
	sound u
	ctl "misuse t how=after"
	expect_warning debug_check_free
	have_all t
	logged "pool t: buffer .* written to at offset $(($1 / 2)) after it was put" ||
		fail "used after it was put, and nothing is logged"
	ctl "destroy t"
	ctl "destroy u"
}

# Only pools that are created afterwards check. debug goes back to 0 when a check fails, too.
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
test_case debugged 'E2 with debug=1, misuse of buffers is caught'

left_in_use() {
	ctl "pool t buffer_size=4096 permille=1"
	settle
	ctl "get t count=3"
	ctl "destroy t"
	logged 'dhp: .*pool t.* 3 buffers' || fail "the log does not name the buffers that are lost"
}
test_case left_in_use 'E2 buffers that were not put are named when the pool is destroyed'

run_tests
