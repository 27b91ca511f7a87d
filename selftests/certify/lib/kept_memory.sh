# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# What the driver has allocated and not freed, by the tracepoints of the allocators. A drill reads
# this file after ../../lib/steps.sh. Not here: operations that allocate; memory that nothing refers
# to any more, see leaks.sh.
#
# Markers in the trace, each at the beginning of an operation: "memory: good" for one that succeeds
# and is reversed, "memory: step N" for one that fails at a step, "memory: after" for what follows.

# trace_memory: into $trace, with the tracepoints of CPU hotplug. All that is freed is traced, since
# somebody else, such as RCU, may free what the driver has allocated.
trace_memory() {
	local first last event
	first=$(driver_addresses | head -n 1)
	last=$(driver_addresses | tail -n 1)
	put "$trace/buffer_size_kb" 8192 || fail "the trace's buffer does not grow: $why"
	# Without entropy, all pointers have the same hash.
	put "$trace/options/hash-ptr" 0 || fail "the trace has no pointers: $why"
	for event in kmem/kmalloc kmem/kmem_cache_alloc kmem/kmalloc_node kmem/kmem_cache_alloc_node \
		percpu/percpu_alloc_percpu; do
		[ -e "$trace/events/$event" ] || continue
		grep -q call_site "$trace/events/$event/format" || continue
		put "$trace/events/$event/filter" \
			"call_site >= 0x$first && call_site <= 0x${last%????}ffff" ||
			fail "$event cannot be filtered: $why"
		put "$trace/events/$event/enable" 1 || fail "$event cannot be traced: $why"
	done
	for event in kmem/kfree kmem/kmem_cache_free percpu/percpu_free_percpu; do
		[ ! -e "$trace/events/$event" ] || put "$trace/events/$event/enable" 1 ||
			fail "$event cannot be traced: $why"
	done
	echo >"$trace/trace"
}

# driver_addresses: of its functions, in order
driver_addresses() {
	awk -v driver="[$driver]" '$4 == driver && tolower($2) == "t" { print $1 }' /proc/kallsyms |
		sort
}

# kept: for each function of the driver that keeps what it allocates in operations that fail, but
# not in good ones: the function, the step and the number of allocations.
kept() {
	awk -v driver="[$driver]" '
	/ tracing_mark_write: memory: / {
		sub(/.* memory: /, "")
		now = $0
		next
	}
	!match($0, / (ptr|off)=[^ ]+( ptr=[^ ]+)?/) { next }
	{ pointer = substr($0, RSTART, RLENGTH) }
	/ (kmalloc|kmem_cache_alloc|kmalloc_node|kmem_cache_alloc_node|percpu_alloc_percpu): / {
		if (index($0, driver)) {
			match($0, /call_site=[A-Za-z0-9_.]+/)
			who[pointer] = substr($0, RSTART + 10, RLENGTH - 10)
			when[pointer] = now
		}
		next
	}
	/ (kfree|kmem_cache_free|percpu_free_percpu): / { delete who[pointer] }
	END {
		for (pointer in who)
			count[who[pointer] " " when[pointer]]++
		for (one in count) {
			split(one, words, " ")
			if (words[2] == "step" && count[one] >= 3 && !((words[1] " good") in count))
				print words[1], words[3], count[one]
		}
	}' "$trace/trace" >"$tmp/kept"
}

none_kept() {
	kept
	[ ! -s "$tmp/kept" ]
}

# judge_kept: nothing may be kept. Memory may be freed a while after the operation.
judge_kept() {
	local function step count
	wait_for 5 none_kept || true
	! lost_entries || skip "the trace has lost entries"
	[ -s "$tmp/kept" ] || return 0
	read -r function step count <"$tmp/kept"
	finding not-undone "function=$function" "$count allocations of adds that failed at step" \
		"$step ($(sed -n "s,^ *$step: ,,p" "$system/cpu/hotplug/states")) were not freed, then or by" \
		"the add and the removal that followed"
}
