#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what scripts/check and scripts/check-kernels do with a guest that is lost to QEMU, and with
what a guest sends."""

import os
import subprocess

import testing
from testing import TOP

check_kernels = testing.load("check_kernels", "scripts/check-kernels")

PATIENCE = 240  # seconds that nothing here may take; the machine may be busy


class Check(testing.Refusals):
    """With a fake qemu/vm, and a scripts/check that has nothing to build."""

    PASSED = "echo 1..1; echo 'ok 1 selftests: dhp: a.sh'"
    LOST = ("echo 1..3; echo 'ok 1 selftests: dhp: a.sh # SKIP why'; "
            "echo 'vm: the guest was lost to QEMU: x' >&2; exit 75")
    FAILED = "echo 1..3; echo 'not ok 1 selftests: dhp: a.sh'; exit 75"

    def tree(self, *guests):
        """A tree in which scripts/check has nothing to build. GUESTS: what qemu/vm does."""
        for folder in ("scripts", "qemu", "selftests", "tools/testing/selftests/kselftest"):
            os.makedirs(self.path(folder))
        for name in ("check", "install-selftests", "ktap", "timeline"):
            os.symlink(os.path.join(TOP, "scripts", name), self.path(f"scripts/{name}"))
        self.file("scripts/setup", f"#!/bin/sh\necho {self.folder}\n", 0o755)
        self.file("tools/testing/selftests/run_kselftest.sh")
        self.file("release", "6.1-fake\n")
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

    def test_time_line(self):
        said = self.check(1, "^0 passed, 1 failed$", (
            'while [ "$1" != --files ]; do shift; done; '
            "echo '1.000000 START cpu=2 node=0 client=c result=0 took=5us' >\"$2/a.b.notified\"; "
            "echo 1..1; echo 'not ok 1 a'; exit 1"))
        page = "build/timelines/6.1.a.b.html"
        self.assertIn(f"check: the time line of a.b: {page}\n", said)
        with open(self.path(page), encoding="utf-8") as file:
            self.assertIn("a.b on 6.1-fake", file.read())

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
        self.patch(check_kernels, TOP=self.folder, LOGS=self.path("build/check-kernels"),
                   say=lambda _: None)
        check = check_kernels.Check("K", [], ["--run", "x"])
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


if __name__ == "__main__":
    testing.main()
