#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tap.py: what scripts/try-* print, and their exit status."""

import contextlib
import io
import unittest
from unittest import mock

import ktap_results
import tap
import testing


def works():
    """works"""


def fails():
    """fails"""
    tap.need(True, "not this")
    tap.need(False, "two\nlines")


def skips():
    """skips"""
    raise tap.Skipped("no such thing here")


def breaks():
    """breaks"""
    return {}["lost"]


class Output(unittest.TestCase):
    def tried(self, function):
        """The exit status, and the lines, without the first one, which is the same always."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), mock.patch.object(tap.time, "monotonic", lambda: 0):
            results = tap.Tap()
            function(results)
            status = results.end()
        version, *lines = said.getvalue().splitlines()
        self.assertEqual(version, "TAP version 13")
        return status, lines

    def test_each_result(self):
        def all_of_them(results):
            self.assertTrue(results.test("one", works))
            self.assertFalse(results.test("two", fails))
            self.assertTrue(results.test("three", skips))
        status, lines = self.tried(all_of_them)
        self.assertEqual(lines, [
            "ok 1 - one", "# took 0 s", "# two", "# lines", "not ok 2 - two", "# took 0 s",
            "ok 3 - three # SKIP no such thing here", "# took 0 s", "1..3", "1 passed, 1 failed, 1 skipped"])
        self.assertEqual(status, 1)
        # The reader of results understands the same.
        cases = ktap_results.read(lines)
        self.assertEqual([(case.path, case.status, case.reason, case.said) for case in cases], [
            (["one"], "pass", "", []), (["two"], "fail", "", ["two", "lines"]),
            (["three"], "skip", "no such thing here", [])])
        self.assertEqual([case.seconds for case in cases], [0, 0, 0])

    def test_exit_status(self):
        for functions, expected in (([works], 0), ([works, skips], 0), ([fails], 1), ([works, fails], 1),
                                    ([skips], 1), ([], 1)):
            status, lines = self.tried(
                lambda results, functions=functions: [results.test("x", function) for function in functions])
            self.assertEqual(status, expected, lines)

    def test_an_exception_is_a_failure(self):
        """It does not end the others, and says where it was."""
        _, lines = self.tried(lambda results: (results.test("one", breaks), results.test("two", works)))
        self.assertIn('#     return {}["lost"]', lines)
        self.assertIn("# KeyError: 'lost'", lines)
        self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_a_signal_is_not(self):
        for wrong in KeyboardInterrupt, SystemExit:
            with self.assertRaises(wrong):
                self.tried(lambda results, wrong=wrong: results.test("x", mock.Mock(side_effect=wrong)))

    def test_arguments(self):
        function = mock.Mock()
        self.tried(lambda results: results.test("x", function, 1, 2))
        function.assert_called_once_with(1, 2)

    def test_a_sequence_ends_with_its_first_failure(self):
        def two_of_them(results):
            self.assertFalse(results.sequence((works, skips, fails, works), "first: "))
            self.assertTrue(results.sequence((works, skips), "second: "))
        _, lines = self.tried(two_of_them)
        self.assertEqual([line for line in lines if "took" not in line], [
            "ok 1 - first: works", "ok 2 - first: skips # SKIP no such thing here", "# two", "# lines",
            "not ok 3 - first: fails", "# first: what follows has not been tried",
            "ok 4 - second: works", "ok 5 - second: skips # SKIP no such thing here",
            "1..5", "2 passed, 1 failed, 2 skipped"])


if __name__ == "__main__":
    testing.main()
