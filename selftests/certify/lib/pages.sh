# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# Which pages of a DIMM the driver has taken and not given back, from the tracepoints of the page
# allocator. A drill reads this file after ../../lib/steps.sh. Not here: what the kernel has put
# there by itself.

# watch_pages BLOCK: from before the block is online until the test ends
watch_pages() {
	local pages range event
	pages=$(($(block_bytes) / 4096))
	range="pfn >= $(($1 * pages)) && pfn < $((($1 + 1) * pages))"
	make_trace pages
	put "$trace/buffer_size_kb" 8192 || fail "the trace's buffer does not grow: $why"
	for event in mm_page_alloc mm_page_free mm_page_free_batched; do
		put "$trace/events/kmem/$event/filter" "$range" || fail "$event cannot be filtered: $why"
		put "$trace/events/kmem/$event/enable" 1 || fail "$event cannot be traced: $why"
	done
	put "$trace/events/kmem/mm_page_alloc/trigger" "stacktrace if $range" ||
		fail "mm_page_alloc has no stack traces: $why"
}

# pages_of_driver: those that the driver still has, while it is loaded: page frame, order, function,
# and `slab` for those whose objects others may use.
pages_of_driver() {
	awk -v module="[$driver]" '
	function field(name,   i) {
		for (i = 1; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	/ mm_page_alloc: / {
		last = field("pfn")
		order[last] = field("order")
		owner[last] = kind[last] = ""
		next
	}
	/ mm_page_free(_batched)?: / { delete owner[field("pfn")]; next }
	/^ => / && last != "" {
		if (/new_slab|allocate_slab/)
			kind[last] = "slab"
		if (owner[last] == "" && index($0, module)) {
			owner[last] = $2
			sub(/\+.*/, "", owner[last])
		}
		next
	}
	!/<stack trace>/ { last = "" }
	END {
		for (pfn in owner)
			if (owner[pfn] != "")
				print pfn, order[pfn], owner[pfn], kind[pfn]
	}' "$trace/trace"
}
