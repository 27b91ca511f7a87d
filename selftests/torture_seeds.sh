#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the torture with several seeds, one after the other, for TORTURE_MINUTES each: one machine's part of a
# run on many. scripts/merge-shards puts their outputs together. Not here: what the torture does, see
# torture.sh.
#
#   ./torture_seeds.sh SEED...
#
# prints KTAP, in which each seed is a test like one of kselftest's, and torture.sh's results are below it.

refuse() {
	echo "$0: '$1' should be a number of up to nine digits, without leading zeros" >&2
	exit 2
}

[ $# != 0 ] || refuse ''
for seed in "$@"; do
	case $seed in
	'' | *[!0-9]* | 0?* | ??????????*) refuse "$seed" ;;
	esac
done
cd "$(dirname "$0")" || exit
status=$(mktemp /tmp/dhp-seeds.XXXXXX) || exit
trap 'rm -f "$status"' EXIT
trap 'exit 130' INT TERM HUP

echo "TAP version 13"
# If this machine dies, it is known what it has not done.
echo "# seeds: $*"
echo "1..$#"
number=0
passes=0
failures=0
for seed in "$@"; do
	number=$((number + 1))
	name="selftests: dhp: torture-$seed"
	echo "# $name"
	{
		TORTURE_SEED=$seed ./torture.sh
		echo $? >"$status"
	} 2>&1 | while IFS= read -r line; do
		echo "# $line"
	done
	case $(cat "$status") in
	0)
		passes=$((passes + 1))
		echo "ok $number $name"
		;;
	4) echo "ok $number $name # SKIP" ;;
	*)
		failures=$((failures + 1))
		echo "not ok $number $name"
		;;
	esac
done
[ $failures = 0 ] || exit 1
[ $passes != 0 ] || exit 4
