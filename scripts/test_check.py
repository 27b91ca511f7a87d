#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the command line of scripts/check, in a tree with nothing to build and a stand-in for
qemu/vm. What it does with a guest that is lost to QEMU is tested in test_lost_guest.py.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

PATIENCE = 60  # seconds that one run may take; the machine may be busy
OWN = ("--help", "--run", "--minutes", "--guest", "--once")
# Options of qemu/vm that scripts/check does not take.
NOT_TAKEN = {"--help", "--kernel", "--files"}


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ("scripts", "qemu", "selftests", "tools/testing/selftests/kselftest"):
            os.makedirs(self.path(name))
        for name in ("check", "install-selftests", "ktap", "progress.py"):
            os.symlink(os.path.join(TOP, "scripts", name), self.path(f"scripts/{name}"))
        self.file("scripts/setup", f"#!/bin/sh\necho {self.folder}\n")
        self.file("tools/testing/selftests/run_kselftest.sh")
        self.file("release", "6.1-fake\n")
        self.file("Makefile", "guest-modules: ;\n")
        self.file("selftests/Makefile", "TEST_PROGS := a.sh\ninstall emit_tests: ;\n")
        self.file("qemu/vm", f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{self.path('words')}\n"
                             f"echo \"$QEMU\" >{self.path('qemu/used')}\n"
                             "echo 1..1; echo 'ok 1 a'\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, text=""):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o755)

    def check(self, *words, **environment):
        environment = {**os.environ, "QEMU": "", **environment}
        return subprocess.run([self.path("scripts/check"), *words], check=False, text=True,
                              env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE)

    def refused(self, *words, named):
        done = self.check(*words)
        self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        self.assertRegex(done.stderr, fr"^check: .*{named}.*; `scripts/check --help` says more\n$")
        # Nothing was built or started.
        self.assertFalse(os.path.exists(self.path("build")), words)
        self.assertFalse(os.path.exists(self.path("words")), words)

    def guest(self, *words):
        """Returns the words of qemu/vm before the command."""
        done = self.check(*words)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 0 failed")
        results = [] if "--run" in words else ["6.1-fake.json", "6.1-fake.xml"]
        self.assertEqual([name for _, _, names in sorted(os.walk(self.path("build/results")))
                          for name in sorted(names)], results)
        with open(self.path("words"), encoding="utf-8") as file:
            before, command = file.read().split("\n--\n")
        return before.split("\n"), command

    def test_help(self):
        for word in "-h", "--help":
            done = self.check(word)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for option in OWN[1:]:
                self.assertRegex(done.stdout, fr"(?m)^  {option} .*\w")
        for word in "KERNEL", "DHP_PERCENT", "DHP_SEED", "qemu/vm run --help", "Exit status":
            self.assertIn(word, done.stdout)

    def test_examples(self):
        """The examples of the help name a script and a test that exist."""
        examples = re.findall(r"--run 'cd dhp && \./(\w+\.sh)(?: -t (\w+))?", self.check("-h").stdout)
        self.assertIn(True, [bool(name) for _, name in examples])
        for script, name in examples:
            with open(os.path.join(TOP, "selftests", script), encoding="utf-8") as file:
                self.assertRegex(file.read(), fr"(?m)^test_case {name or ''}")

    def test_unknown_options(self):
        for word in "--nonsense", "--tiemout=3", "-x", "--once=1", "--run=x", "--mem":
            self.refused(word, named=f"no option '{word}', only {', '.join(OWN)}, and those of")
        self.refused("load.sh", named="what does 'load.sh' mean.*--run 'cd dhp && ./load.sh'")
        self.refused("", named="what does '' mean")

    def test_values(self):
        for words in ("--run",), ("--run", ""):
            self.refused(*words, named="--run needs a command, like --run '")
        for value in "", "x", "0", "-1", "1.5":
            self.refused("--run", "x", "--minutes", value, named=f"'{value}' is not a number of min")
        self.refused("--run", "x", "--minutes", named="'' is not a number of minutes")
        self.refused("--minutes", "5", named="--minutes belongs to --run")
        self.refused("--run", "x", "--timeout", named="--timeout needs a value")

    def test_order(self):
        for option in OWN:
            self.refused("--cpus", "2", option, named=f"{option} comes before the options of qemu/vm")

    def test_options_that_are_not_taken(self):
        self.refused("--kernel", "6.1", named="KERNEL= in the environment")
        self.refused("--kernel=6.1", named="KERNEL= in the environment")
        self.refused("--files", "x", named="itself uses --files")

    def test_options_of_vm(self):
        """Each option that qemu/vm has is taken or refused on purpose."""
        done = subprocess.run([os.path.join(TOP, "qemu/vm"), "run", "--help"], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=PATIENCE)
        options = re.findall(r"(?m)^  (?:-h, )?(--[\w-]+)( \S)?", done.stdout)
        self.assertLessEqual({"--cpus", "--timeout", *NOT_TAKEN}, {option for option, _ in options})
        given = [word for option, value in options if option not in NOT_TAKEN
                 for word in ([option, "1"] if value else [option])]
        self.assertEqual(self.guest("--run", "x", *given)[0][-len(given):], given)

    def test_all_of_them(self):
        words, command = self.guest("--once", "--guest", "--run", "cd dhp && ./a.sh", "--minutes", "3",
                                    "--cpus", "3", "--icount", "--timeout=9")
        self.assertEqual(words[0], "run")
        self.assertEqual(words[-4:], ["--cpus", "3", "--icount", "--timeout=9"])
        self.assertIn("cd /selftests && cd dhp && ./a.sh\n", command)

    def test_without_words(self):
        words, command = self.guest("--guest")
        self.assertEqual(words[-2:], ["--files", words[-1]])
        self.assertIn("cd /selftests && ./run_kselftest.sh\n", command)

    def test_qemu(self):
        """The one of scripts/setup, unless another one is named."""
        for named, used in ("", self.folder), ("/other/qemu", "/other/qemu"):
            self.assertEqual(self.check("--guest", QEMU=named).returncode, 0)
            with open(self.path("qemu/used"), encoding="utf-8") as file:
                self.assertEqual(file.read(), f"{used}\n")
        self.file("scripts/setup", f"#!/bin/sh\n[ \"$1\" != qemu ] || exit 1\necho {self.folder}\n")
        done = self.check("--guest")
        self.assertEqual((done.returncode, done.stdout), (1, "0 passed, 1 failed\n"))
        self.assertIn("check: there is no QEMU of 8.1 or newer", done.stderr)


if __name__ == "__main__":
    unittest.main()
