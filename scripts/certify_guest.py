# SPDX-License-Identifier: GPL-2.0
"""Puts a driver through drills in guests of one kernel: which drills share a guest, what is in it,
and what happens after a drill that has ended its guest.

Not here: what a driver is (certify_driver.py), and what the output means (certify_result.py).
"""

import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time

from certify_result import (FAILED, LOST, NOT_RUN, STEPS, Case, Drill, Finding, Guest, Ktap,
                            conclude, judge_drill, spans_of_drills)

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
CHECK = os.path.join(TOP, "scripts/check")
CONSOLES = os.path.join(TOP, "build/vm/*/console.log")
DRILLS = os.path.join(TOP, "selftests/certify")

# The order of work, and of the table.
NAMES = ("late_cpu", "off_and_on", "real_cpus", "memory", "roll_back", "refusals", "no_memory",
         "load_loop", "suspend", "left_behind", "where", "cost", "dhp_client")

# Options of qemu/vm. Each drill needs CPUs to take offline, and room for more. Slab caches that the
# kernel has merged could not be told apart.
ORDINARY = ("--cpus", "3", "--maxcpus", "6", "--append", "slab_nomerge")
# mem= ends before the memory of the second node, which then has CPUs and no memory.
OPTIONS = {"late_cpu": ("--cpus", "4", "--maxcpus", "6", "--memory", "3G", "--nodes", "2",
                        "--append", "maxcpus=1 mem=1536M")}

# A test case that takes longer hangs. Its kernel mostly says so much earlier.
CASE_SECONDS = 300
SLOW = {"debug": 3, "kcsan": 3}
TRIES = 3             # of a drill whose guest is lost to QEMU

TEST_CASE = re.compile(r"^\s*test_case (\w+) (['\"])(.*)\2$", re.MULTILINE)


def known_drills():
    """Those that there are, in their order."""
    there = {os.path.basename(path)[len("drill_"):-len(".sh")]
             for path in glob.glob(os.path.join(DRILLS, "drill_*.sh"))}
    return [name for name in NAMES if name in there] + sorted(there - set(NAMES))


def cases_of(drill):
    """Its test cases: title -> name."""
    with open(os.path.join(DRILLS, f"drill_{drill}.sh"), encoding="utf-8") as file:
        return {title: name for name, _, title in TEST_CASE.findall(file.read())}


def most_steps(chosen):
    """How many test cases this has at most, with loading and unloading the driver."""
    drill, _, cases = chosen.partition(":")
    if cases:
        return len(cases.split(",")) + len(STEPS)
    return len(cases_of(drill)) + len(STEPS)


def describe(drill):
    """What its first comment says."""
    with open(os.path.join(DRILLS, f"drill_{drill}.sh"), encoding="utf-8") as file:
        comment = re.search(r"^#\n((?:# .*\n)+)", file.read(), re.MULTILINE)
    return " ".join(comment[1].replace("\n# ", " ").removeprefix("# ").split()) if comment else ""


def drill_of(chosen):
    """DRILL or DRILL:CASE[,CASE...]"""
    return chosen.partition(":")[0]


def groups(chosen):
    """Which drills share a guest: those with the same options, in order. Chosen test cases have a
    guest of their own."""
    found = {}
    for one in chosen:
        options = OPTIONS.get(drill_of(one), ORDINARY)
        found.setdefault((options, one if ":" in one else ""), []).append(one)
    return [(options, drills) for (options, _), drills in found.items()]


# ---------------------------------------------------------------- what is in a guest

