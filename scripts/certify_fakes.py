# SPDX-License-Identifier: GPL-2.0
"""Fakes for test_certify.py: a scripts/check that prints what a test wants, module files, and the
files of certify that are not tested there. There are no tests here.
"""

import collections
import json
import os
import struct
import sys
import types
from unittest import mock

import testing

Fault = collections.namedtuple("Fault", "kind module function line trace")


def faults(text, _driver, _symbols=""):
    """A fault is a line `FAULT KIND MODULE FUNCTION`."""
    found = []
    for line in text.split("\n"):
        words = line.split()
        if "FAULT" in words:
            found.append(Fault(*words[words.index("FAULT") + 1:][:3], line, [line]))
    return found


def fake_html(path, report):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file)


WORDS = {"null-pointer": ("a null pointer was used", "allocate it before"),
         "slow": ("it makes the machine wait", "do less"),
         "load-failed": ("it does not load", "read the log")}
for name, values in (("certify_console", {"faults": faults}), ("certify_words", {"WORDS": WORDS}),
                     ("certify_html", {"write": fake_html})):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(values)

# pylint: disable=wrong-import-position
import certify_guest
import certify_module
import certify_result


# ---------------------------------------------------------------- what guests print

def tap(drill, lines, number=1, good=True):
    """As selftests/certify/run.sh prints a drill. LINES: results without numbers, and comments."""
    cases = [line for line in lines if not line.startswith("#")]
    said = [f"# drill: {drill}", "# TAP version 13", f"# 1..{len(cases)}"]
    for line in lines:
        if line in cases:
            good_or_not, _, title = line.partition("ok ")
            said += [f"# {good_or_not}ok {cases.index(line) + 1} {title}", "# # took 3 s"]
        else:
            said.append(f"# {line}")
    return [*said, f"{'ok' if good else 'not ok'} {number} {drill}"]


def console(*lines):
    """A kernel's log; `MARK PID.N TITLE` is a test case's mark."""
    said = []
    for number, line in enumerate(lines):
        if line.startswith("MARK "):
            run, _, title = line.removeprefix("MARK ").partition(" ")
            line = f"dhp selftest {run}: {title}"
        said.append(f"[{number:5}.000000] {line}")
    return "\r\n".join(said)


FAKE_CHECK = """#!{python}
import json, os, re, sys, time
folder = {folder!r}
with open(folder + "/boots") as file:
    boots = json.load(file)
number = 0
while True:
    try:
        os.mkdir(f"{{folder}}/vm/{{number}}")
        break
    except FileExistsError:
        number += 1
with open(folder + "/asked", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
token = re.search("certify: [^']+", " ".join(sys.argv))[0]
with open(f"{{folder}}/vm/{{number}}/console.log", "w") as file:
    file.write(token + "\\n" + boots[number]["log"])
print("\\n".join(boots[number]["lines"]), flush=True)
time.sleep(boots[number]["sleeps"])
"""


class Scene(testing.Refusals):
    """A kernel, three drills, and guests that print what the test says."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("vm"))
        os.mkdir(self.path("drills"))
        self.file("drills/drill_off_and_on.sh", "".join(
            f"test_case {name} '{title}'\n" for name, title in
            (("x", "x"), ("y", "y"), ("in_order", "each in order"), ("at_random", "at random"))))
        self.file("drills/drill_late_cpu.sh", "#!/bin/sh\n# SPDX\n#\n# If this fails,\n"
                                              "# it fails.\n\ntest_case x 'x'\n")
        self.file("drills/drill_memory.sh", "test_case z 'z'\n")
        self.patch(certify_guest, DRILLS=self.path("drills"))
        os.makedirs(self.path("kernel/kdir"))
        os.makedirs(self.path("kernel/modules"))
        self.file("kernel/release", "6.1.0-test\n")
        self.kernel = certify_module.Kernel("6.1", self.path("kernel"))
        self.result = certify_result.Kernel("6.1", self.kernel.release, "driver")
        check = self.file("check", FAKE_CHECK.format(python=sys.executable, folder=self.folder),
                          0o755)
        self.patch(certify_guest, CHECK=check,
                   CONSOLES=os.path.join(self.folder, "vm/*/console.log"))
        self._boots = []

    def boots(self, *lines, log="", sleeps=0):
        """The next guest prints these lists of lines, has this log, and sleeps before it ends."""
        self._boots.append({"lines": sum(lines, []), "log": log, "sleeps": sleeps})
        self.file("boots", json.dumps(self._boots))

    @property
    def asked(self):
        """The arguments of each scripts/check so far."""
        try:
            with open(self.path("asked"), encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def drills(self, *chosen):
        """Runs these drills; (name, result) of each."""
        os.makedirs(os.path.join(self.build, "6.1"))
        certify_guest.Kernel(self.kernel, self.result, self.folder, self.build, 7,
                             mock.Mock()).run(chosen)
        self.assertEqual(len(self.asked), len(self._boots))
        return [(drill.name, drill.result) for drill in self.result.drills]

    def ends(self):
        return [guest.end for guest in self.result.guests]


# ---------------------------------------------------------------- modules

def module_image(**said):
    """An ELF file with a section .modinfo."""
    entries = [f"{key}={one}".encode() for key, value in said.items()
               for one in ([value] if isinstance(value, str) else value)]
    modinfo = b"\0".join(entries) + b"\0"
    names = b"\0.modinfo\0.shstrtab\0"
    start = 64
    table = start + len(modinfo) + len(names)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)

    def section(name, offset, size):
        return struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, offset, size, 0, 0, 1, 0)

    return (head + modinfo + names + section(0, 0, 0) + section(1, start, len(modinfo)) +
            section(10, start + len(modinfo), len(names)))


# ---------------------------------------------------------------- reports

def report_of(exercise="", params="", drills=()):
    """A report of one kernel. DRILLS: (name, [(case, title, result, findings)])"""
    kernel = certify_result.Kernel("6.1", "6.1.0-test", "driver")
    for drill, cases in drills:
        kernel.drills.append(certify_result.Drill(drill, cases=[
            certify_result.Case(name, title, result, "why", findings=findings)
            for name, title, result, findings in cases]))
        certify_result.conclude(kernel.drills[-1])
    return certify_result.Report("x", "path/x", "folder", exercise, params, [], "", 7, "2026-01-01",
                                 "make certify DRIVER=path/x", [kernel])
