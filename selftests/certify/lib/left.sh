# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034	# variables of other files, see ../../lib/all.sh
#
# What a driver leaves behind when it is unloaded, or when loading it has failed. The module
# certify_left follows what nobody can list; threads, slab caches and files are compared with those
# before. Not here: memory, which kmemleak finds.

left=/sys/module/certify_left/parameters/left

# ---------------------------------------------------------------- what certify_left has seen

# watch_left: before the driver is loaded. Each load has a number, from 1. Without kprobes in the
# kernel this sees nothing.
watch_left() {
	local said
	overflowed=
	module_loaded certify_left || said=$(try_load certify_left driver="$driver" 2>&1) ||
		echo "certify_left does not load: $said"
}

unwatch_left() {
	! module_loaded certify_left || try_unload certify_left
}

forget_left() {
	[ ! -e "$left" ] || put "$left" 0 || fail "cannot forget what is left: $why"
}

# listed_left LOAD: what is left, of that load or a later one.
listed_left() {
	: >"$tmp/left"
	[ -e "$left" ] || return 0
	awk -v from="$1" '$1 != "thread" && ($1 != "percpu-left" || $3 >= from)' "$left" >"$tmp/left"
	! grep -q '^overflow' "$tmp/left" || overflowed=1
}

# nothing_left: after what is left was reported
nothing_left() {
	[ -z "$found" ] || fail "this is left"
	[ -z "$overflowed" ] ||
		skip "the driver has more timers, work items and the like than certify_left can follow"
}

no_percpu_left() {
	listed_left "$1"
	! grep -q '^percpu-left' "$tmp/left"
}

# ---------------------------------------------------------------- what can be listed

# list_threads: the kernel's, but for workers, which come and go.
list_threads() {
	cat /proc/[0-9]*/stat 2>/dev/null |
		sed -n 's/^\([0-9]*\) (\(.*\)) [A-Z] 2 .*/\1 \2/p' | grep -v '^[0-9]* kworker/'
}

list_caches() {
	if [ -d /sys/kernel/slab ]; then
		ls /sys/kernel/slab
	elif [ -r /proc/slabinfo ]; then
		awk 'NR > 2 { print $1 }' /proc/slabinfo
	fi
}

# Not the links in the root of sysfs: Linux 6.1 leaves one there for a driver of a bus when it has no
# memory for another.
list_files() {
	find /sys \( -type l ! -path '/sys/*/*' -o -path /sys/kernel/slab -o -path /sys/kernel/tracing -o \
		-path /sys/kernel/debug/tracing -o -path /sys/fs/cgroup -o \
		-path /sys/module/certify_left \) -prune -o -print
	find /proc/sys /proc/driver /proc/fs -print 2>/dev/null
	for file in /proc/[!0-9]*; do
		echo "$file"
	done
}

# take_stock NAME: lists what there is in $tmp/NAME.*.
take_stock() {
	list_threads >"$tmp/$1.threads"
	list_caches >"$tmp/$1.caches"
	list_files >"$tmp/$1.files" 2>/dev/null
}

# added OLD NEW: the lines of NEW that OLD has not
added() {
	awk 'NR == FNR { old[$0]; next } !($0 in old)' "$1" "$2"
}

# same_list WHAT: is there nothing that was not there before?
same_list() {
	"list_$1" >"$tmp/now.$1" 2>/dev/null
	added "$tmp/before.$1" "$tmp/now.$1" >"$tmp/new.$1"
	[ ! -s "$tmp/new.$1" ]
}

# function_of PID: that of a thread that is left. Its stack has no names any more.
function_of() {
	[ ! -e "$left" ] ||
		awk -v pid="$1" '$1 == "thread" && $4 == pid { name = $2 } END { print name }' "$left"
}

# ---------------------------------------------------------------- findings

# left_over CLASS FUNCTION OBJECT TEXT: a finding that does not end the test.
left_over() {
	(finding "$1" ${2:+"function=$2"} ${3:+"object=$3"} "$4") || found=1
}

# report_left LOAD: what certify_left has seen of this load and later ones. Sets $found.
report_left() {
	local class function load object
	# The kernel may free a little later.
	wait_for 20 no_percpu_left "$1" || true
	grep -v '^overflow' "$tmp/left" | sort -u >"$tmp/left_once"
	while read -r class function load object; do
		left_over "$class" "$function" "$(echo "$object" | tr ' ' '-')" \
			"$object of $function is left behind by load $load"
	done <"$tmp/left_once"
}

# report_threads: what list_threads did not list before, in $tmp/before.threads. Sets $found.
report_threads() {
	local pid name
	wait_for 10 same_list threads || while read -r pid name; do
		left_over thread-left "$(function_of "$pid")" "$(echo "$name" | tr ' ' '-')" \
			"the thread $name is left behind"
	done <"$tmp/new.threads"
}

# report_vmalloc: memory that the driver has not given back, as far as each kernel tells. Sets $found.
report_vmalloc() {
	local function areas kib
	[ -r /proc/vmallocinfo ] || return 0
	# Who has allocated it is an address, if the function has no name any more.
	awk "$read_symbols"'
	$3 ~ /^0xffffffff[0-9a-f]+$/ {
		function_name = function_at(substr($3, 3))
		if (function_name == "")
			next
		areas[function_name]++
		bytes[function_name] += $2
	}
	END { for (one in areas) print one, areas[one], bytes[one] / 1024 }
	' "$tmp/symbols" /proc/vmallocinfo >"$tmp/vmalloc"
	while read -r function areas kib; do
		left_over memory-leak "$function" '' \
			"$areas areas of vmalloc() memory, $kib KiB, are left behind"
	done <"$tmp/vmalloc"
}

# report_lists: what is there and take_stock did not find. Sets $found.
report_lists() {
	local name
	report_threads
	report_vmalloc
	wait_for 10 same_list caches || while read -r name; do
		left_over cache-left '' "$name" "the slab cache $name is left behind"
	done <"$tmp/new.caches"
	wait_for 10 same_list files || while read -r name; do
		left_over file-left '' "$(echo "$name" | tr ' ' '-')" "$name is left behind"
	done <"$tmp/new.files"
}
