# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# The driver's kernel threads: those that have come since before it was loaded, without those of
# workqueues, which the kernel binds. A drill reads this file after lib/driver.sh. Not here: what is
# expected of them, see drill_where.sh.

# kernel_threads: a line for each: its PID, on which CPUs it may run, how often it has stopped
# running, its name.
kernel_threads() {
	cat /proc/[0-9]*/status 2>/dev/null | awk '
	/^Name:/ { name = substr($0, 7) }
	/^Pid:/ { pid = $2 }
	/^PPid:/ { parent = $2 }
	/^Cpus_allowed_list:/ { allowed = $2 }
	/^voluntary_ctxt_switches:/ { switches = $2 }
	/^nonvoluntary_ctxt_switches:/ {
		if (parent == 2 && name !~ /^kworker/)
			print pid, allowed, switches + $2, name
	}'
}

# note_other_threads: before the driver is loaded
note_other_threads() {
	kernel_threads >"$tmp/other_threads"
}

# driver_threads: as kernel_threads
driver_threads() {
	kernel_threads | awk '
	NR == FNR { other[$1] = 1; next }
	!($1 in other)' "$tmp/other_threads" -
}

# bound_threads CPU: those of the driver's that may run on this CPU only
bound_threads() {
	driver_threads | awk -v cpu="$1" '$2 == cpu'
}

# thread_function PID: the function of the driver that it is in; nothing if none is seen. The
# outermost one is that of the thread.
thread_function() {
	sed -n "s,.* \\([A-Za-z0-9_.]*\\)+0x[0-9a-f]*/0x[0-9a-f]* \\[$driver\\].*,\\1,p" \
		"/proc/$1/stack" 2>/dev/null | tail -n 1
}

in_driver() {
	[ -n "$(thread_function "$1")" ]
}

# await_function PID: as thread_function; a thread that runs just now is seen a moment later.
await_function() {
	wait_for 3 in_driver "$1" || true
	thread_function "$1"
}

# last_cpu PID: where it runs, or has run last; nothing if it has ended
last_cpu() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
	# Behind the name, which may have blanks. Field 39 of proc(5), and the third is the first here.
	# shellcheck disable=SC2086 # fields
	set -- ${stat##*) }
	shift 36
	echo "$1"
}
