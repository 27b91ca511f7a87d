# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the tests have in common. A test script names its tests,
#
#   . ./lib.sh
#   test_case FUNCTION 'P1 what it shows'
#   run_tests
#
# and runs all of them, or those whose functions are named on its command line.
#
# Each runs in a subshell with `set -e`: a command that fails fails the test, as `fail`
# does, and `skip` skips it. Around each test this file
#
# - marks the kernel's log, and fails the test if something bad comes after the mark,
# - writes down when it began, for leaks.sh, if the kernel has kmemleak,
# - puts processors, memory and clients back as they were, also when it is interrupted.

set -u
LC_ALL=C
export LC_ALL

system=/sys/devices/system
dhp=/sys/kernel/dhp
test_dir=/sys/kernel/debug/dhp_test
DHP_DIR=${DHP_DIR-/dhp}
DHP_PERCENT=${DHP_PERCENT-100}
# What tests choose at random depends on it; they say it, and it repeats their choice.
DHP_SEED=${DHP_SEED-$(date +%s)}

# ---------------------------------------------------------------- results

# Often in a $(...), which would keep what is said.
fail() {
	echo "$*" >&2
	exit 1
}

skip() {
	echo "$*" >"$tmp/skip"
	exit 4
}

# Processes are slow to make under emulation with checkers, so what is done for each test, or again
# and again, is done by the shell itself.

# Sets $now, in seconds.
now() {
	read -r now _ </proc/uptime
	now=${now%.*}
}

# wait_for SECONDS COMMAND...: until it succeeds. Everything that waits, waits here.
wait_for() {
	now
	deadline=$((now + $1))
	shift
	until "$@"; do
		now
		[ "$now" -le "$deadline" ] || return 1
		sleep 0.05
	done
}

wait_or_fail() {
	wait_for "$@" || {
		shift
		fail "waited in vain for: $*"
	}
}

# portion N: how many rounds, or seconds, of a long test to do. On a slow kernel, or on the last of
# many, DHP_PERCENT of them will do.
portion() {
	echo $((($1 * DHP_PERCENT + 99) / 100))
}

# Does this process sleep?
asleep() {
	grep -q '^State:.[SDI]' "/proc/$1/status"
}

# Is there a task that waits in this function, or in a part of it?
blocked_in() {
	grep -qs "\<$1[.+]" /proc/[0-9]*/stack
}

# until_waits FILE TEXT [LINE]: a write that does not come back yet; on return, LINE is in the log of
# calls and the kernel lets the write wait.
until_waits() {
	echo "$2" >"$1" &
	[ $# -lt 3 ] || await_line "$3"
	wait_or_fail 30 asleep $!
}

# same EXPECTED SEEN: two files
same() {
	diff -u "$1" "$2" >"$tmp/diff" && return 0
	sed 1,2d "$tmp/diff"
	fail "this is not as expected (- expected, + seen)"
}

# equal WHAT EXPECTED SEEN
equal() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', is '$3'"
}

# ---------------------------------------------------------------- the kernel's log

# As qemu's console scanner and rcutorture's console-badness.sh have it.
bad_lines='Badness|WARNING: |BUG[: ]|kernel BUG|Oops|general protection fault|double fault'
bad_lines="$bad_lines|KASAN:|KCSAN:|UBSAN:|KFENCE:|kmemleak: [0-9]+ new|Call Trace:"
bad_lines="$bad_lines|INFO: (possible|inconsistent|trying|suspicious|task|rcu|lockdep)"
bad_lines="$bad_lines|suspicious RCU|circular locking|held lock freed|soft lockup|hard LOCKUP"
bad_lines="$bad_lines|detected stalls|detected expedited stalls|self-detected stall|kthread starved"
bad_lines="$bad_lines|blocked for more than|workqueue lockup|scheduling while atomic"
bad_lines="$bad_lines|sleeping function called|[Bb]ad page|corruption|refcount_t:|ODEBUG:"
bad_lines="$bad_lines|DEBUG_LOCKS_WARN_ON|stack-protector|page allocation failure|Out of memory"
bad_lines="$bad_lines|oom-killer|nobody cared|!!!"

