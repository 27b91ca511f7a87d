# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see all.sh
#
# dhp and its test module: loading modules, commands to dhp_test, and the log of the calls that its
# clients got. Not here: the commands, see modules/test_main.c; what only tests of the pool need,
# see lib/pool.sh.

# ---------------------------------------------------------------- modules

module_loaded() {
	[ -d "/sys/module/$1" ]
}

# available NAME: is it here, for the kernel that runs?
available() {
	[ -e "$DHP_DIR/$1.ko" ] ||
		grep -Eqs "(^|/)$1\.ko(\.[a-z0-9]+)?:" "/lib/modules/$(uname -r)/modules.dep"
}

# try_load NAME [PARAMETER...]: like try_unload, it leaves a note for restore_modules.
try_load() {
	local name="$1"
	shift
	: >"$tmp/reloaded"
	if [ -e "$DHP_DIR/$name.ko" ]; then
		insmod "$DHP_DIR/$name.ko" "$@"
	else
		modprobe "$name" "$@"
	fi
}

load() {
	local said
	said=$(try_load "$@" 2>&1) || fail "cannot load $* (DHP_DIR=$DHP_DIR): $said"
}

# try_unload NAME: a reader of one of the module's files may hold it for a moment.
try_unload() {
	: >"$tmp/reloaded"
	wait_for 30 rmmod "$1" 2>"$tmp/rmmod" && return 0
	echo "cannot unload $1: $(tail -n 1 "$tmp/rmmod")"
	return 1
}

unload() {
	try_unload "$1" >&2 || exit 1
}

# ---------------------------------------------------------------- dhp_test

# ctl COMMAND
ctl() {
	put "$test_dir/control" "$1" || fail "$1: $why ($(cat "$test_dir/control"))"
}

# ctl_refused ERRNO COMMAND
ctl_refused() {
	refused "$1" "$test_dir/control" "$2"
}

settle() {
	sequence >/dev/null
}

# The sequence number of the last event, once nothing is pending.
sequence() {
	timeout 60 cat "$dhp/settle" || fail "nothing settles in a minute"
}

# The thread that calls drivers with Windows' names; nothing if there is none.
wdm_thread() {
	grep -lx dhp-wdm /proc/[0-9]*/comm 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,'
}

# The number of the last refusal, 0 if there was none.
last_refusal() {
	sed -n '$s/^seq=\([0-9]*\) .*/\1/p' "$dhp/refusals" | grep . || echo 0
}

# new_refusals NUMBER: the refusals after this one
new_refusals() {
	awk -F'[= ]' -v last="$1" '$2 > last + 0' "$dhp/refusals"
}

# ---------------------------------------------------------------- the log of the calls

# expect_log: all of the log is as standard input.
expect_log() {
	settle
	cat >"$tmp/expected"
	cat "$test_dir/log" >"$tmp/seen"
	same "$tmp/expected" "$tmp/seen"
}

# Does the log have this line?
has_line() {
	grep -Fxq "$1" "$test_dir/log"
}

await_line() {
	wait_or_fail 60 has_line "$1"
}

# until_waits FILE TEXT [LINE]: begins a write that does not return yet. When until_waits returns,
# LINE is in the log and the write sleeps in the kernel.
until_waits() {
	echo "$2" >"$1" &
	[ $# -lt 3 ] || await_line "$3"
	wait_or_fail 30 asleep $!
}

# ---------------------------------------------------------------- pools of dhp_test's

# sound_pools: each item that dhp_test's pools accepted ran once, and no buffer had two owners.
sound_pools() {
	cat "$test_dir/pools"
	awk '!($3 > 0 && $3 == $5 && $7 == 0 && $15 == 0) { bad = 1 } END { exit bad || !NR }' \
		"$test_dir/pools" || fail "items were lost or ran twice, or a buffer had two owners"
}

# How many buffers pool t has.
pool_buffers() {
	settle
	cat "$dhp/pools/t/buffers"
}
