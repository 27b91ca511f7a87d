# SPDX-License-Identifier: GPL-2.0
"""What `make certify` prints: KTAP of each drill that has ended, and the verdict at the end.

Not here: where the results come from (certify_result.py), and the page (certify_html.py).
"""

import shlex
import textwrap

from certify_result import FAILED, LOST, NOT_RUN, SKIPPED, STEPS
from certify_words import WORDS

WIDTH = 100
SAID = 12  # lines of what a failed test case has said

# Of what no class of fault describes.
OTHER = ("a step of the drill failed", "What it said tells which one.")


def words(kind):
    return WORDS.get(kind, OTHER)


# ---------------------------------------------------------------- KTAP

def ktap(number, kernel, drill):
    """The lines of one drill, with its test cases below it."""
    lines = [f"# drill: {drill.name} on {kernel}"]
    for index, case in enumerate(drill.cases, 1):
        if case.result == FAILED:
            lines += [f"# # {line}" for line in case.output[-SAID:]]
            lines += [f"# # {finding_line(one)}" for one in case.findings
                      if one.source != "drill"]
        skipped = ""
        if case.result in (SKIPPED, NOT_RUN):
            skipped = f" # SKIP {case.reason}"
        good = "not ok" if case.result == FAILED else "ok"
        lines.append(f"# {good} {index} {case.title}{skipped}")
    if drill.cases:
        lines.append(f"# 1..{len(drill.cases)}")
    good = "not ok" if drill.result == FAILED else "ok"
    skipped = f" # SKIP {drill.reason}" if drill.result in (SKIPPED, LOST) else ""
    return [*lines, f"{good} {number} {drill.name} on {kernel}{skipped}"]


def finding_line(finding):
    where = place(finding)
    return f"{words(finding.kind)[0]}{f' in {where}' if where else ''}: {finding.text}".rstrip(": ")


def place(finding):
    """The module and the function of a finding, in words."""
    function = f"{finding.function}()" if finding.function else ""
    if function and finding.module:
        return f"{function} of {finding.module}"
    return function or finding.module


# ---------------------------------------------------------------- commands

def command(report, **chosen):
    """A command line that repeats the run, or a part of it."""
    said = ["make certify"]
    for name, value in (("DRIVER", report.driver), ("EXERCISE", report.exercise),
                        ("PARAMS", report.params), ("WITH", " ".join(report.modules)),
                        ("QEMU_ARGS", report.qemu_args),
                        *chosen.items()):
        if value:
            # make would expand a $.
            said.append(f"{name}={shlex.quote(value.replace('$', '$$'))}")
    return " ".join([*said, f"SEED={report.seed}"])


def repeat(report, kernel, drill, case):
    """A command that repeats one test case."""
    chosen = f"{drill.name}:{case.name}" if case.name and case.title not in STEPS.values() \
        else drill.name
    return command(report, DRILLS=chosen, KERNELS=kernel.name)


def set_commands(report):
    for kernel, drill, case in failures(report):
        case.repeat = repeat(report, kernel, drill, case)


def failures(report):
    return [(kernel, drill, case) for kernel in report.kernels for drill in kernel.drills
            for case in drill.cases if case.result == FAILED]


# ---------------------------------------------------------------- the verdict

def table(report):
    """Drills by kernels."""
    names = list(dict.fromkeys(drill.name for kernel in report.kernels
                               for drill in kernel.drills))
    rows = [["drill", *(kernel.name for kernel in report.kernels)],
            ["", *(kernel.release for kernel in report.kernels)]]
    for name in names:
        rows.append([name, *(cell([drill for drill in kernel.drills if drill.name == name])
                             for kernel in report.kernels)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
            for row in rows]


def cell(drills):
    """One of the table. A drill has several results if single test cases of it were chosen."""
    results = [drill.result for drill in drills]
    if FAILED in results:
        kinds = dict.fromkeys(finding.kind for drill in drills for case in drill.cases
                              for finding in case.findings if finding.kind in WORDS)
        return ": ".join(["FAILED", ", ".join(kinds)] if kinds else ["FAILED"])
    return results[0] if results else "-"


def paragraphs(report):
    """One for each failure; failures that differ in their drill only share one."""
    groups = {}
    for kernel, drill, case in failures(report):
        first = case.findings[0] if case.findings else None
        key = (kernel.name, case.title in STEPS.values() and case.title, first and
               (first.kind, first.module, first.function, first.text))
        if not key[1]:
            key = (*key, drill.name, case.title)
        groups.setdefault(key, []).append((kernel, drill, case))
    advised = set()
    for group in groups.values():
        yield from paragraph(report, *group[0], [drill.name for _, drill, _ in group[1:]], advised)


def paragraph(report, kernel, drill, case, others, advised):
    """ADVISED: kinds whose advice has been given."""
    yield ""
    yield f"FAILED: {drill.name} on {kernel.name}: {case.title}"
    if others:
        yield from field("also in", ", ".join(others))
    yield from field("repeat it", case.repeat or repeat(report, kernel, drill, case), wrap=False)
    for finding in case.findings:
        title, advice = words(finding.kind)[:2]
        times = f" ({finding.times} times)" if finding.times > 1 else ""
        yield from field("fault", title + times)
        where = place(finding)
        if where:
            yield from field("where", where)
        if finding.object:
            yield from field("object", finding.object)
        if finding.text:
            yield from field("seen", finding.text, wrap=False)
        yield from field("usually", "see above" if finding.kind in advised else advice)
        advised.add(finding.kind)
    # What a finding's line does not say.
    said = [line for line in case.output if line.strip() and "finding: class=" not in line and
            line not in [finding.text for finding in case.findings]]
    for line in said[-SAID:]:
        yield f"  | {line}"
    if any(finding.kind == "load-failed" for finding in case.findings):
        for line in case.console.splitlines()[-SAID:]:
            yield f"  | {line}"


def field(name, text, wrap=True):
    lead = f"  {name + ':':<11}"
    if not wrap:
        return [lead + text]
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead),
                         break_on_hyphens=False, break_long_words=False)


def remarks(report):
    """What the table does not say."""
    if not report.exercise:
        yield ("Nothing used the driver: without EXERCISE=, only loading and unloading it was "
               "exercised.")
    for kernel in report.kernels:
        for number, guest in enumerate(kernel.guests):
            if "console: " in guest.message and not any(
                    drill.guest == number and drill.result == FAILED for drill in kernel.drills):
                yield (f"on {kernel.name}: {guest.message}, which is not the driver's doing, see "
                       f"{guest.console}")
        for drill in kernel.drills:
            if drill.result in (SKIPPED, LOST) and drill.reason:
                yield f"{drill.result} on {kernel.name}: {drill.name}: {drill.reason}"
            for case in drill.cases:
                if case.result == SKIPPED and case.reason:
                    yield f"skipped on {kernel.name}: {drill.name}: {case.title}: {case.reason}"
            missing = sum(case.result == NOT_RUN for case in drill.cases)
            if missing:
                yield (f"not run on {kernel.name}: {drill.name}: {missing} more test "
                       f"case{'s' if missing > 1 else ''}")


def summary(report):
    return f"{report.passed} passed, {report.failed} failed" + \
        (f", {report.skipped} skipped" if report.skipped else "")


def verdict(report, folder):
    """The lines at the end of a run."""
    yield ""
    yield f"{report.name}: {report.command}"
    yield ""
    yield from table(report)
    yield from paragraphs(report)
    said = list(remarks(report))
    if said:
        yield ""
    yield from said
    yield ""
    yield f"{folder}/report.html has the traces, {folder}/report.json the data"
    yield summary(report)