# badness MARK: the bad lines of a log (standard input) behind MARK; all of them if the log is
# so long that the mark has fallen out. A warning that was announced is none, with its trace. A
# data race counts if either side is in a module of ours, or in what one of them has called: the
# kernel has races of its own.
#
# The pattern is a part of the program, for busybox would compile a string anew for each line.
badness() {
	awk -v mark="$1" '
	index($0, mark) { count = expected = excused = 0; race = ""; next }
	match($0, /vm: expect WARNING: /) {
		expect[expected++] = substr($0, RSTART + RLENGTH)
		next
	}
	excused {
		if (/---\[ end trace/)
			excused = 0
		# Functions in the trace may be called anything.
		if (/---\[ end trace|Call Trace:|\+0x[0-9a-f]+\/0x/)
			next
	}
	/WARNING: / {
		for (i = 0; i < expected; i++)
			if (expect[i] != "" && index($0, expect[i])) {
				expect[i] = ""
				excused = 1
				next
			}
	}
	/BUG: KCSAN: / && !/\[(dhp|wdm)[a-z_]*\]/ { race = $0; frames = 0; next }
	race != "" {
		if (/======/)
			race = ""
		else if (/ bytes by .* on cpu [0-9]+:/)
			frames = 0
		else if (/\+0x[0-9a-f]+\/0x/ && ++frames <= 2 && /\[(dhp|wdm)[a-z_]*\]/) {
			lines[count++] = race
			race = ""
		}
		if (race != "")
			next
	}
	/'"$bad_lines"'/ { lines[count++] = $0 }
	END { for (i = 0; i < count; i++) print lines[i] }'
}

# expect_warning TEXT: the next warning whose first line has TEXT is meant to be.
expect_warning() {
	echo "vm: expect WARNING: $1" >/dev/kmsg
}

set_mark() {
	mark="dhp selftest $$.$number: $1"
	echo "$mark" >/dev/kmsg
}

# The log's end, with the mark, or all of it if the mark is not there. To read and search thousands
# of lines would be most of what a short test takes.
recent_log() {
	log=$(dmesg -s 16384)
	case $log in
	*"$mark"*) ;;
	*) log=$(dmesg) ;;
	esac
	printf '%s\n' "$log"
}

log_since_mark() {
	recent_log | awk -v mark="$mark" '
	index($0, mark) { count = 0; next }
	{ lines[count++] = $0 }
	END { for (i = 0; i < count; i++) print lines[i] }'
}

# logged REGEX: has the kernel said so since the test began?
logged() {
	log_since_mark | grep -Eq "$1"
}

# Do spinlocks sleep here?
preempt_rt() {
	[ "$(cat /sys/kernel/realtime 2>/dev/null)" = 1 ]
}

# ---------------------------------------------------------------- writing to the kernel

# put FILE TEXT: one write; if it fails, $why has the errno's name.
put() {
	why=$(./put "$1" "$2")
}

# refused ERRNO FILE TEXT: the write must fail with it.
refused() {
	if put "$2" "$3"; then
		fail "'$3' into $2 was not refused"
	fi
	equal "'$3' into $2" "$1" "$why"
}

# ---------------------------------------------------------------- the test client

# ctl COMMAND: see modules/test_control.c
ctl() {
	put "$test_dir/control" "$1" || fail "$1: $why ($(cat "$test_dir/control"))"
}

ctl_refused() {
	refused "$1" "$test_dir/control" "$2"
}

settle() {
	timeout 60 cat "$dhp/settle" >/dev/null || fail "nothing settles in a minute"
}

# The last event's sequence number, when nothing is pending.
sequence() {
	timeout 60 cat "$dhp/settle" || fail "nothing settles in a minute"
}

