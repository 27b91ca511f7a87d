# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see all.sh
#
# The machine: which CPUs and memory blocks there are, taking them offline and online, plugging and
# unplugging real ones, and putting all of it back as it was. Not here: what clients of dhp notice.

# Do spinlocks sleep here?
preempt_rt() {
	[ "$(cat /sys/kernel/realtime 2>/dev/null)" = 1 ]
}

# KASAN puts the shadow of a DIMM's second block into the first one, which then cannot be removed.
kasan() {
	grep -q ' kasan_poison$' /proc/kallsyms
}

# ---------------------------------------------------------------- CPUs

# expand LIST: 0-2,4 as a line of numbers with blanks
expand() {
	echo "$1" | tr ',' '\n' | while IFS=- read -r first last; do
		[ -n "$first" ] || continue
		seq "$first" "${last:-$first}"
	done | tr '\n' ' ' | sed 's/ $//'
}

online_cpus() {
	expand "$(cat "$system/cpu/online")"
}

present_cpus() {
	expand "$(cat "$system/cpu/present")"
}

is_online() {
	local state
	[ -e "$system/cpu/cpu$1/online" ] || return 0
	read -r state <"$system/cpu/cpu$1/online"
	[ "$state" = 1 ]
}

# The highest CPU that is online and can be taken offline.
pick_cpu() {
	local one picked=
	for one in $(online_cpus); do
		[ ! -w "$system/cpu/cpu$one/online" ] || picked=$one
	done
	[ -n "$picked" ] || skip "no CPU here can be taken offline"
	echo "$picked"
}

online() {
	put "$system/cpu/cpu$1/online" 1 || fail "CPU$1 cannot be brought online: $why"
}

offline() {
	put "$system/cpu/cpu$1/online" 0 || fail "CPU$1 cannot be taken offline: $why"
}

# online_refused CPU ERRNO
online_refused() {
	refused "$2" "$system/cpu/cpu$1/online" 1
}

# offline_refused CPU ERRNO
offline_refused() {
	refused "$2" "$system/cpu/cpu$1/online" 0
}

# step_number NAME: of a step of the CPU hotplug state machine; nothing if this kernel has no such
# step
step_number() {
	sed -n "s,^ *\\([0-9]*\\): $1\$,\\1,p" "$system/cpu/hotplug/states"
}

# need_step NAME: prints its number; skips the test if this kernel has no such step
need_step() {
	local number
	number=$(step_number "$1")
	[ -n "$number" ] || skip "this kernel has no step $1"
	echo "$number"
}

# arm_step CPU STEP: the next operation that calls this step for the CPU fails there.
arm_step() {
	put "$system/cpu/cpu$1/hotplug/fail" "$2" || fail "step $2 of CPU$1 cannot be armed: $why"
}

# probed: does dhp know which steps fail, and what the device core is asked for? A kernel with
# kprobes lets it.
probed() {
	[ -e /sys/kernel/debug/kprobes/list ] || return 1
	for function in cpuhp_invoke_callback device_online device_offline; do
		grep -q "\<$function\>" /sys/kernel/debug/kprobes/list || fail "$function is not probed"
	done
}

# The status of a FAILURE after a step that was armed.
armed_status() {
	if probed; then echo -11; else echo -125; fi
}

disarm() {
	local file armed
	for file in "$system"/cpu/cpu[0-9]*/hotplug/fail; do
		read -r armed 2>/dev/null <"$file" || continue
		[ "$armed" = -1 ] || put "$file" -1 || true
	done
}

# ---------------------------------------------------------------- plugging

# missing OLD NEW: the numbers of NEW that are not in OLD
missing() {
	local one
	for one in $2; do
		case " $1 " in
		*" $one "*) ;;
		*) echo "$one" ;;
		esac
	done
}

# can_plug: skips the test where nothing can be plugged.
can_plug() {
	command -v hotplug >/dev/null || impossible "nothing to plug here: no 'hotplug' command"
}

# plug WORDS...: `hotplug WORDS`
plug() {
	can_plug
	hotplug "$@" >"$tmp/plugged" 2>"$tmp/refusal" && return 0
	grep -q 'QEMU has no \|QEMU has 0 ' "$tmp/refusal" && impossible "$(tail -n 1 "$tmp/refusal")"
	fail "hotplug $*: $(cat "$tmp/refusal")"
}

# unlist LINE FILE: takes LINE out of FILE.
unlist() {
	grep -Fxv "$1" "$2" >"$2.new" || true
	mv "$2.new" "$2"
}