def fill(folder, modules, users, exercise, params, seed):
    """Makes the folder that is /certify in the guest. MODULES: in load order, the driver last;
    USERS: those to load after it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "modules"))
    for module in [*modules, *users]:
        if module.file.startswith("/certify/"):
            path = os.path.join(folder, module.file.removeprefix("/certify/"))
            with open(path, "wb") as file:
                file.write(module.image)
            # A signature does not survive this; without debugging information there is no need.
            if b".debug_info" in module.image:
                subprocess.run(["strip", "--strip-debug", path], check=True)
    if exercise:
        shutil.copyfile(exercise, os.path.join(folder, "exercise"))
        os.chmod(os.path.join(folder, "exercise"), 0o755)
    *others, driver = modules
    job = {"driver": driver.name, "driver_file": driver.file, "driver_params": params,
           "driver_with": " ".join(module.file for module in others),
           "driver_users": " ".join(module.file for module in users),
           "driver_exercise": "/certify/exercise" if exercise else "", "certify_seed": str(seed)}
    with open(os.path.join(folder, "job"), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in job.items())


def command_for(chosen, token):
    """What the guest runs. The token finds the guest's console."""
    mark = f"echo 'certify: {token}' >/dev/kmsg; cd dhp && "
    drill, colon, cases = chosen[0].partition(":")
    if not colon:
        return mark + "certify/run.sh " + " ".join(chosen)
    wanted = " ".join(f"-t {one}" for one in cases.split(","))
    # As run.sh does it, for test cases of one drill.
    return mark + (f"echo '# drill: {drill}' && set -o pipefail && if "
                   f"./certify/drill_{drill}.sh {wanted} 2>&1 | "
                   "while IFS= read -r line; do echo \"# $line\"; done; "
                   f"then echo 'ok 1 {drill}'; else echo 'not ok 1 {drill}'; fi; echo 1..1")


# ---------------------------------------------------------------- one guest

LOST_GUEST = re.compile(r"vm: the guest was lost to QEMU")
NO_TIME = re.compile(r"vm: no end after ")
COMPLAINT = re.compile(r"(?:vm|check): (.*)")
QEMU_SAID = "QEMU said:"  # in the next lines
CHATTER = re.compile(r"vm: (?:booting|up after|asking another guest|no names for|no KVM here)\b")


class Boot:
    """One run of scripts/check."""

    starting = threading.Lock()  # held while a process is started or ended
    running = set()
    stopped = False

    def __init__(self, kernel, chosen, options, certify, seed):
        self.ktap = Ktap()
        self.lost = self.late = self.up = False
        self.message = ""
        self._quoting = False
        self.console = ""
        self.status = None
        self.output = []
        self._limit = CASE_SECONDS * SLOW.get(kernel.name, 1)
        self._timer = None
        self._expired = False
        self._drill = None
        self._results = 0  # of the drill, so far
        # Of the guest, which also boots: longer than all test cases can take.
        whole = self._limit * (1 + sum(most_steps(one) for one in chosen))
        self._token = f"{os.getpid()}-{kernel.name.replace('/', '_')}-{time.monotonic_ns()}"
        self._command = [CHECK, "--guest", "--once", "--run", command_for(chosen, self._token),
                         *options, "--add", f"{certify}:/certify",
                         "--timeout", str(whole)]
        self._environment = {**os.environ, "KERNEL": kernel.name, "DHP_SEED": str(seed)}

    def run(self, on_drill, on_line):
        """Follows the output. ON_DRILL is called with each drill that has ended."""
        with Boot.starting:
            if Boot.stopped:
                raise KeyboardInterrupt
            process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                       errors="replace", env=self._environment,
                                       start_new_session=True)
            Boot.running.add(process)
        try:
            with process.stdout:
                for line in process.stdout:
                    self._line(line.rstrip("\n"), on_drill, on_line)
                    self._watch(process)
            self.status = process.wait()
        finally:
            if self._timer:
                self._timer.cancel()
            with Boot.starting:
                Boot.running.discard(process)
            end(process)
        if Boot.stopped:
            raise KeyboardInterrupt
        self.console = self._read_console()

    def _line(self, line, on_drill, on_line):
        self.output.append(line)
        if drill := self.ktap.line(line):
            on_drill(drill)
        if line.startswith("vm: up after "):
            self.up = True
        if found := COMPLAINT.match(line):
            self.lost = self.lost or bool(LOST_GUEST.match(line))
            self.late = self.late or bool(NO_TIME.match(line))
            if not CHATTER.match(line) and not self._expired:
                self.message = found[1]  # the last one is the reason
                self._quoting = found[1].endswith(QEMU_SAID)
        elif self._quoting and not line.startswith("  "):
            self.message += f" {line}"
        else:
            self._quoting = False
        on_line(line)

    def _watch(self, process):
        """Gives a test case its time, which begins with the drill or with the result before."""
        drill = self.ktap.drill
        if not drill or drill is self._drill and len(drill.cases) == self._results:
            return
        self._drill, self._results = drill, len(drill.cases)
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._limit, self._expire, (process,))
        self._timer.daemon = True
        self._timer.start()

    def _expire(self, process):
        self.late = self._expired = True
        self.message = f"{self._drill.name}: no test case has ended for {self._limit} seconds"
        end(process)

    def _read_console(self):
        for path in sorted(glob.glob(CONSOLES), reverse=True):
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    text = file.read()
            except OSError:  # removed by another run
                continue
            if f"certify: {self._token}" in text:
                return text
        return ""

    @classmethod
    def stop(cls):
        """Ends all guests, and lets no other one begin."""
        with cls.starting:
            cls.stopped = True
            for process in cls.running:
                end(process)


