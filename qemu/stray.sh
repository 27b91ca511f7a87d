#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in a guest with three CPUs, for SECONDS: plugs vCPUs while interrupts are sent to all CPUs.
# An emulating QEMU with a thread for each vCPU loses the guest then, see README.md.
#
#   stray.sh SECONDS

# membarrier(2), registered and then called for all: an interrupt to each CPU that runs the process.
storm='syscall(324, 4, 0, 0) and die "membarrier: $!\n"; while (1) { syscall(324, 2, 0, 0) }'
storms=
for _ in 0 1 2; do
	perl -e "$storm" &
	storms="$storms $!"
done
now() { cut -d. -f1 /proc/uptime; }
end=$(($(now) + $1))
plugs=0
while [ "$(now)" -lt "$end" ]; do
	plugs=$((plugs + 1))
	echo "plug $plugs"
	hotplug cpu add && sleep 1 && hotplug cpu del || exit 1
done
# shellcheck disable=SC2086 # a list
kill $storms
