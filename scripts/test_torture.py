#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/torture: what it refuses, and its sums over several seeds and lost guests."""

import io
import os
import re
import sys
from unittest import mock

import testing
from testing import forbidden

torture = testing.load("torture", "scripts/torture")


class TortureWords(testing.Refusals):
    def test_words(self):
        self.patch(torture, Guest=forbidden("a guest was tortured"))

        def bad(*words, named):
            self.words("scripts/torture", torture.main, 2, *words, named=named)

        bad(named=["MINUTES=''"])
        for word in ("", "0", "-1", "x", "1.5", "01", " 1", "\u0663", "9" * 5000):
            bad(word, named=[f"MINUTES='{re.escape(word)}'", "1 or more"])
        for word in ("x", "-1", "1.5", "01", "1,2", "\u0663", "1234567890", "1 x", "1 02"):
            bad("5", word, named=[f"SEED='{word.split()[-1]}'", "up to nine digits"])
        bad("5", "1 2 1", named=["SEED='1 2 1' names one twice"])

    def test_no_qemu(self):
        self.patch(torture, SCRIPTS=self.folder, Guest=forbidden("a guest was tortured"))
        self.patch(torture.os, environ={"PATH": self.folder})
        self.file("setup", "#!/bin/sh\nexit 1\n", 0o755)
        self.words("scripts/torture", torture.main, 1, "5", named=["no QEMU of 8.1 or newer"])


class Torture(testing.Refusals):
    """The results of scripts/check, as scripts/torture counts them."""

    PASSED = "echo '# SUCCESS: seed=7 transitions=1000 (x)'; echo '9 passed, 0 failed, 1 skipped'"
    LOST = "echo '# the guest was lost'; echo 'vm: the guest was lost to QEMU: vCPU 3 X' >&2; exit 75"
    FAILED = "echo '# FAILURE: seed=7 transitions=50 (x)'; echo '8 passed, 1 failed'; exit 1"

    def torture(self, status, last, *guests, seeds="7", minutes=5):
        """GUESTS: what the fake scripts/check does in its first run, its second, and so on."""
        check = "#!/bin/sh\necho \"$*\" >>asked\ncase $(wc -l <asked) in\n"
        check += "".join(f"{number}) {guest} ;;\n" for number, guest in enumerate(guests, 1))
        self.file("check", check + "*) exit 99 ;;\nesac\n", 0o755)
        self.file("asked")
        self.patch(torture, CHECK=self.path("check"))
        with mock.patch.object(sys, "argv", ["torture", str(minutes), seeds]), \
                mock.patch.object(os, "environ", {**os.environ, "QEMU": "x"}), \
                mock.patch.object(sys, "stdout", io.StringIO()) as printed, \
                mock.patch.object(sys, "stderr", io.StringIO()):
            before = os.getcwd()
            os.chdir(self.folder)
            try:
                code = torture.main()
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


if __name__ == "__main__":
    testing.main("scripts/torture")
