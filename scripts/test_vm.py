#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what qemu/vm says of a guest that ends otherwise than by its command's end.

A guest that resets itself, by port or by a triple fault, one that powers off, panics or hangs, one
that is lost to QEMU, and a QEMU that is killed: each is told from every other one, and each vCPU's
last function is named. Boots some ten guests of KERNEL (6.1), a few seconds each.
"""

import faulthandler
import io
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import test_qemu
from test_qemu import TOP, vm

vcpus = sys.modules["vcpus"]

PATIENCE = 300  # seconds that no guest here may take; the machine may be busy

# What QEMU 10.0 said of a guest that it had lost, and 7.2 of one that had reset itself, without
# the lines that nobody looks at.
LOST = """
CPU#0
RAX=0000000000000000 RBX=ffbc8cfa45d90000 RCX=000000000000003f RDX=ffbc8cfa45d90000
RIP=ffffffff9f5f69d0 RFL=00000216 [----AP-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
IDT=     fffffe0000000000 00000fff
CR0=80050033 CR2=00007fc0bceb4c10 CR3=0000000100848000 CR4=00751ef0
EFER=0000000000000d01

CPU#1
RIP=ffffffff9f6592eb RFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1
CS =0010 0000000000000000 ffffffff 00a09b00 DPL=0 CS64 [-RA]
IDT=     fffffe0000000000 00000fff
CR0=80050033 CR2=000055c73a5c1600 CR3=000000010084a000 CR4=00751ee0
EFER=0000000000000d01

CPU#3
EAX=00000006 EBX=000f3652 ECX=00000000 EDX=00000cf9
ESI=00000000 EDI=00100000 EBP=00000000 ESP=00000fc8
EIP=000ef2a8 EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
CS =0008 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]
IDT=     000f621e 00000000
CR0=00000011 CR2=00000000 CR3=00000000 CR4=00000000
EFER=0000000000000000
"""
RESET = """\r
CPU#0\r
RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000cf9\r
RIP=ffffffff87bf25bf RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\r
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r
IDT=     fffffe0000000000 00000fff\r
CR0=80050033 CR2=000000000042ee70 CR3=00000000235a2000 CR4=00751ef0\r
EFER=0000000000000d01\r
\r
CPU#1\r
RIP=ffffffff8763fc9b RFL=00000093 [--S-A-C] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r
IDT=     fffffe0000000000 00000fff\r
CR0=80050033 CR2=00007ffc719ef084 CR3=0000000001a62000 CR4=00751ee0\r
EFER=0000000000000d01\r
\r
CPU#2\r
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00060fb1\r
EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\r
CS =f000 ffff0000 0000ffff 00009b00\r
IDT=     00000000 0000ffff\r
CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\r
EFER=0000000000000000\r
"""
KALLSYMS = """\
ffffffff81000000 T startup_64
ffffffff81000000 T _stext
ffffffff81005000 t first
ffffffff81005010 T second
ffffffff81005010 t alias_of_second
ffffffff81005020 D data
ffffffff81006000 T _etext
ffffffff82000000 T init_one
"""


class Registers(unittest.TestCase):
    def words(self, text, symbols=None):
        return [vcpu.words(symbols) for vcpu in vcpus.parse(text)]

    def test_lost(self):
        found = vcpus.parse(LOST)
        self.assertEqual([vcpu.number for vcpu in found], [0, 1, 3])
        self.assertEqual(vcpus.stray(found).number, 3)
        self.assertEqual(self.words(LOST), [
            "ran the kernel: 0xffffffff9f5f69d0", "halted in the kernel: 0xffffffff9f6592eb",
            "ran the firmware from its reset vector, and was at 0xef2a8"])

    def test_reset(self):
        self.assertIsNone(vcpus.stray(vcpus.parse(RESET)))
        self.assertEqual(self.words(RESET)[2], "waited to be started")

    # What must not be taken for a lost guest, one register away from it each.
    def test_not_lost(self):
        stray = LOST.split("CPU#3")[1]
        for old, new in (("HLT=0", "HLT=1"),            # waits
                         ("CR3=00000000", "CR3=00001000"),  # has run a kernel, and left it
                         ("EFER=0000000000000000", "EFER=0000000000000d01"),
                         ("EIP=000ef2a8", "EIP=0000a2a8"),  # a kernel's first steps
                         ("CR0=00000011", "CR0=80000011")):
            self.assertIn(old, stray)
            changed = LOST.replace(stray, stray.replace(old, new))
            self.assertIsNone(vcpus.stray(vcpus.parse(changed)), new)
        # The firmware boots the machine.
        booting = LOST.replace("CR0=80050033", "CR0=60000010")
        self.assertIsNone(vcpus.stray(vcpus.parse(booting)))
        self.assertIsNone(vcpus.stray(vcpus.parse(LOST.replace("CPU#3", "CPU#0"))[2:]))

    def test_words(self):
        self.assertIn("a program, at 0xffffffff9f5f69d0", self.words(LOST.replace("CPL=0", "CPL=3"))[0])
        self.assertIn("a module, at 0xffffffffc05f69d0",
                      self.words(LOST.replace("ffffffff9f5f", "ffffffffc05f"))[0])
        self.assertIn("triple fault", self.words(RESET.replace("00000fff", "00000000"))[0])

    def test_no_registers(self):
        for text in ("", "CPU#0", "unknown command: 'info registers'", LOST.replace("CR3=", "CRX="),
                     LOST.replace("CS =", "CX ="), LOST.replace("IP=", "XX="), "\0" * 1000):
            with self.assertRaises(ValueError):
                vcpus.parse(text)

    def test_symbols(self):
        for start in (None, 0xffffffff81000000, 0xffffffff9f000000):
            offset = start - 0xffffffff81000000 if start else 0
            symbols = vcpus.Symbols(KALLSYMS.splitlines(), start)
            for address, name in ((0xffffffff81005000, "first+0x0"),
                                  (0xffffffff8100500f, "first+0xf"),
                                  (0xffffffff81005018, "second+0x8"),
                                  (0xffffffff81000004, "startup_64+0x4"),
                                  (0xffffffff80ffffff, None), (0xffffffff81006000, None),
                                  (0xffffffff82000000, None), (0, None)):
                self.assertEqual(symbols(address + offset), name, f"{address:#x}, {start}")


class Monitor(test_qemu.Refusals):
    """What the watcher makes of what QEMU says."""

    UP = (test_qemu.GREETING, test_qemu.READ, test_qemu.DONE)
    ANSWERS = (test_qemu.READ, {"return": {"status": "shutdown"}}, test_qemu.READ, {"return": []},
               test_qemu.READ, {"return": LOST}, test_qemu.HOLD)

    def watch(self, *steps):
        server = test_qemu.FakeQmp(self.path("qmp"), steps)
        self.addCleanup(server.end)
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.connect(self.path("qmp"))
        watcher = vm.Watcher(sock)
        watcher.start()
        return watcher

    def stop(self, data):
        return {"event": "SHUTDOWN", "data": data}

    def test_stops(self):
        for reason, said in (("guest-reset", "it has reset itself"),
                             ("guest-shutdown", "it has powered off"),
                             ("host-error", r"QEMU has stopped it (host-error)")):
            with self.subTest(reason):
                watcher = self.watch(*self.UP, {"event": "RTC_CHANGE"},
                                     self.stop({"guest": True, "reason": reason}), *self.ANSWERS)
                watcher.join(PATIENCE)
                self.assertEqual((watcher.stopped, watcher.registers), (said, LOST))
                self.assertEqual(watcher.state, ['{"status": "shutdown"}', "[]"])
            os.unlink(self.path("qmp"))

    def test_panics(self):
        # By a pvpanic device, which says no reason.
        watcher = self.watch(*self.UP, {"event": "GUEST_PANICKED", "data": {"action": "pause"}},
                             *self.ANSWERS)
        watcher.join(PATIENCE)
        self.assertEqual((watcher.stopped, watcher.registers),
                         ("it has told QEMU that it panicked", LOST))

    def test_will_not_say(self):
        watcher = self.watch(*self.UP, self.stop({"reason": "guest-reset"}), test_qemu.READ,
                             {"error": {"desc": "no"}})
        watcher.join(PATIENCE)
        self.assertEqual((watcher.stopped, watcher.registers), ("it has reset itself", None))

    def test_asked(self):
        watcher = self.watch(*self.UP, *self.ANSWERS)
        deadline = time.monotonic() + PATIENCE
        while watcher.registers is None and time.monotonic() < deadline:
            watcher.ask()
        self.assertEqual((watcher.stopped, watcher.registers), (None, LOST))

    def test_ends(self):
        watcher = self.watch(*self.UP)
        watcher.join(PATIENCE)
        self.assertEqual((watcher.stopped, watcher.registers), (None, None))


class Verdicts(test_qemu.Refusals):
    """What a run makes of how its guest has ended."""

    def setUp(self):
        super().setUp()
        self.guest = test_qemu.FakeGuest(self.folder)
        self.addCleanup(self.guest.close)

    def ended(self, error, *named, stopped="it has reset itself", registers=LOST):
        self.guest.watcher = mock.Mock(stopped=stopped, registers=registers)
        run = vm.Run(self.guest, io.BytesIO(), PATIENCE, files=self.build)
        with self.assertRaises(vm.Failed) as caught:
            run.wait()
        self.assertIs(type(caught.exception), error)
        for pattern in named:
            self.assertRegex(str(caught.exception), pattern)
        return caught.exception

    def test_lost(self):
        lost = self.ended(vm.Lost, "lost to QEMU", "vCPU 3 ran the firmware", "qemu/README.md")
        self.assertEqual(lost.status, 75)

    def test_reset(self):
        failed = self.ended(vm.Failed, "died before .*: it has reset itself", registers=RESET)
        self.assertEqual(failed.status, 125)

    def test_no_registers(self):
        for registers in (None, "", "what?"):
            self.ended(vm.Failed, "died before .*: it has reset itself", registers=registers)

    def test_lost_after_a_fault(self):
        # The kernel had complained before, and that is the guest's own.
        self.guest.console("BUG: all wrong\n")
        self.ended(vm.Failed, "bad on the guest's console: BUG: all wrong")

    def test_after_its_verdict(self):
        for registers, error in ((RESET, vm.Failed), (LOST, vm.Lost)):
            self.guest.control_end.sendall(b"end 0\n")
            self.ended(error, "the guest (died|was lost)", registers=registers)


class Check(test_qemu.Refusals):
    """What scripts/check and scripts/check-kernels make of a guest that was lost."""

    PASSED = "echo 1..1; echo 'ok 1 selftests: dhp: a.sh'"
    LOST = ("echo 1..3; echo 'ok 1 selftests: dhp: a.sh # SKIP why'; "
            "echo 'vm: the guest was lost to QEMU: x' >&2; exit 75")
    FAILED = "echo 1..3; echo 'not ok 1 selftests: dhp: a.sh'; exit 75"

    def tree(self, *guests):
        """A tree in which scripts/check has nothing to build. GUESTS: what qemu/vm does."""
        for folder in ("scripts", "qemu", "selftests", "tools/testing/selftests/kselftest"):
            os.makedirs(self.path(folder))
        for name in ("check", "ktap"):
            os.symlink(os.path.join(TOP, "scripts", name), self.path(f"scripts/{name}"))
        self.file("scripts/setup", f"#!/bin/sh\necho {self.folder}\n", 0o755)
        self.file("tools/testing/selftests/run_kselftest.sh")
        self.file("Makefile", "guest-modules kdir: ;\n")
        self.file("selftests/Makefile", "install emit_tests: ;\n")
        self.file("runs")
        script = f"#!/bin/sh\ncd {self.folder}\necho >>runs\ncase $(wc -l <runs) in\n"
        script += "".join(f"{number}) {guest} ;;\n" for number, guest in enumerate(guests, 1))
        self.file("qemu/vm", script + "*) exit 99 ;;\nesac\n", 0o755)

    def check(self, status, last, *guests, words=()):
        self.tree(*guests)
        done = subprocess.run([self.path("scripts/check"), *words, "--run", "x"], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stdout.splitlines()[-1], last)
        with open(self.path("runs"), encoding="ascii") as file:
            self.assertEqual(len(file.readlines()), len(guests))
        return done.stderr

    def test_not_lost(self):
        self.check(0, "^1 passed, 0 failed$", self.PASSED)

    def test_lost_once(self):
        said = self.check(0, "^1 passed, 0 failed$", self.LOST, self.PASSED)
        self.assertIn("check: the guest was lost to QEMU; everything runs again", said)

    def test_lost_twice(self):
        self.check(75, "^# the guest was lost", self.LOST, self.LOST)

    def test_lost_and_no_other(self):
        self.check(75, "^# the guest was lost", self.LOST, words=["--once"])

    def test_lost_after_a_failure(self):
        self.check(1, r"^0 passed, \d failed$", self.FAILED)

    def kernels(self, *guests):
        self.tree(*guests)
        os.mkdir(self.path("build/check-kernels"))
        self.patch(test_qemu.check_kernels, TOP=self.folder, say=lambda _: None)
        check = test_qemu.check_kernels.Check("K", ["--run", "x"])
        # pylint: disable=protected-access
        check._check()
        check._process.stdout.close()
        return check

    def test_kernels_lost_once(self):
        check = self.kernels(self.LOST, self.PASSED)
        self.assertEqual((check.passed, check.failed, check.skipped), (1, 0, 0))
        self.assertEqual([one for one in check.remarks if "skipped" in one], [])
        self.assertEqual(check.failures, [])
        self.assertTrue([one for one in check.remarks if "runs again" in one])

    def test_kernels_lost_twice(self):
        check = self.kernels(self.LOST, self.LOST)
        self.assertEqual((check.passed, check.failed), (0, 1))
        self.assertIn("failed on K: the guest was lost to QEMU, twice", check.failures)


class Torture(test_qemu.Refusals):
    """What scripts/torture makes of scripts/check's ends."""

    PASSED = "echo '# SUCCESS: seed=7 transitions=1000 (x)'; echo '9 passed, 0 failed, 1 skipped'"
    LOST = "echo '# the guest was lost'; echo 'vm: the guest was lost to QEMU: vCPU 3 X' >&2; exit 75"
    FAILED = "echo '# FAILURE: seed=7 transitions=50 (x)'; echo '8 passed, 1 failed'; exit 1"

    def torture(self, status, last, *guests, seeds="7", minutes=5):
        """GUESTS: what the stand-in for scripts/check does, one after the other."""
        check = "#!/bin/sh\necho \"$*\" >>asked\ncase $(wc -l <asked) in\n"
        check += "".join(f"{number}) {guest} ;;\n" for number, guest in enumerate(guests, 1))
        self.file("check", check + "*) exit 99 ;;\nesac\n", 0o755)
        self.file("asked")
        self.patch(test_qemu.torture, CHECK=self.path("check"))
        with mock.patch.object(sys, "argv", ["torture", str(minutes), seeds]), \
                mock.patch.object(os, "environ", {**os.environ, "QEMU": "x"}), \
                mock.patch.object(sys, "stdout", io.StringIO()) as printed, \
                mock.patch.object(sys, "stderr", io.StringIO()):
            before = os.getcwd()
            os.chdir(self.folder)
            try:
                code = test_qemu.torture.main()
            finally:
                os.chdir(before)
        lines = printed.getvalue().splitlines()
        self.assertEqual((code, lines[-1]), (status, last), lines)
        with open(self.path("asked"), encoding="ascii") as file:
            self.asked = re.findall(r"MINUTES=(\d+) TORTURE_SEED=(\d+)", file.read())
        self.assertEqual(len(self.asked), len(guests))
        return lines

    def test_one(self):
        lines = self.torture(0, "9 passed, 0 failed, 1 skipped", self.PASSED)
        self.assertEqual(len(lines), 2)
        self.torture(1, "8 passed, 1 failed", self.FAILED)
        self.torture(1, "0 passed, 1 failed", "exit 2")
        self.torture(1, "0 passed, 1 failed", "true")

    def test_several(self):
        lines = self.torture(1, "26 passed, 1 failed, 2 skipped", self.PASSED, self.FAILED,
                             self.PASSED, seeds="7 8 9")
        self.assertEqual([seed for _, seed in self.asked], ["7", "8", "9"])
        self.assertIn("seed 8: 50 transitions, 8 passed, 1 failed", lines)
        self.assertIn("in all: 2050 transitions, guests lost to QEMU: 0", lines)

    def test_lost(self):
        lines = self.torture(0, "9 passed, 0 failed, 1 skipped", self.LOST, self.PASSED)
        self.assertEqual(self.asked, [("5", "7"), ("4", "7")])
        self.assertIn("seed 7: 1000 transitions, 9 passed, 0 failed, 1 skipped; "
                      "the guest was lost to QEMU: vCPU 3 X", lines)

    def test_always_lost(self):
        lines = self.torture(75, "0 passed, 0 failed", self.LOST, self.LOST, minutes=2)
        self.assertTrue(lines[-3].startswith("seed 7: no result; the guest was lost"), lines)

    def test_lost_after_a_failure(self):
        failed = "echo 'vm: the guest was lost to QEMU: vCPU 3 X' >&2; echo '0 passed, 2 failed'; exit 1"
        lines = self.torture(1, "0 passed, 2 failed", failed)
        self.assertIn("guests lost to QEMU: 1", lines[-2])


