# SPDX-License-Identifier: GPL-2.0
"""What the tools' tests share: loading a program as a module, and trying bad input.

Bad input must be refused with the documented exit status and a message that names what is wrong,
without a traceback, without a hang, and with nothing left behind. Each test file counts what it has
tried, and prints the counts at its end.

There are no tests here; fakes.py has the fake QEMU and the fake guest.
"""

import contextlib
import faulthandler
import importlib.machinery
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "qemu"))

PATIENCE = 60  # seconds that nothing here may take; the machine may be busy
SHORT = 0.3    # a deadline that is meant to pass

# How a script of selftests/ begins that runs here: without the framework's parts that need a guest.
WITHOUT_GUEST = """\
#!/bin/sh
. ./lib/all.sh
needs=
module_loaded() { false; }
setup() { :; }
teardown() { :; }
save_machine() { :; }
restore_machine() { :; }
set_mark() { :; }
bad_in_log() { false; }
"""

tried = {}     # kind of bad input -> how many
refused = {}   # of these, how many were refused as they must be


def load(name, path):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOP, path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def count(counts, kind, number=1):
    counts[kind] = counts.get(kind, 0) + number


def forbidden(what):
    def called(*_, **__):
        raise AssertionError(f"{what}, in spite of bad input")
    return called


class Refusals(unittest.TestCase):
    """Each test has a folder of its own, and a build folder in which nothing may be left."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.build = os.path.join(folder.name, "build")
        os.mkdir(self.build)

    def patch(self, module, **values):
        patcher = mock.patch.multiple(module, **values)
        patcher.start()
        self.addCleanup(patcher.stop)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, text="", mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def check(self, kind, what, status, said, expected_status, *named):
        """Checks one refusal. NAMED: regular expressions that the message must match."""
        self.assertEqual(status, expected_status, f"{what}: {said}")
        self.assertNotIn("Traceback", said, what)
        for pattern in named:
            self.assertRegex(said, pattern, what)
        count(refused, kind)

    def words(self, kind, main, status, *words, named=()):
        """Runs a program's main() with a bad command line."""
        count(tried, kind)
        said, printed = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", [kind, *words]), contextlib.redirect_stderr(said), \
                contextlib.redirect_stdout(printed):
            try:
                code = main()
            except SystemExit as end:
                # As sys.exit() does with a string.
                code = end.code
                if isinstance(code, str):
                    print(code, file=sys.stderr)
                    code = 1
        self.check(kind, words, code, said.getvalue(), status, *named)
        self.assertEqual(printed.getvalue(), "", words)
        self.assertEqual(os.listdir(self.build), [], words)

    def program(self, kind, status, *command, named=(), **how):
        """Runs a program with a bad command line, in a process of its own."""
        count(tried, kind)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False, **how)
        said = done.stderr.decode(errors="replace")
        self.check(kind, command, done.returncode, said, status, *named)
        self.assertEqual(done.stdout, b"", command)


def table(kinds):
    """Prints the counts, as diagnostics."""
    rows = [("bad input", "tried", "refused")] if kinds else []
    rows += [(kind, str(tried.get(kind, 0)), str(refused.get(kind, 0))) for kind in kinds]
    width = max((len(row[0]) for row in rows), default=0)
    for what, *numbers in rows:
        print(f"# {what.ljust(width)}" + "".join(number.rjust(9) for number in numbers))


def main(*kinds):
    """Runs the tests of the calling file, which must try bad input of each of KINDS."""
    # A test that hangs has failed.
    faulthandler.dump_traceback_later(5 * PATIENCE, exit=True)
    program = unittest.main(exit=False)
    table(kinds)
    if [kind for kind in kinds if not tried.get(kind) or refused.get(kind) != tried[kind]]:
        sys.exit("bad input: there must be some of each kind, and all of it must be refused")
    sys.exit(not program.result.wasSuccessful())
