#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what `make certify` prints."""

import unittest

import testing
from certify_fakes import report_of

import certify_result
import certify_verdict


class Verdict(unittest.TestCase):
    """What is printed."""

    def text(self, report):
        certify_result.count(report)
        certify_verdict.set_commands(report)
        return "\n".join(certify_verdict.verdict(report, "build/certify/x"))

    def test_a_failure(self):
        report = report_of(exercise="use it.sh", params="a=$1", drills=[
            ("off_and_on", [("in_order", "each in order", "failed",
                             [certify_result.Finding("null-pointer", "driver", "came_online",
                                                     text="BUG: kernel NULL pointer")]),
                            ("at_random", "at random", "not run", [])]),
            ("memory", [("in_out", "in and out", "passed", [])])])
        report.qemu_args = "-device edu"
        text = self.text(report)
        self.assertIn("drill       6.1\n            6.1.0-test\n"
                      "off_and_on  FAILED: null-pointer\nmemory      passed\n", text)
        self.assertIn("FAILED: off_and_on on 6.1: each in order\n", text)
        self.assertIn("  repeat it: make certify DRIVER=path/x EXERCISE='use it.sh' "
                      "PARAMS='a=$$1' QEMU_ARGS='-device edu' DRILLS=off_and_on:in_order KERNELS=6.1 SEED=7\n", text)
        self.assertIn("  fault:     a null pointer was used\n"
                      "  where:     came_online() of driver\n", text)
        self.assertIn("  usually:   allocate it before\n", text)
        self.assertIn("not run on 6.1: off_and_on: 1 more test case", text)
        self.assertNotIn("only loading", text)
        self.assertTrue(text.endswith("\n1 passed, 1 failed"), text)

    def test_a_step_that_fails_in_each_drill(self):
        found = [certify_result.Finding("load-failed", "driver", text="it does not load: EINVAL")]
        report = report_of(drills=[(drill, [("", certify_result.STEPS["setup"], "failed", found)])
                                   for drill in ("off_and_on", "memory", "suspend")])
        text = self.text(report)
        self.assertEqual(text.count("FAILED: off_and_on on 6.1: the driver is loaded\n"), 1)
        self.assertNotIn("FAILED: memory on", text)
        self.assertIn("  also in:   memory, suspend\n", text)
        self.assertIn("DRILLS=off_and_on KERNELS=6.1", text)
        self.assertIn("only loading and unloading it was exercised", text)
        self.assertTrue(text.endswith("0 passed, 3 failed"))

    def test_advice_is_given_once(self):
        def found(function):
            return [certify_result.Finding("slow", "driver", function, text="3 s")]
        text = self.text(report_of(drills=[
            ("off_and_on", [("a", "one", "failed", found("f"))]),
            ("memory", [("b", "two", "failed", found("g"))])]))
        self.assertEqual((text.count("do less"), text.count("usually:   see above")), (1, 1))

    def test_ktap(self):
        report = report_of(drills=[("off_and_on", [("a", "one", "passed", []),
                                                   ("b", "two", "skipped", [])])])
        lines = certify_verdict.ktap(4, "6.1", report.kernels[0].drills[0])
        self.assertEqual(lines, ["# drill: off_and_on on 6.1", "# ok 1 one",
                                 "# ok 2 two # SKIP why", "# 1..2", "ok 4 off_and_on on 6.1"])

    def test_a_bad_line_that_is_no_drills(self):
        report = report_of(drills=[("off_and_on", [("a", "one", "passed", [])])])
        report.kernels[0].guests.append(certify_result.Guest(
            ["off_and_on"], [], "done", "bad on the guest's console: WARNING: x", "6.1/1.log"))
        self.assertIn("on 6.1: bad on the guest's console: WARNING: x, which is not the driver's "
                      "doing, see 6.1/1.log\n", self.text(report))


if __name__ == "__main__":
    testing.main()
