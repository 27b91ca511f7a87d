# SPDX-License-Identifier: GPL-2.0
"""Reads a KTAP stream: its results, one by one.

The innermost results count: a test that has subtests is counted by them. A result that a plan promises and
that does not come is a failure, and so is a stream without a plan or without a result. A skipped test is not
passed.

Used by scripts/ktap, which counts them, and by scripts/merge-shards. Not here: the files that are made from
them (ktap_files.py), and what selftests/lib/ktap.sh prints.
"""

import dataclasses
import re

PASSED, FAILED, SKIPPED = "pass", "fail", "skip"

# kselftest puts "# " before the output of a test that it runs; KTAP itself indents by blanks.
LINE = re.compile(r"(?P<prefix>(?:# |  )*)"
                  r"(?:(?P<version>K?TAP version \d+)"
                  r"|1\.\.(?P<plan>\d+)(?P<plan_rest>\s.*)?"
                  r"|(?P<result>ok|not ok)\b(?: (?P<number>\d+))?(?P<rest>.*))$")
SKIP = re.compile(r"#\s*SKIP\b\s*", re.IGNORECASE)
COMMENT = re.compile(r"^(?:# ?|  )+")
TOOK = re.compile(r"took (\d+) s$")
HEADER = re.compile(r"selftests: \S+: \S+$")
KSFT_FAIL, KSFT_SKIP = 1, 4  # kselftest.h


@dataclasses.dataclass
class Case:
    """One test that counts."""

    path: list         # its name, after those of the tests that it is a part of
    status: str
    title: str = ""    # what it shows, if its name does not say so
    reason: str = ""   # why it was skipped
    seconds: int = None
    said: list = dataclasses.field(default_factory=list)  # its comments, and those of what began before it


class Group:
    """The results at one depth, below one test."""

    def __init__(self):
        self.plan = None
        self.skipped = ""  # why the plan is empty
        self.results = 0
        self.cases = []

    def fail(self, what, said=()):
        self.cases.append(Case([what], FAILED, said=list(said)))

    def close(self, said):
        """Compares the results with the plan: each one that is missing is a failure. SAID: since the last."""
        if self.plan is None:
            self.fail("(there is no plan)")
        elif self.results > self.plan:
            self.fail(f"(the plan was {self.plan}, and there are {self.results} results)")
        else:
            self.fail_missing(said)

    def fail_missing(self, said):
        for number in range(self.results + 1, self.plan + 1):
            self.fail(f"(result {number} of {self.plan} is missing)", said)
            said = ()

    @property
    def failed(self):
        return any(case.status == FAILED for case in self.cases)


def names(rest):
    """The parts of the name in a result line; kselftest's own has three."""
    name = re.sub(r"^\s*(?:- )?", "", rest.split("#")[0]).strip()
    if name.startswith("selftests: "):
        return name.removeprefix("selftests: ").split(": ")
    return [name or "(without a name)"]


class Reader:
    """Takes the lines of a stream, and then has its results in `cases`."""

    def __init__(self):
        self._groups = [Group()]  # by depth
        self._said = []           # comments since the last result
        self._last = None         # the case that has just ended
        self._running = []        # the name of the test that kselftest has begun
        self.any_not_ok = False
        self.cases = []           # after end()

    def line(self, text):
        text = text.rstrip()
        found = LINE.match(text)
        if not found:
            self._comment(text)
        elif found["plan"] is not None:
            self._plan(len(found["prefix"]) // 2, int(found["plan"]), found["plan_rest"] or "")
        elif found["result"]:
            self._result(len(found["prefix"]) // 2, found["result"] == "ok", found["rest"])

    def _comment(self, text):
        text = COMMENT.sub("", text, count=1)
        if found := TOOK.match(text):
            if self._last:
                self._last.seconds = int(found[1])
        elif HEADER.match(text):
            self._running = names(text)
        else:
            self._said.append(text)

    def _plan(self, depth, plan, rest):
        group = self._group(depth)
        if group.plan is None:
            group.plan = plan
            group.skipped = SKIP.sub("", rest).strip()
        else:
            group.fail("(there are two plans)")

    def _group(self, depth):
        while len(self._groups) <= depth:
            self._groups.append(Group())
        return self._groups[depth]

    def _result(self, depth, good, rest):
        self.any_not_ok = self.any_not_ok or not good
        skip = SKIP.search(rest)
        below = self._close_below(depth)
        group = self._group(depth)
        group.results += 1
        case = Case(names(rest), FAILED if not good else SKIPPED if skip else PASSED, said=self._said)
        self._said = []
        self._last = case
        if below and below.cases:
            self._add_below(group, below, case.path)
            # The test has failed and none of its subtests has: it may have crashed.
            if not good and not below.failed:
                group.cases.append(case)
            return
        if skip:
            case.reason = rest[skip.end():].strip() or (below.skipped if below else "")
        self._explain(case)
        group.cases.append(case)

    @staticmethod
    def _add_below(group, below, path):
        for case in below.cases:
            case.path[:0] = path
        group.cases += below.cases

    @staticmethod
    def _explain(case):
        """Takes the title and the reason from the comments, where DHP_KTAP=names has put them."""
        begin = f"{case.path[-1]}: "
        for line in case.said[:]:
            if line.startswith(begin) and not case.title:
                case.title = line.removeprefix(begin)
                case.said.remove(line)
            elif case.status == SKIPPED and line.startswith("SKIP ") and not case.reason:
                case.reason = line.removeprefix("SKIP ")
                case.said.remove(line)

    def _close_below(self, depth):
        """The subtests of the test that has just ended, or None if there are none."""
        below = None
        while len(self._groups) > depth + 1:
            group = self._groups.pop()
            if below:
                group.cases += below.cases
            if group.results or group.plan or below:
                # "1..0 # SKIP" and a depth that was skipped hold no results.
                if group.results or group.plan:
                    group.close(self._said)
                below = group
            elif group.skipped:
                below = group
        return below

    def end(self, status=0):
        """Completes the cases of the whole stream. STATUS: that of the program that has produced it."""
        below = self._close_below(0)
        top = self._groups[0]
        if below:
            self._add_below(top, below, self._running)
        if top.plan is None or not top.results:
            top.fail("(there is no plan)" if top.plan is None else "(there is no result)")
        if top.plan is not None:
            top.fail_missing(self._said)
        self.cases = top.cases
        passed, failed, skipped = count(self.cases)
        known = (status == KSFT_FAIL and failed or
                 status == KSFT_SKIP and skipped and not passed and not failed)
        if status and not known:
            top.fail(f"(exit status {status})", self._said)
        return self.cases


def read(lines, status=0):
    """The cases of a whole stream."""
    reader = Reader()
    for line in lines:
        reader.line(line)
    return reader.end(status)


def count(cases):
    """(passed, failed, skipped)"""
    return tuple(sum(case.status == status for case in cases) for status in (PASSED, FAILED, SKIPPED))


def summary(passed, failed, skipped):
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
