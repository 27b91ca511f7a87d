# SPDX-License-Identifier: GPL-2.0
"""The results of `make certify`: their form, and how they are read from KTAP and a console.

Not here: running guests (certify_guest.py), what is bad on a console (certify_console.py), and how
results are shown (certify_verdict.py, certify_html.py).

report.json is a Report as below, each class an object with the names of its fields:

  Report   one run of `make certify`
  Kernel   one kernel of it, with its guests and drills
  Guest    one boot of that kernel: the drills that it was for, and how it ended
  Drill    one drill on one kernel
  Case     one test case of a drill, or one of two steps that each drill has: `setup`, which loads
           the driver, and `teardown`, which unloads it; these two are listed only if they failed
  Finding  one thing that a case has found. Its kind is one of those in certify_words.py, or
           "failed": the case has failed, and its output is all that is known

A result is "passed", "failed", "skipped" (reason says why), "lost" (QEMU has lost the guest each
time, which proves nothing), or "not run" (reason says why). Times are seconds. A case's console is
the kernel's log from the case's mark to the next one, with the kernel's time stamps.
"""

import dataclasses
import json
import os
import re

import certify_console

FORMAT = 1  # of report.json; grows when a field changes its meaning or goes away

PASSED, FAILED, SKIPPED, LOST, NOT_RUN = "passed", "failed", "skipped", "lost", "not run"

STEPS = {"setup": "the driver is loaded", "teardown": "the driver is unloaded"}

CONSOLE_LINES = 2000  # of a case that are kept, half of them from its end


@dataclasses.dataclass
class Finding:
    kind: str
    module: str = ""       # where it is, if that is known
    function: str = ""
    object: str = ""       # what was left behind, for example
    text: str = ""         # one line: what was seen
    trace: list = dataclasses.field(default_factory=list)  # lines of the console
    source: str = "drill"  # who has found it: "console", "drill" or "host"
    times: int = 1


@dataclasses.dataclass
class Case:
    name: str              # for DRILLS=DRILL:NAME; empty if it cannot run alone
    title: str
    result: str
    reason: str = ""
    seconds: float = 0
    output: list = dataclasses.field(default_factory=list)  # what it has said
    findings: list = dataclasses.field(default_factory=list)
    console: str = ""
    repeat: str = ""       # a command that repeats just that; empty unless it failed


@dataclasses.dataclass
class Drill:
    name: str
    result: str = NOT_RUN
    reason: str = ""
    seconds: float = 0
    guest: int = 0         # index into the kernel's guests
    cases: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Guest:
    drills: list           # names, as in DRILLS
    options: list          # of qemu/vm
    end: str = ""          # "done", "damaged", "died", "time", "lost" or "none": it was never up
    message: str = ""      # why, unless it is done
    console: str = ""      # its log, relative to the report's folder
    seconds: float = 0


@dataclasses.dataclass
class Kernel:
    name: str              # as in KERNELS
    release: str
    module: str = ""       # the driver's name in /proc/modules
    guests: list = dataclasses.field(default_factory=list)
    drills: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Report:
    name: str
    driver: str            # as the user named it
    kind: str              # "folder", "dkms", "module" or "kernel"
    exercise: str          # empty: only loading was exercised
    params: str
    modules: list          # WITH
    qemu_args: str
    seed: int
    date: str              # when it began, ISO 8601
    command: str           # repeats all of it
    kernels: list = dataclasses.field(default_factory=list)
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0
    format: int = FORMAT


def count(report):
    """Sets the sums: test cases, and drills without any."""
    counts = {PASSED: 0, FAILED: 0, SKIPPED: 0}
    for kernel in report.kernels:
        for drill in kernel.drills:
            for one in drill.cases or [drill]:
                if one.result in counts:
                    counts[one.result] += 1
    report.passed, report.failed, report.skipped = counts.values()


def write(path, report):
    """Writes report.json; returns what is in there."""
    content = dataclasses.asdict(report)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
    os.rename(f"{path}.new", path)
    return content


# ---------------------------------------------------------------- KTAP