def end(process):
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGTERM)  # scripts/check ends its guest
        except ProcessLookupError:  # it has ended meanwhile
            pass
        process.wait()


# ---------------------------------------------------------------- all guests of a kernel

class Kernel:
    """The drills on one kernel. SHOW has drill(kernel, drill), where(kernel, text) and
    say(kernel, text)."""

    def __init__(self, kernel, result, certify, folder, seed, show, qemu_args=""):
        self._kernel = kernel
        self._result = result  # a Kernel of certify_result.py
        self._certify = certify
        self._folder = folder  # for consoles
        self._seed = seed
        self._show = show
        self._qemu_args = [f"--qemu-args={qemu_args}"] if qemu_args else []
        self._losses = {}
        self._titles = {}  # of the test cases of each drill

    def run(self, chosen):
        try:
            for options, drills in groups(chosen):
                self._run_group(options, drills)
        finally:
            self._show.where(self._kernel, None)

    def _run_group(self, options, drills):
        broken = 0
        while drills:
            ended = self._boot(options, drills)
            if ended is None:
                broken += 1
                if broken == 2:
                    self._give_up(drills)
                    return
            else:
                broken = 0
                drills = drills[ended:]

    def _boot(self, options, drills):
        """Runs one guest; returns how many of these drills have had their chance, or None if the
        guest was never up."""
        kernel, show = self._kernel, self._show
        options = [*options, *self._qemu_args]
        boot = Boot(kernel, drills, options, self._certify, self._seed)
        guest = Guest(drills, options)
        self._result.guests.append(guest)
        show.where(kernel, "boots a guest for " + ", ".join(drills))
        begun = time.monotonic()
        times = [begun]
        boot.run(lambda drill: self._ended(drill, times), lambda line: self._line(line, boot))
        guest.seconds = round(time.monotonic() - begun, 1)
        guest.message = boot.message
        if boot.console:
            guest.console = os.path.join(kernel.name.replace("/", "_"),
                                         f"console-{len(self._result.guests)}.log")
            with open(os.path.join(self._folder, guest.console), "w", encoding="utf-8") as file:
                file.write(boot.console)
        return self._take(boot, guest, drills)

    def _ended(self, drill, times):
        times.append(time.monotonic())
        drill.seconds = round(times[-1] - times[-2], 1)

    def _line(self, line, boot):
        drill = boot.ktap.drill
        if drill:
            if drill.name not in self._titles:
                self._titles[drill.name] = list(cases_of(drill.name))
            title = "".join(self._titles[drill.name][len(drill.cases):][:1])
            self._show.where(self._kernel, f"{drill.name}: {title}" if title else drill.name)
        if line.startswith("vm: up after "):
            self._show.where(self._kernel, "the guest is up")

    def _take(self, boot, guest, drills):
        """Completes the drills of a guest that has ended, and says how it has."""
        done = boot.ktap.drills
        names = [drill.name for drill in done if drill.cases]
        current = drills[len(done)] if len(done) < len(drills) else None
        logs = spans_of_drills(boot.console, names + ([drill_of(current)] if current else []))
        for drill in done:
            self._complete(drill, logs.get(drill.name))
        if boot.ktap.ended or not current:
            # run.sh has ended by itself. If drills are left, the last one has damaged the kernel.
            guest.end = "damaged" if current else "done"
            return len(done) or None
        if not boot.up and not boot.ktap.drill and not done:
            guest.end = "none"
            guest.message = guest.message or "".join(boot.output[-1:]) or "no guest was up"
            self._show.say(self._kernel, f"no guest: {guest.message}")
            return None
        if boot.lost:
            return len(done) + self._lose(guest, current)
        guest.end = "time" if boot.late else "died"
        drill = boot.ktap.drill or Drill(drill_of(current))
        self._interrupt(drill, boot, guest, logs.get(drill.name) or [])
        return len(done) + 1

    def _complete(self, drill, log):
        drill.guest = len(self._result.guests) - 1
        judge_drill(drill, log, self._result.module, cases_of(drill.name))
        self._add(drill)

    def _add(self, drill):
        self._result.drills.append(drill)
        self._show.drill(self._kernel, drill)

    def _lose(self, guest, current):
        """A guest lost to QEMU proves nothing: its drill is tried again. Returns how many drills to
        pass over."""
        guest.end = "lost"
        self._losses[current] = self._losses.get(current, 0) + 1
        self._show.say(self._kernel, f"the guest was lost to QEMU during {current}")
        if self._losses[current] < TRIES:
            return 0
        self._add(Drill(drill_of(current), LOST, f"QEMU has lost {TRIES} guests during it",
                        guest=len(self._result.guests) - 1))
        return 1

    def _interrupt(self, drill, boot, guest, log):
        """The guest has ended during this drill: its test case, or step, has failed."""
        # The mark of the next case may have come without the result of the one before.
        last = log[-1] if log else None
        # The output of the framework, like a failed setup, is that of the first case.
        if last and last.title in STEPS:
            case = Case(last.title, STEPS[last.title], FAILED, output=boot.ktap.said)
        else:
            case = Case("", last.title if last else "the drill begins", FAILED,
                        output=boot.ktap.said)
        # Cases whose results were lost on the way.
        for span in log[:-1]:
            if span.title not in STEPS and span.number > len(drill.cases):
                drill.cases.append(Case("", span.title, NOT_RUN, "its result was not seen"))
        drill.cases.append(case)
        if guest.end == "time":
            case.findings.append(Finding("hang", self._result.module, source="host",
                                         text=guest.message))
        judge_drill(drill, log, self._result.module, cases_of(drill.name))
        if all(finding.kind == "failed" for finding in case.findings):
            case.findings = [Finding("panic", source="host", text=guest.message or
                                     "the guest ended by itself")]
        seen = {one.title for one in drill.cases}
        for title, name in cases_of(drill.name).items():
            if title not in seen and ":" not in guest.drills[0]:
                drill.cases.append(Case(name, title, NOT_RUN, "the guest had ended"))
        conclude(drill)
        drill.guest = len(self._result.guests) - 1
        self._add(drill)

    def _give_up(self, drills):
        """No guest comes up: nothing can be said about these drills."""
        guest = self._result.guests[-1]
        for one in drills:
            case = Case("", "a guest runs the drill", FAILED,
                        findings=[Finding("failed", source="host",
                                          text=guest.message)])
            self._add(Drill(drill_of(one), FAILED, guest=len(self._result.guests) - 1,
                            cases=[case]))
