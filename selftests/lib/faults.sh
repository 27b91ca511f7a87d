# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of lib/all.sh, which scripts read first
#
# Allocations that fail, by the kernel's fault injection: one after the other for one task, or at
# intervals for all that are marked. Not here: steps of the CPU hotplug state machine that fail, see
# arm_step in lib/machine.sh.
#
# Every allocation of a task can be made to fail, the kernel's own included. What dhp leaves to
# worker threads is made to fail at intervals.

faults=/sys/kernel/debug
enomem=12
kthreadd=2

# The kernel does not report an injected failure. Its allocators report some failures that follow
# from one, with a trace, which is not bad here.
dmesg() {
	command dmesg | awk '
	/vmalloc error: |percpu: allocation failed|alloc_cpumask_var: failed/ ||
	/kmem_cache_create.* failed with error|sysctl could not get directory: .* -12$/ ||
	/cannot create duplicate filename '"'\/\/"'/ {
		excused = 1
		next
	}
	excused && /Call Trace:/ { excused = 0; next }
	{ print }'
}

# begin_faults: every kind of allocation can be made to fail, until the test's end. The console gets
# errors only: traces would be bad there, where dmesg() cannot take them out.
begin_faults() {
	local file kind
	for file in /proc/self/fail-nth "$faults/failslab" "$faults/fail_page_alloc"; do
		[ -e "$file" ] ||
			skip "needs CONFIG_FAILSLAB, _FAIL_PAGE_ALLOC, _FAULT_INJECTION_DEBUG_FS: no $file"
	done
	for kind in failslab fail_page_alloc; do
		echo 0 >"$faults/$kind/verbose"
		echo N >"$faults/$kind/ignore-gfp-wait"
	done
	echo 0 >"$faults/fail_page_alloc/min-order"
	echo N >"$faults/fail_page_alloc/ignore-gfp-highmem"
	# Not local, as the trap needs them.
	loud=/sys/module/printk/parameters/ignore_loglevel
	was_loud=$(cat "$loud")
	was_level=$(cut -f1 /proc/sys/kernel/printk)
	trap end_faults EXIT
	trap 'exit 130' INT TERM HUP
	echo N >"$loud"
	echo 4 >/proc/sys/kernel/printk
}

end_faults() {
	no_faults
	mark_workers 0
	# If fail_nth was killed.
	echo 0 >"/proc/$kthreadd/fail-nth"
	echo "$was_level" >/proc/sys/kernel/printk
	echo "$was_loud" >"$loud"
}

# expect_errno WHAT ERRNO EXPECTED...: has WHAT failed with one of these?
expect_errno() {
	local what="$1" errno="$2"
	shift 2
	case " $* " in
	*" $errno "*) ;;
	*) fail "$what failed with errno $errno, not with $*" ;;
	esac
}

nothing() {
	:
}

# ---------------------------------------------------------------- one after the other

# in_turn [-e ERRNOS] [-n FIRST] TASK DONE FAILED WHAT...: does WHAT, see fail_nth.c, and makes the
# first allocation of TASK fail, or number FIRST, then the next one and so on until there is none
# left to fail. After each, if WHAT succeeded, DONE checks what was done and undoes it; if it
# failed, with ENOMEM or one of ERRNOS, FAILED checks what is left. Sets $failed to how often WHAT
# failed.
in_turn() {
	local errnos=$enomem nth=1 task when_done when_failed injected=0 left errno
	while :; do
		case $1 in
		-e) errnos=$2 ;;
		-n) nth=$2 ;;
		*) break ;;
		esac
		shift 2
	done
	task=$1
	when_done=$2
	when_failed=$3
	shift 3
	failed=0
	while :; do
		./fail_nth "$task" "$nth" "$@" >"$tmp/injected" || fail "cannot try: $*"
		read -r left errno <"$tmp/injected"
		if [ "$errno" = 0 ]; then
			$when_done
		else
			failed=$((failed + 1))
			[ "$left" = 0 ] || fail "'$*' failed with errno $errno, and no allocation had"
			# shellcheck disable=SC2086 # a list
			expect_errno "'$*', when allocation $nth had failed," "$errno" $errnos
			$when_failed
		fi
		[ "$left" = 0 ] || break
		injected=$((injected + 1))
		nth=$((nth + 1))
	done
	echo "'$*': $injected allocations, $failed of them not to do without"
	[ "$injected" -gt 0 ] || fail "no allocation was met"
}

# ---------------------------------------------------------------- at intervals

# mark_workers 1|0: worker threads, and what creates them, are to meet faults, or no longer. That is
# true of those that exist now and of all later ones, because a thread inherits kthreadd's mark.
mark_workers() {
	local process comm
	for process in /proc/[0-9]*; do
		read -r comm 2>/dev/null <"$process/comm" || continue
		case $1$comm in
		?kthreadd | ?kworker/u* | 0kworker/*) echo "$1" 2>/dev/null >"$process/make-it-fail" || true ;;
		esac
	done
}

# faults_each INTERVAL failslab|fail_page_alloc [SPACE]: every INTERVALth allocation of the marked
# tasks fails, once they have allocated SPACE bytes or pages.
faults_each() {
	echo "${3-0}" >"$faults/$2/space"
	echo 1 >"$faults/$2/task-filter"
	echo -1 >"$faults/$2/times"
	echo "$1" >"$faults/$2/interval"
	echo 100 >"$faults/$2/probability"
}

no_faults() {
	local kind
	for kind in failslab fail_page_alloc; do
		echo 0 >"$faults/$kind/probability"
		echo 0 >"$faults/$kind/task-filter"
	done
}

# at_intervals [-e ERRNOS] [-k KIND] [-s SPACE] INTERVALS DONE FAILED WHAT...: as in_turn, but every
# Nth allocation fails, of both kinds or of KIND, see faults_each, for each N of INTERVALS.
at_intervals() {
	local errnos=$enomem kinds='failslab fail_page_alloc' space=0
	local intervals when_done when_failed succeeded=0 kind interval errno
	while :; do
		case $1 in
		-e) errnos=$2 ;;
		-k) kinds=$2 ;;
		-s) space=$2 ;;
		*) break ;;
		esac
		shift 2
	done
	intervals=$1
	when_done=$2
	when_failed=$3
	shift 3
	failed=0
	for kind in $kinds; do
		for interval in $intervals; do
			faults_each "$interval" "$kind" "$space"
			./fail_nth self each "$@" >"$tmp/injected" || fail "cannot try: $*"
			no_faults
			read -r _ errno <"$tmp/injected"
			if [ "$errno" = 0 ]; then
				succeeded=$((succeeded + 1))
				$when_done
				continue
			fi
			# shellcheck disable=SC2086 # a list
			expect_errno "'$*', at interval $interval of $kind," "$errno" $errnos
			failed=$((failed + 1))
			$when_failed
		done
	done
	echo "'$*': succeeded $succeeded times, failed $failed times"
}
