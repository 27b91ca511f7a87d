#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory is short: each allocation of an operation fails in turn, by the kernel's fault injection.
# The operation then fails with -ENOMEM, or does without; either way nothing is left of what was
# begun, and it works the next time. By task, every allocation can be met, the kernel's own
# included; those that dhp leaves to worker threads are met at intervals.

. ./lib.sh

faults=/sys/kernel/debug
enomem=12

# The kernel reports no injected failure, but its allocators some that come of one, with a trace.
dmesg() {
	command dmesg | awk '
	/vmalloc error: |percpu: allocation failed|alloc_cpumask_var: failed/ { excused = 1; next }
	excused && /Call Trace:/ { excused = 0; next }
	{ print }'
}

# begin_faults: every kind of allocation can be made to fail, until the test's end. Traces would
# be bad on the console, where dmesg() cannot take them out; so it hears of errors only.
begin_faults() {
	for file in /proc/self/fail-nth "$faults/failslab" "$faults/fail_page_alloc"; do
		[ -e "$file" ] ||
			skip "needs CONFIG_FAILSLAB, _FAIL_PAGE_ALLOC, _FAULT_INJECTION_DEBUG_FS: no $file"
	done
	for kind in failslab fail_page_alloc; do
		echo 0 >"$faults/$kind/verbose"
		echo N >"$faults/$kind/ignore-gfp-wait"
	done
	echo 0 >"$faults/fail_page_alloc/min-order"
	echo N >"$faults/fail_page_alloc/ignore-gfp-highmem"
	loud=/sys/module/printk/parameters/ignore_loglevel
	was_loud=$(cat "$loud")
	was_level=$(cut -f1 /proc/sys/kernel/printk)
	trap end_faults EXIT
	trap 'exit 130' INT TERM HUP
	echo N >"$loud"
	echo 4 >/proc/sys/kernel/printk
}

end_faults() {
	no_faults
	mark_workers 0
	# If fail_nth was killed.
	echo 0 >"/proc/$kthreadd/fail-nth"
	echo "$was_level" >/proc/sys/kernel/printk
	echo "$was_loud" >"$loud"
}

# ---------------------------------------------------------------- by task

# is_promised WHAT: has it failed with one of the errnos that are fine? $promised, if not just ENOMEM.
is_promised() {
	case " ${promised-$enomem} " in
	*" $errno "*) ;;
	*) fail "$1 failed with errno $errno, not with ${promised-$enomem}" ;;
	esac
}

# in_turn TASK DONE FAILED WHAT...: does WHAT, see fail_nth.c, and lets the first allocation of
# TASK fail, or number $begin_at, then the next and so on until there was none left to fail.
# After each, DONE looks at what was done and takes it back, or FAILED at what is left.
in_turn() {
	task=$1
	when_done=$2
	when_failed=$3
	shift 3
	nth=${begin_at-1}
	injected=0
	failed=0
	while :; do
		./fail_nth "$task" "$nth" "$@" >"$tmp/injected" || fail "cannot try: $*"
		read -r left errno <"$tmp/injected"
		if [ "$errno" = 0 ]; then
			$when_done
		else
			failed=$((failed + 1))
			[ "$left" = 0 ] || fail "'$*' failed with errno $errno, and no allocation had"
			is_promised "'$*', when allocation $nth had failed,"
			$when_failed
		fi
		[ "$left" = 0 ] || break
		injected=$((injected + 1))
		nth=$((nth + 1))
	done
	echo "'$*': $injected allocations, $failed of them not to do without"
	[ "$injected" -gt 0 ] || fail "no allocation was met"
}

nothing() {
	:
}

kthreadd=2

# ---------------------------------------------------------------- by interval

