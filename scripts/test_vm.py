#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of how qemu/vm reports the end of a real guest.

A guest that resets itself, by port or by a triple fault, one that powers off, panics or hangs, one
that is lost to QEMU, and a QEMU that is killed: the report distinguishes them, and names the last
function of each vCPU. Boots some ten guests of KERNEL (6.1), a few seconds each.
"""

import faulthandler
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

from testing import TOP
import host

PATIENCE = 300  # seconds that no guest here may take; the machine may be busy

# Preloaded into QEMU, makes it lose its guest on one core as well: the thread of a plugged vCPU
# sleeps whenever it has released QEMU's big lock, the lock that vCPUs' threads wait with.
LATE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static __thread int plugged;	/* 1: this thread is, -1: it is not */
static pthread_mutex_t *big_lock;

static int is_plugged(void)
{
	char name[16] = "";

	if (!plugged) {
		prctl(PR_GET_NAME, name);
		if (strncmp(name, "CPU ", 4))
			return 0;	/* or it has no name yet */
		plugged = atoi(name + 4) >= 3 ? 1 : -1;
	}
	return plugged > 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	int (*real)(pthread_cond_t *, pthread_mutex_t *) =
		dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");

	if (is_plugged())
		big_lock = mutex;
	return real(condition, mutex);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	static int (*real)(pthread_mutex_t *);
	int status;

	if (!real)
		real = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	status = real(mutex);
	if (mutex == big_lock && is_plugged())
		usleep(20000);
	return status;
}
"""


def qemu_of(runner):
    """The process of the QEMU that the qemu/vm RUNNER has started, or None."""
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                program, rest = re.match(r"\d+ \((.*)\) \S (\d+) ", file.read()).groups()
        except (OSError, AttributeError):
            continue
        if int(rest) == runner and (program.startswith("qemu") or program.startswith("ld-linux")):
            return int(name)
    return None


