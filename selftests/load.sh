#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading dhp: parameters, failures, and hotplug meanwhile. Not here: no memory for
# it, see fault.sh.

. ./lib/all.sh

setup() {
	:
}

# Fails if anything of dhp is left after it was unloaded.
nothing_left() {
	module_loaded dhp && fail "dhp is still loaded"
	[ ! -e "$dhp" ] || fail "$dhp is still there"
	[ ! -e /sys/kernel/debug/dhp ] || fail "/sys/kernel/debug/dhp is still there"
	! grep ': dhp:' "$system/cpu/hotplug/states" || fail "hotplug states are left"
	! grep -lE '^dhp/[0-9]+$' /proc/[0-9]*/comm 2>/dev/null || fail "worker threads are left"
}

up_and_down() {
	for parameters in '' pool=0 pool=1 'pool=1 buffer_permille=1' 'buffer_permille=500 pool=0'; do
		# shellcheck disable=SC2086 # a list
		load dhp $parameters
		settle
		unload dhp
		nothing_left
	done
}
test_case up_and_down 'load dhp loads, and unloading it leaves nothing'

# A guest's modules.dep names them; on a real machine, an installation does.
by_name() {
	[ -e /dhp/dhp.ko ] || impossible "not a guest of qemu/vm: there is no /dhp/dhp.ko"
	modprobe dhp pool=0 || fail "modprobe dhp ended with $?"
	[ -z "$(ls "$dhp/pools")" ] || fail "modprobe has lost pool=0"
	modprobe -r dhp || fail "modprobe -r dhp ended with $?"
	nothing_left
	for module in dhp_sample_native dhp-sample-wdm dhp_test; do
		modprobe "$module" || fail "modprobe $module ended with $?"
		module_loaded "$(echo "$module" | tr - _)" || fail "$module is not loaded"
		module_loaded dhp || fail "$module without dhp"
		modprobe -r "$module" || fail "modprobe -r $module ended with $?"
		nothing_left
	done
}
test_case by_name 'load modprobe finds dhp and what needs it by their names, and unloads both'

pool_parameter() {
	load dhp
	equal "pools" dhp "$(ls "$dhp/pools")"
	unload dhp
	load dhp pool=0
	equal "pools with pool=0" '' "$(ls "$dhp/pools")"
	unload dhp
}
test_case pool_parameter 'load pool=0 leaves the pool out'

permille_parameter() {
	load dhp buffer_permille=2
	settle
	few=$(cat "$dhp/pools/dhp/buffers")
	unload dhp
	load dhp buffer_permille=8
	settle
	many=$(cat "$dhp/pools/dhp/buffers")
	unload dhp
	[ "$many" -gt $((3 * few)) ] || fail "$few buffers with 2 permille, $many with 8"
}
test_case permille_parameter 'load buffer_permille is the share of memory'

bad_parameters() {
	for bad in buffer_permille=0 buffer_permille=501 buffer_permille=-1 buffer_permille=many \
		buffer_permille= buffer_permille=99999999999 pool=maybe pool=2 pool= auto_online=7 \
		auto_online=perhaps; do
		if try_load dhp "$bad" 2>"$tmp/said"; then
			fail "dhp $bad could be loaded"
		fi
		grep -qi 'invalid\|range' "$tmp/said" || fail "$bad: $(cat "$tmp/said")"
		log_since_mark | grep -q "dhp.*${bad%%=*}\|${bad%%=*}.*dhp" ||
			fail "the log does not name $bad"
		nothing_left
	done
}
test_case bad_parameters 'load every bad parameter is refused, named, and leaves nothing'

writable_parameters() {
	load dhp pool=0
	parameters=/sys/module/dhp/parameters
	refused EINVAL "$parameters/auto_online" perhaps
	equal auto_online N "$(cat "$parameters/auto_online")"
	put "$parameters/auto_online" 1 || fail "auto_online: $why"
	put "$parameters/auto_online" 0 || fail "auto_online: $why"
	for read_only in pool buffer_permille; do
		if put "$parameters/$read_only" 1; then
			fail "$read_only can be written"
		fi
	done
	unload dhp
}
test_case writable_parameters 'load a bad value for a parameter that can be written'

# Each time, dhp_slots causes one warning, and dhp causes one, or two: busybox's insmod retries in
# another way when loading fails.
no_slot() {
	for online in 0 1; do
		expect_warning cpuhp_setup_state
		load dhp_slots online="$online"
		expect_warning cpuhp_setup_state
		expect_warning cpuhp_setup_state
		if try_load dhp 2>"$tmp/said"; then
			fail "dhp could be loaded without a hotplug slot"
		fi
		logged 'dhp: .* did not start: (-28|-ENOSPC)' || fail "the log does not say why"
		nothing_left
		unload dhp_slots
	done
	load dhp
	unload dhp
}
test_case no_slot 'R7 no free hotplug slot fails the insmod, and leaves nothing'

many_loads() {
	for _ in $(seq "$(portion 20)"); do
		load dhp
		unload dhp
	done
	nothing_left
}
test_case many_loads 'load dhp loads and unloads again and again'

# toggle: takes a CPU offline and online again and again in the background, at least once, until
# `toggled`. The number of rounds is in $tmp/rounds.
toggle() {
	local cpu rounds
	cpu=$(pick_cpu)
	rm -f "$tmp/rounds"
	(
		rounds=0
		while going_on; do
			echo 0 >"$system/cpu/cpu$cpu/online" || echo "offline failed"
			echo 1 >"$system/cpu/cpu$cpu/online" || echo "online failed"
			rounds=$((rounds + 1))
			echo "$rounds" >"$tmp/rounds"
		done
	) >"$tmp/toggle" 2>&1 &
	wait_or_fail 60 [ -s "$tmp/rounds" ]
}