# With faults in worker threads, and in what creates them: those that are there now, and all
# that come later, for a thread's mark is inherited from kthreadd.
mark_workers() {
	for process in /proc/[0-9]*; do
		read -r comm 2>/dev/null <"$process/comm" || continue
		case $1$comm in
		?kthreadd | ?kworker/u* | 0kworker/*) echo "$1" 2>/dev/null >"$process/make-it-fail" || true ;;
		esac
	done
}

# faults_each INTERVAL failslab|fail_page_alloc: every INTERVALth allocation fails, of who is marked,
# when $space bytes or pages have been had.
faults_each() {
	echo "${space-0}" >"$faults/$2/space"
	echo 1 >"$faults/$2/task-filter"
	echo -1 >"$faults/$2/times"
	echo "$1" >"$faults/$2/interval"
	echo 100 >"$faults/$2/probability"
}

no_faults() {
	# Who calls it may be in a loop over the kinds.
	for which in failslab fail_page_alloc; do
		echo 0 >"$faults/$which/probability"
		echo 0 >"$faults/$which/task-filter"
	done
}

# at_intervals DONE FAILED WHAT...: as in_turn, but every $intervals-th allocation of $kinds fails.
at_intervals() {
	when_done=$1
	when_failed=$2
	shift 2
	succeeded=0
	failed=0
	for kind in ${kinds-failslab fail_page_alloc}; do
		for interval in $intervals; do
			faults_each "$interval" "$kind"
			./fail_nth self each "$@" >"$tmp/injected" || fail "cannot try: $*"
			no_faults
			read -r _ errno <"$tmp/injected"
			if [ "$errno" = 0 ]; then
				succeeded=$((succeeded + 1))
				$when_done
				continue
			fi
			is_promised "'$*', at interval $interval of $kind,"
			failed=$((failed + 1))
			$when_failed
		done
	done
	echo "'$*': succeeded $succeeded times, failed $failed times"
}

# ---------------------------------------------------------------- what must be left
#
# Looked at after each allocation, on a slow kernel, and so without another process.

order() {
	echo "$1" >"$test_dir/control" || fail "$1: $(cat "$test_dir/control")"
}

calm() {
	read -r _ <"$dhp/settle" || fail "nothing settles"
}

# reads FILE VALUE
reads() {
	value=
	read -r value <"$1" || [ -z "$value" ] || fail "$1 cannot be read"
	equal "$1" "$2" "$value"
}

clients() {
	reads "$dhp/clients" "$1"
}

# set_file FILE TEXT
set_file() {
	echo "$2" >"$1" || fail "$1 does not become '$2'"
}

workers() {
	read -r all <"$system/cpu/online"
	reads "$dhp/pools/t/workers" "$all"
}

has_workers() {
	[ "$(cat "$system/cpu/online")" = "$(cat "$dhp/pools/t/workers")" ]
}

# has_buffers COUNT
has_buffers() {
	calm
	reads "$dhp/pools/t/buffers" "$1"
}

# ---------------------------------------------------------------- registering

registered() {
	order "unregister c*"
	not_registered
}

not_registered() {
	calm
	clients 0
}

registering() {
	begin_faults
	for client in "processor c1 flags=removals" "processor c1 flags=existing,removals" \
		"event c1 category=processor" "event c1 category=processor flags=existing" \
		"event c1 category=memory" "event c1 category=memory flags=existing" \
		"memory c1"; do
		in_turn self registered not_registered write "$test_dir/control" "$client"
		[ "$failed" -gt 0 ] || fail "'$client' never failed"
	done
}
test_case registering 'R1 no memory for a registration is an error, and nothing stays registered'

unregistering() {
	begin_faults
	for client in "processor c1 flags=existing" "event c1 category=memory flags=existing" \
		"memory c1"; do
		register_again() { order "$client"; }
		register_again
		in_turn self register_again nothing write "$test_dir/control" "unregister c1"
		ctl "unregister c1"
		not_registered
	done
}
test_case unregistering 'R5 no memory is no reason not to be unregistered'

# ---------------------------------------------------------------- pools

created() {
	order "destroy t"
	not_created
}

not_created() {
	calm
	[ ! -e "$dhp/pools/t" ] || fail "$dhp/pools/t is there"
	clients 0
}

pool() {
	begin_faults
	for task in self "$kthreadd"; do
		in_turn "$task" created not_created write "$test_dir/control" \
			"pool t buffer_size=4096 min=100 max=1000"
		[ "$failed" -gt 0 ] || fail "it never failed"
	done
	nothing_left
}
test_case pool 'E5 no memory for a pool is an error, and nothing of it stays'

no_threads() {
	! cat /proc/[0-9]*/comm 2>/dev/null | grep -q '^t/\|^dhp/'
}

