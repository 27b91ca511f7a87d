#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, an administrator who is told "Device or resource busy" cannot find out by whom.
#
# The last refusals, /sys/kernel/dhp/refusals: who has refused that a CPU or a memory block comes or
# goes. That each step of the CPU hotplug state machine is named is in hotplug_fail.sh.

. ./lib/all.sh

# Sets $last, the number of the last refusal. `new` shows those after it.
begin() {
	[ -r "$dhp/refusals" ] || fail "no $dhp/refusals"
	last=$(last_refusal)
}

# new: the refusals since begin, without their numbers and times
new() {
	new_refusals "$last" | sed 's/^seq=[0-9]* time=[0-9.]* //; s/#[0-9]*//'
}

# expect_new: the new refusals are as standard input.
expect_new() {
	cat >"$tmp/expected"
	new >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}

# Without probes, only what dhp's own callbacks see is listed.
needs_requests() {
	probed || skip "needs CONFIG_KRETPROBES"
}

# mem BLOCK: as refusals has it
mem() {
	printf 'mem=%#x-%#x' $(($1 * $(block_bytes))) $((($1 + 1) * $(block_bytes) - 1))
}

# A DIMM of one block, offline: $block, and $state, its file.
take_block() {
	put "$system/memory/auto_online_blocks" offline
	plug_kernel_dimm 128M
	block=$plugged_blocks
	state=$system/memory/memory$block/state
}

# ---------------------------------------------------------------- CPUs

client_cpu() {
	cpu=$(pick_cpu)
	begin
	ctl "processor c1 flags=removals"
	ctl "veto c1 state=start errno=-12"
	offline "$cpu"
	online_refused "$cpu" ENOMEM
	online "$cpu"
	ctl "veto c1 state=remove_start errno=-16"
	offline_refused "$cpu" EBUSY
	expect_new <<-END
	cpu=$cpu action=add by=client name=dhp_test/on_processor errno=-ENOMEM
	cpu=$cpu action=remove by=client name=dhp_test/on_processor errno=-EBUSY
	END
}
test_case client_cpu 'Q3 a veto of a CPU client is listed with its name'

# The client's name is the one in debugfs.
client_name() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "processor c2 flags=existing,removals"
	begin
	ctl "veto c1 state=remove_start errno=-5"
	offline_refused "$cpu" EIO
	name=$(new_refusals "$last" | sed -n 's/.* by=client name=\([^ ]*\) errno=-EIO$/\1/p')
	vetoes=$(awk -v name="$name" '$1 == name { print $4 }' /sys/kernel/debug/dhp/clients)
	equal "vetoes of '$name'" 1 "$vetoes"
}
test_case client_name 'Q3 of several clients the one that has vetoed is named'

# Round the device core.
client_target() {
	cpu=$(pick_cpu)
	begin
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	refused EBUSY "$system/cpu/cpu$cpu/hotplug/target" 0
	expect_new <<-END
	cpu=$cpu action=remove by=client name=dhp_test/on_processor errno=-EBUSY
	END
}
test_case client_target 'Q3 a veto of a request that goes round the device core is listed once'

ignored() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	begin
	ctl "veto c1 state=start errno=-12"
	ctl "veto c1 state=remove_start errno=-12"
	ctl "shutdown offline cpu=$cpu"
	ctl "shutdown online cpu=$cpu"
	expect_new </dev/null
}
test_case ignored 'Q3 a veto that is ignored is not listed'

replay() {
	begin
	ctl "processor c1"
	ctl "veto c2 state=start errno=-12 cpu=0"
	ctl_refused ENOMEM "processor c2 flags=existing"
	expect_new </dev/null
}
test_case replay 'Q3 a veto in a replay is not listed'

# The kernel refuses before any step; newer ones try an add again for a while.
forbidden() {
	needs_requests
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	settle
	ctl clear
	begin
	ctl "hotplug forbid"
	offline_refused "$cpu" EBUSY
	ctl "hotplug allow"
	offline "$cpu"
	ctl "hotplug forbid"
	online_refused "$cpu" EBUSY
	ctl "hotplug allow"
	online "$cpu"
	expect_new <<-END
	cpu=$cpu action=remove by=kernel errno=-EBUSY
	cpu=$cpu action=add by=kernel errno=-EBUSY
	END
	expect_log <<-END
	c1 REMOVE_START $cpu 0
	c1 REMOVE_COMPLETE $cpu 0
	c1 START $cpu 0
	c1 COMPLETE $cpu 0
	END
}
test_case forbidden 'Q3 what the kernel refuses before any step is listed'

