#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver makes the machine wait when CPUs come and go: its callbacks take more
# than a quarter of an operation, and more than 100 ms.

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh

share=25	# per cent of an operation
least=100	# ms
rounds=5	# of each CPU

# timed go_offline|come_online CPU
timed() {
	echo "certify: begin $1" >"$trace/trace_marker"
	"$1" "$2"
	echo "certify: end $1" >"$trace/trace_marker"
}

# traced_calls: the trace as lines, while the driver is loaded:
#
#   begin SECONDS OPERATION
#   call SECONDS FUNCTION MILLISECONDS    one of the driver's callbacks
#   end SECONDS OPERATION
traced_calls() {
	awk -v module="[$driver]" '
	/^#/ { next }
	# TASK-PID [CPU] FLAGS SECONDS: EVENT: ..., and the name of a task may have blanks.
	!match($0, / [0-9]+\.[0-9]+: /) { next }
	{
		time = substr($0, RSTART + 1) + 0
		rest = substr($0, RSTART + RLENGTH)
		task = substr($0, 1, index($0, "[") - 1)
		split(rest, words, " ")
	}
	words[1] == "tracing_mark_write:" && words[2] == "certify:" {
		printf "%s %.6f %s\n", words[3], time, words[4]
	}
	rest ~ /^cpuhp_(multi_)?enter: / {
		begun[task] = time
		name[task] = ""
		if (index(rest, module) && match(rest, /\([^ )]+/))
			name[task] = substr(rest, RSTART + 1, RLENGTH - 1)
	}
	rest ~ /^cpuhp_exit: / && name[task] != "" {
		printf "call %.6f %s %.3f\n", time, name[task], (time - begun[task]) * 1000
		name[task] = ""
	}' "$trace/trace"
}

# summary: of traced_calls. For each kind of operation a line with the median and the longest, of
# all of it and of the driver, and a finding where the driver's median is too much.
summary() {
	awk -v share="$share" -v least="$least" '
	$1 == "begin" {
		begun = $2
		mine = 0
		split("", of)
	}
	$1 == "call" && begun { mine += $4; of[$3] += $4 }
	$1 == "end" {
		n = ++number[$3]
		whole[$3, n] = ($2 - begun) * 1000
		driver[$3, n] = mine
		for (name in of) {
			spent[$3, name] += of[name]
			names[name]
		}
		begun = 0
	}
	# sorted(KIND, VALUES): sets median and longest.
	function sorted(kind, values,   i, j, n, value, list) {
		n = number[kind]
		for (i = 1; i <= n; i++) {
			value = values[kind, i]
			for (j = i - 1; j >= 1 && list[j] > value; j--)
				list[j + 1] = list[j]
			list[j + 1] = value
		}
		median = list[int((n + 1) / 2)]
		longest = list[n]
	}
	END {
		for (kind in number) {
			what = kind == "go_offline" ? "offline" : "online"
			sorted(kind, whole)
			all = median
			said = sprintf("%s, %d times: median %.1f ms, longest %.1f ms", what, number[kind],
				median, longest)
			sorted(kind, driver)
			printf "%s; of these the driver: %.1f ms and %.1f ms\n", said, median, longest
			if (median <= least || median * 100 <= all * share)
				continue
			worst = ""
			for (name in names)
				if (worst == "" || spent[kind, name] > spent[kind, worst])
					worst = name
			printf "finding: class=slow function=%s the driver takes %.0f ms of %.0f ms of each " \
				"%s, the longest %.0f ms\n", worst, median, all, what, longest
		}
	}'
}

cpus() {
	local cpus
	cpus=$(changeable_online)
	[ -n "$cpus" ] || skip "no CPU here can be taken offline"
	make_trace cost global
	put "$trace/buffer_size_kb" 4096 || fail "the trace's buffer does not grow: $why"
	put "$trace/events/cpuhp/enable" 1 || fail "cpuhp cannot be traced: $why"
	for _ in $(seq "$rounds"); do
		for cpu in $cpus; do
			timed go_offline "$cpu"
			timed come_online "$cpu"
			exercise "$cpu"
		done
	done
	traced_calls | summary >"$tmp/summary"
	cat "$tmp/summary"
	grep -q ' times: ' "$tmp/summary" || fail "the trace shows no operation"
	! grep -q '^finding: ' "$tmp/summary"
}
test_case cpus 'what it adds to each CPU that goes offline and comes back'

run_tests
