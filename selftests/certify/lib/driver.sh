# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# The driver that is put through a drill: loading it, using it, and what is found about it. A drill
# reads this file after lib/all.sh.
#
# The host writes /certify/job, shell variables:
#
#   driver          the name of its module, as in /proc/modules
#   driver_file     its file
#   driver_params   its parameters
#   driver_with     the files of the modules to load before it, in order
#   driver_exercise the program that uses it, or nothing
#   certify_seed    for what a drill chooses at random

job=/certify/job
# shellcheck source=/dev/null
. "$job" || exit 1

# ---------------------------------------------------------------- findings

# finding CLASS [function=F] [object=O] TEXT: something about the driver that no test of the kernel's
# log shows. Fails the test. scripts/certify_words.py has the classes.
finding() {
	echo "finding: class=$*"
	exit 1
}

# ---------------------------------------------------------------- loading it

# load_driver: with the modules that it needs. The log gets the addresses of its
# functions: in a trace from after it was unloaded they have no names.
load_driver() {
	local file
	echo "certify: load $driver" >/dev/kmsg
	for file in $driver_with; do
		load_file "$file"
	done
	# shellcheck disable=SC2086 # a list
	load_file "$driver_file" $driver_params
	grep "\[$driver\]" /proc/kallsyms | while read -r symbol; do
		echo "certify: symbol $symbol" >/dev/kmsg
	done
}

# load_file FILE [PARAMETER...]: unless it is loaded
load_file() {
	local file="$1" name said
	name=$(basename "$file" .ko | tr - _)
	! module_loaded "$name" || return 0
	shift
	said=$(insmod "$file" "$@" 2>&1) || finding load-failed "insmod $file $*: $said"
}

unload_driver() {
	local file said
	echo "certify: unload $driver" >/dev/kmsg
	! module_loaded "$driver" || try_unload "$driver" ||
		finding unload-failed "rmmod $driver: $(tail -n 1 "$tmp/rmmod")"
	for file in $(echo "$driver_with" | tr ' ' '\n' | tac); do
		said=$(rmmod "$(basename "$file" .ko | tr - _)" 2>&1) || fail "cannot unload $file: $said"
	done
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
	said=$(CERTIFY_CPU=${1-} CERTIFY_DRIVER=$driver "$driver_exercise" 2>&1) || code=$?
	[ "$code" = 0 ] || finding exercise-failed \
		"the exercise failed with status $code${1:+ on CPU$1}: $(echo "$said" | tail -n 5)"
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