nothing() {
	needs_requests
	cpu=$(pick_cpu)
	offline "$cpu"
	begin
	# A request for what is so already is not refused.
	put "$system/cpu/cpu$cpu/online" 0 || true
	online "$cpu"
	put "$system/cpu/cpu$cpu/online" 1 || true
	expect_new </dev/null
}
test_case nothing 'Q3 a request that succeeds, or changes nothing, is not listed'

step() {
	cpu=$(pick_cpu)
	needs_requests
	offline "$cpu"
	ctl "processor c1 flags=removals"
	ctl "step add errno=-28"
	ctl clear
	number=$(need_step dhp_test:step)
	begin
	online_refused "$cpu" ENOSPC
	expect_log <<-END
	c1 START $cpu 0
	c1 FAILURE $cpu -28
	END
	ctl "step none"
	online "$cpu"
	ctl "step remove errno=-5"
	number2=$(need_step dhp_test:step)
	offline_refused "$cpu" EIO
	expect_new <<-END
	cpu=$cpu action=add by=step name=dhp_test:step step=$number errno=-ENOSPC
	cpu=$cpu action=remove by=step name=dhp_test:step step=$number2 errno=-EIO
	END
}
test_case step 'Q3 P6 a step that fails is named, with its errno'

# tries_again: has the kernel attempted again what client c1 vetoed with EBUSY?
tries_again() {
	[ "$(grep -c "^c1 START $cpu" "$test_dir/log")" -gt 1 ] ||
		skip "this kernel does not try again after EBUSY"
}

# Newer kernels make several attempts in one request when the answer is EBUSY.
later_client() {
	cpu=$(pick_cpu)
	needs_requests
	offline "$cpu"
	ctl "processor c1"
	ctl "processor c2"
	name=$(sed -n 's,^\(dhp_test/on_processor#[0-9]*\) .*,\1,p' /sys/kernel/debug/dhp/clients | tail -n 1)
	begin
	ctl "veto c1 state=start errno=-16"
	ctl "veto c2 state=start errno=-12"
	put "$system/cpu/cpu$cpu/online" 1 || true
	tries_again
	equal "the refusal" "cpu=$cpu action=add by=client name=$name errno=-ENOMEM" \
		"$(new_refusals "$last" | sed 's/^seq=[0-9]* time=[0-9.]* //')"
}
test_case later_client 'Q3 of several attempts in a request, the client that has vetoed the last one is listed'

later_step() {
	cpu=$(pick_cpu)
	needs_requests
	offline "$cpu"
	ctl "processor c1"
	ctl "step add errno=-28"
	number=$(need_step dhp_test:step)
	begin
	ctl "veto c1 state=start errno=-16"
	put "$system/cpu/cpu$cpu/online" 1 || true
	tries_again
	expect_new <<-END
	cpu=$cpu action=add by=step name=dhp_test:step step=$number errno=-ENOSPC
	END
}
test_case later_step 'Q3 of several attempts in a request, the step that has failed in the last one is listed'

step_with_blanks() {
	cpu=$(pick_cpu)
	needs_requests
	ctl "step remove errno=-5 blanks=1"
	number=$(need_step "dhp_test: a step")
	begin
	offline_refused "$cpu" EIO
	expect_new <<-END
	cpu=$cpu action=remove by=step name=dhp_test:_a_step step=$number errno=-EIO
	END
	wait_or_fail 30 logged 'dhp: refusal: .* name=dhp_test:_a_step step='
}
test_case step_with_blanks 'Q3 a blank in the name of a step does not end the field'

target_unseen() {
	cpu=$(pick_cpu)
	needs_requests
	begin
	arm_step "$cpu" "$(need_step sched:active)"
	refused EAGAIN "$system/cpu/cpu$cpu/hotplug/target" 0
	offline "$cpu"
	online "$cpu"
	expect_new </dev/null
}
test_case target_unseen 'Q3 what no part of dhp sees of a request round the device core is not listed'

