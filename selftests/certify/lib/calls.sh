# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# The calls that the driver gets as a client of dhp, and what dhp says about it. A drill reads this
# file after lib/driver.sh and ../../lib/steps.sh. Not here: what makes dhp call it.

# is_client: the driver uses functions of dhp's
is_client() {
	[ -d "/sys/module/dhp/holders/$driver" ]
}

# ---------------------------------------------------------------- what the contract allows

# trace_calls: those that the driver gets go to $trace, in order. Ends with the test.
trace_calls() {
	local event
	make_trace calls
	put "$trace/buffer_size_kb" 4096 || fail "the trace's buffer does not grow: $why"
	for event in dhp_processor dhp_memory; do
		put "$trace/events/dhp/$event/filter" "client ~ \"$driver/*\"" ||
			fail "$event cannot be filtered: $why"
		put "$trace/events/dhp/$event/enable" 1 || fail "$event cannot be traced: $why"
	done
}

# judge_calls: against the contract, for each client of the driver, and each CPU or range of memory.
# A call is traced when it has returned, with the veto.
judge_calls() {
	settle
	echo 0 >"$trace/tracing_on"
	! lost_entries || skip "the trace has lost entries"
	awk '
	function value(name,    from) {
		from = index($0, " " name "=") + length(name) + 2
		return from > length(name) + 2 ? substr($0, from, index(substr($0, from) " ", " ") - 1) : ""
	}
	function wrong(clause, text) { print clause ": " client ", " what ": " text }
	!/ dhp_(processor|memory): / { next }
	{
		client = value("client")
		what = / dhp_processor: / ? "CPU" value("cpu") : "memory " value("start_pfn")
		state = value("state")
		veto = value("status") < 0
		key = client " " what
		calls++
	}
	state == "START" || state == "REMOVE_START" {
		if (key in open)
			wrong(/processor/ ? "P1" : "M1", state " after " open[key] ", which has no outcome")
		delete open[key]
		if (!veto)
			open[key] = state
		next
	}
	{
		begun = state ~ /^REMOVE_/ ? "REMOVE_START" : "START"
		if (!(key in open))
			wrong(/processor/ ? "P1" : "M1", state " without " begun)
		else if (open[key] != begun)
			wrong(/processor/ ? "P1" : "M1", state " after " open[key])
		delete open[key]
	}
	END {
		for (key in open)
			print "P1 M1: " key ": " open[key] " has no outcome"
		print calls + 0 " calls"
	}' "$trace/trace" >"$tmp/judged"
	cat "$tmp/judged"
	equal "calls that the contract does not allow" "" "$(grep -v '^[0-9]* calls$' "$tmp/judged")"
}


# ---------------------------------------------------------------- misuse

# log_of_driver: what the kernel has logged since the driver was loaded last
log_of_driver() {
	dmesg | awk -v begin="certify: load $driver" '
	substr($0, length($0) - length(begin) + 1) == begin { log_lines = ""; next }
	{ log_lines = log_lines $0 "\n" }
	END { printf "%s", log_lines }'
}

# blame_misuse [others]: a finding if dhp complains of the driver. Names of clients are
# MODULE/FUNCTION#NUMBER. What dhp refuses a callback has no name; others: it may be another client's.
blame_misuse() {
	local function text
	log_of_driver | awk -v driver="$driver" -v others="${1-}" '
	# The word that PATTERN ends with is a function.
	function named(pattern) {
		if (function_name == "" && match(text, pattern "[A-Za-z0-9_.]+")) {
			function_name = substr(text, RSTART, RLENGTH)
			sub(/.*[ \/]/, "", function_name)
		}
	}
	!/\] (dhp|wdm): / { next }
	{
		text = $0
		sub(/.*\] (dhp|wdm): /, "", text)
		function_name = ""
	}
	index(text, driver "/") && / which is ignored|has been running for|has put its stop off/ ||
	index(text, " [" driver "]") && / from / ||
	index(text, driver " is removed ") == 1 ||
	others == "" && / is refused; use a kernel workqueue/ {
		named(driver "/")
		named("\\) from ")
		named("\\(\\) for ")
		named(" its DPC ")
		print function_name "|" text
		exit
	}' >"$tmp/misuse"
	[ -s "$tmp/misuse" ] || return 0
	IFS='|' read -r function text <"$tmp/misuse"
	finding api-misuse ${function:+"function=$function"} "$text"
}
