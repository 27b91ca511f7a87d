#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory is short: each allocation of an operation fails, one after the other. The operation then
# fails with -ENOMEM, or does without; either way nothing is left of what was begun, and it works
# the next time. Not here: how allocations are made to fail, see lib/faults.sh.

. ./lib/all.sh
. ./lib/faults.sh

# ---------------------------------------------------------------- what must be left
#
# Checked after each allocation, on a slow kernel, and so without another process.

order() {
	echo "$1" >"$test_dir/control" || fail "$1: $(cat "$test_dir/control")"
}

calm() {
	read -r _ <"$dhp/settle" || fail "nothing settles"
}

# reads FILE VALUE
reads() {
	local value=
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
	local all
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
		"memory c1" "memory c1 flags=adds,removals,existing" "rebalance c1"; do
		in_turn self registered not_registered write "$test_dir/control" "$client"
		[ "$failed" -gt 0 ] || fail "'$client' never failed"
	done
}
test_case registering 'R1 no memory for a registration is an error, and nothing stays registered'

unregistering() {
	begin_faults
	for client in "processor c1 flags=existing" "event c1 category=memory flags=existing" \
		"memory c1" "memory c1 flags=adds,existing" "rebalance c1"; do
		register_again() { order "$client"; }
		register_again
		in_turn self register_again nothing write "$test_dir/control" "unregister c1"
		ctl "unregister c1"
		not_registered
	done
}
test_case unregistering 'R5 clients are unregistered without memory'

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

# Pools that were destroyed, or never created, have left neither threads nor memory behind.
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
test_case pool_destroyed 'E5 a pool is destroyed without memory'

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

# ---------------------------------------------------------------- CPUs

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

# The calls of each client: each follows one that it may follow.
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

cpus() {
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
test_case cpus 'P1 E1 E5 no memory while a CPU comes online or goes offline'

# The pool tries every ten seconds to create a worker that is missing.
cpus_late() {
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
	logged 'pool t: no worker for CPU' || fail "there was memory all the time"
	calls_fit
}
test_case cpus_late 'E5 no memory in worker threads while a CPU comes online: its worker is created later'

# ---------------------------------------------------------------- memory

# When the kernel has no memory to take a block offline or online, the error may also be EBUSY, and
# from KASAN EPERM.
block_errnos="$enomem 16 1"

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
	in_turn -e "$block_errnos" self gone gone_not write "$state" offline
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
	in_turn -e "$block_errnos" self come come_not write "$state" online_kernel
	set_block "$block" online_kernel
	has_buffers "$with"
}
test_case arriving 'E2 no memory while memory comes online'

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
			# A pool never keeps a block online, not even now.
			set_file "$state" offline
			calm
			no_faults
			has_buffers "$without"
			# There may be fewer than without the block: the kernel may have reclaimed
			# some.
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

# The client is held in its first event, so that later ones stay queued. The first event that gets
# no memory uses the reserve, and the next one is merged with it.
merged() {
	begin_faults
	# shellcheck disable=SC2046 # an option and its value
	plug_dimm 128M $(lonely_node)
	block=$plugged_blocks
	state=$system/memory/memory$block/state
	[ "$(cat "$state")" = offline ] || set_block "$block" offline
	settle
	ctl "event e1 category=memory"
	ctl "inside e1 state=arrival action=hold"
	set_block "$block" online
	wait_or_fail 60 grep -q '^e1 ARRIVAL' "$test_dir/log"
	for _ in 1 2; do
		in_turn -e "$block_errnos" self was_offline nothing write "$state" offline
	done
	set_block "$block" offline
	ctl "release e1"
	settle
	grep ' merged ' "$test_dir/log" || fail "no event was merged"
	equal "last event" REMOVAL "$(grep '^e1 [AR]' "$test_dir/log" | tail -n 1 | cut -d' ' -f2)"
	! grep '!' "$test_dir/log" || fail "an event is not as it should be"
}
test_case merged 'A10 no memory for events: they are merged, and are marked as merged'

# ---------------------------------------------------------------- loading
#
# Loading a module begins with many allocations of the kernel's own, which are left out.

plenty=1000000	# allocations; there are some hundreds