target_step() {
	cpu=$(pick_cpu)
	needs_requests
	ctl "processor c1 flags=existing,removals"
	settle
	ctl clear
	begin
	number=$(need_step cpu:teardown)
	arm_step "$cpu" "$number"
	refused EAGAIN "$system/cpu/cpu$cpu/hotplug/target" 0
	expect_log <<-END
	c1 REMOVE_START $cpu 0
	c1 REMOVE_FAILURE $cpu -11
	END
	expect_new <<-END
	cpu=$cpu action=remove by=step name=cpu:teardown step=$number errno=-EAGAIN
	END
}
test_case target_step 'Q3 P6 a step that fails in a request round the device core is listed once'

unprobed() {
	cpu=$(pick_cpu)
	needs_requests
	ctl "processor c1 flags=existing,removals"
	settle
	ctl clear
	trap 'echo 1 >/sys/kernel/debug/kprobes/enabled' EXIT
	put /sys/kernel/debug/kprobes/enabled 0 || fail "the probes cannot be switched off: $why"
	begin
	arm_step "$cpu" "$(need_step cpu:teardown)"
	offline_refused "$cpu" EAGAIN
	ctl "veto c1 state=remove_start errno=-16"
	offline_refused "$cpu" EBUSY
	expect_log <<-END
	c1 REMOVE_START $cpu 0
	c1 REMOVE_FAILURE $cpu -125
	c1 REMOVE_START $cpu 0
	END
	expect_new <<-END
	cpu=$cpu action=remove by=client name=dhp_test/on_processor errno=-EBUSY
	END
}
test_case unprobed 'Q3 P6 without probes, what dhp sees itself is listed, and a step that fails is ECANCELED'

# A probe is a breakpoint until the kernel has optimised it; its handler runs as if in an NMI.
breakpoints() {
	cpu=$(pick_cpu)
	needs_requests
	optimization=/proc/sys/debug/kprobes-optimization
	[ -e "$optimization" ] || skip "this kernel does not optimise probes"
	trap 'echo 1 >$optimization' EXIT
	put "$optimization" 0 || fail "optimising probes cannot be switched off: $why"
	begin
	number=$(need_step cpu:teardown)
	arm_step "$cpu" "$number"
	offline_refused "$cpu" EAGAIN
	offline "$cpu"
	online "$cpu"
	expect_new <<-END
	cpu=$cpu action=remove by=step name=cpu:teardown step=$number errno=-EAGAIN
	END
}
test_case breakpoints 'Q3 P6 a step that fails is named while the probes are breakpoints'

# ---------------------------------------------------------------- memory

# by_notifier PRIORITY WHERE
by_notifier() {
	needs_requests
	take_block
	begin
	inject "$1" MEM_GOING_ONLINE -28
	refused ENOSPC "$state" online_kernel
	rmmod memory_notifier_error_inject
	set_block "$block" online_kernel
	inject "$1" MEM_GOING_OFFLINE -12
	refused ENOMEM "$state" offline
	rmmod memory_notifier_error_inject
	expect_new <<-END
	$(mem "$block") action=add by=notifier name=$2 errno=-ENOSPC
	$(mem "$block") action=remove by=notifier name=$2 errno=-ENOMEM
	END
}

notifier_before() {
	by_notifier 100 before
}
test_case notifier_before 'Q3 M3 another memory notifier before that of dhp'

notifier_behind() {
	by_notifier -100 behind
}
test_case notifier_behind 'Q3 M3 another memory notifier behind that of dhp'

gate_waits() {
	[ "$(cat /sys/module/dhp_memory_gate/parameters/waits)" = Y ]
}