# plug_cpu: sets $plugged_cpu, which is not online yet. unplug_cpu undoes it.
plug_cpu() {
	local before
	before=$(present_cpus)
	plug cpu add
	cat "$tmp/plugged" >>"$tmp/cpus"
	plugged_cpu=$(missing "$before" "$(present_cpus)")
	[ -n "$plugged_cpu" ] || fail "a CPU was plugged and none is new in cpu/present"
	echo "$(cat "$tmp/plugged") $plugged_cpu" >>"$tmp/cpu_names"
}

# unplug_cpu NUMBER
unplug_cpu() {
	local id
	id=$(awk -v cpu="$1" '$2 == cpu { id = $1 } END { print id }' "$tmp/cpu_names")
	plug cpu del "$id"
	unlist "$id" "$tmp/cpus"
}

# plug_dimm SIZE [--node N]: sets $plugged_dimm and $plugged_blocks. The blocks are offline unless
# the kernel onlines blocks by itself. unplug_dimm undoes it.
plug_dimm() {
	local before
	before=$(memory_blocks)
	plug dimm add "$@"
	plugged_dimm=$(cat "$tmp/plugged")
	echo "$plugged_dimm" >>"$tmp/dimms"
	plugged_blocks=$(missing "$before" "$(memory_blocks)")
	[ -n "$plugged_blocks" ] || fail "a DIMM was plugged and no memory block is new"
}

# unplug_dimm ID
unplug_dimm() {
	plug dimm del "$1"
	unlist "$1" "$tmp/dimms"
}

# note_virtio_mem: what restore_machine restores. Where there is no device, that is nothing.
note_virtio_mem() {
	plug virtio-mem list
	[ -s "$tmp/plugged" ] || impossible "QEMU has no virtio-mem device (see --virtio-mem of qemu/vm)"
	memory_blocks >"$tmp/blocks"
}

# resize_virtio_mem SIZE: of the first device
resize_virtio_mem() {
	[ -e "$tmp/blocks" ] || note_virtio_mem
	plug virtio-mem resize "$1"
}

nr_grown() {
	grown_blocks=$(missing "$(cat "$tmp/blocks")" "$(memory_blocks)")
	[ "$(echo "$grown_blocks" | grep -c .)" = "$1" ]
}

# await_grown N: waits for N blocks and sets $grown_blocks. They may not be online yet. The device
# reports its new size before the kernel has added them.
await_grown() {
	wait_or_fail 60 nr_grown "$1"
}

# grow_virtio_mem N: by N blocks, from none
grow_virtio_mem() {
	resize_virtio_mem $(($1 * $(block_bytes) >> 20))M
	await_grown "$1"
}

same_blocks() {
	[ "$(memory_blocks)" = "$(cat "$tmp/blocks")" ]
}

# restore_virtio_mem SECONDS: that the guest has to answer. The device reports its new size before
# the kernel has removed the last block.
restore_virtio_mem() {
	hotplug --timeout "$1" virtio-mem resize 0M >/dev/null 2>"$tmp/refusal" &&
		wait_for 30 same_blocks
}

# ---------------------------------------------------------------- memory blocks

memory_blocks() {
	find "$system/memory" -maxdepth 1 -name 'memory[0-9]*' | sed 's/.*memory//' | sort -n |
		tr '\n' ' '
}

block_bytes() {
	echo $((0x$(cat "$system/memory/block_size_bytes")))
}

# block_start NUMBER: the physical address as dhp_test prints it
block_start() {
	printf '0x%x' $(($1 * $(block_bytes)))
}

block_size() {
	printf '0x%x' "$(block_bytes)"
}

block_node() {
	find "$system/memory/memory$1" -maxdepth 1 -name 'node[0-9]*' | sed 's/.*node//'
}

# set_block NUMBER STATE
set_block() {
	put "$system/memory/memory$1/state" "$2" || fail "memory block $1 does not go $2: $why"
}

# state_file NUMBER
state_file() {
	echo "$system/memory/memory$1/state"
}

# block_range NUMBER: as dhp_test prints it
block_range() {
	echo "mem $(block_start "$1")+$(block_size) node $(block_node "$1")"
}

# take_block: plugs a DIMM of one block, offline: $block, its file $state, and $range as dhp_test
# prints it.
take_block() {
	take_block_on ''
}

# take_block_on '--node N'
take_block_on() {
	put "$system/memory/auto_online_blocks" offline
	# shellcheck disable=SC2086 # an option and its value, or nothing
	plug_dimm 128M $1
	block=$plugged_blocks
	state=$(state_file "$block")
	# shellcheck disable=SC2034 # for the tests
	range=$(block_range "$block")
}

