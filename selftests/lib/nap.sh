# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154	# variables of the files before this one, see all.sh
#
# Suspend and hibernation, as far as /sys/power/pm_test goes. A script that needs them reads this
# file after all.sh. Not here: what is expected of them.

# can_nap mem|disk: skips the test if the kernel cannot.
can_nap() {
	[ -w /sys/power/pm_test ] || skip "needs CONFIG_PM_SLEEP_DEBUG"
	grep -q "$1" /sys/power/state || skip "this kernel has no '$1' in /sys/power/state"
	[ "$1" = disk ] || [ ! -e /sys/power/mem_sleep ] || grep -q deep /sys/power/mem_sleep ||
		skip "no deep sleep here, which freezes CPUs"
}

# virtio_mem_devices bind|unbind: the driver refuses every suspend, even of a device without memory.
virtio_mem_devices() {
	local device driver=/sys/bus/virtio/drivers/virtio_mem
	[ "$1" = bind ] || virtio_mems=$(cd "$driver" 2>/dev/null && find . -name 'virtio[0-9]*')
	for device in $virtio_mems; do
		put "$driver/$1" "${device#./}" || fail "virtio_mem does not $1 ${device#./}: $why"
	done
}

# try_nap mem|disk [LEVEL]: does everything that suspend, or hibernation, does up to LEVEL of
# /sys/power/pm_test (processors), and resumes; fails with $why if that was refused.
try_nap() {
	local delay old_delay image_size slept refusal mem_sleep=
	can_nap "$1"
	delay=/sys/module/suspend/parameters/pm_test_delay
	if [ "$1" = disk ]; then
		delay=/sys/module/hibernate/parameters/pm_test_delay
		# With this size, the kernel frees no memory first, and the image holds all of it.
		image_size=$(cat /sys/power/image_size)
		awk '/^MemTotal:/ { printf "%d\n", $2 * 1024 }' /proc/meminfo >/sys/power/image_size ||
			fail "image_size cannot be set to all of the memory"
	elif [ -e /sys/power/mem_sleep ]; then
		mem_sleep=$(sed 's/.*\[\(.*\)\].*/\1/' /sys/power/mem_sleep)
		echo deep >/sys/power/mem_sleep
	fi
	# How long the machine stays at LEVEL. The default only wastes time.
	[ ! -w "$delay" ] || {
		old_delay=$(cat "$delay")
		echo 1 >"$delay"
	}
	virtio_mem_devices unbind
	echo "${2-processors}" >/sys/power/pm_test
	slept=1
	put /sys/power/state "$1" || slept=
	refusal=$why
	echo none >/sys/power/pm_test
	virtio_mem_devices bind
	[ ! -w "$delay" ] || echo "$old_delay" >"$delay"
	[ "$1" = mem ] || echo "$image_size" >/sys/power/image_size
	[ -z "$mem_sleep" ] || echo "$mem_sleep" >/sys/power/mem_sleep
	why=$refusal
	[ -n "$slept" ]
}

# nap [mem|disk]: as try_nap, and must not be refused.
nap() {
	# A full log drops its oldest lines, so the count of all lines may not grow.
	echo "dhp selftest: a nap begins" >/dev/kmsg
	try_nap "${1-mem}" || fail "${1-mem}: $why"
	dmesg | awk '/dhp selftest: a nap begins/ { frozen = 0 } /is now offline/ { frozen++ } END { exit !frozen }' ||
		fail "no CPU was frozen"
}