# A removal that takes long has begun before dhp is there: no notifier has refused it.
loaded_meanwhile() {
	lonely=$(lonely_node)
	[ -n "$lonely" ] || impossible "needs a node without CPUs"
	put "$system/memory/auto_online_blocks" offline
	# shellcheck disable=SC2086 # an option and its value
	plug_dimm 128M $lonely
	block=$plugged_blocks
	state=$(state_file "$block")
	set_block "$block" online_movable
	mkdir "$tmp/there"
	mount -t tmpfs -o "mpol=bind:${lonely#* }" none "$tmp/there" || skip "tmpfs does not take mpol="
	trap 'umount "$tmp/there"' EXIT
	dd if=/dev/zero of="$tmp/there/file" bs=64k count=16 2>/dev/null
	unload dhp_test
	unload dhp
	load dhp_memory_gate pin=1
	./put "$state" offline >"$tmp/put" &
	remover=$!
	wait_or_fail 60 gate_waits
	load dhp pool=0
	last=0
	kill "$remover"
	wait "$remover" || true
	rmmod dhp_memory_gate
	load dhp_test
	equal "the refusal" "$(mem "$block") action=remove by=kernel errno=-ECANCELED" \
		"$(new | sed 's/ pages: .*//')"
	rm "$tmp/there/file"
	set_block "$block" offline
}
test_case loaded_meanwhile 'Q3 a removal that began before dhp was loaded is refused by no notifier'

client_memory() {
	take_block
	ctl "memory m1 flags=adds,removals"
	begin
	ctl "veto m1 state=start errno=-28"
	refused ENOSPC "$state" online_kernel
	set_block "$block" online_kernel
	ctl "veto m1 state=remove_start errno=-16"
	refused EBUSY "$state" offline
	# What comes next is not taken for the veto.
	set_block "$block" offline
	expect_new <<-END
	$(mem "$block") action=add by=client name=dhp_test/on_memory errno=-ENOSPC
	$(mem "$block") action=remove by=client name=dhp_test/on_memory errno=-EBUSY
	END
}
test_case client_memory 'Q3 M2 a veto of a memory client is listed with its name'

replay_memory() {
	take_block
	set_block "$block" online_kernel
	begin
	ctl "veto m1 state=start errno=-12"
	ctl_refused ENOMEM "memory m1 flags=existing,adds"
	expect_new </dev/null
}
test_case replay_memory 'Q3 M4 a veto of a memory client in a replay is not listed'

# in_the_way: the pages in the way of $block, from a removal that is refused, go to $tmp/way
in_the_way() {
	begin
	refused EBUSY "$state" offline
	new | sed -n "s/^$(mem "$block") action=remove by=kernel errno=-EBUSY//p" >"$tmp/way"
	[ -s "$tmp/way" ] || fail "not refused by the kernel: $(new)"
}

# kind NAME: how many of this kind $tmp/way has
kind() {
	sed -n "s/.* $1=\([0-9]*\).*/\1/p" "$tmp/way" | grep . || echo 0
}

# keep KIND COUNT: keeps pages in the block, and sets $kept, how many.
keep() {
	ctl clear
	ctl "pages $1 count=$2 block=$block pages=$(($(block_bytes) / 4096)) node=$(block_node "$block")"
	kept=$(sed -n "s/^pages $1 //p" "$test_dir/log")
}

# The first page of the kernel's own makes it refuse. Of each other kind there are then as many more
# as the module keeps; pages that are given away alone are not yet a reason to refuse.
counted() {
	needs_requests
	[ -n "$(lonely_node)" ] || impossible "needs a node without CPUs"
	take_block
	# What the kernel needs for the cache is then not in the block.
	ctl "pages ready"
	set_block "$block" online_kernel
	keep kernel 3
	in_the_way
	for one in kernel slab pagetable given_away pinned reserved poisoned busy; do
		before=$(kind "$one")
		keep "$one" 24
		in_the_way
		equal "more $one pages in the way ($(cat "$tmp/way"))" "$kept" $(($(kind "$one") - before))
	done
	# The kernel does not need to migrate a bad page that is none of a larger one.
	before="$(kind poisoned) $(kind pinned)"
	keep left_behind 24
	in_the_way
	equal "poisoned and pinned pages in the way" "$before" "$(kind poisoned) $(kind pinned)"
	ctl "pages none"
	set_block "$block" offline
}
test_case counted 'Q3 the pages in the way of a memory block are counted by kind'