# inject PRIORITY ACTION [ERRNO]: the kernel's own notifier, called before dhp's if PRIORITY is above
# 0, else after it, refuses.
inject() {
	modprobe memory-notifier-error-inject priority="$1" 2>"$tmp/said" ||
		skip "needs CONFIG_MEMORY_NOTIFIER_ERROR_INJECT: $(tail -n 1 "$tmp/said")"
	actions=/sys/kernel/debug/notifier-error-inject/memory/actions
	put "$actions/$2/error" "${3--12}" || fail "cannot inject an error: $why"
}

# ---------------------------------------------------------------- a DIMM for the kernel

# lonely_node: the option for a node without CPUs, if there is one. The kernel puts little of its
# own into a DIMM there. The node need not be online yet.
lonely_node() {
	local node
	for node in $(expand "$(cat "$system/node/possible")"); do
		[ -n "$(cat "$system/node/node$node/cpulist" 2>/dev/null)" ] || echo "--node $node"
	done | head -n 1
}

# prop_lonely_node: when a node gets memory for the first time, the kernel creates threads for it.
# Newer kernels put these threads into that memory, which then can never be removed. So the node
# gets memory first that the kernel may not use. Sets $lonely, the option for the node, and
# $propped, the DIMM with that memory.
prop_lonely_node() {
	local onlined_as
	lonely=$(lonely_node)
	[ -n "$lonely" ] && [ -z "${propped-}" ] || return 0
	onlined_as=$(cat "$system/memory/auto_online_blocks")
	put "$system/memory/auto_online_blocks" online_movable
	# shellcheck disable=SC2086 # an option and its value
	plug_dimm 128M $lonely
	put "$system/memory/auto_online_blocks" "$onlined_as"
	propped=$plugged_dimm
}

# plug_kernel_dimm SIZE: on the node without CPUs if there is one, else on any. The caller decides
# first how blocks go online.
plug_kernel_dimm() {
	prop_lonely_node
	# shellcheck disable=SC2086
	plug_dimm "$1" $lonely
}

# take_pool_block: creates a pool t and plugs a DIMM of one block, $block with its file $state, that
# adds buffers to t. Sets $without and $with to how many buffers t has.
take_pool_block() {
	put "$system/memory/auto_online_blocks" offline
	plug_kernel_dimm 128M
	block=$plugged_blocks
	state=$system/memory/memory$block/state
	ctl "pool t buffer_size=4096 permille=4"
	without=$(pool_buffers)
	set_block "$block" online_kernel
	with=$(pool_buffers)
	[ "$with" -gt "$without" ] || fail "a DIMM has added no buffers: $without and $with"
}

# ---------------------------------------------------------------- as it was

save_machine() {
	local file
	: >"$tmp/cpus"
	: >"$tmp/cpu_names"
	: >"$tmp/dimms"
	for file in "$system"/cpu/cpu[0-9]*/online "$system/memory/auto_online_blocks"; do
		[ ! -w "$file" ] || echo "$file $(cat "$file")"
	done >"$tmp/states"
}

# reset_clients: every client of dhp_test is unregistered, every pool destroyed.
reset_clients() {
	[ -e "$test_dir/control" ] || return 0
	put "$test_dir/control" reset && return 0
	echo "dhp_test does not reset: $why"
	return 1
}

# The files that save_machine listed.
restore_states() {
	local file state state_now code=0
	while read -r file state; do
		read -r state_now <"$file"
		[ "$state_now" = "$state" ] || put "$file" "$state" || {
			echo "$file does not go back to $state: $why"
			code=1
		}
	done <"$tmp/states"
	return $code
}

# restore_plugged cpu|dimm FILE: unplugs what FILE lists.
restore_plugged() {
	local id code=0
	while read -r id; do
		hotplug "$1" del "$id" >/dev/null 2>"$tmp/refusal" </dev/null || {
			echo "$1 $id cannot be unplugged: $(cat "$tmp/refusal")"
			code=1
		}
	done <"$2"
	: >"$2"
	return $code
}

# Undoes what tests changed. Prints what cannot be undone, and fails then.
restore_machine() {
	local code=0
	disarm
	[ ! -w /sys/power/pm_test ] || echo none >/sys/power/pm_test
	! module_loaded memory_notifier_error_inject || rmmod memory_notifier_error_inject
	! module_loaded dhp_memory_gate || rmmod dhp_memory_gate
	reset_clients || code=1
	restore_states || code=1
	restore_plugged cpu "$tmp/cpus" || code=1
	restore_plugged dimm "$tmp/dimms" || code=1
	if [ -e "$tmp/blocks" ]; then
		restore_virtio_mem 120 || {
			echo "virtio-mem does not shrink: $(cat "$tmp/refusal"); memory blocks: $(memory_blocks)"
			code=1
		}
		rm "$tmp/blocks"
	fi
	: >"$tmp/cpu_names"
	return $code
}