# Of pools that have gone, or have never been: neither a thread, nor memory that the kernel does not
# have back.
nothing_left() {
	wait_for 30 no_threads || fail "a pool has left threads behind"
	! logged 'which are lost' || fail "a pool has left buffers behind"
}

create_again() {
	not_created
	order "pool t buffer_size=4096 min=100 max=1000"
}

pool_destroyed() {
	begin_faults
	create_again
	in_turn self create_again nothing write "$test_dir/control" "destroy t"
	ctl "destroy t"
	not_created
	nothing_left
}
test_case pool_destroyed 'E5 no memory is no reason for a pool to stay'

put_back() {
	order "put t"
}

flushed() {
	order "flush t"
}

pool_at_work() {
	begin_faults
	ctl "pool t buffer_size=4096 min=100 max=1000"
	in_turn self put_back nothing write "$test_dir/control" "get t count=300"
	in_turn self flushed nothing write "$test_dir/control" "submit t count=300"
	ctl "put t"
	ctl "flush t"
	equal "buffers in use" 0 "$(cat "$dhp/pools/t/buffers_in_use")"
	equal "items completed" "$(cat "$dhp/pools/t/submitted")" "$(cat "$dhp/pools/t/completed")"
}
test_case pool_at_work 'E3 no memory while a pool works: nothing is lost'

# ---------------------------------------------------------------- processors

came() {
	calm
	workers
	set_file "$switch" 0
}

came_not() {
	reads "$switch" 0
	calm
	workers
}

went() {
	calm
	workers
	set_file "$switch" 1
}

went_not() {
	reads "$switch" 1
	calm
	workers
}

# Each client's calls, one by one: none comes without what it must follow.
calls_fit() {
	awk '
	BEGIN {
		fits["", "START"] = fits["START", "COMPLETE"] = fits["START", "FAILURE"] = 1
		fits["FAILURE", "START"] = fits["REMOVE_COMPLETE", "START"] = 1
		fits["COMPLETE", "REMOVE_START"] = fits["REMOVE_FAILURE", "REMOVE_START"] = 1
		fits["REMOVE_START", "REMOVE_COMPLETE"] = fits["REMOVE_START", "REMOVE_FAILURE"] = 1
	}
	$2 !~ /^(START|COMPLETE|FAILURE|REMOVE_.*)$/ { next }
	!((last[$1], $2) in fits) { print last[$1] " and then: " $0; bad = 1 }
	{ last[$1] = $2 }
	END { exit bad }' "$test_dir/log" || fail "calls that do not fit"
}

# Where the kernel itself has no memory for a processor, it says so as it likes.
processors() {
	begin_faults
	cpu=$(pick_cpu)
	switch=$system/cpu/cpu$cpu/online
	ctl "pool t buffer_size=4096 permille=1"
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	offline "$cpu"
	settle
	in_turn self came came_not write "$switch" 1
	in_turn "$kthreadd" came came_not write "$switch" 1
	online "$cpu"
	in_turn self went went_not write "$switch" 0
	calls_fit
	ctl "destroy t"
	nothing_left
}
test_case processors 'P1 E1 E5 no memory while a processor comes or goes'

# A worker that could not be had is tried for every ten seconds.
processors_late() {
	begin_faults
	cpu=$(pick_cpu)
	ctl "pool t buffer_size=4096 permille=1"
	ctl "processor c1 flags=removals"
	settle
	for interval in 1 2 5; do
		offline "$cpu"
		mark_workers 1
		faults_each "$interval" failslab
		online "$cpu"
		settle
		no_faults
		mark_workers 0
		wait_or_fail 30 has_workers
		ctl "submit t cpu=$cpu count=10"
		ctl "flush t"
	done
	logged 'pool t: no worker for processor' || fail "there was memory all the time"
	calls_fit
}
test_case processors_late 'E5 no memory in worker threads for a processor that comes: its worker follows'

# ---------------------------------------------------------------- memory

# What the kernel has no memory for when memory comes or goes, it calls busy, too, and what KASAN
# has none for, not permitted.
kernels="$enomem 16 1"

gone() {
	has_buffers "$without"
	set_file "$state" online_kernel
	has_buffers "$with"
}

gone_not() {
	reads "$state" online
	has_buffers "$with"
}

