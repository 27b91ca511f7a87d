# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# The driver that is put through a drill: loading it, using it, and what is found about it. A drill
# reads this file after ../../lib/all.sh.
#
# The host writes /certify/job, shell variables:
#
#   driver          the name of its module, as in /proc/modules
#   driver_file     its file
#   driver_params   its parameters
#   driver_with     the files of the modules to load before it, in order
#   driver_users    the files of the modules to load after it, in order
#   driver_exercise the program that uses it, or nothing
#   certify_seed    for what a drill chooses at random

job=/certify/job
# shellcheck source=/dev/null
. "$job" || exit 1

# Not dhp: a drill loads it if its driver needs it.
# shellcheck disable=SC2034 # lib/ktap.sh reads it
needs=

# A drill's own teardown unloads what the driver needs, in its order.
restore_modules() {
	:
}

# A task or CPU that hangs ends the guest, with its trace in the log, instead of taking the time of all
# drills behind.
for setting in hung_task_timeout_secs=60 hung_task_panic=1 softlockup_panic=1 panic_on_rcu_stall=1; do
	[ ! -e "/proc/sys/kernel/${setting%=*}" ] ||
		echo "${setting#*=}" >"/proc/sys/kernel/${setting%=*}"
done

exercise_seconds=100	# that the driver may be used at a time

# ---------------------------------------------------------------- findings

# finding CLASS [function=F] [object=O] TEXT: something about the driver that no test of the kernel's
# log shows. Fails the test. scripts/certify_words.py has the classes.
finding() {
	echo "finding: class=$*"
	exit 1
}

# ---------------------------------------------------------------- what is chosen at random

# random N: sets $random to a number below N. Each test case begins with the same seed.
random() {
	seed=$(((${seed-$certify_seed} * 1103515245 + 12345) & 0x7fffffff))
	random=$(((seed >> 16) % $1))
}

# choose WORD...: sets $choice to one of them.
choose() {
	random $#
	shift "$random"
	choice=$1
}

# shuffle WORD...: sets $shuffled to all of them, in another order.
shuffle() {
	local left="$*"
	shuffled=
	while [ -n "$left" ]; do
		# shellcheck disable=SC2086 # a list
		choose $left
		shuffled="$shuffled $choice"
		left=$(echo " $left " | sed "s/ $choice / /; s/^ *//; s/ *$//")
	done
}

# ---------------------------------------------------------------- loading it

# load_others: the modules that the driver needs. $tmp/others lists those that were not loaded yet.
load_others() {
	local file name
	for file in $driver_with; do
		name=$(module_name "$file")
		module_loaded "$name" || echo "$name" >>"$tmp/others"
		load_file "$file"
	done
}

# load_driver: with the modules that it needs.
load_driver() {
	echo "certify: load $driver" >/dev/kmsg
	load_others
	# shellcheck disable=SC2086 # a list
	load_file "$driver_file" $driver_params
	say_symbols
	load_users
}

# load_users: the modules that use the driver
load_users() {
	local file
	for file in $driver_users; do
		load_file "$file"
	done
}

unload_users() {
	local file name
	for file in $(echo "$driver_users" | tr ' ' '\n' | tac); do
		name=$(module_name "$file")
		! module_loaded "$name" || try_unload "$name" ||
			finding unload-failed "rmmod $name: $(tail -n 1 "$tmp/rmmod")"
	done
}

# module_name FILE
module_name() {
	basename "$1" .ko | tr - _
}

# say_symbols: the log and $tmp/symbols get the addresses of the driver's functions, if it is where
# it was not before. When it is unloaded they have no names.
say_symbols() {
	local at symbol
	at=$(sed -n "s/^$driver .* \(0x[0-9a-f]*\).*/\1/p" /proc/modules)
	[ "$at" != "$(cat "$tmp/symbols_at" 2>/dev/null)" ] || return 0
	echo "$at" >"$tmp/symbols_at"
	grep "\[$driver\]" /proc/kallsyms | sort >"$tmp/symbols"
	while read -r symbol; do
		echo "certify: symbol $symbol" >/dev/kmsg
	done <"$tmp/symbols"
}

# The beginning of an awk program that reads $tmp/symbols before other files: function_at(ADDRESS) is
# the function of the driver, which has no name in the kernel when it is unloaded, or nothing. The
# last function has a length, too: less than a page.
# shellcheck disable=SC2016,SC2034 # awk's fields; for other files
read_symbols='
	function function_at(address,    i) {
		if (address < symbol_at[1] || \
		    substr(address, 1, 13) > substr(symbol_at[nr_symbols], 1, 13))
			return ""
		for (i = 1; i < nr_symbols && symbol_at[i + 1] <= address; i++)
			;
		return symbol[i]
	}
	FILENAME ~ /\/symbols$/ {
		symbol_at[++nr_symbols] = $1
		symbol[nr_symbols] = $3
		next
	}
'

# loaded: loads the driver if a test case that has failed has left it unloaded.
loaded() {
	module_loaded "$driver" || load_driver
}

# load_file FILE [PARAMETER...]: unless it is loaded
load_file() {
	local file="$1" name said
	name=$(module_name "$file")
	! module_loaded "$name" || return 0
	shift
	said=$(insmod "$file" "$@" 2>&1) || finding load-failed "insmod $file $*: $said"
}

# unload_driver: and what load_others has loaded, unless somebody else uses it by now.
unload_driver() {
	local name
	unload_users
	echo "certify: unload $driver" >/dev/kmsg
	! module_loaded "$driver" || try_unload "$driver" ||
		finding unload-failed "rmmod $driver: $(tail -n 1 "$tmp/rmmod")"
	[ -e "$tmp/others" ] || return 0
	for name in $(tac "$tmp/others"); do
		! module_loaded "$name" || wait_for 10 rmmod "$name" 2>/dev/null ||
			echo "$name stays loaded, as others use it"
	done
	rm "$tmp/others"
}

# What every drill begins and ends with, unless it defines its own.
setup() {
	load_driver
}

teardown() {
	(unload_driver)
}

# ---------------------------------------------------------------- using it

# exercise [CPU]: uses the driver once, on this CPU if one is named.
exercise() {
	local code said
	[ -n "$driver_exercise" ] || return 0
	code=0
	said=$(CERTIFY_CPU=${1-} CERTIFY_DRIVER=$driver timeout "$exercise_seconds" \
		"$driver_exercise" 2>&1) || code=$?
	# This is what timeout sends.
	[ "$code" != 143 ] || said="no end after $exercise_seconds s"
	[ "$code" = 0 ] || finding exercise-failed \
		"the exercise failed with status $code${1:+ on CPU$1}: $(echo "$said" | tail -n 5)"
}

# exercise_each: once on each CPU that is online; first loads what uses the driver, if it is not
# loaded.
exercise_each() {
	local one
	load_users
	for one in $(online_cpus); do
		exercise "$one"
	done
}

# begin_exercise: uses the driver again and again, on any CPU, until end_exercise, which fails if
# the exercise did.
begin_exercise() {
	: >"$tmp/exercising"
	exercise_loop >"$tmp/exercise_loop" 2>&1 &
	exercising=$!
}

exercise_loop() {
	while [ -e "$tmp/exercising" ] && going_on; do
		exercise ''
		[ -n "$driver_exercise" ] || sleep 0.1
	done
}

end_exercise() {
	rm -f "$tmp/exercising"
	wait "$exercising" || fail "$(cat "$tmp/exercise_loop")"
}
