# SPDX-License-Identifier: GPL-2.0
"""The drivers of selftests/certify: what their files `expect` say must be found in them, and whether
that is what the report of a run has.

Not here: running scripts/certify, see check-certify.
"""

import contextlib
import copy
import os
import subprocess

from certify_module import Refused
from certify_result import FAILED, LOST, NOT_RUN, PASSED, SKIPPED, STEPS

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
DRIVERS = os.path.join(TOP, "selftests/certify")
SETUP = os.path.join(TOP, "scripts/setup")
KINDS = ("clean", "faulty", "real")


# ---------------------------------------------------------------- the drivers

FAULT = ("drill", "kernel", "class", "function")
# What a file `expect` has, and may have.
LINES = {"clean": ((), ("with", "passes")), "faulty": (FAULT, ("with",)),
         "real": (("driver",), ("package", "params", "with", "qemu-args", "known"))}


def read_expect(folder, kind):
    """What a driver's file `expect` says, by name; raises Refused. A driver without a fault needs
    no such file. One that was made for a test case names that: passes=DRILL:CASE. What is known of
    a real one is known='CLASS:FUNCTION ...'."""
    path = os.path.join(folder, "expect")
    needed, allowed = LINES[kind]
    values = {}
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            name, _, value = line.partition("=")
            if name not in (*needed, *allowed) or name in values or not value:
                raise Refused(f"{path}: what does '{line}' mean? A line is NAME=VALUE, of a {kind} "
                              f"driver {', '.join((*needed, *allowed))}, and each once")
            values[name] = value
    for name in needed:
        if name not in values:
            raise Refused(f"{path}: no {name}=")
    return values


class Driver:
    def __init__(self, kind, name):
        self.kind = kind
        self.name = name
        self.path = f"{kind}/{name}"
        self.folder = os.path.join(DRIVERS, kind, name)
        self.expect = read_expect(self.folder, kind)
        exercise = os.path.join(self.folder, "exercise")
        self.exercise = exercise if os.path.exists(exercise) else ""

    def is_for(self, kernel):
        """Whether that kernel can have it."""
        return self.kind != "real" or "package" in self.expect or \
            bool(kernel.file(self.expect["driver"]))

    def source(self):
        """What DRIVER= of `make certify` names: a module, or a whole path. Raises Refused."""
        if self.kind != "real":
            return self.folder
        if "package" not in self.expect:
            return self.expect["driver"]
        done = subprocess.run([SETUP, "dkms-source", self.expect["package"]],
                              stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise Refused(f"{self.path}: no {self.expect['package']}")
        return f"{done.stdout.strip()}:{self.expect['driver']}"

    def options(self, source):
        """Further options of scripts/certify. In WITH, {source} stands for the folder in SOURCE."""
        values = {name: self.expect[name] for name in ("params", "with", "qemu-args")
                  if name in self.expect}
        if "with" in values:
            values["with"] = values["with"].replace("{source}", source.rpartition(":")[0])
        return [f"--{name}={value}" for name, value in values.items()]


def all_drivers():
    return [Driver(kind, name) for kind in KINDS
            for name in sorted(os.listdir(os.path.join(DRIVERS, kind)))]


# ---------------------------------------------------------------- what is expected of a report

def own(case):
    """Whether this is a test case of the drill itself."""
    return case["title"] not in STEPS.values()


def in_words(finding):
    where = f" in {finding['function']}()" if finding["function"] else ""
    module = f" of {finding['module']}" if finding["module"] else ""
    return f"{finding['kind']}{where}{module}: {finding['text']}".rstrip(": ")


def explain(drill):
    """What has happened in a drill, in lines."""
    lines = []
    for case in drill["cases"]:
        lines += [f"found in '{case['title']}': {in_words(one)}" for one in case["findings"]]
        if case["result"] not in (PASSED, FAILED):
            lines.append(f"{case['result']}: {case['title']}: {case['reason']}")
    if drill["result"] != FAILED:
        lines.append(f"{drill['name']} has {drill['result']}" if drill["result"] == PASSED else
                     f"{drill['name']} was {drill['result']}: {drill['reason']}".rstrip(": "))
    return lines


def drills_of(report, kernel):
    """The drills on one kernel, and the name of the driver's module there."""
    for one in report["kernels"]:
        if one["name"] == kernel:
            return one["drills"], one["module"]
    return [], ""


def judge_faulty(expect, report):
    """Why the fault was not found as it must be, in lines; none if it was. What comes after it may
    be a consequence; what comes before must be in that function."""
    drills, module = drills_of(report, expect["kernel"])
    drills = [drill for drill in drills if drill["name"] == expect["drill"]]
    if not drills:
        return [f"{expect['drill']} did not run"]
    found = [(one["kind"], one["function"], one["module"]) for drill in drills
             for case in drill["cases"] if own(case) for one in case["findings"]]
    wanted = expect["class"], expect["function"], module
    if wanted in found and all(one[1:] == wanted[1:] for one in found[:found.index(wanted)]):
        return []
    return [line for drill in drills for line in explain(drill)]


def without_known(report, known):
    """A report without what is known of a driver: CLASS:FUNCTION. A test case in which nothing else
    was found has passed, and so has a drill, if all of it has run."""
    report = copy.deepcopy(report)
    for drill in [drill for kernel in report["kernels"] for drill in kernel["drills"]]:
        for case in drill["cases"]:
            new = [one for one in case["findings"]
                   if f"{one['kind']}:{one['function']}" not in known]
            if case["findings"] and not new and case["result"] == FAILED:
                case["result"] = PASSED
            case["findings"] = new
        results = {case["result"] for case in drill["cases"]}
        if drill["result"] == FAILED and PASSED in results and not results & {FAILED, NOT_RUN}:
            drill["result"] = PASSED
    return report


def why_skipped(drills):
    """Of drills that were skipped, each reason once."""
    reasons = []
    for drill in drills:
        said = [drill["reason"], *(case["reason"] for case in drill["cases"])]
        reasons += [f"{drill['name']}: {one}" for one in dict.fromkeys(said) if one] or \
            [f"{drill['name']} was skipped"]
    return "; ".join(reasons)


def not_passed(passes, drills):
    """Lines about a test case, DRILL:CASE, that must pass."""
    name, _, case_name = passes.partition(":")
    cases = [case for drill in drills if drill["name"] == name
             for case in drill["cases"] if case["name"] == case_name]
    if any(case["result"] == PASSED for case in cases):
        return []
    return [f"{passes} was made for this driver, and has not passed"] + \
        [f"{case['result']}: {case['title']}: {case['reason']}" for case in cases]


def judge_clean(wanted, kernel, report, passes=""):
    """What was found in a driver without a fault, or why that means nothing, in lines; and why the
    result is skipped, if each drill was. WANTED: the drills that must have run. PASSES: see
    read_expect()."""
    drills, _ = drills_of(report, kernel)
    reasons = []
    for drill in drills:
        found = any(case["findings"] for case in drill["cases"])
        if found or drill["result"] in (FAILED, LOST):
            reasons += [f"{drill['name']}: {line}" for line in explain(drill) or ["failed"]]
    for name in wanted:
        if name not in [drill["name"] for drill in drills]:
            reasons.append(f"{name} did not run")
    if passes.partition(":")[0] in wanted:
        reasons += not_passed(passes, drills)
    results = {drill["result"] for drill in drills}
    if not reasons and results == {SKIPPED}:
        return [], why_skipped(drills)
    if PASSED not in results:
        reasons.append("no drill has passed")
    return reasons, ""


NOTHING = {"kernels": []}  # the report of a run that has none