giving_back() {
	begin_faults
	take_pool_block
	promised=$kernels
	in_turn self gone gone_not write "$state" offline
	set_block "$block" offline
	has_buffers "$without"
}
test_case giving_back 'E4 no memory while a pool gives memory back'

come() {
	has_buffers "$with"
	set_file "$state" offline
	has_buffers "$without"
}

come_not() {
	reads "$state" offline
	has_buffers "$without"
}

arriving() {
	begin_faults
	take_pool_block
	set_block "$block" offline
	settle
	promised=$kernels
	in_turn self come come_not write "$state" online_kernel
	set_block "$block" online_kernel
	has_buffers "$with"
}
test_case arriving 'E2 no memory while memory comes'

growing() {
	begin_faults
	take_pool_block
	mark_workers 1
	for kind in fail_page_alloc failslab; do
		for interval in 1 3 9 27 81; do
			set_file "$state" offline
			calm
			faults_each "$interval" "$kind"
			set_file "$state" online_kernel
			calm
			read -r some <"$dhp/pools/t/buffers"
			# Never the reason why a DIMM cannot go, here neither.
			set_file "$state" offline
			calm
			no_faults
			has_buffers "$without"
			# Fewer than without it if the kernel, short of memory, has asked for some back.
			[ "$some" -le "$with" ] || fail "$some buffers: it should be at most $with"
			set_file "$state" online_kernel
			has_buffers "$with"
		done
	done
	logged 'pool t: has [0-9]* of [0-9]* buffers .* no memory for more' ||
		fail "there was memory all the time"
}
test_case growing 'E4 E5 no memory in worker threads while a pool grows and gives back'

was_offline() {
	set_file "$state" online
}

# The client is held in its first event, so that those that follow stay queued. The first one
# that finds no memory has the reserve, the next one is merged with it.
merged() {
	begin_faults
	# shellcheck disable=SC2046 # an option and its value
	plug_dimm 128M $(lonely_node)
	block=$plugged_blocks
	state=$system/memory/memory$block/state
	[ "$(cat "$state")" = offline ] || set_block "$block" offline
	settle
	promised=$kernels
	ctl "event e1 category=memory"
	ctl "inside e1 state=arrival action=hold"
	set_block "$block" online
	wait_or_fail 60 grep -q '^e1 ARRIVAL' "$test_dir/log"
	for _ in 1 2; do
		in_turn self was_offline nothing write "$state" offline
	done
	set_block "$block" offline
	ctl "release e1"
	settle
	grep ' merged ' "$test_dir/log" || fail "no event was merged"
	equal "last event" REMOVAL "$(grep '^e1 [AR]' "$test_dir/log" | tail -n 1 | cut -d' ' -f2)"
	! grep '!' "$test_dir/log" || fail "an event is not as it should be"
}
test_case merged 'A10 no memory for events: they are merged, and say so'

# ---------------------------------------------------------------- loading
#
# Loading a module begins with a great many allocations of the kernel's own, which are left out.

plenty=1000000	# allocations; there are some hundreds

# count_left ERRNO FILE PARAMETERS: loads it, with that errno, and sets $left: $plenty without those
# that it took.
count_left() {
	./fail_nth self "$plenty" load "$2" "$3" >"$tmp/injected"
	read -r left errno <"$tmp/injected"
	equal "errno of loading $2 $3" "$1" "$errno"
}

sample_loaded() {
	unload "$sample"
	clients 0
}

sample_not_loaded() {
	module_loaded "$sample" && fail "$sample is still loaded"
	clients 0
}

# The sample's own are among the last.
load_sample() {
	sample=$1
	count_left 0 "$DHP_DIR/$sample.ko" ""
	sample_loaded
	begin_at=$((plenty - left - 80))
	in_turn self sample_loaded sample_not_loaded load "$DHP_DIR/$sample.ko" ""
	begin_at=1
	in_turn "$kthreadd" sample_loaded sample_not_loaded load "$DHP_DIR/$sample.ko" ""
}

samples() {
	begin_faults
	# A thread that cannot be had may be EAGAIN, by the kernel, and so may the veto.
	promised="$enomem 11"
	load_sample dhp_sample_native
	# NULL, which is what KeRegisterProcessorChangeCallback() has returned, cannot say why.
	promised="$enomem 11 5"
	load_sample dhp_sample_wdm
}
test_case samples 'W2 no memory for a driver is an error of its insmod, and leaves nothing registered'