# expect_log: the whole log of the calls is what standard input says.
expect_log() {
	settle
	cat >"$tmp/expected"
	cat "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}

# sound_pools: what dhp_test's pools have been given ran once, each, and no buffer had two owners.
sound_pools() {
	cat "$test_dir/pools"
	awk '!($3 > 0 && $3 == $5 && $7 == 0 && $15 == 0) { bad = 1 } END { exit bad || !NR }' \
		"$test_dir/pools" || fail "items were lost or ran twice, or a buffer had two owners"
}

# Has the log this line?
has_line() {
	grep -Fxq "$1" "$test_dir/log"
}

await_line() {
	wait_or_fail 60 has_line "$1"
}

# ---------------------------------------------------------------- modules

module_loaded() {
	[ -d "/sys/module/$1" ]
}

# try_load NAME [PARAMETER...]
try_load() {
	name=$1
	shift
	if [ -e "$DHP_DIR/$name.ko" ]; then
		insmod "$DHP_DIR/$name.ko" "$@"
	else
		modprobe "$name" "$@"
	fi
}

load() {
	said=$(try_load "$@" 2>&1) || fail "cannot load $* (DHP_DIR=$DHP_DIR): $said"
}

# For a moment, somebody may be reading a file of the module's.
unload() {
	wait_for 30 rmmod "$1" 2>"$tmp/rmmod" && return 0
	fail "cannot unload $1: $(tail -n 1 "$tmp/rmmod")"
}

# ---------------------------------------------------------------- processors

# expand LIST: 0-2,4 as a line of numbers with blanks
expand() {
	echo "$1" | tr ',' '\n' | while IFS=- read -r first last; do
		[ -n "$first" ] || continue
		seq "$first" "${last:-$first}"
	done | tr '\n' ' ' | sed 's/ $//'
}

online_cpus() {
	expand "$(cat $system/cpu/online)"
}

present_cpus() {
	expand "$(cat $system/cpu/present)"
}

is_online() {
	[ -e "$system/cpu/cpu$1/online" ] || return 0
	read -r is_online <"$system/cpu/cpu$1/online"
	[ "$is_online" = 1 ]
}

# The highest processor that is online and can be taken offline.
pick_cpu() {
	picked=
	for number in $(online_cpus); do
		[ ! -w "$system/cpu/cpu$number/online" ] || picked=$number
	done
	[ -n "$picked" ] || skip "no processor here can be taken offline"
	echo "$picked"
}

online() {
	put "$system/cpu/cpu$1/online" 1 || fail "CPU$1 cannot be brought online: $why"
}

offline() {
	put "$system/cpu/cpu$1/online" 0 || fail "CPU$1 cannot be taken offline: $why"
}

online_refused() {
	refused "$2" "$system/cpu/cpu$1/online" 1
}

offline_refused() {
	refused "$2" "$system/cpu/cpu$1/online" 0
}

# missing OLD NEW: the numbers of NEW that are not in OLD
missing() {
	for one in $2; do
		case " $1 " in
		*" $one "*) ;;
		*) echo "$one" ;;
		esac
	done
}

# impossible WHY: this machine cannot do it, which is no failure of what is tested. With
# DHP_MUST_PLUG in the environment the machine can, and it is one.
impossible() {
	[ -z "${DHP_MUST_PLUG-}" ] || fail "$*"
	skip "$*"
}

# plug WORDS...: `hotplug WORDS`
plug() {
	command -v hotplug >/dev/null || impossible "nothing to plug here: no 'hotplug' command"
	hotplug "$@" >"$tmp/plugged" 2>"$tmp/refusal" && return 0
	grep -q 'QEMU has no \|QEMU has 0 ' "$tmp/refusal" && impossible "$(tail -n 1 "$tmp/refusal")"
	fail "hotplug $*: $(cat "$tmp/refusal")"
}

# unlist LINE FILE: takes it out of there.
unlist() {
	grep -Fxv "$1" "$2" >"$2.new" || true
	mv "$2.new" "$2"
}

# plug_cpu: sets $plugged_cpu; the processor is not online yet. unplug_cpu undoes it.
plug_cpu() {
	plug_before=$(present_cpus)
	plug cpu add
	cat "$tmp/plugged" >>"$tmp/cpus"
	plugged_cpu=$(missing "$plug_before" "$(present_cpus)")
	[ -n "$plugged_cpu" ] || fail "a processor was plugged and none is new in cpu/present"
	echo "$(cat "$tmp/plugged") $plugged_cpu" >>"$tmp/cpu_names"
}

# unplug_cpu NUMBER
unplug_cpu() {
	id=$(awk -v cpu="$1" '$2 == cpu { id = $1 } END { print id }' "$tmp/cpu_names")
	plug cpu del "$id"
	unlist "$id" "$tmp/cpus"
}

