#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what is shown on a terminal, without one, with NO_COLOR, and with TERM=dumb."""

import fcntl
import glob
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
from unittest import mock

import testing
from testing import PATIENCE, TOP
import host
import progress


class Terminal:
    """A terminal for a program to write to; @data has what was written."""

    def __init__(self, columns=100):
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        self.data = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # no process has it open any more
                return
            self.data += data

    def type(self, data):
        os.write(self._master, data)

    def wait_for(self, text):
        """Waits until TEXT has been shown, or until PATIENCE is over."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.data:
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} was not shown: {self.data!r}")
            time.sleep(0.01)

    def end(self):
        os.close(self.slave)
        self._reader.join(PATIENCE)
        os.close(self._master)

    def screen(self):
        """The lines on the screen at the end."""
        lines, column = [""], 0
        for char in self.data.decode():
            if char == "\r":
                column = 0
            elif char == "\n":
                lines.append("")
                column = 0
            else:
                lines[-1] = lines[-1][:column].ljust(column) + char + lines[-1][column + 1:]
                column += 1
        return [line.rstrip() for line in lines]


def environment(**changes):
    """Our environment with an ordinary TERM; None removes a variable."""
    given = {**os.environ, "TERM": "xterm", "NO_COLOR": None, **changes}
    return {name: value for name, value in given.items() if value is not None}


def run(command, stdout=True, stderr=True, text="", **changes):
    """Runs COMMAND, its streams a terminal or a pipe; returns the terminal and the process."""
    terminal = Terminal()
    done = subprocess.run(command, input=text.encode(), env=environment(**changes), check=False,
                          stdout=terminal.slave if stdout else subprocess.PIPE,
                          stderr=terminal.slave if stderr else subprocess.PIPE, timeout=PATIENCE)
    terminal.end()
    return terminal, done


KTAP = """TAP version 13
1..2
# selftests: dhp: load.sh
# TAP version 13
# 1..2
# ok 1 {0}
# # took 1 s
# not ok 2 {1}
ok 1 selftests: dhp: load.sh
ok 2 selftests: dhp: self.sh
""".format(*progress.tests_of(os.path.join(TOP, "selftests/load.sh"))[:2])
COMMAND = [os.path.join(TOP, "scripts/ktap"), "--all"]


class Ktap(unittest.TestCase):
    """`make check`"""

    def test_progress_is_not_in_the_stream(self):
        terminal, done = run(COMMAND, stdout=False, text=KTAP)
        self.assertEqual(done.stdout.decode(), KTAP + "2 passed, 1 failed\n")
        shown = terminal.data.decode()
        total = progress.Tests(True)._total  # pylint: disable=protected-access
        names = progress.tests_of(os.path.join(TOP, "selftests/load.sh"))
        self.assertIn(f"0 of {total} tests; {names[0]}"[:60], shown)
        self.assertIn(f"1 of {total} tests; {names[1]}"[:60], shown)
        self.assertIn(f"2 of {total} tests, 1 failed; {names[2]}"[:60], shown)
        self.assertNotIn("\n", shown)
        self.assertEqual(terminal.screen(), [""])

    def test_both_on_one_terminal(self):
        terminal, _ = run(COMMAND, text=KTAP)
        self.assertEqual(terminal.screen(), [*KTAP.splitlines(), "2 passed, 1 failed", ""])
        self.assertIn(b"1 of ", terminal.data)

    def test_no_terminal(self):
        _, done = run(COMMAND, stdout=False, stderr=False, text=KTAP)
        self.assertEqual(done.stdout.decode(), KTAP + "2 passed, 1 failed\n")
        self.assertEqual(done.stderr, b"")
        # Standard output may be a terminal all the same.
        terminal, done = run(COMMAND, stderr=False, text=KTAP)
        self.assertEqual((terminal.screen()[:-2], done.stderr), (KTAP.splitlines(), b""))

    def test_dumb(self):
        for term in "dumb", None:
            terminal, _ = run(COMMAND, text=KTAP, TERM=term)
            self.assertEqual(terminal.data.decode(), (KTAP + "2 passed, 1 failed\n")
                             .replace("\n", "\r\n"))

    def test_no_escape_codes(self):
        for changes in {}, {"NO_COLOR": "1"}:
            terminal, _ = run(COMMAND, text=KTAP, **changes)
            self.assertNotIn(b"\x1b", terminal.data)
            self.assertIn(b"1 of ", terminal.data)

    def test_time_is_shown_while_nothing_comes(self):
        terminal = Terminal()
        with subprocess.Popen([*COMMAND, "--minutes", "5"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=terminal.slave,
                              env=environment()) as process:
            process.stdin.write(b"TAP version 13\n1..1\n# selftests: dhp: torture.sh\n")
            process.stdin.flush()
            terminal.wait_for(b"\r0:01 of 5:00 min, 0 of ")
            process.stdin.close()
        terminal.end()

    def test_plan_of_some(self):
        tests = progress.Tests(whole=False)
        for line in "TAP version 13", "1..7", "# seed 5", "ok 1 something":
            tests.line(line)
        self.assertEqual(str(tests), "1 of 7 tests")

    def test_names(self):
        for program in progress.programs_of_suite():
            path = os.path.join(TOP, "selftests", program)
            with open(path, encoding="utf-8") as file:
                lines = [line for line in file if line.startswith("test_case ")]
            self.assertEqual(len(progress.tests_of(path)), len(lines), program)
            self.assertTrue(lines, program)


class Lines(unittest.TestCase):
    def test_elsewhere_a_line_now_and_then(self):
        out = io.StringIO()
        line = progress.Line(out, interval=0)
        line.show("1 of 2")
        line.show("2 of 2")
        line.clear()
        self.assertEqual(out.getvalue(), "1 of 2\n2 of 2\n")
        out = io.StringIO()
        line = progress.Line(out, interval=PATIENCE)
        line.show("1 of 2")
        self.assertEqual(out.getvalue(), "")

    def test_narrow(self):
        terminal = Terminal(columns=20)
        with open(terminal.slave, "w", encoding="utf-8", closefd=False) as out, \
                mock.patch.dict(os.environ, TERM="xterm"):
            line = progress.Line(out)
            line.show("x" * 50)
            line.show("short")
        terminal.end()
        self.assertEqual(terminal.data.decode(), f"\r{'x' * 19}\r\r{'short'.ljust(19)}\r")

    def screen(self, shown, stdout=None):
        """The screen after a message of qemu/vm."""
        terminal = Terminal()
        with open(terminal.slave, "w", encoding="utf-8", closefd=False) as out, \
                mock.patch.dict(os.environ, TERM="xterm"), mock.patch.object(sys, "stderr", out), \
                mock.patch.object(sys, "stdout", stdout or out):
            shown(out)
            out.flush()
            host.say("short")
        terminal.end()
        return terminal.screen()

    def test_messages_of_others(self):
        self.assertEqual(self.screen(lambda out: progress.Line(out).show("a long line, how far it is"),
                                     io.StringIO()), ["vm: short", ""])

    def test_half_a_line_of_output(self):
        self.assertEqual(self.screen(lambda out: out.write("half ")), ["half vm: short", ""])


BUILD = r"""printf '  CC [M]  a.o\n  LD      b.o\n'
echo 'Kernel is ready'
echo 'test_x (test.Case.test_x) ... ok' >&2
echo 'a.c:1: error' >&2
exit 3"""


class Count(unittest.TestCase):
    """Builds, and the tools' own tests."""

    command = [os.path.join(TOP, "scripts/progress.py"), "build", "sh", "-c", BUILD]

    def test_terminal(self):
        terminal, done = run(self.command, stdout=False)
        self.assertEqual((done.returncode, done.stdout), (3, b"Kernel is ready\n"))
        self.assertRegex(terminal.data.decode(), r"\rbuild: 1, 0:0\d; .*\rbuild: 3, 0:0\d; ")
        self.assertNotIn(b"\x1b", terminal.data)
        self.assertEqual(terminal.screen(), ["a.c:1: error", ""])

    def test_no_terminal(self):
        for changes in {}, {"TERM": "dumb"}:
            _, done = run(self.command, stdout=False, stderr=False, **changes)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (3, b"Kernel is ready\n", b"a.c:1: error\n"))

    def test_how_it_ends(self):
        program = self.command[0]
        self.assertEqual(run([program, "x", "true"])[1].returncode, 0)
        self.assertEqual(run([program, "x", "sh", "-c", "kill -9 $$"])[1].returncode, 137)
        terminal, done = run([program, "x", "/nonexistent"])
        self.assertEqual(done.returncode, 127)
        self.assertIn("'/nonexistent' cannot be run", terminal.screen()[0])
        self.assertEqual(run([program, "x"])[1].returncode, 2)


