#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Puts the driver of /certify/job through drills, in a guest:
#
#   certify/run.sh DRILL...
#
# prints KTAP, with a drill's own results below it. After a drill that has damaged the kernel it
# stops; the host continues with the next one in another guest. So the plan comes last.

cd "$(dirname "$0")/.." || exit

# shellcheck source=/dev/null
. /certify/job || exit 1

# Has the kernel warned, crashed, or found a bad page, a lock-up or the like, or does the driver not
# unload? Tainting by modules that are out of tree, unsigned, staging or a test is no damage. Lockdep
# finds one fault only.
damaged() {
	# shellcheck disable=SC2154 # the job sets it
	[ ! -d "/sys/module/$driver" ] || return 0
	! grep -q 'debug_locks: *0$' /proc/lockdep_stats 2>/dev/null || return 0
	[ $(($(cat /proc/sys/kernel/tainted) & ~(1 << 0 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 18))) != 0 ]
}

echo "TAP version 13"
number=0
code=0
for drill in "$@"; do
	number=$((number + 1))
	echo "# drill: $drill"
	{
		"./certify/drill_$drill.sh"
		echo $? >/tmp/certify.status
	} 2>&1 | while IFS= read -r line; do
		echo "# $line"
	done
	case $(cat /tmp/certify.status) in
	0) echo "ok $number $drill" ;;
	4) echo "ok $number $drill # SKIP" ;;
	*)
		echo "not ok $number $drill"
		code=1
		;;
	esac
	! damaged || break
done
echo "1..$number"
exit "$code"
