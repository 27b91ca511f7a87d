#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what scripts/check-kernels refuses."""

import os
from unittest import mock

import testing
from testing import forbidden

check_kernels = testing.load("check_kernels", "scripts/check-kernels")


class CheckKernelsWords(testing.Refusals):
    def setUp(self):
        super().setUp()
        self.patch(check_kernels, LOGS=os.path.join(self.build, "check-kernels"))

    def test_words(self):
        self.patch(check_kernels.subprocess, run=forbidden("something was run"))

        def bad(*words, named):
            self.words("scripts/check-kernels", check_kernels.main, 2, *words, named=named)

        bad(named=["--kernels"])
        bad("--kernels", named=["--kernels"])
        for word in ("", "  ", "\n"):
            bad("--kernels", word, named=["names no kernel", "'6.1 6.12'"])
        bad("--kernels", "6.1 6.12 6.1", named=["'6.1 6.12 6.1' names one twice"])
        for word in ("", "x", "1.5", "9" * 5000):
            bad("--kernels", "6.1", "--jobs", word, named=["--jobs", "invalid int value"])
        for word in ("0", "-1", f"-{2 ** 64}"):
            bad("--kernels", "6.1", "--jobs", word, named=[f"--jobs {word}", "one or more"])
        bad("--kernels", "6.1:load 6.1", named=["'6.1:load 6.1' names one twice"])
        for word, script in ("6.1:", ""), ("6.1:nonsense", "nonsense"), ("6.1:load,", ""), \
                ("debug:load.sh", "load.sh"), ("6.1:load;reboot", "load;reboot"):
            bad("--kernels", word, named=[f"'{word}'", f"no script '{script}'", "load, "])

    def test_scripts(self):
        """A kernel's scripts are what scripts/check runs in the guest."""
        for word, kernel, scripts, run in (
                ("6.1", "6.1", [], ["--timeout", "9"]),
                ("kcsan:load,memory", "kcsan", ["load", "memory"],
                 ["--run", "./run_kselftest.sh -t dhp:load.sh -t dhp:memory.sh", "--timeout", "9"]),
                ("./a:b/linux", "./a:b/linux", [], ["--timeout", "9"])):
            self.assertEqual(check_kernels.parse_kernel(word), (kernel, scripts))
            check = check_kernels.Check(kernel, scripts, ["--timeout", "9"])
            started = []
            self.patch(check, _start=lambda command, started=started, **_: started.extend(command))
            self.patch(check, _process=mock.Mock(stdout=["1 passed, 0 failed\n"], returncode=0))
            self.patch(check_kernels, say=lambda text: None)
            os.makedirs(check_kernels.LOGS, exist_ok=True)
            check._check()  # pylint: disable=protected-access
            self.assertEqual(started[1:], ["--guest", *run])

    def test_failures_are_said_at_once(self):
        said = []
        self.patch(check_kernels, say=said.append)
        check = check_kernels.Check("K", [], [])
        for line in ("# # expected 1, is 2", "# not ok 3 a title", "not ok 1 selftests: dhp: a.sh # exit=1",
                     "ok 2 selftests: dhp: b.sh", "not ok 3 selftests: dhp: c.sh # TIMEOUT"):
            check._line(line)  # pylint: disable=protected-access
        self.assertEqual("\n".join(said), "\n".join((
            "K: not ok a.sh # exit=1",
            "failed on K: a title", "  | expected 1, is 2", "failed on K: a.sh # exit=1",
            "K: ok b.sh",
            "K: not ok c.sh # TIMEOUT", "failed on K: c.sh # TIMEOUT")))

    def test_no_qemu(self):
        self.patch(check_kernels, SETUP="/bin/false")
        self.patch(check_kernels.os, environ={"PATH": self.folder})
        self.words("scripts/check-kernels", check_kernels.qemu, 1,
                   named=["no QEMU of 8.1 or newer", "QEMU="])

    def test_no_such_kernel(self):
        testing.count(testing.tried, "scripts/check-kernels")
        self.patch(check_kernels, SETUP="/bin/false")
        check = check_kernels.Check("nonsense", [], [])
        self.assertFalse(check.setup())
        self.assertEqual((check.failed, check.failures),
                         (1, ["failed on nonsense: there is no such kernel to be had"]))
        testing.count(testing.refused, "scripts/check-kernels")


if __name__ == "__main__":
    testing.main("scripts/check-kernels")