class Ends(unittest.TestCase):
    """Real guests."""

    # `reboot -f` asks the kernel; without -f, it asks our first process, which ignores it.
    GO_ON = "; while :; do sleep 1; done"

    def run_vm(self, command, *words, status=host.DIED, named=(), signal_at=None, env=()):
        with subprocess.Popen([os.path.join(TOP, "qemu/vm"), "run", *words, "--", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace",
                              env={**os.environ, **dict(env)}) as runner:
            self.addCleanup(runner.kill)
            said = ""
            overdue = threading.Timer(PATIENCE, runner.kill)
            overdue.start()
            for line in runner.stderr:
                said += line
                if signal_at and "up after" in line:
                    os.kill(qemu_of(runner.pid), signal_at)
            output = runner.stdout.read()
            code = runner.wait()
            overdue.cancel()
        self.assertEqual(code, status, said)
        self.assertNotIn("Traceback", said)
        for pattern in named:
            self.assertRegex(said, pattern)
        return output, said

    def vcpus_txt(self, said):
        folder = os.path.dirname(re.search(r"console: (\S+)", said)[1])
        with open(os.path.join(TOP, folder, "vcpus.txt"), encoding="utf-8") as file:
            return file.read()

    def test_ends_well(self):
        for code in (0, 75, 125):
            _, said = self.run_vm(f"exit {code}", status=code)
            self.assertNotIn("vCPU", said)

    def test_shell(self):
        """The last command typed fails, and the output goes to a pipe."""
        keyboard, terminal = pty.openpty()
        self.addCleanup(os.close, keyboard)
        with subprocess.Popen([os.path.join(TOP, "qemu/vm"), "shell"], stdin=terminal,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as runner:
            self.addCleanup(runner.kill)
            overdue = threading.Timer(PATIENCE, runner.kill)
            overdue.start()
            output = b""
            while b"`exit` ends the guest" not in output and (data := runner.stdout.read1()):
                output += data
            os.write(keyboard, b"modprobe dhp && lsmod\nexit 3\n")
            output += runner.stdout.read()
            said = runner.stderr.read().decode()
            status = runner.wait()
            overdue.cancel()
            os.close(terminal)
        self.assertEqual(status, 0, said)
        self.assertRegex(output.decode(errors="replace"), r"(?m)^dhp +\d+ ")
        self.assertNotRegex(said, "vCPU|Traceback")

    def test_resets_itself(self):
        _, said = self.run_vm("reboot -f" + self.GO_ON, named=[
            "died before its command ended: it has reset itself\n",
            r"vCPU 0 (ran|halted in) the kernel: \w+\+0x", r"vCPU 1 \w.* the kernel: \w+\+0x",
            r"the kernel: (native_machine_emergency_restart|acpi_\w+|io_\w+)\+0x", "console: "])
        self.assertNotIn("triple", said)
        kept = self.vcpus_txt(said)
        for part in ("vCPU 1 ", '"status": "shutdown"', '"cpu-index": 1', "CPU#1", "CR3="):
            self.assertIn(part, kept)

    def test_triple_fault(self):
        self.run_vm("reboot -f" + self.GO_ON, "--append", "reboot=t", named=[
            "it has reset itself", "without an IDT: its next exception is a triple fault"])

    def test_powers_off(self):
        self.run_vm("poweroff -f" + self.GO_ON, named=[
            "died before its command ended: it has powered off\n", r"vCPU 0 .*: \w+\+0x"])

    def test_panics(self):
        # Without an init nothing has sent the kernel's address. It resets the machine at once.
        self.run_vm("true", "--append", "rdinit=/nowhere", named=[
            "bad on the guest's console: .*Kernel panic", r"vCPU 0 .*the kernel: 0xf\w+\n"])

    def test_hangs(self):
        self.run_vm("while :; do :; done", "--timeout", "30", named=[
            "no end after 30 seconds", "vCPU 0 ", "vCPU 1 "])

    def test_qemu_is_killed(self):
        _, said = self.run_vm("sleep 1000", signal_at=signal.SIGKILL, named=[
            "died before its command ended; QEMU was ended by SIGKILL"])
        self.assertNotIn("vCPU", said)

    def test_qemu_is_ended(self):
        self.run_vm("sleep 1000", signal_at=signal.SIGTERM, named=[
            "died before its command ended.*QEMU (ended with status 0|has stopped)"])

    def test_lost_to_qemu(self):
        """As qemu/README.md describes it, with the interrupts that qemu/vm avoids otherwise."""
        with tempfile.TemporaryDirectory() as folder:
            late = os.path.join(folder, "late.so")
            subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-x", "c", "-o", late, "-", "-ldl"],
                           input=LATE, text=True, check=True)
            # A thread for each vCPU, with the vCPU's name, on one core as well.
            wrapper = os.path.join(folder, "qemu")
            with open(wrapper, "w", encoding="utf-8") as file:
                file.write('#!/bin/bash\n'
                           f'export LD_PRELOAD="$LD_PRELOAD:{late}"\n'
                           'exec "$REAL_QEMU" -name guest,debug-threads=on '
                           '"${@/thread=single/thread=multi}"\n')
            os.chmod(wrapper, 0o755)
            command = [os.path.join(TOP, "qemu/vm"), "run", "--accel", "tcg", "--cpus", "3",
                       "--append", "no_ipi_broadcast=0", "--add",
                       os.path.join(TOP, "qemu/stray.sh"), "--", "sh /stray.sh 60"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE,
                                  env={**os.environ, "QEMU": wrapper, "REAL_QEMU": host.QEMU})
        if done.returncode == 0:
            self.skipTest("this QEMU did not lose its guest in 60 seconds")
        self.assertEqual(done.returncode, host.LOST, done.stderr)
        self.assertRegex(done.stderr, r"lost to QEMU: vCPU 3 ran the firmware from its reset vector")
        self.assertIn("CPU#3", self.vcpus_txt(done.stderr))

if __name__ == "__main__":
    # Also then, what a test has started and mounted is cleaned up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A test that hangs has failed.
    faulthandler.dump_traceback_later(15 * PATIENCE, exit=True)
    unittest.main()
