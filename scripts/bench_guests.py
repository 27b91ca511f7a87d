# SPDX-License-Identifier: GPL-2.0
"""The guests in which scripts/bench measures: their arguments and steps, how they are run, and how
their output is read. What the figures are compared with is in bench_rows.py.
"""

import os
import re
import statistics
import subprocess

import progress

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
FOLDER = os.path.join(TOP, "build/bench")

# By default the kernel's allocators fill memory with zeroes, and dhp does not: with init_on_alloc=0
# all sides do the same work. Without tsc=reliable an emulated CPU's clock is a slow device.
APPEND = "tsc=reliable init_on_alloc=0"

COUNTING = "baseline work latency buffers memory"

# name: (arguments for qemu/vm, arguments for the kernel, steps of qemu/bench.sh)
GUESTS = {
    # With 3G the kernel has boot memory above 4G. The empty node is for the DIMM alone.
    "real": ("--maxcpus 33 --memory 3G --empty-nodes 1", "",
             "baseline work latency contention buffers notify dimm plug"),
    "instructions": ("--icount --cpus 2", "maxcpus=1", f"{COUNTING} online notify"),
    "again": ("--icount --cpus 2", "maxcpus=1", f"{COUNTING} online notify"),
    # It differs from "instructions" in the number of possible CPUs only.
    "possible": ("--icount --cpus 2 --maxcpus 255", "maxcpus=1", "memory"),
    "plug": ("--icount --cpus 33", "maxcpus=1", "plug"),
}

# For --quick: fewer CPUs to plug, and each guest takes the roles of several (QUICK_ROLES).
QUICK_GUESTS = {
    "real": ("--maxcpus 8 --memory 3G --empty-nodes 1", "",
             "baseline work latency contention buffers memory notify dimm plug"),
    "instructions": ("--icount --cpus 4", "maxcpus=1", f"{COUNTING} online notify plug"),
}
QUICK_ROLES = {"real": "real", "instructions": "instructions", "possible": "real",
               "plug": "instructions"}
QUICK_ROUNDS = 1

MODES = {"real": ("real time", "ns"), "instructions": ("instructions", "insn")}


class Failed(Exception):
    """Something could not be measured; the message says what."""


def path_of(guest, quick=False):
    """The file with the guest's output."""
    return os.path.join(FOLDER, f"quick-{guest}" if quick else guest)


def boot(guest, rounds, quick=False):
    """Runs a guest to its end. Its output is written to its file only if it succeeded."""
    guests = QUICK_GUESTS if quick else GUESTS
    arguments, append, steps = guests[guest]
    command = [os.path.join(TOP, "qemu/vm"), "run", *arguments.split(), "--timeout", "3000",
               "--append", f"{APPEND} {append}".strip(),
               "--add", f"{os.path.join(TOP, 'qemu/bench.sh')}:/bench.sh",
               "--", "sh", "/bench.sh", str(rounds), *steps.split()]
    place = f"guest {guest!r}, {list(guests).index(guest) + 1} of {len(guests)}"
    progress.say(f"bench: {place}: {steps}")
    os.makedirs(FOLDER, exist_ok=True)
    path = path_of(guest, quick)
    if os.path.exists(path):  # an earlier run's results must not pass for this one's
        os.unlink(path)
    shown = progress.Line()
    said = []
    step = None
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as process:
        try:
            for line in process.stdout:
                said.append(line)
                if found := STEP.fullmatch(line.strip()):
                    step = found[1]
                    shown.show(f"bench: {place}: {step}")
        except BaseException:
            process.terminate()
            raise
    shown.clear()
    if process.returncode:
        raise Failed(f"guest {guest!r} ended with {process.returncode}" +
                     (f", in step {step}" if step else "") + "; it printed:\n" +
                     "".join(line for line in said if not KNOWN.match(line)).rstrip())
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(said)


# The lines of qemu/bench.sh. Other lines are messages of the programs that it runs.
KNOWN = re.compile(r"(result|about|step)\b")
RESULT = re.compile(r"result \S+ \S+ 0*[1-9][0-9]*( [0-9]+)*")
ABOUT = re.compile(r"about (\S+) (\S.*)")
STEP = re.compile(r"step (\S+)")
FORMS = {"result": (RESULT, "result NAME SIDE OPS VALUE...`, with one operation or more"),
         "about": (ABOUT, "about WHAT WORD...`"), "step": (STEP, "step NAME`")}


class Results:
    """A guest's results: for each name and side, one value per round, and operations per round."""

    def __init__(self, guest, path=None):
        self.guest = guest
        self.mode = MODES["real" if guest == "real" else "instructions"]
        self.values = {}
        self.ops = {}
        self.about = {}
        try:
            with open(path or path_of(guest), encoding="utf-8", errors="replace") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            raise Failed(f"guest {guest!r} has not run") from None
        for line in lines:
            self._line(line.split())

    def _line(self, words):
        kind = words[0] if words else ""
        if kind not in FORMS:
            return
        form, meant = FORMS[kind]
        line = " ".join(words)
        if not form.fullmatch(line):
            raise Failed(f"guest {self.guest!r} printed {line[:80]!r}; a line like this is `{meant}")
        if kind == "result":
            key = words[1], words[2]
            self.ops[key] = int(words[3])
            self.values.setdefault(key, []).extend(int(word) for word in words[4:])
        elif kind == "about":
            self.about[words[1]] = " ".join(words[2:])

    def rounds(self, name, side):
        """One value per operation and round."""
        if not self.values.get((name, side)):
            raise Failed(f"guest {self.guest!r} has no result {name} {side}")
        return [value / self.ops[name, side] for value in self.values[name, side]]

    def median(self, name, side):
        return statistics.median(self.rounds(name, side))
