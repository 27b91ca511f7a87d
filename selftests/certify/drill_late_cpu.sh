#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the driver does not work on a CPU that was not online, or not there, when it was
# loaded.
#
# The guest boots with one CPU online of several (maxcpus=1).

# shellcheck disable=SC2119 # what is called without arguments does not need the script's

. ./lib/all.sh
. ./lib/steps.sh
. ./certify/lib/driver.sh
. ./certify/lib/operations.sh

# only_one: takes all CPUs offline but one, unless the guest has booted so.
only_one() {
	local one
	for one in $(changeable_online); do
		[ "$(online_cpus | wc -w)" = 1 ] || offline "$one"
	done
}

load_on_one() {
	only_one
	loaded
	exercise
}

setup() {
	only_one
	load_driver
}

one_by_one() {
	load_on_one
	cpus=$(offline_cpus)
	[ -n "$cpus" ] || skip "there is only one CPU"
	for cpu in $cpus; do
		come_online "$cpu"
		exercise "$cpu"
	done
	exercise_each
}
test_case one_by_one 'loaded with one CPU online, and the others come one by one'

at_random() {
	load_on_one
	# shellcheck disable=SC2046 # a list
	shuffle $(offline_cpus)
	begin_exercise
	for cpu in $shuffled; do
		come_online "$cpu"
		exercise "$cpu"
	done
	end_exercise
}
test_case at_random 'the others come in a random order, while the driver is used'

# plug_all: until the CPU with the last possible number is there, which becomes $last.
plug_all() {
	last=$(possible_cpus)
	last=${last##* }
	while case " $(present_cpus) " in *" $last "*) false ;; esac; do
		plug_cpu
	done
}

# The CPUs before it stay offline.
last_number() {
	load_on_one
	plug_all
	come_online "$last"
	exercise "$last"
	go_offline "$last"
	exercise
}
test_case last_number 'the CPU with the last possible number comes'

on_bare_node() {
	load_on_one
	bare=
	for cpu in $(offline_cpus); do
		# The lists are of nodes. A CPU may have none.
		for node in "$system/cpu/cpu$cpu"/node[0-9]*; do
			node=${node##*/node}
			case " $(expand "$(cat "$system/node/has_memory")") " in
			*" $node "*) ;;
			*) [ "$node" = '[0-9]*' ] || bare="$bare $cpu" ;;
			esac
		done
	done
	[ -n "$bare" ] || skip "no CPU here is on a node without memory"
	for cpu in $bare; do
		come_online "$cpu"
		exercise "$cpu"
	done
	unload_driver
	load_driver
	for cpu in $bare; do
		exercise "$cpu"
	done
}
test_case on_bare_node 'a CPU on a node without memory comes, and is there at loading'

# The numbers of the CPUs that are present, and of those that are online, are no range.
gap() {
	load_on_one
	unload_driver
	plug_cpu
	first=$plugged_cpu
	plug_cpu
	last=$plugged_cpu
	unplug_cpu "$first"
	case " $(present_cpus) " in
	*" $first "*) fail "CPU$first is still present" ;;
	esac
	online "$last"
	load_driver
	exercise
	exercise "$last"
	for cpu in $(offline_cpus); do
		come_online "$cpu"
		exercise "$cpu"
	done
	exercise_each
}
test_case gap 'loaded with gaps in the numbers of the CPUs'

run_tests