# Nothing else refuses: it tries until a signal comes.
pinned() {
	needs_requests
	[ -n "$(lonely_node)" ] || impossible "needs a node without CPUs"
	take_block
	set_block "$block" online_kernel
	keep pinned 5
	begin
	./put "$state" offline >"$tmp/put" &
	wait_or_fail 60 logged 'migrating pfn'
	kill $!
	wait $! || true
	wait_or_fail 30 listed
	# Others may be there for a moment.
	new | grep -q "^$(mem "$block") action=remove by=kernel errno=-EINTR pages: pinned=5\b" ||
		fail "not so: $(new)"
	ctl "pages none"
	set_block "$block" offline
}
listed() { [ -n "$(new)" ]; }
test_case pinned 'Q3 a page that is pinned is in the way'

# mib_huge MIB: makes pages of hugetlb that are in use, on the node of $block.
mib_huge() {
	pool=$system/node/node$(block_node "$block")/hugepages/hugepages-2048kB/nr_hugepages
	[ -e "$pool" ] || skip "needs CONFIG_HUGETLBFS and pages of 2 MiB"
	equal "pages of hugetlb before" 0 "$(cat "$pool")"
	mkdir "$tmp/huge"
	trap 'no_huge' EXIT
	trap 'exit 130' INT TERM HUP
	put "$pool" $(($1 / 2)) || fail "no pages of hugetlb: $why"
	equal "pages of hugetlb" $(($1 / 2)) "$(cat "$pool")"
	mount -t hugetlbfs -o pagesize=2M none "$tmp/huge" || fail "cannot mount hugetlbfs"
	fallocate -l "$1M" "$tmp/huge/file" || fail "cannot use the pages of hugetlb"
}

no_huge() {
	ctl "pages none"
	rm -f "$tmp/huge/file"
	! grep -q " $tmp/huge " /proc/mounts || umount "$tmp/huge"
	put "$pool" 0
}

# Only newly added movable memory is on the node, so that all of its pages of hugetlb are there.
huge() {
	needs_requests
	lonely=$(lonely_node)
	[ -n "$lonely" ] || impossible "needs a node without CPUs"
	put "$system/memory/auto_online_blocks" offline
	# shellcheck disable=SC2086 # an option and its value
	plug_dimm 128M $lonely
	block=$plugged_blocks
	state=$system/memory/memory$block/state
	set_block "$block" online_movable
	mib_huge 4
	keep huge 1024
	in_the_way
	equal "pages in the way" " pages: huge=1024" "$(cat "$tmp/way")"
	no_huge
	set_block "$block" offline
}
test_case huge 'Q3 a page of hugetlb that cannot migrate is in the way'

# ---------------------------------------------------------------- hotplug in a guest

# not_given_back WORDS...: the guest refuses. What `hotplug` says is in $tmp/refusal then.
not_given_back() {
	local code=0
	hotplug "$@" >/dev/null 2>"$tmp/refusal" </dev/null || code=$?
	equal "exit status of hotplug $*" 1 "$code"
}

hotplug_client() {
	needs_requests
	plug_cpu
	online "$plugged_cpu"
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16 count=0"
	not_given_back cpu del "$(cat "$tmp/plugged")"
	equal "lines that name the client" 1 "$(grep -c \
		"^hotplug: CPU$plugged_cpu does not go offline: client dhp_test/on_processor#[0-9]* vetoes it with -EBUSY\$" \
		"$tmp/refusal")"
}
test_case hotplug_client 'Q3 hotplug names the client that keeps a CPU'

hotplug_step() {
	needs_requests
	plug_cpu
	online "$plugged_cpu"
	ctl "step remove errno=-5"
	not_given_back cpu del "$(cat "$tmp/plugged")"
	grep -q "^hotplug: CPU$plugged_cpu does not go offline: step [0-9]* (dhp_test:step) fails with -EIO\$" \
		"$tmp/refusal" || fail "it says: $(cat "$tmp/refusal")"
}
test_case hotplug_step 'Q3 hotplug names the step that keeps a CPU'

hotplug_pages() {
	needs_requests
	[ -n "$(lonely_node)" ] || impossible "needs a node without CPUs"
	take_block
	set_block "$block" online_kernel
	keep kernel 3
	not_given_back dimm del "$plugged_dimm"
	grep -q "^hotplug: memory [0-9a-fx-]* does not go offline: the kernel refuses it with -EBUSY; pages in the way: .*kernel=[0-9]" \
		"$tmp/refusal" || fail "it says: $(cat "$tmp/refusal")"
	ctl "pages none"
}
test_case hotplug_pages 'Q3 hotplug counts the pages that keep a DIMM'

