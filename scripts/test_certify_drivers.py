#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the drivers in selftests/certify: they build without a warning, each says what must be
found in it, and together they cover the drills and the classes of fault; and of their README.md.

Not here: whether that is found, see scripts/check-certify.
"""

import collections
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import testing
import certify_build
import certify_expect
import certify_guest
import certify_words
import test_certify_console

certify = testing.load("certify", "scripts/certify")

# Classes that neither a faulty driver nor a recorded splat has: test_certify.py has the words by
# which they are recognised.
WITHOUT = {"exercise-failed", "load-failed", "unload-failed", "hang"}


def the_kernel():
    return certify.find_kernel(os.environ.get("KERNEL") or "6.1")


class Drivers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.drivers = certify_expect.all_drivers()  # refuses a file `expect` that is not complete
        cls.ours = [driver for driver in cls.drivers if driver.kind != "real"]
        cls.faulty = [driver for driver in cls.drivers if driver.kind == "faulty"]

    def expected(self, name):
        return {driver.expect[name] for driver in self.faulty}

    def source(self, driver):
        path = os.path.join(driver.folder, f"{driver.kind}_{driver.name}.c")
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_there_are_some(self):
        counts = collections.Counter(driver.kind for driver in self.drivers)
        self.assertGreaterEqual((counts["faulty"], counts["clean"]), (22, 7))
        # scripts/certify keeps a folder for each name.
        names = collections.Counter(driver.expect.get("package", driver.name)
                                    for driver in self.drivers)
        self.assertEqual(set(names.values()), {1}, names)

    def test_expect(self):
        for driver in self.faulty:
            with self.subTest(driver.name):
                self.assertIn(driver.expect["drill"], certify_guest.NAMES)
                self.assertIn(driver.expect["kernel"], certify.KERNELS.split())
                self.assertIn(driver.expect["class"], certify_words.WORDS)
                self.assertRegex(self.source(driver),
                                 rf"\b{driver.expect['function']}\([^;{{]*\)\n{{")

    def test_cases_that_must_pass(self):
        for driver in self.drivers:
            if passes := driver.expect.get("passes"):
                drill, _, case = passes.partition(":")
                self.assertIn(case, certify_guest.cases_of(drill).values(), driver.path)

    def test_what_is_known(self):
        for driver in self.drivers:
            for one in driver.expect.get("known", "").split():
                kind, _, function = one.partition(":")
                self.assertIn(kind, certify_words.WORDS, driver.path)
                self.assertRegex(function, r"^\w+$", driver.path)

    def test_what_it_says_about_itself(self):
        for driver in self.ours:
            with self.subTest(driver.name):
                self.assertEqual("FAULTY, to show what" in self.source(driver),
                                 driver.kind == "faulty")

    def test_exercises(self):
        for driver in self.drivers:
            if driver.exercise:
                certify.check_exercise(driver.exercise)

    def test_each_drill_has_a_fault_to_find(self):
        self.assertEqual(set(certify_guest.NAMES) - self.expected("drill"), set())
        self.assertEqual(set(certify_guest.known_drills()) - set(certify_guest.NAMES), set())

    def test_each_class_is_found_somewhere(self):
        recorded = {splat[1] for splat in test_certify_console.SPLATS}
        covered = self.expected("class") | recorded | set(test_certify_console.TITLES)
        self.assertEqual(set(certify_words.WORDS) - covered, WITHOUT)

    def test_the_page_has_them_all(self):
        with open(os.path.join(certify_guest.DRILLS, "README.md"), encoding="utf-8") as file:
            page = file.read()
        for name in (*certify_guest.NAMES, *certify_words.WORDS):
            self.assertIn(f"\n| `{name}` | ", page)

    def test_recognised_by_words(self):
        with open(os.path.join(testing.TOP, "scripts/test_certify.py"), encoding="utf-8") as file:
            tests = file.read()
        for kind in WITHOUT:
            self.assertIn(f'"{kind}"', tests)

    def test_build(self):
        kernel = the_kernel()
        with tempfile.TemporaryDirectory() as folder:
            # One make for all; kbuild puts objects beside the sources.
            with open(os.path.join(folder, "Kbuild"), "w", encoding="ascii") as file:
                file.write("obj-m := " + " ".join(f"{one.name}/" for one in self.ours) + "\n"
                           "KBUILD_EXTRA_SYMBOLS := $(DHP)/build/modules/$(KERNELRELEASE)/dhp/"
                           "Module.symvers\n")
            for driver in self.ours:
                shutil.copytree(driver.folder, os.path.join(folder, driver.name))
            environment = {name: value for name, value in os.environ.items()
                           if not re.match("MAKE|MFLAGS|KERNEL$|ARCH$", name)}
            done = subprocess.run(["make", "-s", *certify_build.kbuild(kernel), f"M={folder}",
                                   "KCFLAGS=-Werror", "modules"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env=environment, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stdout)
            for driver in self.ours:
                self.assertTrue(os.path.exists(os.path.join(
                    folder, driver.name, f"{driver.kind}_{driver.name}.ko")), driver.path)


if __name__ == "__main__":
    # This can take longer than testing.main() lets tests take.
    certify_build.build_ours(the_kernel())
    testing.main()
