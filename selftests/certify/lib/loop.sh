# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# The driver loaded and unloaded again and again, while something else goes on. Not here: what goes
# on.

# one_load [COMMAND...]: loads the driver, does COMMAND, and unloads the driver.
one_load() {
	local said
	load_others
	# shellcheck disable=SC2086 # a list
	said=$(insmod "$driver_file" $driver_params 2>&1) ||
		finding load-failed "insmod $driver_file, after $loads loads: $said"
	say_symbols
	load_users
	"$@"
	unload_users
	rmmod "$driver" 2>"$tmp/rmmod" || try_unload "$driver" ||
		finding unload-failed "rmmod $driver, after $loads loads"
	loads=$((loads + 1))
}

# slow_loads: what goes on goes on meanwhile, and what comes of it has a second to crash afterwards.
slow_loads() {
	loads=0
	for _ in 1 2 3; do
		one_load await_round
		! wait_for 1 bad_in_log || exit 1
	done
}

# load_loop LOADS SECONDS: until either is reached, or what goes on has ended.
load_loop() {
	local deadline
	now
	deadline=$((now + $2))
	loads=0
	while [ "$loads" -lt "$1" ] && [ "$now" -lt "$deadline" ] && [ ! -e "$tmp/ended" ]; do
		one_load :
		now
	done
	echo "$loads loads"
}

# meanwhile COMMAND...: does it again and again in the background until no_longer. What is refused
# meanwhile is not a failure.
meanwhile() {
	: >"$tmp/rounds"
	: >"$tmp/meanwhile"
	(
		while [ -e "$tmp/meanwhile" ] && going_on; do
			"$@"
			echo >>"$tmp/rounds"
		done
	) >"$tmp/meanwhile_said" 2>&1 &
	meanwhile=$!
}

no_longer() {
	rm -f "$tmp/meanwhile"
	wait "$meanwhile" || fail "meanwhile: $(tail -n 5 "$tmp/meanwhile_said")"
}

# await_round: a whole one
await_round() {
	wait_or_fail 60 rounds_reach $(($(wc -l <"$tmp/rounds") + 2))
}

rounds_reach() {
	[ "$(wc -l <"$tmp/rounds")" -ge "$1" ]
}

# works: after all of that the driver loads, and does what it should.
works() {
	load_driver
	exercise_each
	unload_driver
}