toggled() {
	enough
	wait
	[ ! -s "$tmp/toggle" ] || fail "$(cat "$tmp/toggle")"
	echo "the CPU went offline and online $(cat "$tmp/rounds") times"
}

load_while_toggling() {
	toggle
	for _ in $(seq "$(portion 20)"); do
		load dhp
		unload dhp
	done
	toggled
	nothing_left
}
test_case load_while_toggling 'R4 dhp is loaded and unloaded while a CPU goes offline and online'

rmmod_in_the_middle() {
	toggle
	for _ in $(seq "$(portion 10)"); do
		load dhp
		load dhp_test
		ctl "processor c1 flags=existing,removals"
		ctl "processor c2"
		ctl "event e1 category=processor flags=existing"
		ctl "event e2 category=memory flags=existing"
		ctl "memory m1"
		ctl "pool t buffer_size=4096"
		ctl "load t buffers=10"
		# dhp_test unregisters what it has when it is unloaded.
		unload dhp_test
		unload dhp
	done
	toggled
	nothing_left
}
test_case rmmod_in_the_middle 'R5 R8 modules with clients are unloaded in the middle of adds and removals'

# load_until_plugged LIST WORD...: loads and unloads dhp as long as `hotplug WORD...` takes. The
# name of what was plugged goes to LIST, to be unplugged when the test has ended.
load_until_plugged() {
	local list="$1" rounds code
	shift
	can_plug
	rm -f "$tmp/code"
	(
		code=0
		hotplug "$@" >"$tmp/added" 2>"$tmp/refusal" || code=$?
		echo "$code" >"$tmp/code"
	) &
	rounds=0
	while [ ! -e "$tmp/code" ]; do
		load dhp
		unload dhp
		rounds=$((rounds + 1))
	done
	wait
	cat "$tmp/added" >>"$list"
	[ "$(cat "$tmp/code")" = 0 ] || fail "hotplug $*: $(cat "$tmp/refusal")"
	echo "$rounds loads while it was plugged"
}

cpu_while_loading() {
	before=$(present_cpus)
	load_until_plugged "$tmp/cpus" cpu add
	load dhp
	new=$(missing "$before" "$(present_cpus)")
	online "$new"
	settle
	equal workers "$(cat "$system/cpu/online")" "$(cat "$dhp/pools/dhp/workers")"
	offline "$new"
	unload dhp
	nothing_left
}
test_case cpu_while_loading 'R4 a CPU is plugged while dhp is loading'

dimm_while_loading() {
	put "$system/memory/auto_online_blocks" online_movable
	load_until_plugged "$tmp/dimms" dimm add 512M
	load dhp
	settle
	unplug_dimm "$(cat "$tmp/added")"
	unload dhp
	nothing_left
}
test_case dimm_while_loading 'A5 a DIMM is plugged while dhp is loading'

auto_online() {
	load dhp auto_online=1
	plug_cpu
	wait_or_fail 60 is_online "$plugged_cpu"
	settle
	equal workers "$(cat "$system/cpu/online")" "$(cat "$dhp/pools/dhp/workers")"
	unload dhp
}
test_case auto_online 'load auto_online=1 brings a CPU that becomes present online'

no_auto_online() {
	load dhp
	plug_cpu
	settle
	is_online "$plugged_cpu" && fail "CPU$plugged_cpu is online"
	unload dhp
}
test_case no_auto_online 'load without auto_online, a CPU that becomes present stays offline'

auto_online_vetoed() {
	load dhp auto_online=1
	load dhp_test
	ctl "processor c1"
	ctl "veto c1 state=start errno=-16 count=0"
	plug_cpu
	wait_or_fail 60 logged "dhp: CPU$plugged_cpu has become present, but .* failed with (-16|-EBUSY)"
	is_online "$plugged_cpu" && fail "CPU$plugged_cpu is online after a veto"
	unload dhp_test
	unload dhp
}
test_case auto_online_vetoed 'P3 a veto under auto_online is named in the log'

# `make uninstall` removes the file, not the module that is loaded.
uninstalled_while_loaded() {
	modules=/lib/modules/$(uname -r)
	for installed in updates/module dhp/Module.symvers; do
		[ ! -e "$modules/$installed" ] || skip "dhp is installed on this machine"
	done
	mkdir "$tmp/bin"
	printf '#!/bin/sh\n' >"$tmp/bin/depmod"
	chmod 755 "$tmp/bin/depmod"

	load dhp
	mkdir -p "$modules/updates/module"
	cp "$DHP_DIR/dhp.ko" "$modules/updates/module"
	PATH=$tmp/bin:$PATH ./install --remove "$modules/build" >"$tmp/said"
	grep -q "^removed for .* $modules/updates/module/dhp.ko" "$tmp/said" || fail "$(cat "$tmp/said")"
	grep -q '^dhp is still loaded' "$tmp/said" || fail "not said to be loaded: $(cat "$tmp/said")"
	[ ! -e "$modules/updates" ] || fail "$modules/updates is left"
	unload dhp

	PATH=$tmp/bin:$PATH ./install --remove "$modules/build" >"$tmp/said"
	grep -q 'has installed nothing' "$tmp/said" || fail "$(cat "$tmp/said")"
	! grep 'still loaded' "$tmp/said" || fail "it is not loaded"
}
test_case uninstalled_while_loaded 'load uninstalling dhp warns that it is still loaded'

run_tests
