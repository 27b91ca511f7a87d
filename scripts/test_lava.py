#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/lava: the jobs that make-jobs makes, and what run-job reads in the dispatcher's log.

There are no guests here, and a dispatcher of LAVA's is a fake; if this machine has the real one, it checks
the jobs, too.
"""

import base64
import contextlib
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from unittest import mock

import testing
from testing import PATIENCE, TOP

make_jobs = testing.load("make_jobs", "scripts/lava/make-jobs")
try_lava = testing.load("try_lava", "scripts/try-lava")
merge_shards = testing.load("merge_shards", "scripts/merge-shards")

# A line of the dispatcher's log is YAML.
LOG = r"""
{"dt": "2026-12-01T03:55:58.348310", "lvl": "info", "msg": "validate duration: 0.03"}
{"lvl": "results", "msg": {"case": "validate", "definition": "lava", "result": "pass"}}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "\e[6nTAP version 13"}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "TAP version 13"}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "# seeds: 3"}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "1..1"}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "# 1..1"}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "# # says \"\xE4\""}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "# ok 1 torture"}
{"dt": "2026-12-01T03:56:00.000000", "lvl": "target", "msg": "ok 1 selftests: dhp: torture-3"}
{"lvl": "results", "msg": {"case": "dhp_torture-3_torture", "definition": "0_dhp", "result": "pass"}}
{"lvl": "results", "msg": {"case": "dhp_torture-3_cpus", "definition": "0_dhp", "result": "RESULT"}}
"""


class MakeJobs(testing.Refusals):
    def setUp(self):
        super().setUp()
        self.patch(make_jobs, provide=lambda _: None, run=lambda *_: "/bin/sh")
        # Otherwise the tests' own environment may name one.
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("QEMU", None)

    def make(self, *words):
        """The jobs, by their names."""
        out = io.StringIO()
        with mock.patch.object(make_jobs.sys, "argv", ["make-jobs", *words]), contextlib.redirect_stdout(out):
            self.assertEqual(make_jobs.main(), 0)
        jobs = {}
        for path in out.getvalue().splitlines():
            with open(path, encoding="utf-8") as file:
                jobs[os.path.basename(path)] = file.read()
        for text in jobs.values():
            self.assertNotRegex(text, "@[A-Z]")
        return jobs

    def check_jobs(self):
        """By the dispatcher itself."""
        if not shutil.which("lava-run") or os.getuid():
            return
        for name in "vmlinuz", "kselftest.tar.gz", "rootfs.cpio.gz":
            self.file(f"jobs/{name}")
        for job in os.listdir(self.path("jobs")):
            if job.endswith(".yaml") and job != "device.yaml":
                done = subprocess.run(["lava-run", "--validate", "--job-id", "1", "--device",
                                       self.path("jobs/device.yaml"), "--output-dir", self.path("lava"),
                                       self.path(f"jobs/{job}")], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_torture(self):
        """Each seed is in one job, and the jobs are of one size, or nearly."""
        for number, seeds in ((4, "1 2 3 4"), (4, "1 2 3 4 5 60"), (3, "7 8"), (1, "0 5")):
            seeds = seeds.split()
            jobs = self.make(self.path("jobs"), "torture", "5", str(number), *seeds)
            parts = [re.search(r"TORTURE_MINUTES=5 ./dhp/torture_seeds\.sh ([0-9 ]+) 2>&1", text)[1].split()
                     for text in jobs.values()]
            self.assertEqual(sorted(seed for part in parts for seed in part), sorted(seeds))
            self.assertEqual(list(jobs), [f"torture-{index}.yaml" for index in range(1, len(parts) + 1)])
            self.assertEqual(len(parts), min(number, len(seeds)))
            self.assertLessEqual(max(map(len, parts)) - min(map(len, parts)), 1)
        self.check_jobs()

    def test_selftests(self):
        text = self.make(self.path("jobs"), "kselftest")["kselftest.yaml"]
        self.assertIn("- ./run_kselftest.sh 2>&1 | tee /tmp/output\n", text)
        self.assertIn(f"url: file://{self.path('jobs')}/vmlinuz\n", text)
        text = self.make("--url", "http://lab/x/", "--memory", "2048", "--cpus", "3", self.path("jobs"),
                         "kselftest", "load.sh", "self.sh")["kselftest.yaml"]
        self.assertIn("- ./run_kselftest.sh -t dhp:load.sh -t dhp:self.sh 2>&1", text)
        self.assertIn("url: http://lab/x/vmlinuz\n", text)
        self.assertIn("memory: 2048\n", text)
        with open(self.path("jobs/device.yaml"), encoding="utf-8") as file:
            self.assertIn("-m 2048 -smp 3", file.read())
        self.make(self.path("jobs"), "kselftest")
        self.check_jobs()

    def test_qemu_of_this_folder(self):
        """The dispatcher may run in another folder."""
        qemu = self.file("qemu", mode=0o755)
        for given, command in ((os.path.relpath(qemu), qemu), (qemu, qemu), ("sh", shutil.which("sh"))):
            with mock.patch.dict(os.environ, QEMU=given):
                self.make(self.path("jobs"), "kselftest")
            with open(self.path("jobs/device.yaml"), encoding="utf-8") as file:
                self.assertIn(f"command: {command}\n", file.read())

    def test_no_qemu(self):
        self.patch(make_jobs, provide=testing.forbidden("images were made"))
        for given in "no-such-qemu", "/no/such", self.file("qemu", mode=0o644):
            with mock.patch.dict(os.environ, QEMU=given):
                self.words("make-jobs", make_jobs.main, 1, self.path("jobs"), "kselftest",
                           named=[f"make-jobs: there is no {given} to run; .*QEMU names another"])
            self.assertFalse(os.path.exists(self.path("jobs")))

    def test_words(self):
        def bad(*words, named):
            self.words("make-jobs", make_jobs.main, 2, *words, named=[named])
            self.assertFalse(os.path.exists(self.path("jobs")))
        jobs = self.path("jobs")
        bad(named="FOLDER")
        bad(jobs, named="required")
        bad(jobs, "nonsense", named="nonsense")
        for test in "nothing.sh", "../x.sh", "lib", "-t":
            bad(jobs, "kselftest", test, named="there is no selftests/|unrecognized")
        for value in "0", "x", "01", "-1", "1.5":
            bad(jobs, "torture", value, "2", "1", named="MINUTES|unrecognized|required")
            bad(jobs, "torture", "5", value, "1", named="SHARDS|unrecognized|required")
        for value in "x", "01", "1234567890":
            bad(jobs, "torture", "5", "2", value, named=f"'{value}' is not a number of up to nine digits")
        bad(jobs, "torture", "5", "2", named="SEED")
        bad(jobs, "torture", "5", "2", "1", "1", named="a seed is named twice")
        bad("--memory", "x", jobs, "kselftest", named="'x' is not a number of 1 or more")


class Rootfs(testing.Refusals):
    def test_members(self):
        busybox = os.path.join(TOP, "build/guest/bin/busybox")
        if not os.path.exists(busybox):
            subprocess.run([os.path.join(TOP, "scripts/setup"), "guest"], check=True)
        program = os.path.join(TOP, "scripts/lava/make-rootfs")
        images = []
        for name in "one", "two":
            subprocess.run([program, self.path(name)], check=True, timeout=PATIENCE)
            with open(self.path(name), "rb") as file:
                images.append(file.read())
        self.assertEqual(images[0], images[1])
        names = re.findall(rb"070701[0-9A-F]{104}([^\0]+)\0", gzip.decompress(images[0]))
        for name in b"init", b"bin/busybox", b"bin/sh", b"dev/console", b"selftests", b"usr/bin/timeout":
            self.assertIn(name, names)

    def test_words(self):
        for words in (), ("a", "b"), ("--help",):
            self.program("make-rootfs", 2, os.path.join(TOP, "scripts/lava/make-rootfs"), *words,
                         named=["FILE, a cpio archive"])


class RunJob(testing.Refusals):
    def setUp(self):
        super().setUp()
        if subprocess.run(["/usr/bin/python3", "-c", "import yaml"], stderr=subprocess.DEVNULL,
                          check=False).returncode:
            self.skipTest("needs Debian's python3-yaml, which lava-dispatcher brings along")
        os.mkdir(self.path("bin"))
        self.job = self.file("torture-1.yaml")
        self.file("device.yaml")

    def run_job(self, status, last, log, lava_status=0):
        self.file("log", log)
        self.file("bin/lava-run", f"#!/bin/sh\necho \"$@\" >{self.path('words')}\n"
                                  f"cat {self.path('log')} >&2\nexit {lava_status}\n", 0o755)
        done = subprocess.run([os.path.join(TOP, "scripts/lava/run-job"), self.job, self.path("shard")],
                              env={**os.environ, "PATH": f"{self.path('bin')}:{os.environ['PATH']}"},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE,
                              check=False)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (status, last), done)
        return done

    def test_results(self):
        for result, status, last in (("pass", 0, "2 passed, 0 failed"), ("fail", 1, "1 passed, 1 failed"),
                                     ("skip", 0, "1 passed, 0 failed, 1 skipped"),
                                     ("unknown", 1, "1 passed, 1 failed")):
            done = self.run_job(status, last, LOG.strip().replace("RESULT", result))
            self.assertEqual(done.stderr, "")
            self.assertIn(f"0_dhp dhp_torture-3_cpus {result}\n", done.stdout)
            with open(self.path("shard/results.json"), encoding="utf-8") as file:
                self.assertEqual([(one["name"], one["result"]) for one in json.load(file)],
                                 [("dhp_torture-3_torture", "pass"), ("dhp_torture-3_cpus", result)])
        with open(self.path("words"), encoding="utf-8") as file:
            words = file.read().split()
        self.assertEqual(words[words.index("--device") + 1], self.path("device.yaml"))
        self.assertEqual(words[-1], self.job)
        # The shard is one for merge-shards.
        merged = merge_shards.read_shard(self.path("shard"))
        self.assertEqual([(seed, {name: case.status for name, case in tests.items()})
                          for seed, tests in merged.items()], [("3", {"torture": "pass"})])

    def test_counts(self):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(__file__)
        counts = packed.getvalue()
        lines = base64.encodebytes(counts).decode().splitlines()
        log = LOG.strip().replace("RESULT", "pass") + "".join(
            f'\n{{"lvl": "target", "msg": "{line}"}}' for line in ("gcov begins", *lines, "gcov ends"))
        self.run_job(0, "2 passed, 0 failed", log)
        with open(self.path("shard/gcov.tar.gz"), "rb") as file:
            self.assertEqual(file.read(), counts)
        os.unlink(self.path("shard/gcov.tar.gz"))
        line = '{"lvl": "target", "msg": "%s"}\n'
        for lost in (log.replace(lines[2], lines[2] + "[ 1.0] usb"), log.replace(line % lines[2], ""),
                     log.replace(line % lines[-1], ""), log.replace("gcov ends", "gcov"),
                     log.replace("".join(line % one for one in lines), "")):
            self.assertNotEqual(lost, log)
            done = self.run_job(1, "2 passed, 1 failed", lost)
            self.assertIn("run-job: gcov's counts have not come through the console", done.stderr)
            self.assertFalse(os.path.exists(self.path("shard/gcov.tar.gz")))

    def test_job_that_fails(self):
        log = LOG.strip().replace("RESULT", "pass") + (
            '\n{"lvl": "error", "msg": "The job has timed out"}\nTraceback: x\n')
        done = self.run_job(1, "2 passed, 1 failed", log, lava_status=1)
        self.assertEqual(done.stderr, "run-job: The job has timed out\nrun-job: Traceback: x\n")
        self.run_job(1, "0 passed, 0 failed", "")
        self.run_job(1, "0 passed, 1 failed", "{", lava_status=1)

    def test_words(self):
        program = os.path.join(TOP, "scripts/lava/run-job")
        for words in (), ("a",), ("a", "b", "c"), ("--help", "x"):
            self.program("run-job", 2, program, *words, named=["JOB.yaml FOLDER"])
        self.program("run-job", 2, program, self.path("no.yaml"), self.path("shard"),
                     named=["there is no job .*no.yaml; scripts/lava/make-jobs makes one"])
        self.program("run-job", 1, program, self.job, self.path("shard"), env={"PATH": self.path("bin")},
                     named=["there is no lava-run; `scripts/setup lava` installs it"])


ENDING = 10  # seconds for a process to end by SIGKILL


class TryLava(testing.Refusals):
    def line(self, end):
        """A line whose shell ends before what it has started, if it is ended; and the number of that process,
        when it runs."""
        new, pid = self.path("new"), self.path("pid")
        return f"sh -c '{end}; echo $$ >{new}; mv {new} {pid}; while :; do sleep 0.1; done' & wait"

    def pid(self):
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(self.path("pid")):
            self.assertLess(time.monotonic(), deadline, "the line does not run")
            time.sleep(0.01)
        with open(self.path("pid"), encoding="ascii") as file:
            return int(file.read())

    def runs(self, pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def assert_ended(self, pid):
        """SIGKILL takes its time."""
        deadline = time.monotonic() + ENDING
        while self.runs(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                self.fail(f"the process {pid} still runs")
            time.sleep(0.01)

    def test_a_line_that_takes_too_long(self):
        """With what it has started: also if that does not end by SIGTERM."""
        def communicate(_, timeout):
            self.assertEqual(timeout, try_lava.DEADLINE)
            self.pid()
            raise subprocess.TimeoutExpired("the line", timeout)
        self.patch(subprocess.Popen, communicate=communicate)
        self.patch(try_lava, ENDING=testing.SHORT)
        for end in ":", "trap : TERM":
            with self.assertRaises(subprocess.TimeoutExpired), contextlib.redirect_stdout(io.StringIO()):
                try_lava.run(self.line(end))
            self.assert_ended(self.pid())
            os.unlink(self.path("pid"))

    def test_signals(self):
        """They end the line as well."""
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            # Instead of the tests, so that all else is as it is.
            program = (f"import runpy, sys; sys.path.insert(0, {TOP + '/scripts'!r})\n"
                       "import tap\n"
                       "def run_line(self, title, function, *_):\n"
                       f"    function.__globals__['run']({self.line(':')!r})\n"
                       "tap.Tap.test = run_line\n"
                       "import shutil, os; shutil.rmtree = os.makedirs = lambda *_, **__: None\n"
                       "sys.argv = ['try-lava']\n"
                       f"runpy.run_path({TOP + '/scripts/try-lava'!r}, run_name='__main__')\n")
            with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as tried:
                pid = self.pid()
                tried.send_signal(number)
                self.assertEqual(tried.wait(PATIENCE), status)
            self.assert_ended(pid)
            os.unlink(self.path("pid"))

    def test_limits(self):
        """The dispatcher's timeout comes before ours."""
        self.patch(try_lava, FOLDER=self.folder, run=lambda line: line)
        with open(os.path.join(TOP, "scripts/lava/job.yaml"), encoding="utf-8") as file:
            text = file.read()
        os.mkdir(self.path("JOBS"))
        self.file("JOBS/torture-1.yaml", text.replace("@LIMIT@", "240"))
        device = self.file("JOBS/device.yaml", "x: {minutes: 5}")
        self.assertEqual(try_lava.make_jobs("JOBS", "line"), "line")
        self.assertEqual(try_lava.file_text("JOBS", "torture-1.yaml"),
                         text.replace("@LIMIT@", str(try_lava.LIMIT)))
        self.assertEqual(try_lava.file_text(device), "x: {minutes: 5}")
        self.file("JOBS/torture-1.yaml", "x: {seconds: 240}")
        with self.assertRaisesRegex(AssertionError, "torture-1.yaml has no limit"):
            try_lava.make_jobs("JOBS", "line")
        self.assertLess(4 * try_lava.LIMIT * 60, try_lava.DEADLINE)

    def test_words(self):
        self.patch(try_lava, run=testing.forbidden("something was run"))
        self.patch(shutil, rmtree=testing.forbidden("something was removed"))
        for words in ("x",), ("--jobs", "4"), ("",), ("--help", "x"):
            self.words("try-lava", try_lava.main, 2, *words,
                       named=[f"^try-lava: there are no options, but got '{' '.join(words)}'\n$"])

    def test_help(self):
        for word in "-h", "--help":
            said = io.StringIO()
            with mock.patch.object(try_lava.sys, "argv", ["try-lava", word]), \
                    contextlib.redirect_stdout(said):
                self.assertEqual(try_lava.main(), 0)
            self.assertEqual(said.getvalue(), try_lava.__doc__.strip() + "\n")


if __name__ == "__main__":
    testing.main("make-jobs", "make-rootfs", "try-lava")
