# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see all.sh
#
# Runs the tests of a script, and prints the results as KTAP. Not here: what tests use, see the
# other files.
#
# Each test runs in a subshell with `set -e`: a command that fails fails the test, as `fail` does,
# and `skip` skips it. A test's variables end with it. Around each test this file
#
# - marks the kernel's log, and fails the test if something bad comes after the mark,
# - writes down when the test began, for leaks.sh, if the kernel has kmemleak,
# - puts CPUs, memory and clients back as they were, also when the test is interrupted.

# ---------------------------------------------------------------- which tests

tests=	# a line for each: the function and the title

# test_case FUNCTION TITLE
test_case() {
	tests="$tests$1 $2
"
}

usage() {
	echo "usage: $0 [-l] [-t NAME]..." >&2
	echo "  -l       list the tests, each with its title, and run none" >&2
	echo "  -t NAME  run this test; -t again runs another one, too" >&2
	exit 2
}

# parse_options ARGUMENT...: sets $chosen to the names of the tests to run, all if there are none,
# and $listing.
parse_options() {
	local option OPTIND=1
	chosen=
	listing=
	while getopts lt: option; do
		case $option in
		l) listing=1 ;;
		t)
			case $OPTARG in
			'' | *[!A-Za-z0-9_]*) usage ;;
			esac
			chosen="$chosen $OPTARG"
			;;
		*) usage ;;
		esac
	done
	[ "$OPTIND" -gt $# ] || usage
}

# The arguments of the script.
parse_options "$@"

# check_chosen: refuses names that no test has.
check_chosen() {
	local one
	for one in $chosen; do
		case "
$tests" in
		*"
$one "*) ;;
		*)
			echo "$0: there is no test '$one'. There are:" >&2
			printf %s "$tests" >&2
			exit 2
			;;
		esac
	done
}

# select_tests: sets $selected to the lines of the tests to run, and $total to their number.
select_tests() {
	local function title
	selected=
	total=0
	while read -r function title; do
		[ -n "$function" ] || continue
		case " ${chosen:-$function} " in
		*" $function "*) ;;
		*) continue ;;
		esac
		selected="$selected$function $title
"
		total=$((total + 1))
	done <<-END
	$tests
	END
}

# print_clauses: a comment for the readers of the results, of the clauses that titles begin with.
print_clauses() {
	local title word clauses=
	while read -r _ title; do
		for word in $title; do
			case $word in
			[A-Z][0-9] | [A-Z][0-9][0-9]) ;;
			*) break ;;
			esac
			case "$clauses " in
			*" $word "*) ;;
			*) clauses="$clauses $word" ;;
			esac
		done
	done <<-END
	$selected
	END
	[ -z "$clauses" ] || echo "#$clauses: clauses of module/CONTRACT.md"
}

# check_machine: nothing to test here is no failure.
check_machine() {
	local module
	if [ "$(id -u)" != 0 ]; then
		echo "1..0 # SKIP not root"
		exit 4
	fi
	for module in $needs; do
		if ! available "$module"; then
			echo "1..0 # SKIP no $module.ko for Linux $(uname -r), neither in $DHP_DIR nor in /lib/modules"
			exit 4
		fi
	done
	if module_loaded dhp; then
		echo "1..0 # SKIP dhp is loaded and in use here; unload it first"
		exit 4
	fi
}

# ---------------------------------------------------------------- before and after

# The modules without which every test of a script is skipped. A script may name others, before run_tests.
needs="dhp dhp_test"

# What every test of a script needs. A script may define its own, before run_tests.
setup() {
	load dhp pool=0
	load dhp_test
}

# our_modules: those that are loaded, the newest first
our_modules() {
	cut -d' ' -f1 /proc/modules | grep '^wdm_\|^dhp_\|^dhp$'
}

# Unloads what setup, or a test that failed, has loaded.
teardown() {
	local module code=0
	for module in $(our_modules); do
		try_unload "$module" || code=1
	done
	return $code
}

# Comes after a skipped test. If it has loaded or unloaded a module, unloads all and runs setup again, so that
# the next test finds what setup loads.
restore_modules() {
	[ -e "$tmp/reloaded" ] || return 0
	teardown && (setup)
}

# What a test does in the background goes on until the test calls `enough`, or has failed.
going_on() {
	[ -d "$tmp" ] && [ ! -e "$ending" ]
}

enough() {
	: >"$ending"
}

# ---------------------------------------------------------------- running

# comment FILE: as comments of KTAP
comment() {
	sed 's/^/# /' "$@"
}

# print_result RESULT FUNCTION TITLE SKIPPED: SKIPPED is `SKIP REASON`, or nothing. With DHP_KTAP=names, the
# name of the function is that of the test: it is short, and stays the same when the title is reworded or the
# test is skipped. Its title, and why it was skipped, come before it as comments.
print_result() {
	if [ "$DHP_KTAP" = titles ]; then
		echo "$1 $number $3${4:+ # $4}"
		return
	fi
	echo "# $2: $3"
	[ -z "$4" ] || echo "# $4"
	echo "$1 $number $2${4:+ # SKIP}"
}

