#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Shows the progress of something: on a terminal in one line that is rewritten, elsewhere in plain lines.

  scripts/progress.py TITLE COMMAND...

runs COMMAND and shows how many objects it has built, or how many tests have passed, and the latest one.
COMMAND's other output is passed on, and its exit status is returned.

Progress is written to standard error, because standard output may be KTAP. A line is rewritten with a
carriage return and blanks, without escape codes.
"""

import glob
import os
import re
import selectors
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

SELFTESTS = os.path.join(TOP, "selftests")

INTERVAL = 60  # seconds between two plain lines


def rewritable(stream):
    """Whether this is a terminal on which a line can be rewritten."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def width(stream):
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return (columns or 80) - 1  # a character in the last column may wrap the line


def clear(stream=None):
    """Clears the line that is being rewritten, also if another program has written it."""
    stream = stream or sys.stderr
    if rewritable(stream):
        stream.write("\r" + " " * width(stream) + "\r")
        stream.flush()


def say(text):
    """Prints a message that is not overwritten."""
    clear()
    print(text, file=sys.stderr, flush=True)


class Line:
    """The line that shows the progress. Not on a terminal: a plain line every INTERVAL seconds."""

    def __init__(self, stream=None, interval=INTERVAL):
        self._stream = stream or sys.stderr
        self._interval = interval
        self._said = time.monotonic()
        self._shown = False
        self.rewritten = rewritable(self._stream)

    def show(self, text):
        if self.rewritten:
            columns = width(self._stream)
            # The cursor returns to the first column, so that another program's message overwrites it.
            self._stream.write("\r" + text[:columns].ljust(columns) + "\r")
            self._shown = True
        elif time.monotonic() - self._said >= self._interval:
            self._said = time.monotonic()
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def clear(self):
        if self._shown:
            clear(self._stream)
            self._shown = False


def minutes(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


# ---------------------------------------------------------------- tests

TEST_CASE = re.compile(r"^test_case \S+ (['\"])(.*)\1$", re.MULTILINE)
# kselftest puts "# " before each line of a test program.
PROGRAM_BEGINS = re.compile(r"# selftests: dhp: (\S+)$")
TEST = re.compile(r"(?:# )?(ok|not ok) \d+ (?!selftests: )(.*)")


def tests_of(program):
    """The names of a program's tests in their order; none if the program cannot be read."""
    try:
        with open(program, encoding="utf-8") as file:
            return [name for _, name in TEST_CASE.findall(file.read())]
    except OSError:
        return []


def programs_of_suite():
    """The programs of the whole suite."""
    with open(os.path.join(SELFTESTS, "Makefile"), encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    return re.search(r"^TEST_PROGS := (.*)$", text, re.MULTILINE)[1].split()


class Tests:
    """Reads the KTAP stream of the selftests: counts the tests that have ended, and names the current
    one."""

    def __init__(self, whole):
        """WHOLE: the whole suite runs. Otherwise the plans in the stream give the number of tests."""
        tests = {os.path.basename(path): tests_of(path)
                 for path in glob.glob(os.path.join(SELFTESTS, "*.sh"))}
        self._whole = whole
        self._total = sum(len(tests[name]) for name in programs_of_suite()) if whole else 0
        self._done = self._failed = 0
        self._current = ""
        self._first = {name: names[0] for name, names in tests.items() if names}
        self._next = {name: following for names in tests.values()
                      for name, following in zip(names, names[1:] + [""])}

    def line(self, text):
        """Reads a line; returns whether the progress has changed."""
        if found := PROGRAM_BEGINS.match(text):
            self._current = self._first.get(found[1], found[1])
        elif found := re.match(r"1\.\.(\d+)$", text):
            self._total += 0 if self._whole else int(found[1])
        elif found := TEST.match(text):
            self._done += 1
            self._failed += found[1] == "not ok"
            self._current = self._next.get(found[2].split(" # SKIP")[0], "")
        else:
            return False
        return True

    def __str__(self):
        failed = f", {self._failed} failed" if self._failed else ""
        return (f"{self._done} of {max(self._total, self._done)} tests{failed}" +
                (f"; {self._current}" if self._current else ""))


# ---------------------------------------------------------------- a command

# kbuild's line for an object, and unittest's line for a test that has passed.
COUNTED = re.compile(r"  (?:[A-Z][A-Z0-9_]*)(?: \[M\])? +(\S.*)|(\S.*) \.\.\. ok$")
# If a test has a docstring, unittest prints the name in one line and the docstring in the next one.
NAMED = re.compile(r"test_\w+ \([\w.]+\)")


def count(title, command):
    """Runs it; returns its exit status."""
    line = Line()
    begun = time.monotonic()
    number = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        def end(signum, _):
            process.send_signal(signum)
        for signum in signal.SIGTERM, signal.SIGHUP:
            signal.signal(signum, end)
        selector = selectors.DefaultSelector()
        rests = {process.stdout: b"", process.stderr: b""}
        for pipe in rests:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(1):
                data = os.read(key.fd, 65536)
                *lines, rests[key.fileobj] = (rests[key.fileobj] + data).split(b"\n")
                if not data:
                    selector.unregister(key.fileobj)
                    lines = [rests[key.fileobj]] if rests[key.fileobj] else []
                out = sys.stdout if key.fileobj == process.stdout else sys.stderr
                for text in lines:
                    if NAMED.fullmatch(text.decode(errors="replace")):
                        continue
                    found = COUNTED.fullmatch(text.decode(errors="replace"))
                    if found:
                        number += 1
                        line.show(f"{title}: {number}, {minutes(time.monotonic() - begun)}; "
                                  f"{found[1] or found[2]}")
                        continue
                    line.clear()
                    out.buffer.write(text + b"\n")
                    out.flush()
    line.clear()
    status = process.returncode
    return 128 - status if status < 0 else status


def main():
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    # A background process of a shell ignores SIGINT, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return count(sys.argv[1], sys.argv[2:])
    except OSError as error:
        print(f"progress: {sys.argv[2]!r} cannot be run: {error.strerror}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
