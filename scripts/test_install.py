#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what is built for a real machine."""

import os
import re
import subprocess
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True


def needed_options():
    with open(os.path.join(TOP, "module/requires.c"), encoding="utf-8") as file:
        return re.findall(r"!defined\((CONFIG_\w+)\)", file.read())


class Requires(unittest.TestCase):
    def refused(self, *missing):
        options = [f"-D{name}=1" for name in needed_options() if name not in missing]
        source = os.path.join(TOP, "module/requires.c")
        done = subprocess.run(["gcc", "-fsyntax-only", *options, source], text=True,
                              stderr=subprocess.PIPE, check=False)
        errors = re.findall(r"error: #error (.*)", done.stderr)
        self.assertEqual(done.returncode != 0, bool(errors), done.stderr)
        return errors

    def test_all_there(self):
        self.assertEqual(self.refused(), [])

    def test_each_is_named(self):
        self.assertLessEqual({"CONFIG_64BIT", "CONFIG_HOTPLUG_CPU", "CONFIG_MEMORY_HOTPLUG"},
                             set(needed_options()))
        for name in needed_options():
            errors = self.refused(name)
            self.assertEqual(len(errors), 1, errors)
            self.assertRegex(errors[0], fr'^"dhp needs {name}: \w+ .*"$')

    def test_one_at_a_time(self):
        self.assertEqual(len(self.refused(*needed_options())), 1)


if __name__ == "__main__":
    unittest.main()
