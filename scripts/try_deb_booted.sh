#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in a Debian tree that scripts/try-deb has booted, as a service of systemd, when others have started. Each
# result is a line `ok - TEXT` or `not ok - TEXT` on the second serial port, with what there is to say
# after it. `plug WORDS` there asks the host to plug something.
#
#   try_deb_booted.sh VERSION     of dhp

version=$1
exec >/dev/ttyS1 2>&1

# check TEXT COMMAND...
check() {
	text=$1
	shift
	if said=$("$@" 2>&1); then
		echo "ok - $text"
	else
		echo "not ok - $text"
		echo "$said"
	fi
}

# wait_for COMMAND...: waits for two minutes at most.
wait_for() {
	deadline=$(($(date +%s) + 120))
	until "$@"; do
		[ "$(date +%s)" -lt $deadline ] || return 1
		sleep 1
	done
}

# shellcheck disable=SC2317 # check and wait_for call them by name
{
# Nothing else has loaded it by now.
loaded() {
	systemctl is-active systemd-modules-load && grep '^dhp ' /proc/modules
}

has_version() {
	echo "$(cat /sys/module/dhp/version), and should be $version"
	[ "$(cat /sys/module/dhp/version)" = "$version" ]
}

has_parameters() {
	cd /sys/module/dhp/parameters && grep . auto_online pool &&
		[ "$(cat auto_online),$(cat pool)" = Y,N ]
}

is_signed() {
	modinfo dhp
	[ -n "$(modinfo -F signer dhp)" ]
}

driver_loads() {
	modprobe hello && dmesg | grep 'CPU0 is in use'
}

cpu_in_use() {
	[ "$(cat /sys/devices/system/cpu/online)" = 0-2 ] && dmesg | grep -q 'CPU2 is in use'
}

cpu_comes() {
	wait_for cpu_in_use || {
		cat /sys/devices/system/cpu/online
		dmesg | tail
		return 1
	}
}

# Of the memory blocks, all are online, and two more than before are in the movable zone.
memory_online() {
	! grep -q offline /sys/devices/system/memory/memory*/state &&
		[ "$(grep -l Movable /sys/devices/system/memory/memory*/valid_zones | wc -l)" = $((movable + 2)) ]
}

memory_comes() {
	wait_for memory_online || {
		grep . /sys/devices/system/memory/memory*/valid_zones
		grep offline /sys/devices/system/memory/memory*/state
		return 1
	}
}

unit_said() {
	journalctl -b -u "dhp-event@$1.service" | grep -q "$1; CPUs online now: 0-2"
}

unit_runs() {
	wait_for unit_said "$1" || {
		journalctl -b -u "dhp-event@*"
		return 1
	}
}

none_failed() {
	failed=$(systemctl --failed --no-legend --plain)
	echo "$failed"
	[ -z "$failed" ]
}

unloads() {
	modprobe -r hello && ! grep -E '^(hello|dhp) ' /proc/modules
}
}

check "modules-load.d has loaded the module" loaded
check "it is version $version" has_version
check "modprobe.d has set its parameters" has_parameters
check "DKMS has signed it" is_signed
check "a driver that DKMS has built loads" driver_loads
movable=$(grep -l Movable /sys/devices/system/memory/memory*/valid_zones | wc -l)
echo "plug cpu add"
check "a CPU that is plugged comes online, and the driver is notified" cpu_comes
# Debian 13's kernel would bring memory online before the udev rule.
echo offline >/sys/devices/system/memory/auto_online_blocks
echo "plug dimm add 256M"
check "memory that is plugged comes online as movable" memory_comes
check "the CPU's event has started a unit" unit_runs ARRIVAL-processor
check "the memory's event has started a unit" unit_runs ARRIVAL-memory
check "no unit has failed" none_failed
check "driver and module unload" unloads
echo "done"
