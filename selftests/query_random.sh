#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, the answer to a question is not what happens when it is then done.
#
# Clause Q2 over random states: clients that veto at random and answer, or do not answer, questions
# about random CPUs and memory blocks. Each is asked, and then tried. A client's no must be this
# client's veto, and a yes can only fail for a reason that the answer has named. Each client has an
# errno of its own, which names it.

. ./lib/all.sh
. ./lib/query.sh

rounds=$(portion 1000)
# The errnos of clients 1 to 4: of errors that the kernel does not give here itself
numbers='61 62 63 71'
names='ENODATA ETIME ENOSR EPROTO'

# nth N WORD...
nth() {
	shift "$1"
	echo "$1"
}

# roll N: sets $rolled, 0 to N - 1, from $random. The shell computes it, without a process.
roll() {
	random=$(((random * 1103515245 + 12345) % 2147483648))
	rolled=$((random / 65536 % $1))
}

# read_answers: reads the answers to what was asked, without a process. Sets $verdict; $first, who says
# no first, with its errno; $before, how many of the answers before that are not known.
read_answers() {
	local word name errno rest
	first='' before=0
	while read -r word name errno rest; do
		case $word in
		no) [ -n "$first" ] || [ -z "$name" ] || first="$name ${errno%:}" ;;
		unknown) [ -n "$first" ] || [ -z "$name" ] || before=$((before + 1)) ;;
		esac
		verdict=$word
	done <"$dhp/query"
}

# arm KIND CLIENT: at random, lets a client veto the next change that it is notified of.
arm() {
	local state=start
	roll 2
	[ "$rolled" = 0 ] || state=remove_start
	# shellcheck disable=SC2086 # a list
	ctl "veto $1$2 state=$state errno=-$(nth "$2" $numbers)"
}

# judge WHAT: compares the answer with what has happened: $why, or nothing for a success.
judge() {
	local clients=
	case " $names " in
	*" $why "*) clients=1 ;;
	esac
	case $verdict,$why in
	no,) fail "$1: '$first' has said no, and it has succeeded" ;;
	no,"${first##* -}") noes=$((noes + 1)) ;;
	no,*)
		# A client that does not answer comes before the one that has said no.
		[ "$before" -gt 0 ] || fail "$1: '$first' has said no, and it was $why"
		named=$((named + 1))
		;;
	yes,) yeses=$((yeses + 1)) ;;
	unknown,) unknowns=$((unknowns + 1)) ;;
	yes,*)
		[ -z "$clients" ] || fail "$1: each client has said yes, and it was $why"
		named=$((named + 1))
		;;
	unknown,*)
		named=$((named + 1))
		;;
	esac
	[ -n "$clients" ] || [ -z "$why" ] || kernels=$((kernels + 1))
}

# arm_one KIND: one client of four, once in two times
arm_one() {
	roll 2
	[ "$rolled" = 0 ] || return 0
	roll 4
	arm "$1" $((rolled + 1))
}

# choose: sets $question, and $file and $value, which do what it asks about.
choose() {
	local now_is
	roll 3
	if [ "$rolled" != 0 ]; then
		arm_one p
		file=$system/cpu/cpu$cpu/online
		read -r now_is <"$file"
		if [ "$now_is" = 1 ]; then
			question="cpu $cpu remove" value=0
		else
			question="cpu $cpu add" value=1
		fi
		return
	fi
	arm_one m
	roll 2
	# shellcheck disable=SC2086 # a list
	set -- $((rolled + 1)) $plugged_blocks
	shift "$1"
	file=$system/memory/memory$1/state
	read -r now_is <"$file"
	if [ "$now_is" = online ]; then
		question="mem $(range_of "$1") remove" value=offline
	else
		question="mem $(range_of "$1") add" value=online_movable
	fi
}

# shuffle: one client registers anew, last in the order, and does not answer once in four times.
shuffle() {
	local i kind=processor
	roll 4
	i=$((rolled + 1))
	roll 2
	[ "$rolled" = 0 ] || kind=memory
	ctl "unregister ${kind%"${kind#?}"}$i"
	register "$kind" "$i"
	roll 4
	[ "$rolled" = 0 ] || ctl "answers ${kind%"${kind#?}"}$i"
}

# register KIND N: client pN or mN
register() {
	case $1 in
	processor)
		# A veto that is armed still ends the replay, and is used up then.
		try "$test_dir/control" "processor p$2 flags=existing,removals" ||
			ctl "processor p$2 flags=existing,removals"
		;;
	memory) ctl "memory m$2 flags=adds,removals" ;;
	esac
}

random() {
	echo "DHP_SEED=$DHP_SEED"
	random=$DHP_SEED noes=0 yeses=0 unknowns=0 named=0 kernels=0
	cpu=$(pick_cpu)
	put "$system/memory/auto_online_blocks" offline
	plug_dimm 256M
	for i in 1 2 3 4; do
		register processor "$i"
		register memory "$i"
		ctl "answers p$i"
		ctl "answers m$i"
	done
	ctl "answers p4 on=0"
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		roll 10
		[ "$rolled" != 0 ] || shuffle
		choose
		put "$dhp/query" "$question" || fail "'$question' cannot be asked: $why"
		read_answers
		why=
		try "$file" "$value" || true
		judge "round $round, $question"
	done
	echo "$rounds questions: $noes no, $yeses yes, $unknowns unknown but done, $named not done" \
		"for a reason that was named, $kernels of them by the kernel"
	[ $((noes * yeses)) -gt 0 ] || fail "the states were not random"
	[ $((kernels * 20)) -le "$rounds" ] || fail "too many failures are the kernel's own"
}
test_case random 'Q2 over random states, the answer is what happens'

run_tests
