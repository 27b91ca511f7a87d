# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# Which pages of hotplugged memory the driver has taken and not given back, from the tracepoints of
# the page allocator. A drill reads this file after ../../lib/steps.sh. Not here: what the kernel has
# put there by itself.

# watch_pages FIRST [LAST]: of these blocks, or of FIRST and all behind it, from before they are
# online until the test ends
watch_pages() {
	local pages range event
	pages=$(($(block_bytes) / 4096))
	range="pfn >= $(($1 * pages))${2:+ && pfn < $((($2 + 1) * pages))}"
	make_trace pages
	put "$trace/options/sym-addr" 1 || fail "the trace has no addresses: $why"
	put "$trace/buffer_size_kb" 8192 || fail "the trace's buffer does not grow: $why"
	for event in mm_page_alloc mm_page_free mm_page_free_batched; do
		put "$trace/events/kmem/$event/filter" "$range" || fail "$event cannot be filtered: $why"
		put "$trace/events/kmem/$event/enable" 1 || fail "$event cannot be traced: $why"
	done
	put "$trace/events/kmem/mm_page_alloc/trigger" "stacktrace if $range" ||
		fail "mm_page_alloc has no stack traces: $why"
}

# pages_of_driver: those that the driver still has, while it is loaded: page frame, order, function,
# and `slab` for those whose objects others may use. None if the trace has lost entries.
pages_of_driver() {
	! lost_entries || return 0
	awk "$read_symbols"'
	function field(name,   i) {
		for (i = 1; i <= NF; i++)
			if (index($i, name "=") == 1)
				return substr($i, length(name) + 2)
	}
	/ mm_page_alloc: / {
		page = field("pfn")
		order[page] = field("order")
		owner[page] = kind[page] = ""
		next
	}
	/ mm_page_free(_batched)?: / { delete owner[field("pfn")]; next }
	/^ => / && page != "" {
		if (/new_slab|allocate_slab/)
			kind[page] = "slab"
		at = match($0, /<[0-9a-f]+>/) ? substr($0, RSTART + 1, RLENGTH - 2) : ""
		if (owner[page] == "" && function_at(at) != "")
			owner[page] = $2
		next
	}
	!/<stack trace>/ { page = "" }
	END {
		for (pfn in owner)
			if (owner[pfn] != "")
				print pfn, order[pfn], owner[pfn], kind[pfn]
	}' "$tmp/symbols" "$trace/trace"
}