# ---------------------------------------------------------------- memory

memory_blocks() {
	find $system/memory -maxdepth 1 -name 'memory[0-9]*' | sed 's/.*memory//' | sort -n |
		tr '\n' ' '
}

# plug_dimm SIZE [--node N]: sets $plugged_blocks; they are offline unless the kernel onlines
# blocks by itself. unplug_dimm undoes it.
plug_dimm() {
	plug_before=$(memory_blocks)
	plug dimm add "$@"
	plugged_dimm=$(cat "$tmp/plugged")
	echo "$plugged_dimm" >>"$tmp/dimms"
	plugged_blocks=$(missing "$plug_before" "$(memory_blocks)")
	[ -n "$plugged_blocks" ] || fail "a DIMM was plugged and no memory block is new"
}

# unplug_dimm ID
unplug_dimm() {
	plug dimm del "$1"
	unlist "$1" "$tmp/dimms"
}

# resize_virtio_mem SIZE: of the first device
resize_virtio_mem() {
	[ -e "$tmp/blocks" ] || memory_blocks >"$tmp/blocks"
	plug virtio-mem resize "$1"
}

same_blocks() {
	[ "$(memory_blocks)" = "$(cat "$tmp/blocks")" ]
}

# The device has its size before the kernel has taken the last block out.
restore_virtio_mem() {
	hotplug virtio-mem resize 0M >/dev/null 2>"$tmp/refusal" && wait_for 30 same_blocks
}

# lonely_node: the option for a node without processors, if there is one, for a DIMM that the
# kernel is to have little of its own in. The node need not be online yet.
lonely_node() {
	for node in $(expand "$(cat "$system/node/possible")"); do
		[ -n "$(cat "$system/node/node$node/cpulist" 2>/dev/null)" ] || echo "--node $node"
	done | head -n 1
}

# prop_lonely_node: a node that has memory for the first time gets threads of the kernel's, and newer
# kernels put these into that memory, which then can never go. So the first that it gets is memory
# that the kernel may not use. Sets $lonely, the option for that node, and $propped, its DIMM.
prop_lonely_node() {
	lonely=$(lonely_node)
	[ -n "$lonely" ] && [ -z "${propped-}" ] || return 0
	onlined_as=$(cat "$system/memory/auto_online_blocks")
	put "$system/memory/auto_online_blocks" online_movable
	# shellcheck disable=SC2086 # an option and its value
	plug_dimm 128M $lonely
	put "$system/memory/auto_online_blocks" "$onlined_as"
	propped=$plugged_dimm
}

# plug_kernel_dimm SIZE: on the lonely node if there is one, else wherever; how its blocks come
# online is said before.
plug_kernel_dimm() {
	prop_lonely_node
	# shellcheck disable=SC2086
	plug_dimm "$1" $lonely
}

# take_pool_block: creates a pool t and plugs a DIMM of one block, $block with its file $state, which
# brings t buffers: $without and $with it, how many there are.
take_pool_block() {
	put "$system/memory/auto_online_blocks" offline
	plug_kernel_dimm 128M
	block=$plugged_blocks
	state=$system/memory/memory$block/state
	ctl "pool t buffer_size=4096 permille=4"
	without=$(pool_buffers)
	set_block "$block" online_kernel
	with=$(pool_buffers)
	[ "$with" -gt "$without" ] || fail "a DIMM has brought no buffers: $without and $with"
}

pool_buffers() {
	settle
	cat "$dhp/pools/t/buffers"
}

# KASAN puts the shadow of a DIMM's second block into the first one, which then cannot go.
kasan() {
	grep -q ' kasan_poison$' /proc/kallsyms
}

block_bytes() {
	echo $((0x$(cat $system/memory/block_size_bytes)))
}

# block_start NUMBER: the physical address as dhp_test prints it
block_start() {
	printf '0x%x' $(($1 * $(block_bytes)))
}

block_size() {
	printf '0x%x' "$(block_bytes)"
}

block_node() {
	find "$system/memory/memory$1" -maxdepth 1 -name 'node[0-9]*' | sed 's/.*node//'
}