# count_left ERRNO FILE PARAMETERS: loads it, which gives this errno, and sets $left to $plenty less
# the number of its allocations.
count_left() {
	local errno
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

# load_sample SAMPLE ERRNOS TASK...: first in its own task, where its own allocations are among the
# last, then in other tasks
load_sample() {
	local file="$DHP_DIR/$1.ko" errnos="$2"
	sample=$1
	shift 2
	count_left 0 "$file" ""
	sample_loaded
	in_turn -e "$errnos" -n $((plenty - left - 80)) self sample_loaded sample_not_loaded \
		load "$file" ""
	for task in "$@"; do
		in_turn -e "$errnos" "$task" sample_loaded sample_not_loaded load "$file" ""
	done
}

samples() {
	begin_faults
	# From the kernel, a thread that cannot be created may be EAGAIN, and so may the veto.
	load_sample dhp_sample_native "$enomem 11" "$kthreadd"
	# KeRegisterProcessorChangeCallback() returns NULL, which does not say why.
	load_sample dhp_sample_wdm "$enomem 11 5" "$kthreadd"
	# The thread is there now, and what callbacks allocate it allocates.
	load_sample dhp_sample_wdm "$enomem 11 5" "$(wdm_thread)"
	load_sample dhp_sample_wdm_dpc "$enomem 5" "$(wdm_thread)"
	load_sample dhp_sample_wdm_epoch "$enomem 5" "$(wdm_thread)"
	# It has no threads.
	load_sample dhp_sample_memory "$enomem"
}
test_case samples 'W2 no memory for a driver fails its insmod, and leaves nothing registered'

none_loaded() {
	local module
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

# ---------------------------------------------------------------- at intervals

# intervals_of_clients INTERVALS
intervals_of_clients() {
	local client
	for client in "processor c1 flags=existing,removals" "event c1 category=processor flags=existing" \
		"event c1 category=memory flags=existing" "memory c1"; do
		at_intervals "$1" registered not_registered write "$test_dir/control" "$client"
		[ "$failed" -gt 0 ] || fail "'$client' never failed"
		register_again() { order "$client"; }
		register_again
		at_intervals "$1" register_again nothing write "$test_dir/control" "unregister c1"
		ctl "unregister c1"
	done
}

# intervals_of_cpus INTERVALS
intervals_of_cpus() {
	local cpu
	cpu=$(pick_cpu)
	switch=$system/cpu/cpu$cpu/online
	settle
	ctl clear
	ctl "pool t buffer_size=4096 permille=1"
	ctl "processor c1 flags=removals"
	ctl "event e1 category=processor"
	offline "$cpu"
	settle
	at_intervals "$1" came came_not write "$switch" 1
	[ "$failed" -gt 0 ] || fail "it was never refused"
	online "$cpu"
	at_intervals "$1" went went_not write "$switch" 0
	calls_fit
}

# spend PARAMETERS: sets $spent, the bytes of slabs that loading dhp takes.
spend() {
	local space=2000000000 left
	faults_each 1 failslab "$space"
	./fail_nth self each load "$DHP_DIR/dhp.ko" "$1" >"$tmp/injected" || fail "cannot load dhp"
	no_faults
	read -r left <"$faults/failslab/space"
	spent=$((space - left))
}

# There is enough memory for most of the kernel's own part of loading, and then for more and more.
# Only slabs are limited, because how many pages it takes depends on what is free in the slabs.
intervals_of_loading() {
	local least part
	none_loaded
	spend pool=maybe
	least=$spent
	spend buffer_permille=1
	loaded
	for part in 2 3 4 5 6 7; do
		at_intervals -k failslab -s $((least + (spent - least) * part / 8)) '1 2 3' \
			loaded not_loaded load "$DHP_DIR/dhp.ko" buffer_permille=1
	done
	logged 'dhp: [a-z ]* did not start: (-12|-ENOMEM)' || fail "no allocation of dhp's own has failed"
	load dhp buffer_permille=1
	at_intervals -e none '1 3 10' load_again nothing unload dhp
	unload dhp
	nothing_left
}

all_at_intervals() {
	begin_faults
	intervals_of_clients '1 2 3 5 10'
	at_intervals '1 2 3 5 10' created not_created write "$test_dir/control" \
		"pool t buffer_size=4096 min=100 max=1000"
	[ "$failed" -gt 0 ] || fail "no pool was ever refused"
	intervals_of_cpus '1 2 3 5 10'
	intervals_of_loading
}
test_case all_at_intervals 'R1 R5 P1 E1 E5 load no memory now and then: clients, pools, CPUs, loading and unloading'

# ---------------------------------------------------------------- dhp itself

# Loading with a bad parameter shows how many allocations there are before dhp's own.
loading() {
	begin_faults
	none_loaded
	count_left 22 "$DHP_DIR/dhp.ko" pool=maybe
	in_turn -n $((plenty - left + 1)) self loaded not_loaded load "$DHP_DIR/dhp.ko" buffer_permille=1
	in_turn "$kthreadd" loaded not_loaded load "$DHP_DIR/dhp.ko" buffer_permille=1
	nothing_left
}
test_case loading 'load no memory for dhp fails its insmod, and leaves nothing'

unloading() {
	begin_faults
	none_loaded
	load dhp buffer_permille=1
	in_turn -e none self load_again nothing unload dhp
	unload dhp
	nothing_left
}
test_case unloading 'load dhp is unloaded without memory'

run_tests
