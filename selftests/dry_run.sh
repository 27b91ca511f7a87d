#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# If this fails, `hotplug --dry-run` in a guest plugs something, or promises what is then refused.
#
# Clause Q2 from end to end: QEMU, the guest's kernel and its drivers are asked by one command. Not
# here: QEMU's part alone, see scripts/test_dry_run.py.

. ./lib/all.sh

# What QEMU and the guest's kernel have.
devices() {
	hotplug cpu list
	hotplug dimm list
	cat "$system/cpu/present" "$system/cpu/online"
	memory_blocks
	cat "$system"/memory/memory*/state
}

# dry WORDS...: `hotplug --dry-run WORDS` must change nothing. Its output is in $tmp/said, and its last
# line is $verdict.
dry() {
	can_plug
	devices >"$tmp/before"
	code=0
	hotplug --dry-run "$@" >"$tmp/said" 2>"$tmp/stderr" || code=$?
	devices >"$tmp/after"
	same "$tmp/before" "$tmp/after"
	[ ! -s "$tmp/stderr" ] || fail "hotplug --dry-run $*: $(cat "$tmp/stderr")"
	cat "$tmp/said"
	verdict=$(tail -n 1 "$tmp/said")
	case $verdict,$code in
	yes,0 | unknown,0 | no,1) ;;
	*) fail "hotplug --dry-run $* ended with $code after '$verdict'" ;;
	esac
}

# says LINE: a line of $tmp/said begins with it.
says() {
	sed 's/#[0-9]*//' "$tmp/said" | grep -q "^$1" || fail "no line begins with '$1'"
}

cpu_add() {
	ctl "processor c1"
	ctl "answers c1"
	dry cpu add
	says 'yes QEMU: would plug cpu[0-9]*$'
	says 'yes dhp_test/on_processor$'
	equal "verdict" yes "$verdict"
	ctl "veto c1 state=start errno=-12"
	dry cpu add
	says 'no dhp_test/on_processor -ENOMEM$'
	equal "verdict" no "$verdict"
	plug_cpu
	online_refused "$plugged_cpu" ENOMEM
	online "$plugged_cpu"
}
test_case cpu_add 'Q2 a dry run of a CPU that would be plugged'

cpu_del() {
	plug_cpu
	online "$plugged_cpu"
	plugged=$(cat "$tmp/plugged")
	ctl "processor c1 flags=existing,removals"
	ctl "answers c1"
	dry cpu del "$plugged"
	says "yes QEMU: would take out $plugged"
	says 'yes kernel: but'
	equal "verdict" yes "$verdict"
	dry cpu del "${plugged#cpu}"
	says "yes QEMU: would take out $plugged"
	# The slot is found by its name in the firmware, and it is this CPU that is asked about.
	ctl "veto c1 state=remove_start errno=-16 cpu=$plugged_cpu count=0"
	dry cpu del "$plugged"
	says 'no dhp_test/on_processor -EBUSY$'
	equal "verdict" no "$verdict"
	ctl "unregister c1"
	dry cpu del cpu0
	says 'no kernel -EPERM: the CPU cannot be taken offline'
	dry cpu del cpu99999
	says 'no QEMU: .*cpu99999 is not known'
	unplug_cpu "$plugged_cpu"
}
test_case cpu_del 'Q2 a dry run of a CPU that would be taken out'

dimm_add() {
	ctl "memory m1 flags=adds"
	dry dimm add 128M
	says 'yes QEMU: would plug dimm[0-9]* at 0x'
	says 'yes kernel: but it is not there and must be plugged'
	says 'unknown dhp_test/on_memory: '
	equal "verdict" unknown "$verdict"
	dry dimm add 1024G
	says 'no QEMU: .*no room for 1024G'
}
test_case dimm_add 'Q2 a dry run of a DIMM that would be plugged'

dimm_del() {
	put "$system/memory/auto_online_blocks" online_movable
	plug_dimm 256M
	ctl "memory m1 flags=removals"
	ctl "answers m1"
	dry dimm del "$plugged_dimm"
	says "yes QEMU: would take out $plugged_dimm at 0x"
	says 'yes dhp_test/on_memory$'
	equal "verdict" yes "$verdict"
	ctl "veto m1 state=remove_start errno=-16 count=0"
	dry dimm del "$plugged_dimm"
	says 'no dhp_test/on_memory -EBUSY$'
	equal "verdict" no "$verdict"
	if hotplug dimm del "$plugged_dimm" 2>"$tmp/refusal"; then
		fail "$plugged_dimm could be taken out"
	fi
	ctl "unregister m1"
	unplug_dimm "$plugged_dimm"
}
test_case dimm_del 'Q2 a dry run of a DIMM that would be taken out'

without_dhp() {
	unload dhp_test
	unload dhp
	dry cpu add
	says 'yes QEMU: would plug'
	says 'unknown guest: dhp is not loaded'
	equal "verdict" unknown "$verdict"
	load dhp
	load dhp_test
}
test_case without_dhp 'Q2 a dry run without dhp says that the kernel was not asked'

run_tests