class Tree(unittest.TestCase):
    """Scripts in a tree of their own, with fakes for the other programs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in "scripts", "qemu", "build":
            os.mkdir(os.path.join(self.folder, name))
        os.symlink(os.path.join(TOP, "selftests"), os.path.join(self.folder, "selftests"))

    def copy(self, *names):
        for name in names:
            shutil.copy(os.path.join(TOP, name), os.path.join(self.folder, name))

    def program(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)


class Demo(Tree):
    """The only program with escape codes, but for a screen."""

    def titles(self, **how):
        self.copy("scripts/demo")
        # The last two words are what the guest prints around a title.
        self.program("qemu/vm", r"""while [ $# -gt 2 ]; do shift; done; printf '<%s%s>\n' "$1" "$2" """)
        terminal, done = run([self.path("scripts/demo")], **how)
        self.assertEqual(done.returncode, 0)
        return terminal.screen()[0] if how.get("stdout", True) else done.stdout.decode().strip()

    def test_terminal(self):
        self.assertEqual(self.titles(), "<\x1b[1m\x1b[0m>")
        self.assertEqual(self.titles(NO_COLOR=""), "<\x1b[1m\x1b[0m>")

    def test_without(self):
        self.assertEqual(self.titles(stdout=False), "<>")
        for changes in {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": None}:
            self.assertEqual(self.titles(**changes), "<>", changes)

    def test_no_other_file(self):
        found = []
        for path in glob.glob(os.path.join(TOP, "*/*")) + glob.glob(os.path.join(TOP, ".ci/*")) + \
                [os.path.join(TOP, "Makefile")]:
            if os.path.isdir(path) or path.startswith((os.path.join(TOP, "build"),
                                                       os.path.join(TOP, "scripts/test_"))):
                continue  # tests search for them
            with open(path, encoding="utf-8", errors="replace") as file:
                if re.search(r"\\0?33|\\x1b|\\e\[|\x1b|\btput\b|--colou?r(?!=never)", file.read()):
                    found.append(os.path.relpath(path, TOP))
        # The first one has a screen, whose test is test_hotplug_watch.py; the last one hands them to the
        # kernel.
        self.assertEqual(sorted(found), ["qemu/hotplug-watch", "scripts/demo", "selftests/bad_input.sh"])


class Compiler(unittest.TestCase):
    def colours(self, **changes):
        done = subprocess.run(["make", "-s", "-C", TOP, "--eval",
                               "shown: ; @echo \"$${GCC_COLORS-gcc's own}\"", "shown"],
                              env=environment(GCC_COLORS=None, **changes), stdout=subprocess.PIPE,
                              text=True, timeout=PATIENCE, check=True)
        return done.stdout.strip()

    def test_no_color(self):
        self.assertEqual(self.colours(NO_COLOR="1"), "")
        self.assertEqual(self.colours(NO_COLOR=""), "gcc's own")
        self.assertEqual(self.colours(), "gcc's own")


class CheckKernels(Tree):
    def check(self, **how):
        self.copy("scripts/check-kernels", "scripts/progress.py")
        with open(self.path("Makefile"), "w", encoding="utf-8") as file:
            file.write("tools:\n")
        self.program("scripts/setup", f"echo 'setup: a download' >&2; echo 0-$2 >{self.folder}/release;"
                                      f"echo {self.folder}")
        self.program("scripts/check", f"cat <<'END'\n{KTAP}2 passed, 1 failed\nEND\nexit 1")
        return run([self.path("scripts/check-kernels"), "--kernels", "a b", "--jobs", "2"],
                   QEMU="/bin/true", **how)

    def test_terminal(self):
        terminal, done = self.check(stdout=False)
        self.assertEqual(done.stdout.decode().splitlines()[-1], "4 passed, 2 failed")
        self.assertRegex(terminal.data.decode(), r"\r(a: \d of \d+ tests.*)?b: \d of \d+ tests")
        self.assertNotIn(b"\x1b", terminal.data)
        self.assertEqual(terminal.screen(), [""])

    def test_no_terminal(self):
        _, done = self.check(stdout=False, stderr=False)
        self.assertEqual(done.stderr, b"")
        lines = done.stdout.decode().splitlines()
        self.assertIn("a: setup: a download", lines)
        self.assertIn("b: ok load.sh", lines)
        self.assertEqual(lines[-1], "4 passed, 2 failed")


if __name__ == "__main__":
    testing.main()
