#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what scripts/check-kernels refuses."""

import os

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

    def test_no_qemu(self):
        self.patch(check_kernels, SETUP="/bin/false")
        self.patch(check_kernels.os, environ={"PATH": self.folder})
        self.words("scripts/check-kernels", check_kernels.qemu, 1,
                   named=["no QEMU of 8.1 or newer", "QEMU="])

    def test_no_such_kernel(self):
        testing.count(testing.tried, "scripts/check-kernels")
        self.patch(check_kernels, SETUP="/bin/false")
        check = check_kernels.Check("nonsense", [])
        self.assertFalse(check.setup())
        self.assertEqual((check.failed, check.failures),
                         (1, ["failed on nonsense: there is no such kernel to be had"]))
        testing.count(testing.refused, "scripts/check-kernels")


if __name__ == "__main__":
    testing.main("scripts/check-kernels")
