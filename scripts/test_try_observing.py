#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/try-observing without a guest: how it reads module/OBSERVING.md, and what it complains
about."""

import contextlib
import io
import os
import re
import subprocess
from unittest import mock

import testing
from testing import forbidden

check = testing.load("try_observing", "scripts/try-observing")

PAGE = """
Words.

```sh
first

cat x      # Ctrl-C ends it
```

```text
took=12us  name=a/b ...
...
```

```sh
last
```
"""


class Page(testing.Refusals):
    def lines(self):
        return check.lines_of(PAGE)

    def test_lines(self):
        self.assertEqual([(line.text, line.expected) for line in self.lines()], [
            ("first", []), ("cat x      # Ctrl-C ends it", ["took=12us  name=a/b ..."]), ("last", [])])

    def test_example(self):
        os.makedirs(self.path("scripts/bpftrace"))
        self.file("scripts/bpftrace/x_example.txt",
                  "Words:\n\n# bpftrace scripts/bpftrace/x.bt\n12:01  a\n^C\n\n@b: 1\n")
        self.file("scripts/bpftrace/y_example.txt", "Words.\n")
        self.patch(check, TOP=self.folder)
        line, = check.lines_of("```sh\nbpftrace scripts/bpftrace/x.bt\n```\n```text\nof the page\n```\n")
        self.assertEqual(line.expected, ["12:01  a", "@b: 1", "of the page"])
        with self.assertRaisesRegex(ValueError, "y_example.txt has no line that begins with '# bpftrace '"):
            check.lines_of("```sh\nbpftrace scripts/bpftrace/y.bt\n```\n")

    def test_files(self):
        check.write_files(self.folder, self.lines())
        self.assertEqual(sorted(os.listdir(self.folder)), ["001.run", "002.watch", "003.run", "build"])
        with open(self.path("002.watch"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "exec cat x      # Ctrl-C ends it\n")

    def test_output(self):
        line = self.lines()[1]
        for output in ("took=1us name=a/b x\n", "x\n  took=123us\tname=a/b y z  \nx\n"):
            self.assertEqual(line.missing(output), [], output)
        for output in ("", "took=us name=a/b x\n", "took=1us\nname=a/b x\n", "xtook=1us name=a/b x\n",
                       "took=1us name=a.b x\n"):
            self.assertEqual(line.missing(output), line.expected, output)

    def test_outcomes(self):
        said = ("noise\nobserving: begin 1\nobserving: end 0\nobserving: begin 2\na\nb\nobserving: end 130\n"
                "observing: begin 3\nit died here\n")
        self.assertEqual(check.outputs_in(said), {1: (0, ""), 2: (130, "a\nb\n")})

    def test_complaints(self):
        first, watched, _ = self.lines()
        shown = "took=1us name=a/b x\n"
        for line, outcome, wrong in (
                (first, (0, "anything"), ""), (first, (1, ""), "exit status is 1"),
                (first, (130, ""), "exit status is 130"), (first, None, "not run"),
                (watched, (0, shown), ""), (watched, (130, shown), ""), (watched, (2, shown), "status is 2"),
                (watched, (0, "x"), "does not print: took=12us"),
                (watched, (0, f"{shown}observing: Ctrl-C does not end it\n"), "Ctrl-C does not end it")):
            self.assertRegex(check.complaint(line, outcome), re.escape(wrong) if wrong else "^$")

    def test_report(self):
        def printed(outcomes, only):
            with contextlib.redirect_stdout(io.StringIO()) as said:
                tap = check.Tap()
                check.report(tap, self.lines(), outcomes, only)
                tap.end()
            return said.getvalue().splitlines()[1:]
        self.assertEqual(printed({1: (0, ""), 2: (0, "nothing\n")}, ""), [
            "ok 1 - first", "# it does not print: took=12us  name=a/b ...", "# | nothing",
            "not ok 2 - cat x      ( Ctrl-C ends it)", "# it was not run", "not ok 3 - last", "1..3",
            "1 passed, 2 failed"])
        self.assertEqual(printed({1: (0, "")}, "fir"), ["ok 1 - first", "1..1", "1 passed, 0 failed"])

    def test_a_guest_that_fails(self):
        self.patch(check, PAGE=self.file("page", "```sh\nfirst\n```\n"))
        self.patch(check.subprocess, run=mock.Mock(return_value=mock.Mock(returncode=0)))
        for status, last in ((0, "2 passed, 0 failed"), (125, "1 passed, 1 failed")):
            said = "observing: begin 1\nobserving: end 0\nthe last words\n"
            self.patch(check, run_guest=lambda _, status=status, said=said: (status, said))
            with mock.patch.object(check.sys, "argv", ["try-observing"]), \
                    contextlib.redirect_stdout(io.StringIO()) as printed:
                self.assertEqual(check.main(), 1 if status else 0)
            self.assertEqual(printed.getvalue().splitlines()[-1], last)
            self.assertEqual("# its status is 125" in printed.getvalue(), bool(status))
            self.assertEqual("# | the last words" in printed.getvalue(), bool(status))

    # ---- bad input

    def test_pages(self):
        for page, named in (("", "no block of 'sh'"), ("```text\nx\n```\n", "'text' after one of 'None'"),
                            ("```sh\nx\n```\n```text\n```\n```text\n```\n", "'text' after one of 'text'"),
                            ("```c\nx\n```\n", "block of 'c'")):
            self.patch(check, PAGE=self.file("page", page))
            self.words("try-observing", check.main, 2, named=["page", re.escape(named)])

    def test_words(self):
        self.patch(subprocess, run=forbidden("something was run"))
        self.patch(check, PAGE=self.file("page", PAGE))
        self.words("try-observing", check.main, 2, "no such line", named=["has 'no such line' in it"])
        self.words("try-observing", check.main, 2, "first", "last", named=["'first last'", "one line"])

    def test_a_tool_that_cannot_be_installed(self):
        self.patch(check, PAGE=self.file("page", PAGE))
        with mock.patch.object(subprocess, "run", return_value=mock.Mock(returncode=1)):
            self.words("try-observing", check.main, 1, named=["setup observe' has failed"])

    def test_the_page_itself(self):
        with open(os.path.join(testing.TOP, "module/OBSERVING.md"), encoding="utf-8") as file:
            lines = check.lines_of(file.read())
        for tool in ("/sys/kernel/tracing", "/sys/kernel/debug/dhp", "trace-cmd ", "perf ", "bpftrace ",
                     "udevadm ", "hotplug watch"):
            self.assertTrue([line for line in lines if tool in line.text], tool)
        for name in os.listdir(os.path.join(testing.TOP, "scripts/bpftrace")):
            if name.endswith(".bt"):
                self.assertTrue([line for line in lines if f"scripts/bpftrace/{name}" in line.text], name)


if __name__ == "__main__":
    testing.main("try-observing")