BEGINS = re.compile(r"# drill: (\S+)$")
ENDS = re.compile(r"(ok|not ok) \d+ (\S+)(?: # SKIP ?(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)(?: # SKIP ?(.*))?$")
CASE = re.compile(r"(ok|not ok) \d+ (.*?)(?: # SKIP ?(.*))?$")
TOOK = re.compile(r"# took (\d+) s$")


class Ktap:
    """Reads the output of selftests/certify/run.sh: a drill's own TAP is below it, behind `# `."""

    def __init__(self):
        self.drill = None    # the one that runs
        self.drills = []     # those that have ended
        self.ended = False   # run.sh has come to its end
        self.said = []       # by the test case that runs
        self.plan = None     # of the drill that runs: how many cases
        self._begun = {}

    def line(self, text):
        """Reads a line; returns a drill that has ended with it."""
        if found := BEGINS.match(text):
            self.drill = Drill(found[1])
            self.said, self.plan = [], None
        elif self.drill and text.startswith("# "):
            self._inner(text[2:])
        elif self.drill and (found := ENDS.match(text)) and found[2] == self.drill.name:
            return self._end(found[1] == "ok", found[3])
        elif PLAN.match(text):
            self.ended = True
        return None

    def _inner(self, text):
        drill = self.drill
        if found := PLAN.match(text):
            self.plan = int(found[1])
            drill.reason = found[2] or ""
        elif found := CASE.match(text):
            result = PASSED if found[1] == "ok" else FAILED
            if found[3] is not None:
                result = SKIPPED
            drill.cases.append(Case("", found[2], result, found[3] or "", output=self.said))
            self.said = []
        elif found := TOOK.match(text):
            if drill.cases:
                drill.cases[-1].seconds = int(found[1])
        elif not text.startswith(("TAP version ", "KTAP version ")):
            self.said.append(text.removeprefix("# "))

    def _end(self, good, skipped):
        drill = self.drill
        if not good and not any(case.result == FAILED for case in drill.cases):
            if self.plan:
                drill.cases.append(step("teardown", self.said))
            else:
                drill.cases.append(Case("", "the drill runs", FAILED, output=self.said))
        drill.reason = drill.reason or skipped or ""
        self.drills.append(drill)
        self.drill = None
        return drill


def step(name, output):
    return Case(name, STEPS[name], FAILED, output=output)


# ---------------------------------------------------------------- the console

# What lib/log.sh writes before each test case.
MARK = re.compile(r"dhp selftest (\d+)\.(\d+): (.+?)\s*$")


@dataclasses.dataclass
class Span:
    """The kernel's log of one test case, or of a step."""

    run: str      # which run of a drill
    number: int   # of the case; 0 is setup
    title: str
    lines: list


def spans(text):
    """The log by test cases. What comes before the first of them is the kernel's boot."""
    found = []
    for line in text.replace("\r", "").split("\n"):
        if mark := MARK.search(line):
            found.append(Span(mark[1], int(mark[2]), mark[3], []))
        elif found:
            found[-1].lines.append(line)
    return found


def spans_of_drills(text, names):
    """For each of these drills its part of the log. NAMES: those that write marks, in order."""
    runs = {}
    for span in spans(text):
        runs.setdefault(span.run, []).append(span)
    return dict(zip(names, runs.values()))


# What lib/driver.sh writes when it has loaded the driver: lines of /proc/kallsyms.
SYMBOL = re.compile(r"certify: symbol (.*)")


def symbols_of(log):
    """Where the driver's functions were, to name them when it is unloaded."""
    return "\n".join(found[1] for span in log for line in span.lines
                     if (found := SYMBOL.search(line)))


def shortened(lines):
    if len(lines) > CONSOLE_LINES:
        half = CONSOLE_LINES // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half} lines ...", *lines[-half:]]
    return "\n".join(lines).strip("\n")


# ---------------------------------------------------------------- findings

# lib/driver.sh: finding
SAID = re.compile(r"finding: class=(\S+)((?: (?:function|object)=\S*)*) ?(.*)")

