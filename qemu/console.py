# SPDX-License-Identifier: GPL-2.0
"""Follows the console of a guest's kernel, and finds what is bad there.

A clean console proves nothing, so it never makes a run succeed; a bad one makes it fail. Which
lines are bad is in selftests/bad-lines; which of them are excused is decided here.
"""

import os
import re

BAD_LINES = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))),
                         "selftests/bad-lines")

BEGIN = "vm: begin"
END = "vm: end"

# After these bad lines the kernel gets no further, or not in useful time: no reason to wait.
FATAL_PATTERNS = (
    "Kernel panic", "Oops[: ]", "kernel BUG at", "general protection fault", "double fault",
    "BUG: unable to handle", "BUG: kernel NULL pointer", "soft lockup", "hard LOCKUP",
    "rcu.*detected (expedited )?stalls", "self-detected stall",
    "blocked for more than [0-9]+ seconds", "workqueue lockup")
FATAL = re.compile("|".join(FATAL_PATTERNS))


def bad_patterns():
    """The regular expressions of selftests/bad-lines."""
    with open(BAD_LINES, encoding="ascii") as file:
        lines = [line.rstrip("\n") for line in file]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def bad_line():
    """What a bad line matches."""
    return re.compile("|".join(bad_patterns()))


# A test that provokes a warning on purpose announces it in the kernel's log:
#   echo "vm: expect WARNING: TEXT" > /dev/kmsg
# The next warning is excused if its first line contains TEXT. Only warnings can be excused, one
# for each announcement.
EXPECT = re.compile(r"vm: expect WARNING: (.+)")
WARNING = re.compile(r"WARNING: ")
WARNING_END = re.compile(r"---\[ end trace")

# What the selftests put there before each test.
TEST = re.compile(r"dhp selftest [\d.]+: (.+)")

# A data race counts if either side is in one of the project's modules, or in what one of them
# has called: the kernel has races of its own. The report ends with a line of KCSAN_END.
KCSAN = re.compile(r"BUG: KCSAN: ")
KCSAN_END = "=" * 60
KCSAN_OURS = re.compile(r"\[(dhp|wdm)\w*\]")
KCSAN_ACCESS = re.compile(r" bytes by .* on cpu \d+:")
KCSAN_FRAMES = 2  # of each side, the access and its caller
FRAME = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+")


class Scanner:
    """Follows a console log while it grows."""

    def __init__(self, path):
        self._path = path
        self._bad = bad_line()
        self._offset = 0
        self._rest = ""
        self._expected = []
        self._in_excused = False
        self._race = None   # the first line of the race report that is being read
        self._frames = 0    # of one side of the race
        self.begun = False
        self.ended = False
        self.bad = []      # bad lines, in order
        self.fatal = None  # the first one that matches FATAL
        self.lines = []
        self.first_bad = None  # index of the first bad line in lines
        self._test = None      # the test that runs
        self._bad_test = None  # the test that ran at the first bad line

    def update(self):
        with open(self._path, "rb") as log:
            log.seek(self._offset)
            data = log.read()
        self._offset += len(data)
        text = self._rest + data.decode(errors="replace").replace("\r", "")
        *lines, self._rest = text.split("\n")
        for line in lines:
            self._line(line)

    def _line(self, line):
        self.lines.append(line)
        test = TEST.search(line)
        if test:
            self._test = test[1]
            return
        expect = EXPECT.search(line)
        if expect:
            self._expected.append(expect[1].strip())
            return
        if BEGIN in line:
            self.begun = True
        if END in line:
            self.ended = True
        if WARNING.search(line):
            for text in self._expected:
                if text in line:
                    self._expected.remove(text)
                    self._in_excused = True
                    return
        if self._in_excused:
            if WARNING_END.search(line):
                self._in_excused = False
                return
            if "Call Trace:" in line:
                return
        if KCSAN.search(line):
            if not KCSAN_OURS.search(line):
                self._race = line
                self._frames = 0
                return
        elif self._race is not None:
            if not self._race_is_ours(line):
                return
            line = self._race
            self._race = None
        if self._bad.search(line):
            if self.first_bad is None:
                self.first_bad = len(self.lines) - 1
                self._bad_test = self._test
            self.bad.append(line)
            if not self.fatal and FATAL.search(line):
                self.fatal = line

    def _race_is_ours(self, line):
        if KCSAN_END in line:
            self._race = None
        elif KCSAN_ACCESS.search(line):
            self._frames = 0
        elif FRAME.search(line):
            self._frames += 1
            return self._frames <= KCSAN_FRAMES and KCSAN_OURS.search(line)
        return False

    def during(self):
        """Which test ran, for a message; empty if it is not known."""
        test = self._test if self.first_bad is None else self._bad_test
        return f", during the test: {test}" if test else ""

    def excerpt(self, count=40):
        """The lines of the log that explain a failure."""
        if self.first_bad is not None:
            start = max(0, self.first_bad - 3)
            return self.lines[start:start + count]
        return (self.lines + [self._rest] if self._rest else self.lines)[-count // 2:]
