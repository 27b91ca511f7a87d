#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/vm with another program in QEMU's place, or with none; and of `qemu/vm shell`."""

import contextlib
import io
import os
import pty
import signal
import sys
import time
import unittest
from unittest import mock

import testing
from testing import PATIENCE
import host
import initramfs

vm = testing.load("vm", "qemu/vm")


class FakeQemu(testing.Refusals):
    """Other programs in QEMU's place."""

    def setUp(self):
        super().setUp()
        self.file("release", "0.0\n")
        self.patch(host, setup=lambda *_: self.folder, compiled=lambda *_: "",
                   RUNS=os.path.join(self.build, "vm"))
        self.patch(initramfs, write_initramfs=lambda path, *_: open(path, "wb").close())

    def run_vm(self, qemu, *named, words=()):
        """Returns what the run has left in the build folder."""
        testing.count(testing.tried, "qemu/vm")
        self.patch(host, QEMU=qemu)
        said = io.StringIO()
        begun = time.monotonic()
        command = ["qemu/vm", "run", "--accel", "tcg", *words, "--", "x"]
        with mock.patch.object(sys, "argv", command), \
                mock.patch.object(sys, "stdout", io.TextIOWrapper(io.BytesIO())), \
                mock.patch.object(signal, "signal"), contextlib.redirect_stderr(said):
            status = vm.main()
        self.assertLess(time.monotonic() - begun, PATIENCE)
        self.check("qemu/vm", qemu, status, said.getvalue(), host.DIED, *named)
        return [name for name in os.listdir(self.build) if name != "vm" or
                set(os.listdir(host.RUNS)) - {"latest"}]

    def test_missing(self):
        for program in ("/nonexistent/qemu", "no-such-qemu", self.file("plain")):
            left = self.run_vm(program, f"there is no {program}", "QEMU names another")
            self.assertEqual(left, [])

    def test_not_a_program(self):
        self.assertEqual(self.run_vm(self.file("text", "not a program", 0o755), "runner itself"), [])

    def test_more_arguments(self):
        program = self.file("prints", "#!/bin/sh\nprintf '%s|' \"$@\" | tail -c 40\nexit 1\n",
                            0o755)
        self.run_vm(program, r"\|-device\|edu,id=a b\|\n",
                    words=["--qemu-args", "-device 'edu,id=a b'"])

    def test_kernel_without_9p(self):
        for words in ["--host-tools"], ["--share", self.folder]:
            left = self.run_vm("/bin/true", "0.0 lacks .*9p", "such as --kernel 6.1", words=words)
            self.assertEqual(left, [])

    def test_gdb(self):
        program = self.file("prints", "#!/bin/sh\nprintf '%s|' \"$@\"\nexit 1\n", 0o755)
        self.run_vm(program, r"\|-gdb\|chardev:gdb\|", r"\bnokaslr\b",
                    r"gdb -ex 'target remote \S*/gdb' VMLINUX", words=["--gdb"])

    def test_ends_at_once(self):
        program = self.file("ends", "#!/bin/sh\necho 'no such machine' >&2\nexit 1\n", 0o755)
        self.run_vm(program, "the guest died", "QEMU ended with status 1",
                    "QEMU said:\nno such machine", "console: ")

    def test_is_killed(self):
        program = self.file("killed", "#!/bin/sh\nkill -9 $$\n", 0o755)
        self.run_vm(program, "the guest died", "ended by SIGKILL")

    def test_never_answers(self):
        program = self.file("hangs", "#!/bin/sh\nexec sleep 1000\n", 0o755)
        self.run_vm(program, "no end after 1 seconds", words=["--timeout", "1"])

    def test_cannot_be_set_up(self):
        def full(*_):
            raise OSError(28, "No space left on device")
        self.patch(initramfs, write_initramfs=full)
        self.assertEqual(self.run_vm("/bin/true", "No space left"), [])


class Shell(unittest.TestCase):
    """`make shell`"""

    def end_of(self, columns=80, **guest):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        with open(slave, "r", encoding="utf-8") as keyboard, \
                mock.patch.object(sys, "stdin", keyboard), \
                mock.patch.object(sys, "argv", ["qemu/vm", "shell", "--accel", "tcg"]), \
                mock.patch.object(vm, "pick_accelerator", lambda _: "tcg"), \
                mock.patch.object(vm, "run_guest", mock.Mock(**guest)) as self.run_guest, \
                mock.patch.object(signal, "signal"), \
                mock.patch.object(os, "get_terminal_size", lambda *_: os.terminal_size((columns, 25))), \
                contextlib.redirect_stderr(io.StringIO()):
            return vm.main()

    def test_exit_is_not_an_error(self):
        for status in 0, 1, 3, 125, 130, 255:
            self.assertEqual(self.end_of(return_value=status), 0)

    def test_window(self):
        for columns, known in (80, "stty sane rows 25 columns 80\n"), (0, "stty sane\n"):
            self.assertEqual(self.end_of(columns, return_value=0), 0)
            self.assertTrue(self.run_guest.call_args[0][2].startswith(known))

    def test_a_guest_that_died_is_an_error(self):
        self.assertEqual(self.end_of(side_effect=host.Failed("the guest died")), host.DIED)


if __name__ == "__main__":
    testing.main("qemu/vm")