# ---------------------------------------------------------------- guests

# Preloaded into QEMU, makes it lose its guest on one core as well: a plugged vCPU's thread is late
# whenever it has given QEMU's big lock back, which is the one that vCPUs' threads wait with.
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
    """The process of the QEMU that a qemu/vm has started, if it has."""
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

    # `reboot` asks the first process, which is ours and does not listen; with -f, the kernel.
    GO_ON = "; while :; do sleep 1; done"

    def run_vm(self, command, *words, status=vm.DIED, named=(), signal_at=None, env=()):
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
        """Whatever was typed last has failed, and the output goes to a pipe."""
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
        # There is no init, so nobody has said where the kernel is. It resets the machine at once.
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
        """As qemu/README.md describes it, with the interrupts that the bench avoids otherwise."""
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
                                  env={**os.environ, "QEMU": wrapper, "REAL_QEMU": vm.QEMU})
        if done.returncode == 0:
            self.skipTest("this QEMU did not lose its guest in 60 seconds")
        self.assertEqual(done.returncode, vm.LOST, done.stderr)
        self.assertRegex(done.stderr, r"lost to QEMU: vCPU 3 ran the firmware from its reset vector")
        self.assertIn("CPU#3", self.vcpus_txt(done.stderr))


if __name__ == "__main__":
    # What a test has started and mounted is taken back also then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # What hangs has failed, too.
    faulthandler.dump_traceback_later(15 * PATIENCE, exit=True)
    unittest.main()