# ---------------------------------------------------------------- the list

format() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16 count=0"
	begin
	for _ in $(seq 17); do
		offline_refused "$cpu" EBUSY
	done
	cat "$dhp/refusals" >"$tmp/seen"
	equal "refusals that are kept" 16 "$(wc -l <"$tmp/seen")"
	equal "first and last one" "$((last + 2)) $((last + 17))" \
		"$(sed -n '1s/^seq=\([0-9]*\) .*/\1/p; $s/^seq=\([0-9]*\) .*/\1/p' "$tmp/seen" | xargs)"
	awk -F'[= ]' 'NR > 1 && $2 != seq + 1 { exit 1 } { seq = $2 }' "$tmp/seen" || fail "there is a gap"
	cat "$dhp/refusals" >>"$tmp/seen"
	well_formed "$tmp/seen"
}
test_case format 'Q3 the last 16 refusals are kept, numbered without gaps, in a fixed format'

# holds_memory: a memory client waits in its replay, and with it all that counts pages.
holds_memory() {
	ctl "inside m1 state=start action=hold"
	put "$test_dir/control" "memory m1 flags=existing,adds" &
	holder=$!
	wait_or_fail 30 blocked_in client_await_release
}

# What cannot be listed at once: of a removal that the kernel refuses, the pages are counted first.
quick() {
	needs_requests
	[ "$(cat "$(state_file 0)")" = online ] || skip "the first memory block is not online"
	cpu=$(pick_cpu)
	begin
	ctl "hotplug forbid"
	trap 'ctl "hotplug allow"' EXIT
	holds_memory
	# A block with a hole.
	if put "$(state_file 0)" offline || [ "$why" != EINVAL ]; then
		ctl "release m1"
		skip "the first memory block has no hole"
	fi
	for _ in $(seq 40); do
		offline_refused "$cpu" EBUSY
	done
	cat "$dhp/refusals" >"$tmp/seen" &
	reader=$!
	ctl "release m1"
	wait "$holder" || fail "the memory client has not registered"
	wait "$reader"
	numbers "$tmp/seen" >"$tmp/numbers"
	seq $((last + 26)) $((last + 41)) >"$tmp/expected"
	same "$tmp/expected" "$tmp/numbers"
	well_formed "$tmp/seen"
	equal "lines of the log that count the others" "24" \
		"$(log_since_mark | sed -n 's/.*dhp: \([0-9]*\) refusals are not listed: .*/\1/p')"
	wait_or_fail 30 logged_refusals 17
}
test_case quick 'Q3 of forty quick refusals the last 16 are listed, and the log says how many are not'

# numbers FILE: those of its lines
numbers() {
	sed -n 's/^seq=\([0-9]*\) .*/\1/p' "$1"
}

# logged_refusals COUNT
logged_refusals() {
	[ "$(log_since_mark | grep -c 'dhp: refusal: ')" = "$1" ]
}

# However quickly they come, each is listed or counted, and a reader never sees old lines in between.
quick_readers() {
	needs_requests
	cpu=$(pick_cpu)
	begin
	ctl "hotplug forbid"
	trap 'ctl "hotplug allow"' EXIT
	(
		while going_on; do
			cat "$dhp/refusals"
			echo end
		done
	) >"$tmp/all" &
	reader=$!
	for _ in $(seq 40); do
		echo 0 >"$system/cpu/cpu$cpu/online" || true
	done 2>/dev/null
	enough
	wait "$reader"
	awk -F'[= ]' '$1 == "end" { seq = 0; next } $2 <= seq { exit 1 } { seq = $2 }' "$tmp/all" ||
		fail "lines that are not in order"
	equal "number of the last one" "$((last + 40))" "$(last_refusal)"
	wait_or_fail 30 all_logged
}
test_case quick_readers 'Q3 readers see refusals in order while more come'

all_logged() {
	lost=$(log_since_mark | sed -n 's/.*dhp: \([0-9]*\) refusals are not listed: .*/\1/p' |
		awk '{ sum += $1 } END { print sum + 0 }')
	logged_refusals $((40 - lost))
}

