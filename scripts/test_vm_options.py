#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/vm's command line: what it refuses before a guest is booted."""

import io
import itertools
import os
import re
import socket
import sys
from unittest import mock

import testing
from testing import TOP, forbidden
import host

vm = testing.load("vm", "qemu/vm")


class VmWords(testing.Refusals):
    def setUp(self):
        super().setUp()
        self.patch(vm, run_guest=forbidden("a guest was booted"))
        # scripts/setup checks the kernel, and has tests of its own.
        self.patch(host, setup=forbidden("something was set up"),
                   RUNS=os.path.join(self.build, "vm"))

    def bad(self, *words, named=()):
        self.words("qemu/vm", vm.main, 2, *words, named=named)

    def test_usage(self):
        self.bad(named=["run.shell"])
        self.bad("boot", named=["'boot'", "run"])
        self.bad("", named=["''", "run"])
        self.bad("run", named=["which command"])
        self.bad("run", "--", named=["which command"])
        self.bad("run", "--", "", named=["which command"])
        self.bad("run", "--", "  ", named=["which command"])
        self.bad("run", "--nonsense", "--", "true", named=["--nonsense"])
        self.bad("shell", "--", "true", named=["true"])

    def test_numbers(self):
        for option, word in itertools.product(
                ("--cpus", "--maxcpus", "--slots", "--nodes", "--empty-nodes", "--timeout"),
                ("", "-1", "x", "1x", "1.5", "0x10", "1e3", " 1", "1 ", "\u00b2", "\u0663", "+1",
                 str(2 ** 31), str(2 ** 32), str(2 ** 63), str(2 ** 64), "9" * 5000, "\udcff")):
            self.bad("run", option, word, "--", "true",
                     named=[option, f"{re.escape(repr(word))} is not a number of (zero|one) or more"])
        for option in ("--cpus", "--maxcpus", "--slots", "--nodes", "--timeout"):
            self.bad("run", option, "0", "--", "true", named=[option, "'0'", "one or more"])

    def test_sizes(self):
        for option, word in itertools.product(
                ("--memory", "--maxmem", "--virtio-mem"),
                ("", "0", "0M", "512", "M", "-1G", "1T", "1.5G", "1GG", "1 G", "x", "\u0661G",
                 f"{2 ** 64}M", "9" * 5000 + "M")):
            self.bad("run", f"{option}={word}", "--", "true",
                     named=[option, re.escape(repr(word)), "like 512M or 2G"])

    def test_more_than_there_can_be(self):
        self.bad("run", "--maxcpus", "256", "--", "true", named=["256 .*--maxcpus", "255"])
        self.bad("run", "--cpus", "1000", "--", "true", named=["1000", "255"])
        self.bad("run", "--slots", "257", "--", "true", named=["257 .*--slots", "256"])
        self.bad("run", "--maxcpus", "200", "--nodes", "129", "--", "true",
                 named=["129 .*--nodes", "128"])
        self.bad("run", "--empty-nodes", "128", "--", "true", named=["129 .*--empty-nodes", "128"])
        self.bad("run", "--append", "x=y " * 600, "--", "true", named=["x=y", "2400", "at most"])

    def test_conflicts(self):
        self.bad("run", "--cpus", "5", "--maxcpus", "4", "--", "true",
                 named=["--cpus 5", "--maxcpus 4"])
        self.bad("run", "--memory", "2G", "--maxmem", "1G", "--", "true", named=["1024M", "2048M"])
        self.bad("run", "--memory", "1G", "--maxmem", "1G", "--", "true", named=["1024M"])
        for word in ("1M", "100M", "129M"):
            self.bad("run", "--virtio-mem", word, "--", "true",
                     named=[f"--virtio-mem, {word}", "multiple of 128M"])
        self.bad("run", "--memory", "1G", "--maxmem", "2G", "--virtio-mem", "1152M", "--", "true",
                 named=["--maxmem, 2048M", "--virtio-mem, 1152M"])
        self.bad("run", "--nodes", "5", "--maxcpus", "4", "--", "true", named=["--nodes 5"])
        self.bad("run", "--icount", "--accel", "kvm", "--", "true", named=["--icount", "tcg"])
        self.bad("run", "--icount", "--cpus", "2", "--", "true", named=["--icount", "--cpus 1"])
        self.bad("run", "--accel", "xen", "--", "true", named=["'xen'", "'kvm', 'tcg'"])

    def test_files(self):
        os.mkfifo(self.path("pipe"))
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(self.path("socket"))
        file = self.file("file")
        for word in ("", "/nonexistent", file + "/x", "/nonexistent:/x", "x" * 5000):
            self.bad("run", "--add", word, "--", "true", named=["--add", "there is no"])
        for name in ("pipe", "socket"):
            self.bad("run", "--add", self.path(name), "--", "true",
                     named=[name, "neither a file nor a folder"])
        self.bad("run", "--add", "/dev/null", "--", "true", named=["/dev/null", "neither"])
        for word in ("/", f"{file}:/", f"{file}://", f"{file}:../x", f"{file}:/a/../../x"):
            self.bad("run", "--add", word, "--", "true",
                     named=[re.escape(word), "no place in the guest", "FILE:/where"])
        for word in ("", "/nonexistent", file):
            for option in ("--files", "--share"):
                self.bad("run", option, word, "--", "true",
                         named=[option, "there is no folder", re.escape(repr(word))])

    def test_qemu_args(self):
        self.bad("run", "--qemu-args", "-device 'x", "--", "true",
                 named=["--qemu-args", "-device 'x", "quote it"])

    def test_no_terminal(self):
        with mock.patch.object(sys, "stdin", io.StringIO()):
            self.words("qemu/vm", vm.main, vm.DIED, "shell", named=["not a terminal", "`run`"])

    def test_in_a_process_of_its_own(self):
        self.program("qemu/vm", 2, os.path.join(TOP, "qemu/vm"), "run", "--cpus", "none", "--",
                     "true", named=["'none'"])


if __name__ == "__main__":
    testing.main("qemu/vm")
