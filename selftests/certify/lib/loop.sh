# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see ../../lib/all.sh
#
# The driver loaded and unloaded again and again, while something else goes on. Not here: what goes
# on.

# one_load: loads the driver and unloads it.
one_load() {
	local file said
	for file in $driver_with; do
		load_file "$file"
	done
	# shellcheck disable=SC2086 # a list
	said=$(insmod "$driver_file" $driver_params 2>&1) ||
		finding load-failed "insmod $driver_file, after $loads loads: $said"
	say_symbols
	rmmod "$driver" 2>"$tmp/rmmod" || try_unload "$driver" ||
		finding unload-failed "rmmod $driver, after $loads loads"
	loads=$((loads + 1))
}

# load_loop LOADS SECONDS: until either is reached, or what goes on has ended.
load_loop() {
	local deadline
	now
	deadline=$((now + $2))
	loads=0
	while [ "$loads" -lt "$1" ] && [ "$now" -lt "$deadline" ] && [ ! -e "$tmp/ended" ]; do
		one_load
		now
	done
	echo "$loads loads"
}

# meanwhile COMMAND...: does it again and again in the background until no_longer. What is refused
# meanwhile is not a failure.
meanwhile() {
	: >"$tmp/meanwhile"
	(
		while [ -e "$tmp/meanwhile" ] && going_on; do
			"$@"
		done
	) >"$tmp/meanwhile_said" 2>&1 &
	meanwhile=$!
}

no_longer() {
	rm -f "$tmp/meanwhile"
	wait "$meanwhile" || fail "meanwhile: $(tail -n 5 "$tmp/meanwhile_said")"
}

# works: after all of that the driver loads, and does what it should.
works() {
	load_driver
	exercise_each
	unload_driver
}