# well_formed FILE
well_formed() {
	local bad
	bad=$(grep -Evx 'seq=[0-9]+ time=[0-9]+\.[0-9]{6} (cpu=[0-9]+|mem=0x[0-9a-f]+-0x[0-9a-f]+) action=(add|remove) (by=client name=[^ ]+|by=step name=[^ ]+ step=[0-9]+|by=notifier name=(before|behind)|by=kernel) errno=-[A-Z0-9]+( pages:( [a-z_]+=[0-9]+)+)?' "$1") || return 0
	fail "lines of another format: $bad"
}

files() {
	equal "mode of refusals" 400 "$(stat -c %a "$dhp/refusals")"
	if put "$dhp/refusals" 1; then
		fail "refusals can be written"
	fi
	well_formed "$dhp/refusals"
}
test_case files 'Q3 refusals is for root to read'

in_log() {
	cpu=$(pick_cpu)
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	begin
	offline_refused "$cpu" EBUSY
	ctl "veto c1 state=remove_start errno=-5"
	offline_refused "$cpu" EIO
	new_refusals "$last" | sed 's/^seq=[0-9]* time=[0-9.]* //' >"$tmp/expected"
	# A line is logged a moment after it is listed.
	wait_or_fail 30 as_expected_in_log
}
as_expected_in_log() {
	log_since_mark | sed -n 's/.*dhp: refusal: //p' | tail -n 2 >"$tmp/seen"
	cmp -s "$tmp/expected" "$tmp/seen"
}
test_case in_log 'Q3 each refusal is in the log with its fields, for the host to read'

traced() {
	cpu=$(pick_cpu)
	tracing=/sys/kernel/tracing
	[ -d "$tracing/events" ] || skip "no tracefs at $tracing"
	begin
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	echo >"$tracing/trace"
	put "$tracing/events/dhp/dhp_refusal/enable" 1 || fail "no tracepoint dhp_refusal: $why"
	offline_refused "$cpu" EBUSY
	new >/dev/null
	wait_for 30 grep -q 'dhp_refusal:' "$tracing/trace" || true
	echo 0 >"$tracing/events/dhp/dhp_refusal/enable"
	grep 'dhp_refusal:' "$tracing/trace" >"$tmp/trace" || fail "nothing is traced"
	echo >"$tracing/trace"
	grep -q "seq=$((last + 1)) processor cpu=$cpu .* add=0 by=client name=dhp_test/on_processor#[0-9]* .*error=-16\$" \
		"$tmp/trace" || fail "traced: $(cat "$tmp/trace")"
}
test_case traced 'Q3 each refusal is traced'

have_uevent() {
	[ -s "$tmp/uevents" ]
}

announced() {
	cpu=$(pick_cpu)
	busybox uevent --help >/dev/null 2>&1 || skip "needs busybox's uevent to listen with"
	begin
	ctl "processor c1 flags=existing,removals"
	ctl "veto c1 state=remove_start errno=-16"
	: >"$tmp/uevents"
	cat >"$tmp/on_uevent" <<-END
	[ "\$DHP_ACTION" = REFUSAL ] || exit 0
	echo \$ACTION \$(env | grep ^DHP_ | sort) >>"$tmp/uevents"
	END
	# Without DHP_ variables of this shell.
	env -i PATH="$PATH" busybox uevent sh "$tmp/on_uevent" >/dev/null 2>&1 &
	listener=$!
	wait_or_fail 30 grep -q '^State:.S' "/proc/$listener/status"
	offline_refused "$cpu" EBUSY
	wait_for 60 have_uevent || true
	kill "$listener"
	sed 's/#[0-9]*//' "$tmp/uevents" >"$tmp/seen"
	cat >"$tmp/expected" <<-END
	change DHP_ACTION=REFUSAL DHP_BY=client DHP_CATEGORY=processor DHP_CPU=$cpu DHP_ERRNO=16 DHP_NAME=dhp_test/on_processor DHP_REFUSAL=$((last + 1)) DHP_REFUSED=remove
	END
	same "$tmp/expected" "$tmp/seen"
}
test_case announced 'Q3 each refusal is an event for user space'

run_tests
