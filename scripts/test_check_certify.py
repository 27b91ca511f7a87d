#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of `make check-certify`: of scripts/check-certify with scripts/certify itself, whose guests
are those of certify_fakes.py. Nothing is booted.
"""

import contextlib
import dataclasses
import io
import os
import sys
import threading
import time
import unittest
from unittest import mock

import testing
from certify_fakes import Scene, console, module_image, report_of, tap
from testing import forbidden

import certify_expect
from certify_result import Drill, Finding

check_certify = testing.load("check_certify", "scripts/check-certify")
certify = check_certify.certify

EXPECT = {"drill": "off_and_on", "kernel": "6.1", "class": "slow", "function": "came_online"}
SLOW = Finding("slow", "driver", "came_online", text="2 s")


class Judging(unittest.TestCase):
    """What a report must say."""

    def report(self, *cases):
        return dataclasses.asdict(report_of(drills=[("off_and_on", cases)]))

    def faulty(self, *cases):
        return certify_expect.judge_faulty(EXPECT, self.report(*cases))

    def judge_clean(self, *cases, wanted=("off_and_on",)):
        return certify_expect.judge_clean(wanted, "6.1", self.report(*cases))

    def clean(self, *cases, wanted=("off_and_on",)):
        reasons, skipped = self.judge_clean(*cases, wanted=wanted)
        self.assertEqual(skipped, "")
        return reasons

    def test_the_fault(self):
        self.assertEqual(self.faulty(("x", "x", "passed", []), ("y", "y", "failed", [SLOW])), [])

    def test_another_fault(self):
        for name, value in ("kind", "null-pointer"), ("function", "went"), ("module", "dhp"):
            other = dataclasses.replace(SLOW, **{name: value})
            said = self.faulty(("x", "x", "failed", [other]))
            self.assertEqual(len(said), 1)
            self.assertRegex(said[0], f"found in 'x': .*{value}")

    def test_other_faults_beside_it(self):
        near = Finding("null-pointer", "driver", "came_online")
        far = Finding("null-pointer", "driver", "went_offline")
        self.assertEqual(self.faulty(("x", "x", "failed", [SLOW, far])), [])
        self.assertEqual(self.faulty(("x", "x", "failed", [near]), ("y", "y", "failed", [SLOW])),
                         [])
        self.assertEqual(len(self.faulty(("x", "x", "failed", [near, far, SLOW]))), 3)

    def test_nothing(self):
        self.assertEqual(self.faulty(("x", "x", "passed", [])), ["off_and_on has passed"])
        self.assertEqual(self.faulty(("x", "x", "skipped", [])),
                         ["skipped: x: why", "off_and_on was skipped"])
        self.assertEqual(certify_expect.judge_faulty({**EXPECT, "drill": "memory"}, self.report()),
                         ["memory did not run"])
        self.assertEqual(certify_expect.judge_faulty({**EXPECT, "kernel": "debug"}, self.report()),
                         ["off_and_on did not run"])

    def test_loading_is_no_drill(self):
        for title in "the driver is loaded", "the driver is unloaded":
            self.assertEqual(len(self.faulty(("", title, "failed", [SLOW]))), 1)

    def test_a_clean_driver(self):
        self.assertEqual(self.clean(("x", "x", "passed", []), ("y", "y", "skipped", [])), [])

    def test_a_false_alarm(self):
        for result in "failed", "passed":
            said = self.clean(("x", "x", result, [SLOW]))
            self.assertIn("off_and_on: found in 'x': slow in came_online() of driver: 2 s", said)
        said = self.clean(("", "the driver is loaded", "failed", [SLOW]))
        self.assertIn("no drill has passed", said)

    def test_a_drill_that_is_missing(self):
        self.assertEqual(self.clean(("x", "x", "passed", []), wanted=("off_and_on", "memory")),
                         ["memory did not run"])
        reasons, skipped = certify_expect.judge_clean(["x"], "6.1", certify_expect.NOTHING)
        self.assertEqual((len(reasons), skipped), (2, ""))
        # A skipped drill beside one that did not run is no reason to skip.
        said = self.clean(("x", "x", "skipped", []), wanted=("off_and_on", "memory"))
        self.assertEqual(said, ["memory did not run", "no drill has passed"])

    def test_a_drill_that_is_skipped(self):
        self.assertEqual(self.judge_clean(("x", "x", "skipped", []), ("y", "y", "skipped", [])),
                         ([], "off_and_on: why"))
        self.assertEqual(self.judge_clean(), ([], "off_and_on was skipped"))
        reasons, skipped = self.judge_clean(("x", "x", "skipped", [SLOW]))
        self.assertEqual((reasons[-1], skipped), ("no drill has passed", ""))

    def test_a_case_that_must_pass(self):
        for cases, passes, said in (
                ([("x", "x", "passed", [])], "off_and_on:x", []),
                ([("y", "y", "passed", [])], "memory:x", []),  # that drill is not chosen
                ([("y", "y", "passed", []), ("x", "x", "skipped", [])], "off_and_on:x",
                 ["off_and_on:x was made for this driver, and has not passed",
                  "skipped: x: why"]),
                ([("y", "y", "passed", [])], "off_and_on:x",
                 ["off_and_on:x was made for this driver, and has not passed"])):
            self.assertEqual(certify_expect.judge_clean(["off_and_on"], "6.1", self.report(*cases),
                                                        passes), (said, ""))

    def test_what_is_known(self):
        other = dataclasses.replace(SLOW, kind="half-loaded")
        for found, result in ([SLOW], "passed"), ([SLOW, other], "failed"), ([], "failed"):
            report = certify_expect.without_known(
                self.report(("x", "x", "failed", found), ("y", "y", "skipped", [])),
                ["slow:came_online"])
            drill = report["kernels"][0]["drills"][0]
            self.assertEqual((drill["result"], drill["cases"][0]["result"]), (result, result))
            self.assertEqual([one["kind"] for one in drill["cases"][0]["findings"]],
                             ["half-loaded"] if other in found else [])
        # It has ended the guest, and hides what else there is.
        report = certify_expect.without_known(
            self.report(("x", "x", "failed", [SLOW]), ("y", "y", "not run", [])),
            ["slow:came_online"])
        self.assertEqual(certify_expect.judge_clean(["off_and_on"], "6.1", report)[0],
                         ["off_and_on: not run: y: why", "no drill has passed"])

    def test_a_lost_drill(self):
        report = report_of(drills=[("memory", [("x", "x", "passed", [])])])
        report.kernels[0].drills.append(Drill("off_and_on", "lost", "QEMU has lost 3 guests"))
        said = certify_expect.judge_clean(["memory", "off_and_on"], "6.1",
                                         dataclasses.asdict(report))
        self.assertEqual(said, (["off_and_on: off_and_on was lost: QEMU has lost 3 guests"], ""))


class Drivers(Scene):
    """A faulty driver, slow, and one without a fault, plain."""

    def setUp(self):
        super().setUp()
        self.driver("clean", "plain")
        self.driver("faulty", "slow", **EXPECT)
        self.driver("real", "theirs", driver="a-module")
        self.patch(certify_expect, DRIVERS=self.path("drivers"))
        self.patch(check_certify, TOP=self.folder,
                   LOGS=os.path.join(self.build, "check-certify"),
                   REPORTS=os.path.join(self.build, "certify"))
        self.patch(certify, BUILD=self.build, build_ours=lambda kernel: {},
                   find_qemu=lambda: None, find_kernel=lambda name: self.kernel)
        self.file("kernel/kdir/Makefile", "modules:\n\t@cp $(M)/driver.image $(M)/driver.ko\n")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def driver(self, kind, name, **expect):
        os.makedirs(self.path(f"drivers/{kind}/{name}"))
        self.file(f"drivers/{kind}/{name}/Kbuild")
        with open(self.path(f"drivers/{kind}/{name}/driver.image"), "wb") as file:
            file.write(module_image(vermagic="6.1.0-test SMP"))
        if expect:
            self.file(f"drivers/{kind}/{name}/expect",
                      "".join(f"{key}={value}\n" for key, value in expect.items()))

    def certify_here(self, arguments, log):
        """scripts/certify, in this process."""
        with open(log, "w", encoding="utf-8") as file, contextlib.redirect_stdout(file), \
                contextlib.redirect_stderr(file), \
                mock.patch.object(sys, "argv", ["certify", *arguments]):
            return certify.main()

    def check_all(self, *words):
        """The exit status, and the lines that are printed."""
        printed = io.StringIO()
        # Signals are for the main thread.
        with mock.patch.object(sys, "argv", ["check-certify", *words]), \
                mock.patch.object(check_certify.Runs, "run", self.certify_here), \
                mock.patch("signal.signal"), contextlib.redirect_stdout(printed), \
                contextlib.redirect_stderr(io.StringIO()):
            status = check_certify.main()
        return status, printed.getvalue().splitlines()


class Whole(Drivers):
    """From the command line to the exit status."""

    FOUND = tap("off_and_on", ["# finding: class=slow function=came_online 2 s", "not ok x"],
                good=False)

    def slow(self, *words):
        return self.check_all("--drivers", "slow", *words)

    def test_all_is_well(self):
        self.boots(tap("late_cpu", ["ok x"]), ["1..1"])
        self.boots(tap("off_and_on", ["ok x"], 1), tap("memory", ["ok x"], 2), ["1..2"])
        self.boots(self.FOUND, ["1..1"])
        status, lines = self.check_all()
        self.assertEqual((status, lines), (0, [
            "TAP version 13", "1..2", "ok 1 clean/plain: nothing, in 3 drills on 6.1",
            "ok 2 faulty/slow: slow in came_online(), by off_and_on on 6.1", "",
            "2 passed, 0 failed"]))
        self.assertIn("run.sh off_and_on ", " ".join(self.asked[2]))

    def test_a_drill_that_is_switched_off(self):
        path = self.path("drills/drill_off_and_on.sh")
        for lines, log, named in (
                (tap("off_and_on", ["ok x", "ok y"]), "", "off_and_on has passed"),
                (tap("off_and_on", ["ok x # SKIP off"]), "", "skipped: x: off"),
                (["# drill: off_and_on", "# 1..0 # SKIP off", "ok 1 off_and_on # SKIP"], "",
                 "off_and_on was skipped: off"),
                (["# drill: off_and_on", "# TAP version 13", "# 1..0", "ok 1 off_and_on"], "",
                 "off_and_on was skipped"),
                (["# drill: off_and_on", "# not found", "not ok 1 off_and_on"], "",
                 "found in 'the drill runs': failed"),
                # What loading and unloading shows, any other drill would find as well.
                (tap("off_and_on", ["ok x"]),
                 console("MARK 5.0 setup", "FAULT slow driver came_online", "MARK 5.1 x",
                         "MARK 5.1 teardown", "FAULT slow driver came_online"),
                 "found in 'the driver is unloaded': slow in came_online")):
            with self.subTest(named):
                self.boots(lines, ["1..1"], log=log)
                status, said = self.slow()
                self.assertEqual((status, said[-1]), (1, "0 passed, 1 failed"))
                self.assertIn(named, "\n".join(said))
                self.assertIn("not ok 1 faulty/slow: slow in came_online(), by off_and_on on 6.1",
                              said)
        boots = len(self.asked)
        os.rename(path, f"{path}.off")
        status, said = self.slow()
        self.assertEqual((status, said[-1]), (1, "0 passed, 1 failed"))
        self.assertIn("there is no drill 'off_and_on'", "\n".join(said))
        os.rename(f"{path}.off", path)
        status, said = self.slow("--without", "off_and_on")
        self.assertEqual((status, said[-1]), (1, "0 passed, 1 failed"))
        self.assertIn("# off_and_on did not run", said)
        self.assertEqual(len(self.asked), boots)

    def test_a_false_alarm(self):
        self.boots(tap("memory", ["# finding: class=slow function=f 2 s", "not ok x"], good=False),
                   ["1..1"])
        status, said = self.check_all("--drivers", "clean", "--drills", "memory")
        self.assertEqual((status, said[-1]), (1, "0 passed, 1 failed"))
        self.assertIn("failed: clean/plain: nothing, in one drill on 6.1", said)
        self.assertIn("  | memory: found in 'x': slow in f() of driver: 2 s", said)
        self.assertTrue(any("repeat it: make certify DRIVER=drivers/clean/plain" in line and
                            "KERNELS=6.1 SEED=1" in line for line in said), said)
        self.assertEqual(sorted(os.listdir(os.path.join(self.build, "check-certify"))),
                         ["clean-plain-1.html", "clean-plain-1.log"])

    def test_a_drill_with_nothing_to_look_at(self):
        nothing = tap("memory", ["ok x # SKIP it has no memory"])
        self.boots(nothing, ["1..1"])
        status, said = self.check_all("--drivers", "clean", "--drills", "memory")
        self.assertIn("ok 1 clean/plain: nothing, in one drill on 6.1 # SKIP memory: it has no "
                      "memory", said)
        # As when all drivers are left out: this proves nothing.
        self.assertEqual((status, said[-1]), (1, "0 passed, 0 failed, 1 skipped"))
        self.driver("clean", "table")
        self.boots(nothing, ["1..1"])
        self.boots(tap("memory", ["ok x"]), ["1..1"])
        status, said = self.check_all("--drivers", "clean", "--drills", "memory")
        self.assertEqual((status, said[-1]), (0, "1 passed, 0 failed, 1 skipped"))

    def test_seeds(self):
        self.boots(self.FOUND, ["1..1"])
        self.boots(tap("off_and_on", ["ok x"]), ["1..1"])
        status, said = self.slow("--seeds", "3 4")
        self.assertEqual((status, said[-1]), (1, "1 passed, 1 failed"))
        self.assertTrue(said[2].endswith("on 6.1, seed 3"), said)
        self.assertTrue(any(line.startswith("not ok 2 ") and line.endswith(", seed 4")
                            for line in said), said)

    def test_what_is_not_chosen(self):
        self.driver("faulty", "races", **{**EXPECT, "kernel": "kcsan"})
        self.boots(self.FOUND, ["1..1"])
        status, said = self.check_all("--drivers", "faulty")
        self.assertEqual((status, said[-1]), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("ok 1 faulty/races: slow in came_online(), by off_and_on on kcsan # SKIP "
                      "kernel kcsan is not chosen", said)
        self.boots(tap("memory", ["ok x"]), ["1..1"])
        status, said = self.check_all("--drills", "memory", "--drivers", "slow plain")
        self.assertEqual((status, said[-1]), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("drill off_and_on is not chosen", said[3])
        # Nothing is left, which proves nothing.
        status, said = self.check_all("--drivers", "races")
        self.assertEqual((status, said[-1]), (1, "0 passed, 0 failed, 1 skipped"))

    def test_an_exercise_and_other_modules(self):
        self.file("drivers/faulty/slow/exercise", "#!/bin/sh\n")
        self.file("drivers/faulty/slow/expect",
                  "".join(f"{key}={value}\n" for key, value in {**EXPECT, "with": "dhp"}.items()))
        self.patch(certify, main=lambda: 2)
        with mock.patch.object(self, "certify_here", mock.Mock(side_effect=self.certify_here)) \
                as called:
            self.slow()
        words = called.call_args[0][0]
        self.assertEqual([word for word in words if word.startswith("--with")], ["--with=dhp"])
        self.assertEqual(words[words.index("--exercise") + 1], "drivers/faulty/slow/exercise")

    def test_real_drivers(self):
        """They are not run unless they are chosen, which test_all() shows."""
        with open(self.path("kernel/modules/a_module.ko"), "wb") as file:
            file.write(module_image(vermagic="6.1.0-test SMP", parmtype="rounds:int"))
        self.file("drivers/real/theirs/expect",
                  "driver=a-module\nqemu-args=-device edu\nparams=rounds=3\n")
        self.boots(tap("memory", ["ok x"]), ["1..1"])
        status, said = self.check_all("--drivers", "real", "--drills", "memory")
        self.assertEqual((status, said[-1]), (0, "1 passed, 0 failed"))
        self.assertIn("ok 1 real/theirs: nothing, in one drill on 6.1", said)
        self.assertIn("--qemu-args=-device edu", self.asked[0])

    def test_real_drivers_that_a_kernel_lacks(self):
        status, said = self.check_all("--drivers", "theirs", "--drills", "memory")
        self.assertEqual((status, said[-1]), (1, "0 passed, 0 failed, 1 skipped"))
        self.assertIn("6.1 # SKIP the kernel has no module a-module", said[2])

    def test_a_package(self):
        self.file("drivers/real/theirs/expect", "driver=a_module\npackage=any-dkms\nwith={source}:d e\n")
        for status in 0, 1:
            self.patch(certify_expect, SETUP=self.file(
                "setup", f"#!/bin/sh\necho {self.path('drivers/clean/plain')}\nexit {status}\n",
                0o755))
            driver, = check_certify.choose_drivers("theirs")
            if status:
                self.assertEqual(check_certify.certified(driver, ["6.1"], ["memory"], "1"),
                                 (certify_expect.NOTHING, ["real/theirs: no any-dkms"]))
            else:
                self.assertEqual(driver.source(), f"{self.path('drivers/clean/plain')}:a_module")
                self.assertEqual(driver.options("a/b:c"), ["--with=a/b:d e"])


class Runs(Drivers):
    """scripts/certify as a process."""

    def run_one(self, script):
        self.patch(check_certify, CERTIFY=self.file("certify", f"#!/bin/sh\n{script}", 0o755))
        os.makedirs(check_certify.LOGS, exist_ok=True)
        os.makedirs(os.path.join(self.build, "certify/slow"), exist_ok=True)
        driver, = check_certify.choose_drivers("slow")
        return check_certify.certified(driver, ["6.1"], ["off_and_on"], "1")

    def test_no_report(self):
        # That of an earlier run is none.
        os.makedirs(os.path.join(self.build, "certify/slow"))
        for name in "report.json", "report.html":
            self.file(f"build/certify/slow/{name}", "{}")
        for status in 1, 2:
            report, said = self.run_one(f"echo refused >&2\nexit {status}\n")
            self.assertEqual(report, certify_expect.NOTHING)
            self.assertEqual(said[:2], [f"scripts/certify has ended with status {status}:",
                                        "refused"])

    def test_a_report(self):
        report, said = self.run_one('echo \'{"command": "make"}\' >build/certify/slow/report.json\n'
                                    "echo >build/certify/slow/report.html\n")
        self.assertEqual((report, said[0]), ({"command": "make"}, "repeat it: make"))

    def test_interrupted(self):
        self.addCleanup(setattr, check_certify.Runs, "stopped", False)
        ended = []

        def run():
            with self.assertRaises(check_certify.Interrupted):
                self.run_one(f"echo >begun\nexec sleep {testing.PATIENCE}\n")
            ended.append(True)

        thread = threading.Thread(target=run)
        thread.start()
        deadline = time.monotonic() + testing.PATIENCE / 2
        while not os.path.exists("begun") and time.monotonic() < deadline:
            time.sleep(0.01)
        check_certify.Runs.stop()
        thread.join(testing.PATIENCE / 2)
        self.assertEqual((ended, check_certify.Runs.running), ([True], set()))
        with self.assertRaises(check_certify.Interrupted):
            check_certify.Runs.run([], "log")


class Words(Drivers):
    """What the command line, and a file `expect`, may not say."""

    def bad(self, *words, named):
        self.words("scripts/check-certify", check_certify.main, 2, *words, named=named)

    def setUp(self):
        super().setUp()
        self.patch(certify.subprocess, Popen=forbidden("something was run"))

    def test_words(self):
        for seed in "x", "01", "-1", "9" * 10, "1 x":
            self.bad("--seeds", seed, named=[f"SEEDS: '{seed.split()[-1]}' is not a number"])
        self.bad("--seeds", " ", named=["names no number"])
        self.bad("--seeds", "1 1", named=["names one twice"])
        for jobs in "0", "x", "", "-1":
            self.bad(f"--jobs={jobs}", named=[f"JOBS='{jobs}' is not a number"])
        self.bad("--drivers", "slow fast", named=["no driver 'fast'", "clean/plain, faulty/slow"])
        self.bad("--drills", "off_and_no", named=["DRILLS: there is no drill", "off_and_on"])
        self.bad("--without", "off_and_no", named=["WITHOUT: there is no drill", "off_and_on"])
        self.bad("--kernels", "6.1 6.1", named=["names one twice"])
        self.bad("--kernels", "nonsense", named=["no kernel 'nonsense'"])
        self.bad("--unknown", named=["--unknown"])

    def test_expect(self):
        good = "".join(f"{key}={value}\n" for key, value in EXPECT.items())
        for text, named in ((good.replace("drill=off_and_on\n", ""), "no drill="), ("", "no drill"),
                            (f"{good}drill=memory\n", "what does 'drill=memory' mean"),
                            (f"{good}word\n", "what does 'word' mean"),
                            (f"{good}clas=slow\n", "what does 'clas=slow' mean"),
                            (good.replace("slow", ""), "what does 'class=' mean")):
            self.file("drivers/faulty/slow/expect", text)
            self.bad(named=[f"faulty/slow/expect: {named}"])
        os.unlink("drivers/faulty/slow/expect")
        self.bad(named=["faulty/slow/expect: no drill="])
        self.file("drivers/faulty/slow/expect", good)
        self.file("drivers/clean/plain/expect", good)
        self.bad(named=["clean/plain/expect: what does 'drill=off_and_on' mean"])


if __name__ == "__main__":
    testing.main("scripts/check-certify")