set_block() {
	put "$system/memory/memory$1/state" "$2" || fail "memory block $1 does not go $2: $why"
}

# ---------------------------------------------------------------- as it was

save_machine() {
	: >"$tmp/cpus"
	: >"$tmp/cpu_names"
	: >"$tmp/dimms"
	for file in "$system"/cpu/cpu[0-9]*/online "$system/memory/auto_online_blocks"; do
		[ ! -w "$file" ] || echo "$file $(cat "$file")"
	done >"$tmp/states"
}

disarm() {
	for file in "$system"/cpu/cpu[0-9]*/hotplug/fail; do
		read -r armed 2>/dev/null <"$file" || continue
		[ "$armed" = -1 ] || put "$file" -1 || true
	done
}

# restore_plugged cpu|dimm FILE: takes out what FILE lists.
restore_plugged() {
	while read -r id; do
		hotplug "$1" del "$id" >/dev/null 2>"$tmp/refusal" </dev/null || {
			echo "$1 $id does not go: $(cat "$tmp/refusal")"
			restored=1
		}
	done <"$2"
	: >"$2"
}

# What tests changed goes back. Says what does not, and fails.
restore_machine() {
	restored=0
	disarm
	[ ! -w /sys/power/pm_test ] || echo none >/sys/power/pm_test
	! module_loaded memory_notifier_error_inject || rmmod memory_notifier_error_inject
	if [ -e "$test_dir/control" ]; then
		put "$test_dir/control" reset || {
			echo "dhp_test does not reset: $why"
			restored=1
		}
	fi
	while read -r file state; do
		read -r state_now <"$file"
		[ "$state_now" = "$state" ] || put "$file" "$state" || {
			echo "$file does not go back to $state: $why"
			restored=1
		}
	done <"$tmp/states"
	restore_plugged cpu "$tmp/cpus"
	restore_plugged dimm "$tmp/dimms"
	if [ -e "$tmp/blocks" ]; then
		restore_virtio_mem || {
			echo "virtio-mem does not shrink: $(cat "$tmp/refusal"); memory blocks: $(memory_blocks)"
			restored=1
		}
		rm "$tmp/blocks"
	fi
	: >"$tmp/cpu_names"
	return $restored
}

# ---------------------------------------------------------------- leaks
#
# kmemleak calls a leak what two scans found unreferenced, unchanged, and five seconds old; and an
# emulated kernel scans for seconds. So the tests write down when each of them began, by the clock
# that kmemleak's reports have, and leaks.sh, which comes last, scans and says whose each leak is.

kmemleak=/sys/kernel/debug/kmemleak
journal=/tmp/dhp-selftest.journal

jiffies() {
	awk '/^jiffies: / { print $2; exit }' /proc/timer_list
}

# note_in_journal WHAT: it begins.
note_in_journal() {
	[ ! -w "$kmemleak" ] || echo "$(jiffies) ${0##*/}: $1" >>"$journal"
}

# blame JOURNAL LEAKS: the leaks, each behind who has begun last when it was allocated. What is
# older than all of them is none of ours.
blame() {
	awk '
	NR == FNR {
		from[NR] = $1
		sub(/^[^ ]* /, "")
		who[NR] = $0
		next
	}
	/^unreferenced object/ { head = $0; next }
	/^ *comm .*jiffies/ {
		match($0, /jiffies [0-9]+/)
		at = substr($0, RSTART + 8, RLENGTH - 8) + 0
		culprit = ""
		for (i = 1; i in from && from[i] <= at; i++)
			culprit = who[i]
		if (culprit != "")
			print culprit " leaked:\n" head
	}
	culprit != "" { print }' "$1" "$2"
}

# ---------------------------------------------------------------- running

tests=
total=0

chosen=$*

# test_case FUNCTION NAME
test_case() {
	case " ${chosen:-$1} " in
	*" $1 "*) ;;
	*) return ;;
	esac
	tests="$tests$1 $2
"
	total=$((total + 1))
}

# What every test of a script needs. A script may have its own, before run_tests.
setup() {
	load dhp pool=0
	load dhp_test
}