# keep_log NAME [TRACE]: gives the log of the last notifications to the host, for a time line, and from TRACE
# the pools' sizes at its beginning and since then; see scripts/check. Once in a test: a later log has less.
keep_log() {
	local name="${0##*/}" log=/sys/kernel/debug/dhp/log
	module_loaded dhp && command -v to-host >/dev/null || return 0
	grep -qs . "$log" || return 0
	[ ! -e "$tmp/kept" ] || return 0
	: >"$tmp/kept"
	awk '
	FILENAME == logged {
		if (since == "")
			since = $1
		print
		next
	}
	!match($0, /[0-9]+\.[0-9]+: dhp_pool: pool=/) { next }
	substr($0, RSTART) + 0 >= since + 0 {
		print
		next
	}
	{
		pool = substr($0, RSTART + RLENGTH)
		sub(/ workers=.*/, "", pool)
		sub(/[0-9]+\.[0-9]+: dhp_pool: /, since ": dhp_pool: ")
		first[pool] = $0
	}
	END {
		# Without workers and buffers, it was destroyed.
		for (pool in first)
			if (first[pool] !~ / workers=0 buffers=0$/)
				print first[pool]
	}
	' logged="$log" "$log" ${2+"$2"} | to-host "${name%.sh}.$1.notified" || true
}

# run_one FUNCTION TITLE
run_one() {
	local code=1 result=ok skipped=
	set_mark "$2"
	note_in_journal "$2"
	[ ! -e "$tmp/skip" ] || rm "$tmp/skip"
	[ ! -e "$tmp/reloaded" ] || rm "$tmp/reloaded"
	[ ! -e "$tmp/kept" ] || rm "$tmp/kept"
	ending=$tmp/ending.$number
	now
	started=$now
	if [ -n "$setup_failed" ]; then
		echo "setup failed: $setup_failed" >"$tmp/output"
	else
		(
			set -e
			"$1"
		) >"$tmp/output" 2>&1 </dev/null
		code=$?
	fi
	enough
	[ $code = 0 ] || [ $code = 4 ] || [ -s "$tmp/output" ] ||
		echo "a command failed without a word (status $code)" >"$tmp/output"
	restore_machine >>"$tmp/output" 2>&1 || code=1
	[ $code != 4 ] || restore_modules >>"$tmp/output" 2>&1 || code=1
	! bad_in_log >>"$tmp/output" || code=1

	case $code in
	0) ;;
	4) skipped="SKIP $(cat "$tmp/skip" 2>/dev/null)" ;;
	*)
		result="not ok"
		code=1
		failures=$((failures + 1))
		keep_log "$1"
		;;
	esac
	[ $code = 4 ] || passes=$((passes + 1))
	[ ! -s "$tmp/output" ] || comment "$tmp/output"
	# An interruption from here on is too late to fail the test.
	current=
	print_result "$result" "$1" "$2" "$skipped"
	now
	echo "# took $((now - started)) s"
}

# finish STATUS: ends an interrupted run.
finish() {
	trap '' EXIT INT TERM HUP
	enough
	if [ -n "$current" ]; then
		comment "$tmp/output"
		print_result "not ok" "$function" "$current" ""
		now
		echo "# was interrupted after $((now - started)) s"
	fi
	restore_machine | comment
	teardown | comment
	rm -rf "$tmp"
	exit "$1"
}

run_setup() {
	set_mark setup
	note_in_journal setup
	setup_failed=
	(setup) >"$tmp/output" 2>&1 || setup_failed="status $?"
	! bad_in_log >>"$tmp/output" || setup_failed="a clean log was expected"
	[ -z "$setup_failed" ] || setup_failed="$setup_failed; $(cat "$tmp/output")"
}

# Fails if something cannot be unloaded, or if the log is bad.
run_teardown() {
	local code=0
	set_mark teardown
	note_in_journal teardown
	teardown >"$tmp/output" || code=1
	! bad_in_log >>"$tmp/output" || code=1
	[ $code = 0 ] || comment "$tmp/output"
	return $code
}

run_tests() {
	local function title
	case $DHP_KTAP in
	titles | names) ;;
	*)
		echo "$0: DHP_KTAP is '$DHP_KTAP', and should be titles or names" >&2
		exit 2
		;;
	esac
	check_chosen
	if [ -n "$listing" ]; then
		printf %s "$tests"
		exit 0
	fi
	select_tests
	echo "TAP version 13"
	check_machine
	echo "1..$total"
	print_clauses

	tmp=$(mktemp -d /tmp/dhp-selftest.XXXXXX) || exit 1
	current=	# the title of the test that runs
	number=0
	failures=0
	passes=0
	trap 'finish 1' EXIT
	trap 'finish 130' INT TERM HUP
	save_machine
	ending=$tmp/ending
	stop_scans
	run_setup

	printf %s "$selected" >"$tmp/tests"
	while read -r function title <&3; do
		number=$((number + 1))
		current=$title
		run_one "$function" "$title"
	done 3<"$tmp/tests"

	run_teardown || failures=$((failures + 1))
	trap - EXIT
	rm -rf "$tmp"
	[ $failures = 0 ] || exit 1
	[ $passes != 0 ] || exit 4
	exit 0
}
