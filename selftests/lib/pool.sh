# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of lib/all.sh, which scripts read first
#
# What the tests of the pool share: workers.sh, items.sh, stealing.sh, buffers.sh, buffer_memory.sh.
# They use pools of dhp_test's; the module's own pool, dhp, shows the workers.

pools=$dhp/pools

setup() {
	load dhp pool=1
	load dhp_test
}

# ---------------------------------------------------------------- counts

# of POOL WHAT: a count of dhp_test's own
of() {
	awk -v pool="$1" -v what="$2" '
	$1 == pool { for (i = 2; i < NF; i += 2) if ($i == what) print $(i + 1) }' "$test_dir/pools"
}

# reads POOL FILE VALUE: does the pool's file in sysfs have this value?
reads() {
	[ "$(cat "$pools/$1/$2")" = "$3" ]
}

# ---------------------------------------------------------------- workers

# thread NAME: its process id
thread() {
	grep -lx "$1" /proc/[0-9]*/comm 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,'
}

# check_workers POOL: each CPU that is online has one, bound to it and on it; there is no other.
check_workers() {
	local one pid
	settle
	equal "workers of $1" "$(cat "$system/cpu/online")" "$(cat "$pools/$1/workers")"
	for one in $(online_cpus); do
		pid=$(thread "$1/$one")
		[ -n "$pid" ] || fail "no thread $1/$one"
		equal "CPUs of $1/$one" "$one" \
			"$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$pid/status")"
		equal "CPU of $1/$one" "$one" \
			"$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f37)"
	done
	equal "threads of $1" "$(online_cpus | wc -w)" \
		"$(grep -lE "^$1/[0-9]+\$" /proc/[0-9]*/comm 2>/dev/null | wc -l)"
}

# ctl_on CPU COMMAND: a command to dhp_test that this CPU runs
ctl_on() {
	command -v taskset >/dev/null || skip "no 'taskset' command here"
	# shellcheck disable=SC2016 # the inner shell's
	taskset -c "$1" sh -c 'printf "%s\n" "$1" >"$2"' sh "$2" \
		"$test_dir/control" || fail "$2 on CPU$1: $(cat "$test_dir/control")"
}

# other_than CPU: an online one
other_than() {
	local one
	for one in $(online_cpus); do
		[ "$one" = "$1" ] || break
	done
	[ "$one" != "$1" ] || skip "one CPU only"
	echo "$one"
}

# nr_missing POOL: how often the log says that it has no worker for a CPU
nr_missing() {
	log_since_mark | grep -c "pool $1: no worker for" || true
}

# tried_twice POOL BEFORE: the pool has tried to create a worker at once, and once more, in vain;
# its next try is seconds away.
tried_twice() {
	[ "$(nr_missing "$1")" -ge $(($2 + 2)) ]
}

# only_worker POOL CPU: creates a pool that has a worker on this CPU and, for some seconds, on no
# other one: the other CPUs are kept busy while the pool is created.
only_worker() {
	local one before
	for _ in 1 2 3; do
		before=$(nr_missing "$1")
		for one in $(online_cpus); do
			[ "$one" = "$2" ] || ctl_on "$2" "hog cpu=$one ms=5000"
		done
		ctl_on "$2" "pool $1"
		if wait_for 30 tried_twice "$1" "$before" && reads "$1" workers "$2"; then
			return 0
		fi
		ctl "destroy $1"
	done
	fail "CPUs other than CPU$2 have workers although they were busy"
}

# ---------------------------------------------------------------- items

# all_ran POOL: each item that was submitted has run, once; dhp_test and sysfs agree.
all_ran() {
	ctl "flush $1"
	equal "items of $1 that ran" "$(of "$1" submitted)" "$(of "$1" ran)"
	equal "items of $1 that ran twice" 0 "$(of "$1" twice)"
	equal "items of $1 that had a signal" 0 "$(of "$1" signalled)"
	equal "submitted, in sysfs" "$(of "$1" submitted)" "$(cat "$pools/$1/submitted")"
	equal "completed, in sysfs" "$(of "$1" submitted)" "$(cat "$pools/$1/completed")"
}

# accounted POOL: each item that did not run was cancelled, and none ran after that.
accounted() {
	ctl "flush $1"
	equal "items of $1 that ran or were cancelled" "$(of "$1" submitted)" \
		"$(($(of "$1" ran) + $(of "$1" cancelled)))"
	equal "items of $1 that ran after they were cancelled" 0 "$(of "$1" after)"
	equal "items of $1 that ran twice" 0 "$(of "$1" twice)"
	equal "completed, in sysfs" "$(of "$1" submitted)" "$(cat "$pools/$1/completed")"
}

# ---------------------------------------------------------------- buffers

# sound POOL: no buffer was faulty, and all of them are back.
sound() {
	local what
	for what in held shared askew dirty; do
		equal "buffers of $1 that are $what" 0 "$(of "$1" "$what")"
	done
	equal "buffers of $1 in use" 0 "$(cat "$pools/$1/buffers_in_use")"
}

# have_all POOL: takes each of its buffers, and puts them back.
have_all() {
	ctl "get $1 count=$(cat "$pools/$1/buffers")"
	ctl_refused ENOBUFS "get $1"
	equal "buffers of $1 in use" "$(cat "$pools/$1/buffers")" "$(cat "$pools/$1/buffers_in_use")"
	ctl "put $1"
	sound "$1"
}