# Takes out what setup, or a test that failed, has left.
teardown() {
	left=0
	# The newest come first in this list, so that none is in use.
	for module in $(cut -d' ' -f1 /proc/modules | grep '^wdm_\|^dhp_') dhp; do
		module_loaded "$module" || continue
		wait_for 30 rmmod "$module" 2>"$tmp/rmmod" || {
			echo "cannot unload $module: $(tail -n 1 "$tmp/rmmod")"
			left=1
		}
	done
	return $left
}

# What a test does in the background goes on until it says `enough`, or has failed.
going_on() {
	[ -d "$tmp" ] && [ ! -e "$ending" ]
}

enough() {
	: >"$ending"
}

# Is there anything bad since the mark? Says what.
bad_in_log() {
	recent_log | badness "$mark" >"$tmp/bad"
	[ -s "$tmp/bad" ] || return 1
	echo "bad in the kernel's log:"
	head -n 20 "$tmp/bad"
}

run_one() {
	set_mark "$2"
	note_in_journal "$2"
	[ ! -e "$tmp/skip" ] || rm "$tmp/skip"
	ending=$tmp/ending.$number
	now
	started=$now
	code=1
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
	! bad_in_log >>"$tmp/output" || code=1

	case $code in
	0) result="ok $number $2" ;;
	4) result="ok $number $2 # SKIP $(cat "$tmp/skip" 2>/dev/null)" ;;
	*)
		result="not ok $number $2"
		code=1
		failures=$((failures + 1))
		;;
	esac
	[ $code = 4 ] || passes=$((passes + 1))
	[ ! -s "$tmp/output" ] || sed 's/^/# /' "$tmp/output"
	# Who interrupts us now comes too late to have it fail.
	current=
	echo "$result"
	now
	echo "# took $((now - started)) s"
}

finish() {
	trap '' EXIT INT TERM HUP
	enough
	if [ -n "$current" ]; then
		sed 's/^/# /' "$tmp/output"
		echo "not ok $number $name"
		echo "# was interrupted after $(now && echo $((now - started))) s"
	fi
	restore_machine | sed 's/^/# /'
	teardown | sed 's/^/# /'
	rm -rf "$tmp"
	exit "$1"
}

run_tests() {
	for one in $chosen; do
		case "
$tests" in
		*"
$one "*) ;;
		*)
			echo "$0: there is no test '$one'; each test_case there names one" >&2
			exit 2
			;;
		esac
	done
	echo "TAP version 13"
	if [ "$(id -u)" != 0 ]; then
		echo "1..0 # SKIP not root"
		exit 4
	fi
	if module_loaded dhp; then
		echo "1..0 # SKIP dhp is loaded and in use here; unload it first"
		exit 4
	fi
	echo "1..$total"

	tmp=$(mktemp -d /tmp/dhp-selftest.XXXXXX) || exit 1
	current=
	number=0
	failures=0
	passes=0
	trap 'finish 1' EXIT
	trap 'finish 130' INT TERM HUP
	save_machine
	ending=$tmp/ending
	# Its own thread would say in the middle of a test that there are leaks, and not whose.
	[ ! -w "$kmemleak" ] || echo scan=off >"$kmemleak" 2>/dev/null || true
	set_mark setup
	note_in_journal setup
	setup_failed=
	(setup) >"$tmp/output" 2>&1 || setup_failed="status $?"
	! bad_in_log >>"$tmp/output" || setup_failed="a clean log was expected"
	[ -z "$setup_failed" ] || setup_failed="$setup_failed; $(cat "$tmp/output")"

	echo "$tests" >"$tmp/tests"
	while read -r function name <&3; do
		[ -n "$function" ] || continue
		number=$((number + 1))
		current=$function
		run_one "$function" "$name"
	done 3<"$tmp/tests"

	set_mark teardown
	note_in_journal teardown
	code=0
	teardown >"$tmp/output" || code=1
	! bad_in_log >>"$tmp/output" || code=1
	[ $code = 0 ] || sed 's/^/# /' "$tmp/output"
	failures=$((failures + code))
	trap - EXIT
	rm -rf "$tmp"
	[ $failures = 0 ] || exit 1
	[ $passes != 0 ] || exit 4
	exit 0
}