# What lib/driver.sh says when it cannot do its part.
WORDS = ((re.compile(r"the driver does not load"), "load-failed"),
         (re.compile(r"the driver does not unload|cannot unload "), "unload-failed"),
         (re.compile(r"the exercise failed"), "exercise-failed"),
         (re.compile(r"bad in the kernel's log:"), "other-splat"))


def said_findings(case, module):
    """What a test case has found itself, by what it has said."""
    found = []
    for line in case.output:
        if said := SAID.search(line):
            named = dict(word.split("=", 1) for word in said[2].split())
            found.append(Finding(said[1], module, named.get("function", ""),
                                 named.get("object", ""), said[3]))
    if found:
        return found
    for line in case.output:
        for pattern, kind in WORDS:
            if words := pattern.search(line):
                return [Finding(kind, module, text=line[words.start():])]
    return []


def console_findings(lines, module, symbols):
    """What the kernel has reported, each fault once."""
    found = {}
    for fault in certify_console.faults("\n".join(lines), module, symbols):
        key = (fault.kind, fault.module, fault.function)
        if key in found:
            found[key].times += 1
        else:
            found[key] = Finding(fault.kind, fault.module or "", fault.function or "",
                                 text=fault.line or "", trace=lines_of(fault.trace),
                                 source="console")
    return list(found.values())


def lines_of(trace):
    return trace.split("\n") if isinstance(trace, str) else list(trace or ())


def judge(case, span, module, symbols):
    """Adds to a case what was found during it; a case with a finding has failed."""
    lines = [line for line in (span.lines if span else []) if not SYMBOL.search(line)]
    case.console = shortened(lines)
    case.findings += console_findings(lines, module, symbols)
    if case.result == FAILED:
        # The framework sees the same line in the log, and has no class for it.
        case.findings += [finding for finding in said_findings(case, module)
                          if finding.kind != "other-splat" or not case.findings]
        if not case.findings:
            text = next((line for line in reversed(case.output) if line.strip()), "")
            case.findings.append(Finding("failed", text=text))
    if case.findings:
        case.result = FAILED


SETUP_FAILED = "setup failed: "


def judge_drill(drill, log, module, names):
    """Completes a drill from its part of the console. NAMES: of its test cases, by their titles."""
    symbols = symbols_of(log or [])
    by_number = {span.number: span for span in log or [] if span.title != "teardown"}
    # A drill that could not load the driver has failed once, not once for each of its cases.
    first = drill.cases[0] if drill.cases else None
    if first and first.output and first.output[0].startswith(SETUP_FAILED):
        output = [first.output[0].removeprefix(SETUP_FAILED), *first.output[1:]]
        for case in drill.cases:
            case.result, case.reason, case.output = NOT_RUN, "the driver was not loaded", []
        drill.cases.insert(0, step("setup", output))
        judge(drill.cases[0], by_number.get(0), module, symbols)
    else:
        for number, case in enumerate(drill.cases, 1):
            if case.title not in STEPS.values():
                judge(case, by_number.get(number), module, symbols)
        judge_step(drill, "setup", by_number.get(0), module, symbols)
    last = next((span for span in log or [] if span.title == "teardown"), None)
    judge_step(drill, "teardown", last, module, symbols)
    for case in drill.cases:
        case.name = case.name or names.get(case.title, "")
    conclude(drill)


def judge_step(drill, name, span, module, symbols):
    """Adds the step to the drill's cases if something was found then."""
    known = [case for case in drill.cases if case.title == STEPS[name]]
    case = known[0] if known else step(name, [])
    if not known:
        case.result = PASSED
    judge(case, span, module, symbols)
    if case.result == FAILED and not known:
        drill.cases.insert(0 if name == "setup" else len(drill.cases), case)


def conclude(drill):
    """Sets the drill's result to that of its cases."""
    results = {case.result for case in drill.cases}
    for result in FAILED, PASSED, SKIPPED:
        if result in results:
            drill.result = result
            break
    else:
        drill.result = SKIPPED
    drill.seconds = drill.seconds or sum(case.seconds for case in drill.cases)
