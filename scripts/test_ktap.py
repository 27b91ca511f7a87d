#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/ktap: does it count results as it must, and write them to files?"""

import json
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml

import testing
from testing import TOP
import ktap_results

ktap = testing.load("ktap", "scripts/ktap")


def count(text, status=0):
    return ktap_results.count(ktap_results.read(text.strip().splitlines(), status))


class Ktap(unittest.TestCase):
    def test_flat(self):
        self.assertEqual(count("TAP version 13\n1..2\nok 1 a\nok 2 b"), (2, 0, 0))

    def test_failure(self):
        self.assertEqual(count("1..2\nok 1 a\nnot ok 2 b"), (1, 1, 0))

    def test_skip_is_not_a_pass(self):
        self.assertEqual(count("1..2\nok 1 a # SKIP no DIMM\nok 2 b"), (1, 0, 1))

    def test_word_skip_in_name_is_not_a_skip(self):
        self.assertEqual(count("1..1\nok 1 skip_of_nothing"), (1, 0, 0))

    def test_only_failures_count_of_a_lost_guest(self):
        for text, expected in (("1..2\nok 1 a\n", (ktap.LOST, "# the guest was lost to QEMU")),
                               ("1..2\nnot ok 1 a\n", (1, "0 passed, 3 failed")),
                               ("1..1\n# 1..2\n# not ok 1 a\n", (1, "failed"))):
            with tempfile.NamedTemporaryFile("w") as status:
                status.write("75\n")
                status.flush()
                done = subprocess.run([os.path.join(TOP, "scripts/ktap"), "--status", status.name],
                                      input=text, stdout=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, expected[0])
            self.assertIn(expected[1], done.stdout.splitlines()[-1])

    def test_no_plan(self):
        self.assertEqual(count("ok 1 a"), (1, 1, 0))

    def test_nothing_at_all(self):
        self.assertEqual(count(""), (0, 1, 0))

    def test_fewer_than_planned(self):
        self.assertEqual(count("1..5\nok 1 a\nok 2 b"), (2, 3, 0))

    def test_subtests_count_by_themselves(self):
        self.assertEqual(count("""
TAP version 13
1..2
# selftests: dhp: one.sh
# TAP version 13
# 1..3
# ok 1 a
# ok 2 b # SKIP why
# ok 3 c
ok 1 selftests: dhp: one.sh
# selftests: dhp: two.sh
# 1..1
# ok 1 a
ok 2 selftests: dhp: two.sh
"""), (3, 0, 1))

    def test_subtest_fails(self):
        self.assertEqual(count("1..1\n# 1..2\n# ok 1 a\n# not ok 2 b\nnot ok 1 t # exit=1"),
                         (1, 1, 0))

    def test_subtest_fails_and_test_says_ok(self):
        self.assertEqual(count("1..1\n# 1..2\n# ok 1 a\n# not ok 2 b\nok 1 t"), (1, 1, 0))

    def test_crash_after_good_subtests(self):
        self.assertEqual(count("1..1\n# 1..1\n# ok 1 a\nnot ok 1 t # exit=139"), (1, 1, 0))

    def test_timeout_in_the_middle(self):
        self.assertEqual(count("1..1\n# 1..4\n# ok 1 a\nnot ok 1 t # TIMEOUT 45 seconds"),
                         (1, 3, 0))

    def test_subtests_without_plan(self):
        self.assertEqual(count("1..1\n# ok 1 a\nok 1 t"), (1, 1, 0))

    def test_skipped_as_a_whole(self):
        self.assertEqual(count("1..1\n# 1..0 # SKIP not here\nok 1 t # SKIP"), (0, 0, 1))

    def test_guest_died(self):
        self.assertEqual(count("1..3\nok 1 a\n# 1..2\n# ok 1 x", status=125), (2, 4, 0))

    def test_bad_console_after_all_passed(self):
        self.assertEqual(count("1..1\nok 1 a", status=125), (1, 1, 0))

    def test_exit_status_that_results_explain(self):
        self.assertEqual(count("1..2\nok 1 a\nnot ok 2 b", status=1), (1, 1, 0))
        self.assertEqual(count("1..1\nok 1 a # SKIP not here", status=4), (0, 0, 1))
        # Results that do not explain it.
        for status in 1, 2, 4:
            self.assertEqual(count("1..1\nok 1 a", status=status), (1, 1, 0))
        for text in "1..1\nnot ok 1 a", "1..2\nok 1 a # SKIP\nnot ok 2 b":
            self.assertEqual(count(text, status=4)[1], 2)

    def test_two_levels(self):
        self.assertEqual(count("1..1\n# 1..1\n#   1..2\n#   ok 1 x\n#   ok 2 y\n# ok 1 a\nok 1 t"),
                         (2, 0, 0))

    def test_diagnostics_are_not_results(self):
        self.assertEqual(count("1..1\n# okay\n# not okay, but fine\nok 1 a"), (1, 0, 0))

    def test_names(self):
        cases = ktap_results.read("""
TAP version 13
1..3
# selftests: dhp: load.sh
# TAP version 13
# 1..3
# # P1: clauses of module/CONTRACT.md
# # it says so
# # up: load it goes up
# ok 1 up
# # took 7 s
# # down: load it goes down
# # SKIP nothing to take down
# ok 2 down # SKIP
# # because
# not ok 3 P1 a title
not ok 1 selftests: dhp: load.sh # exit=1
# selftests: dhp: self.sh
# 1..0 # SKIP not root
ok 2 selftests: dhp: self.sh # SKIP
# selftests: dhp: lost.sh
# 1..2
# ok 1 x # SKIP a reason
""".strip().splitlines(), status=125)
        self.assertEqual([("/".join(case.path), case.status, case.title, case.reason, case.seconds, case.said)
                          for case in cases],
                         [("dhp/load.sh/up", "pass", "load it goes up", "", 7,
                           ["P1: clauses of module/CONTRACT.md", "it says so"]),
                          ("dhp/load.sh/down", "skip", "load it goes down", "nothing to take down", None, []),
                          ("dhp/load.sh/P1 a title", "fail", "", "", None, ["because"]),
                          ("dhp/self.sh", "skip", "", "not root", None, []),
                          ("dhp/lost.sh/x", "skip", "", "a reason", None, []),
                          ("dhp/lost.sh/(result 2 of 2 is missing)", "fail", "", "", None, []),
                          ("(result 3 of 3 is missing)", "fail", "", "", None, []),
                          ("(exit status 125)", "fail", "", "", None, [])])

    def test_files(self):
        text = ("1..2\n# selftests: dhp: a.sh\n# 1..3\n# # x: shows <x>\n# # \x1b[1m & more\n# not ok 1 x\n"
                "# # took 3 s\n# ok 2 y # SKIP why\n# ok 3 z\nnot ok 1 selftests: dhp: a.sh\nok 2 b\n")
        with tempfile.TemporaryDirectory() as folder:
            files = {name: os.path.join(folder, name) for name in ("junit", "json")}
            done = subprocess.run([os.path.join(TOP, "scripts/ktap"), "--junit", files["junit"], "--json",
                                   files["json"]], input=text, stdout=subprocess.PIPE, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, text + "2 passed, 1 failed, 1 skipped\n"))
            suites = xml.parse(files["junit"]).getroot()
            with open(files["json"], encoding="utf-8") as file:
                report = json.load(file)
        self.assertEqual([suites.get(name) for name in ("tests", "failures", "skipped")], ["4", "1", "1"])
        self.assertEqual([(suite.get("name"), suite.get("tests")) for suite in suites],
                         [("dhp.a.sh", "3"), ("ktap", "1")])
        failed, skipped, passed = suites[0]
        self.assertEqual((failed.get("classname"), failed.get("name"), failed.get("time")),
                         ("dhp.a.sh", "x", "3"))
        self.assertEqual(failed.find("failure").text, "shows <x>\n\ufffd[1m & more")
        self.assertEqual(skipped.find("skipped").get("message"), "why")
        self.assertEqual(list(passed), [])
        self.assertEqual([report[name] for name in ("passed", "failed", "skipped")], [2, 1, 1])
        self.assertEqual(report["tests"][0], {
            "path": ["dhp", "a.sh", "x"], "status": "fail", "title": "shows <x>", "reason": "",
            "seconds": 3, "said": ["\x1b[1m & more"]})

    def test_files_that_cannot_be_written(self):
        done = subprocess.run([os.path.join(TOP, "scripts/ktap"), "--json", "/nonexistent/x"],
                              input="1..1\nok 1 a\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "1 passed, 1 failed"))
        self.assertEqual(done.stderr, "ktap: cannot write the results to /nonexistent/x: "
                                      "No such file or directory\n")

    def test_summary(self):
        self.assertEqual(ktap_results.summary(3, 0, 0), "3 passed, 0 failed")
        self.assertEqual(ktap_results.summary(3, 1, 2), "3 passed, 1 failed, 2 skipped")


if __name__ == "__main__":
    testing.main()
