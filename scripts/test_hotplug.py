#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/hotplug and of `hotplug` in a guest, with real guests whose kernels refuse devices.

The guests boot Linux 6.1, whatever kernel dhp is tested on: the tests are about the tools.
"""

import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from testing import TOP
import qmp

OK, REFUSED, PENDING = 0, 1, 4
PATIENCE = 200  # seconds for anything a guest has to do; the machine may be busy

# try() runs `hotplug` and prints its status. watch() prints what changes in the guest, until the
# test ends the guest.
GUEST = r"""
try() {
	echo "guest: hotplug $*"
	hotplug "$@" 2>&1
	echo "guest: status $?"
}
blocks() { find /sys/devices/system/memory -maxdepth 1 -name 'memory[0-9]*' | wc -l; }
watch() {
	while :; do
		now="$(cat /sys/devices/system/cpu/present), $(blocks) blocks"
		[ "$now" = "$before" ] || echo "guest: now $now"
		before=$now
		sleep 0.2
	done
}
"""

# If QEMU does not reserve its memory, a machine of 64 GiB costs only what its kernel uses.
UNRESERVED = """#!/bin/bash
words=()
for word in "$@"; do
	[ "$word" != q35 ] || word=q35,memory-backend=ram
	words+=("$word")
done
exec {qemu} "${{words[@]}}" -object memory-backend-ram,id=ram,size={size},reserve=off
"""


class Guest:
    """A guest of qemu/vm, and what it prints."""

    def __init__(self, commands, *options, qemu=None):
        environment = {**os.environ, "KERNEL": "6.1"}
        if qemu:
            environment["QEMU"] = qemu
        self.said = ""
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.path.join(TOP, "qemu/vm"), "run", "--timeout", str(PATIENCE), *options, "--",
             GUEST + commands + "\nwatch"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=environment)
        os.set_blocking(self._process.stdout.fileno(), False)

    def wait_for(self, text):
        """Returns the output up to TEXT, and drops it and TEXT."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.said:
            piece = self._process.stdout.read()
            if piece:
                self.said += piece.decode(errors="replace").replace("\r", "")
            elif piece == b"" or time.monotonic() > deadline:
                raise AssertionError(f"the guest has not said {text!r}, but:\n{self.said}")
            else:
                time.sleep(0.05)
        before, _, self.said = self.said.partition(text)
        return before

    def socket(self):
        # A run that tries KVM first has made a folder before, maybe in the same second.
        runs = f"{TOP}/build/vm/*-{self._process.pid}"
        return sorted(glob.glob(f"{runs}/qmp") + glob.glob(f"{runs}+/qmp"))[-1]

    def hotplug(self, *words):
        done = subprocess.run([os.path.join(TOP, "qemu/hotplug"), "--qmp", self.socket(), *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def end(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)
        self._process.stdout.close()


class Hotplug(unittest.TestCase):
    def guest(self, *how, **more):
        guest = Guest(*how, **more)
        self.addCleanup(guest.end)
        return guest

    def in_guest(self, guest, status, *patterns):
        """Checks the status and the output of the guest's next `hotplug`."""
        guest.wait_for("guest: hotplug ")
        said = guest.wait_for("guest: status ")
        self.assertEqual(guest.wait_for("\n"), str(status), said)
        for pattern in patterns:
            self.assertRegex(said, pattern)

    def on_host(self, guest, words, status, out, *patterns):
        code, printed, said = guest.hotplug(*words.split())
        self.assertEqual((code, printed), (status, out), said)
        for pattern in patterns:
            self.assertRegex(said, pattern)

    def test_small_machine(self):
        guest = self.guest("""
            try cpu add
            try cpu add
            try cpu add 3
            try cpu add 4
            try dimm add 14G
            try --help
        """, "--maxcpus", "6", "--memory", "256M", "--maxmem", "40G", "--append", "nr_cpus=3")
        self.in_guest(guest, OK, "^cpu add\ncpu2\n$")
        refused = ("the guest's kernel refused cpu3: .*cpu/present", "kernel: .*limit of 3 reached",
                   "cpu3 is taken out again")
        self.in_guest(guest, REFUSED, *refused)
        self.in_guest(guest, REFUSED, *refused, "2 of 3 CPUs have not been plugged")
        self.in_guest(guest, REFUSED, "QEMU has 3 free CPU slots, 4 asked for")
        self.in_guest(guest, REFUSED, "needs 224M for the memmap of 14G, a 64th, and has [0-9]+M")
        self.in_guest(guest, OK, "Exit status, on the host and in a guest")
        guest.wait_for("guest: now 0-2, ")

        self.on_host(guest, "cpu add", REFUSED, "", "nr_cpus=3")
        self.on_host(guest, "dimm add 14G", REFUSED, "", "224M for the memmap of 14G")
        self.on_host(guest, "dimm add 128M", OK, "dimm0\n", "dimm0: plugged; .* not seen from here")
        guest.wait_for("guest: now 0-2, ")
        client = qmp.connect(guest.socket())
        client.command("stop")
        client.close()
        for kind, ident in (("cpu", "cpu2"), ("dimm", "dimm0")):
            begun = time.monotonic()
            self.on_host(guest, f"{kind} del", PENDING, "", f"{ident}: .*does not run now .paused")
            self.assertLess(time.monotonic() - begun, 50)
        client = qmp.connect(guest.socket())
        client.command("cont")
        client.close()
        guest.wait_for("guest: now 0-1, ")

    def test_client_of_dhp_that_vetoes(self):
        guest = self.guest("""
            insmod /dhp/dhp.ko && insmod /dhp/dhp_test.ko
            mount -t debugfs none /sys/kernel/debug
            try cpu add
            echo 1 >/sys/devices/system/cpu/cpu2/online
            for words in 'processor c1 flags=existing,removals' \\
                         'veto c1 state=remove_start errno=-16 count=0'; do
                echo "$words" >/sys/kernel/debug/dhp_test/control
            done
            try cpu del 2
        """)
        self.in_guest(guest, OK, "cpu2")
        named = "CPU2 does not go offline: client dhp_test/on_processor#[0-9]+ vetoes it with -E.*"
        self.in_guest(guest, REFUSED, f"(?m)^hotplug: {named}$")
        self.on_host(guest, "cpu del 2", REFUSED, "", f"refused cpu2: .*has logged: {named}\n$")

    def test_virtio_mem_that_waits_for_blocks_to_be_brought_online(self):
        guest = self.guest("""
            try --timeout 5 virtio-mem resize 1536M
            echo online_movable >/sys/devices/system/memory/auto_online_blocks
            for state in /sys/devices/system/memory/memory*/state; do
                ! grep -q offline $state || echo online_movable >$state
            done
            try virtio-mem resize 1536M
        """, "--virtio-mem", "2G")
        self.in_guest(guest, REFUSED, "brought vmem0 to 1G in 5 seconds",
                      "8 memory blocks of 128M are offline.*auto_online_blocks is 'offline'")
        self.in_guest(guest, OK, "vmem0 1536M")

    def test_large_machine(self):
        size = 66 << 30
        with tempfile.TemporaryDirectory() as folder:
            qemu = os.path.join(folder, "qemu")
            with open(qemu, "w", encoding="utf-8") as file:
                real = shutil.which(os.environ.get("QEMU") or "qemu-system-x86_64")
                file.write(UNRESERVED.format(qemu=os.path.abspath(real), size=size))
            os.chmod(qemu, 0o755)
            guest = self.guest("""
                try dimm add 1G
                try dimm add 2G
            """, "--memory", "66G", "--maxmem", "90G", qemu=qemu)
            self.in_guest(guest, REFUSED, "blocks of 2G: 1G is not a multiple")
            self.in_guest(guest, OK, "dimm0")
            guest.wait_for("guest: now 0-1, 34 blocks")

            self.on_host(guest, "dimm add 1G", REFUSED, "", "blocks of 2G", "1G is not a multiple")
            # As another manager does it: the kernel accepts the DIMM by ACPI, and refuses it then.
            self.on_host(guest, "--block 128M dimm add 1G", OK, "dimm1\n", "not seen from here")
            # Behind it the kernel accepts a DIMM all the same.
            self.on_host(guest, "dimm add 2G", OK, "dimm2\n", "not seen from here")
            guest.wait_for("guest: now 0-1, 35 blocks")


if __name__ == "__main__":
    # Also then, what a test has started and mounted is cleaned up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main()