none_loaded() {
	for module in dhp_test dhp; do
		! module_loaded "$module" || unload "$module"
	done
}

loaded() {
	[ -d "$dhp" ] || fail "dhp is loaded, and there is no $dhp"
	unload dhp
	not_loaded
}

not_loaded() {
	module_loaded dhp && fail "dhp is still loaded"
	[ ! -e "$dhp" ] || fail "$dhp is still there"
	[ ! -e /sys/kernel/debug/dhp ] || fail "/sys/kernel/debug/dhp is still there"
	! grep ': dhp:' "$system/cpu/hotplug/states" || fail "hotplug states are left"
}

load_again() {
	not_loaded
	load dhp buffer_permille=1
}

intervals_of_clients() {
	for client in "processor c1 flags=existing,removals" "event c1 category=processor flags=existing" \
		"event c1 category=memory flags=existing" "memory c1"; do
		at_intervals registered not_registered write "$test_dir/control" "$client"
		[ "$failed" -gt 0 ] || fail "'$client' never failed"
		register_again() { order "$client"; }
		register_again
		at_intervals register_again nothing write "$test_dir/control" "unregister c1"
		ctl "unregister c1"
	done
}

intervals_of_processors() {
	cpu=$(pick_cpu)
	switch=$system/cpu/cpu$cpu/online
	settle
	ctl clear
	ctl "pool t buffer_size=4096 permille=1"
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	offline "$cpu"
	settle
	at_intervals came came_not write "$switch" 1
	[ "$failed" -gt 0 ] || fail "it was never refused"
	online "$cpu"
	at_intervals went went_not write "$switch" 0
	calls_fit
}

# spend PARAMETERS: sets $spent, the bytes of slabs that loading dhp takes
spend() {
	space=2000000000
	faults_each 1 failslab
	./fail_nth self each load "$DHP_DIR/dhp.ko" "$1" >"$tmp/injected" || fail "cannot load dhp"
	no_faults
	read -r left <"$faults/failslab/space"
	spent=$((space - left))
}

# There is enough for most of the kernel's own part of it, and then for more and more. Not of pages:
# how many it takes depends on what the slabs still have.
intervals_of_loading() {
	none_loaded
	kinds=failslab
	intervals='1 2 3'
	spend pool=maybe
	least=$spent
	spend buffer_permille=1
	loaded
	for part in 2 3 4 5 6 7; do
		space=$((least + (spent - least) * part / 8))
		at_intervals loaded not_loaded load "$DHP_DIR/dhp.ko" buffer_permille=1
	done
	logged 'dhp: [a-z]* did not start: error -12' || fail "no allocation of dhp's own has failed"
	unset kinds space
	load dhp buffer_permille=1
	intervals='1 3 10'
	promised=none
	at_intervals load_again nothing unload dhp
	unload dhp
	nothing_left
}

all_at_intervals() {
	begin_faults
	intervals='1 2 3 5 10'
	intervals_of_clients
	at_intervals created not_created write "$test_dir/control" \
		"pool t buffer_size=4096 min=100 max=1000"
	[ "$failed" -gt 0 ] || fail "no pool was ever refused"
	intervals_of_processors
	intervals_of_loading
}
test_case all_at_intervals 'R1 R5 P1 E1 E5 load no memory now and again: clients, pools, processors, loading and unloading'

# A bad parameter shows how many there are before dhp's own.
loading() {
	begin_faults
	none_loaded
	count_left 22 "$DHP_DIR/dhp.ko" pool=maybe
	begin_at=$((plenty - left + 1))
	in_turn self loaded not_loaded load "$DHP_DIR/dhp.ko" buffer_permille=1
	begin_at=1
	in_turn "$kthreadd" loaded not_loaded load "$DHP_DIR/dhp.ko" buffer_permille=1
	nothing_left
}
test_case loading 'load no memory for dhp is an error of the insmod, and leaves nothing'

unloading() {
	begin_faults
	none_loaded
	load dhp buffer_permille=1
	promised=none
	in_turn self load_again nothing unload dhp
	unload dhp
	nothing_left
}
test_case unloading 'load no memory is no reason not to be unloaded'

run_tests
