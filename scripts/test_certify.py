#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of `make certify` with a fake scripts/check, which certify_fakes.py has: nothing is booted.
"""

import contextlib
import io
import json
import os
import sys
import unittest
from unittest import mock

import testing
from certify_fakes import Scene, console, module_image, tap
from testing import forbidden

import certify_guest
import certify_module
import certify_result

certify = testing.load("certify", "scripts/certify")


class Results(unittest.TestCase):
    """Reading KTAP and a console."""

    def drill(self, lines, log="", title="x"):
        ktap = certify_result.Ktap()
        done = [drill for drill in map(ktap.line, lines) if drill]
        self.assertEqual(len(done), 1)
        logs = certify_result.spans_of_drills(log, ["off_and_on"])
        certify_result.judge_drill(done[0], logs.get("off_and_on"), "driver", {title: "x"})
        return done[0]

    def outcome(self, drill):
        return [drill.result, *((case.title, case.result) for case in drill.cases)]

    def test_passed(self):
        drill = self.drill(tap("off_and_on", ["ok x", "ok y # SKIP no CPU"]))
        self.assertEqual(self.outcome(drill), ["passed", ("x", "passed"), ("y", "skipped")])
        self.assertEqual([case.name for case in drill.cases], ["x", ""])
        self.assertEqual(drill.cases[1].reason, "no CPU")
        self.assertEqual(drill.cases[0].seconds, 3)

    def test_a_finding_is_read(self):
        drill = self.drill(tap("off_and_on", [
            "# finding: class=thread-left function=worker object=faulty/1 it runs on CPU0",
            "not ok x"]))
        found = drill.cases[0].findings[0]
        self.assertEqual((found.kind, found.module, found.function, found.object, found.text),
                         ("thread-left", "driver", "worker", "faulty/1", "it runs on CPU0"))

    def test_words_of_the_framework(self):
        for said, kind in (("the driver does not unload", "unload-failed"),
                           ("the exercise failed with status 1: no", "exercise-failed"),
                           ("bad in the kernel's log:", "other-splat"),
                           ("expected '1', is '2'", "failed")):
            drill = self.drill(tap("off_and_on", [f"# {said}", "not ok x"]))
            self.assertEqual([one.kind for one in drill.cases[0].findings], [kind])
            self.assertEqual(drill.cases[0].findings[0].text, said)

    def test_a_fault_on_the_console_fails_what_has_passed(self):
        log = console("boot", "FAULT null-pointer boot early", "MARK 5.0 setup", "MARK 5.1 x",
                      "FAULT data-race driver count", "FAULT data-race driver count",
                      "MARK 5.2 y", "MARK 5.2 teardown")
        drill = self.drill(tap("off_and_on", ["ok x", "ok y"]), log)
        self.assertEqual(self.outcome(drill), ["failed", ("x", "failed"), ("y", "passed")])
        self.assertEqual([(one.kind, one.function, one.times) for one in drill.cases[0].findings],
                         [("data-race", "count", 2)])
        self.assertIn("data-race", drill.cases[0].console)
        self.assertEqual(drill.cases[1].console, "")

    def test_a_fault_on_the_console_counts_once(self):
        log = console("MARK 5.0 setup", "MARK 5.1 x", "FAULT lockup driver wait", "MARK 5.1 teardown")
        drill = self.drill(tap("off_and_on", ["# bad in the kernel's log:", "not ok x"]), log)
        self.assertEqual([one.kind for one in drill.cases[0].findings], ["lockup"])

    def test_a_failed_load_counts_once(self):
        drill = self.drill(tap("off_and_on", [
            "# setup failed: status 1; the driver does not load: insmod: no", "not ok x",
            "# setup failed: status 1; the driver does not load: insmod: no", "not ok y"]),
            console("MARK 5.0 setup", "FAULT warning driver init", "MARK 5.1 x", "MARK 5.2 y"))
        self.assertEqual(self.outcome(drill),
                         ["failed", ("the driver is loaded", "failed"), ("x", "not run"),
                          ("y", "not run")])
        self.assertEqual([one.kind for one in drill.cases[0].findings],
                         ["warning", "load-failed"])

    def test_a_failed_unload(self):
        drill = self.drill(tap("off_and_on", ["ok x", "# the driver does not unload"],
                               good=False), console("MARK 5.0 setup", "MARK 5.1 x",
                                                    "MARK 5.1 teardown", "FAULT object-left m f"))
        self.assertEqual(self.outcome(drill),
                         ["failed", ("x", "passed"), ("the driver is unloaded", "failed")])
        self.assertEqual([one.kind for one in drill.cases[1].findings],
                         ["object-left", "unload-failed"])

    def test_a_fault_of_a_step_alone(self):
        drill = self.drill(tap("off_and_on", ["ok x"]),
                           console("MARK 5.0 setup", "MARK 5.1 x", "MARK 5.1 teardown",
                                   "FAULT use-after-free driver f"))
        self.assertEqual(self.outcome(drill), ["failed", ("x", "passed"),
                                               ("the driver is unloaded", "failed")])

    def test_a_drill_that_does_not_run(self):
        drill = self.drill(["# drill: off_and_on", "# sh: not found", "not ok 1 off_and_on"])
        self.assertEqual(self.outcome(drill), ["failed", ("the drill runs", "failed")])
        self.assertEqual(drill.cases[0].output, ["sh: not found"])

    def test_a_skipped_drill(self):
        drill = self.drill(["# drill: off_and_on", "# TAP version 13", "# 1..0 # SKIP not root",
                            "ok 1 off_and_on # SKIP"])
        self.assertEqual((self.outcome(drill), drill.reason), (["skipped"], "not root"))

    def test_symbols(self):
        log = certify_result.spans(console(
            "MARK 5.0 setup", "certify: symbol ffffffffc0000000 t tick [driver]", "MARK 5.1 x"))
        self.assertEqual(certify_result.symbols_of(log), "ffffffffc0000000 t tick [driver]")

    def test_long_consoles_are_shortened(self):
        lines = [str(number) for number in range(10000)]
        kept = certify_result.shortened(lines).split("\n")
        self.assertEqual((len(kept), kept[0], kept[-1]),
                         (certify_result.CONSOLE_LINES + 1, "0", "9999"))


class Guests(Scene):
    """Which guests are booted, and what becomes of drills whose guest has ended."""

    def test_all_in_one_guest(self):
        self.boots(tap("off_and_on", ["ok x"], 1), tap("memory", ["ok y"], 2), ["1..2"])
        result = self.drills("off_and_on", "memory")
        self.assertEqual(result, [("off_and_on", "passed"), ("memory", "passed")])
        words = self.asked[0]
        self.assertIn("certify/run.sh off_and_on memory", words[words.index("--run") + 1])
        self.assertEqual(words[words.index("--cpus") + 1], "3")
        self.assertIn("--once", words)
        self.assertEqual(self.ends(), ["done"])

    def test_late_cpu_has_its_own(self):
        self.boots(tap("late_cpu", ["ok x"]), ["1..1"])
        self.boots(tap("off_and_on", ["ok x"]), ["1..1"])
        self.drills("late_cpu", "off_and_on")
        self.assertIn("maxcpus=1 mem=1536M", self.asked[0])
        self.assertNotIn("maxcpus=1 mem=1536M", self.asked[1])

    def test_one_case(self):
        self.boots(tap("off_and_on", ["ok x"]), ["1..1"])
        self.assertEqual(self.drills("off_and_on:in_order,at_random"), [("off_and_on", "passed")])
        command = self.asked[0][self.asked[0].index("--run") + 1]
        self.assertIn("drill_off_and_on.sh -t in_order -t at_random ", command)

    def test_damage(self):
        self.boots(tap("off_and_on", ["not ok x"], 1, good=False), ["1..1"])
        self.boots(tap("memory", ["ok y"], 1), ["1..1"])
        self.assertEqual(self.drills("off_and_on", "memory"),
                         [("off_and_on", "failed"), ("memory", "passed")])
        self.assertEqual(self.ends(), ["damaged", "done"])

    def test_a_guest_that_dies(self):
        self.boots(["vm: up after 3.0 s", *tap("off_and_on", ["ok x"])[:-1],
                    "vm: the guest died before its command ended"],
                   log=console("MARK 5.0 setup", "MARK 5.1 x", "MARK 5.2 y",
                               "FAULT null-pointer driver came_online"))
        self.boots(tap("memory", ["ok y"]), ["1..1"])
        self.assertEqual(self.drills("off_and_on", "memory"),
                         [("off_and_on", "failed"), ("memory", "passed")])
        cases = self.result.drills[0].cases
        self.assertEqual([(case.title, case.result) for case in cases][:2],
                         [("x", "passed"), ("y", "failed")])
        self.assertEqual([(one.kind, one.function) for one in cases[1].findings],
                         [("null-pointer", "came_online")])
        self.assertEqual(cases[2].result, "not run")
        self.assertEqual(self.ends(), ["died", "done"])

    def test_a_guest_that_dies_while_the_driver_is_loaded(self):
        self.boots(["vm: up after 3.0 s", "# drill: off_and_on", "# TAP version 13", "# 1..1",
                    "vm: bad on the guest's console: Oops"],
                   log=console("MARK 5.0 setup", "FAULT bad-address driver init"))
        self.drills("off_and_on")
        cases = self.result.drills[0].cases
        self.assertEqual((cases[0].title, cases[0].findings[0].kind),
                         ("the driver is loaded", "bad-address"))

    def test_a_guest_that_dies_without_a_word(self):
        self.boots(["vm: up after 3.0 s", "# drill: off_and_on",
                    "vm: the guest died before its command ended"])
        self.drills("off_and_on")
        self.assertEqual([(one.kind, one.text) for one in
                          self.result.drills[0].cases[0].findings],
                         [("panic", "the guest died before its command ended")])

    def test_a_guest_that_hangs(self):
        self.boots(["vm: up after 3.0 s", "# drill: off_and_on",
                    "vm: no end after 900 seconds, during the test: x"],
                   log=console("MARK 5.0 setup", "MARK 5.1 x"))
        self.drills("off_and_on")
        case = self.result.drills[0].cases[0]
        self.assertEqual((case.title, [one.kind for one in case.findings]), ("x", ["hang"]))
        self.assertEqual(self.ends(), ["time"])

    def test_a_case_that_takes_too_long(self):
        self.patch(certify_guest, CASE_SECONDS=testing.SHORT)
        self.boots(["vm: up after 3.0 s", *tap("off_and_on", ["ok x"])[:-1]],
                   sleeps=testing.PATIENCE,
                   log=console("MARK 5.0 setup", "MARK 5.1 x", "MARK 5.2 y"))
        self.boots(tap("memory", ["ok y"]), ["1..1"])
        self.drills("off_and_on", "memory")
        first, second, *_ = self.result.drills[0].cases
        self.assertEqual((first.title, first.result, second.title), ("x", "passed", "y"))
        self.assertEqual([one.kind for one in second.findings], ["hang"])
        self.assertIn("off_and_on: no test case has ended for", second.findings[0].text)
        self.assertEqual(self.ends(), ["time", "done"])

    def test_each_case_has_its_time(self):
        timers = []

        def timer(seconds, *_):
            timers.append(mock.Mock(seconds=seconds))
            return timers[-1]

        self.boots(["vm: up after 3.0 s", *tap("off_and_on", ["# a comment", "ok x", "not ok y"], 1,
                                               False), *tap("memory", ["ok z"], 2)], ["1..2"])
        with mock.patch.object(certify_guest.threading, "Timer", timer):
            self.drills("off_and_on", "memory")
        # When a drill begins, and with each result.
        self.assertEqual([one.seconds for one in timers], [certify_guest.CASE_SECONDS] * 5)
        for one in timers:
            one.start.assert_called_once_with()
            one.cancel.assert_called_once_with()
        # qemu/vm waits for longer than the cases can take.
        words = self.asked[0]
        self.assertEqual(int(words[words.index("--timeout") + 1]), certify_guest.CASE_SECONDS *
                         (1 + 4 + 2 + 1 + 2))

    def test_a_lost_guest_is_tried_again(self):
        lost = "vm: the guest was lost to QEMU, during the test: y"
        self.boots(["vm: up after 3.0 s", *tap("off_and_on", ["ok x"]), "# drill: memory", lost])
        self.boots(tap("memory", ["ok y"]), ["1..1"])
        self.assertEqual(self.drills("off_and_on", "memory"),
                         [("off_and_on", "passed"), ("memory", "passed")])
        self.assertEqual(self.ends(), ["lost", "done"])

    def test_a_guest_that_is_lost_each_time(self):
        for _ in range(certify_guest.TRIES):
            self.boots(["vm: up after 3.0 s", "# drill: off_and_on",
                        "vm: the guest was lost to QEMU"])
        self.boots(tap("memory", ["ok y"]), ["1..1"])
        self.assertEqual(self.drills("off_and_on", "memory"),
                         [("off_and_on", "lost"), ("memory", "passed")])

    def test_no_guest(self):
        for _ in range(2):
            self.boots(["check: the selftests do not install"])
        self.assertEqual(self.drills("off_and_on", "memory"),
                         [("off_and_on", "failed"), ("memory", "failed")])
        self.assertEqual(self.result.drills[0].cases[0].findings[0].text,
                         "the selftests do not install")

    def test_what_qemu_has_said(self):
        for _ in range(2):
            self.boots(["vm: booting 6.1 (tcg)", "vm: the guest died; QEMU said:",
                        "old x", "no device x", "  console: build/vm/1/console.log"])
        self.drills("off_and_on")
        self.assertEqual(self.result.drills[0].cases[0].findings[0].text,
                         "the guest died; QEMU said: old x no device x")


class Words(Scene):
    """What the command line refuses, before anything is built or booted."""

    def setUp(self):
        super().setUp()
        self.patch(certify, BUILD=self.build)
        self.patch(certify.subprocess, run=forbidden("something was run"))
        os.mkdir(self.path("driver"))
        self.file("driver/Kbuild", "obj-m := driver.o\n")

    def bad(self, *words, named):
        self.words("scripts/certify", certify.main, 2, *words, named=named)

    def test_words(self):
        driver = ("--driver", self.path("driver"))
        self.bad(named=["which driver\\?", "DRIVER is a folder"])
        self.bad("--driver", self.path("absent"), named=["no folder and no file"])
        self.bad(*driver, "--with", self.path("absent"), named=["no folder and no file"])
        self.bad(*driver, "--drills", "off_and_no", named=["no drill 'off_and_no'", "off_and_on"])
        self.bad(*driver, "--drills", "off_and_on off_and_on", named=["names one twice"])
        for case in "nothing", "", "in_order,":
            self.bad(*driver, "--drills", f"off_and_on:{case}",
                     named=["has no test case", "in_order"])
        self.bad(*driver, "--qemu-args", "-device 'x", named=["QEMU_ARGS='-device 'x'", "quote"])
        for seed in "x", "01", "-1", "9" * 10:
            self.bad(*driver, "--seed", seed, named=[f"SEED='{seed}' is not a number"])
        for jobs in "0", "x", "", "-1":
            self.bad(*driver, "--jobs", jobs, named=[f"JOBS='{jobs}' is not a number"])
        self.bad(*driver, "--unknown", named=["--unknown"])

    def test_exercise(self):
        driver = ("--driver", self.path("driver"))
        for name, text, named in (
                ("absent", None, "there is no file"),
                ("a.py", "#!/usr/bin/env python3\n", "needs /usr/bin/env python3"),
                ("text", "echo\n", "neither a script, which begins with #!/bin/sh")):
            if text is not None:
                self.file(name, text)
            self.bad(*driver, "--exercise", self.path(name), named=["EXERCISE", named])
        self.bad(*driver, "--exercise", os.path.realpath(sys.executable),
                 named=["needs libraries", "-static"])

    def test_good_exercises(self):
        for begin in "#!/bin/sh\n", "#! /bin/bash -e\n", "#!/usr/bin/env perl\n":
            certify.check_exercise(self.file("exercise", begin))

    def test_drills(self):
        self.assertEqual(certify.check_drills(""), ["late_cpu", "off_and_on", "memory"])
        self.assertEqual(certify.check_drills("memory:z off_and_on:x,y late_cpu"),
                         ["late_cpu", "off_and_on:x,y", "memory:z"])

    def test_kernels(self):
        self.patch(certify, SETUP="/bin/false")
        self.patch(certify.subprocess, run=mock.Mock(return_value=mock.Mock(returncode=1)))
        for kernels, named in ((" ", "names no kernel"), ("6.1 6.1", "names one twice"),
                               ("6.1 nonsense", "no kernel 'nonsense'"),
                               ("9.9", "no kernel '9.9'")):
            testing.count(testing.tried, "scripts/certify")
            with self.assertRaisesRegex(certify_module.Refused, named):
                certify.find_kernels(kernels)
            testing.count(testing.refused, "scripts/certify")


class Whole(Scene):
    """All of it, from the command line to the exit status."""

    def certify(self, *words):
        printed, said = io.StringIO(), io.StringIO()
        with mock.patch.object(sys, "argv", ["certify", *words]), \
                contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            status = certify.main()
        return status, printed.getvalue(), said.getvalue()

    def setUp(self):
        super().setUp()
        self.patch(certify, BUILD=self.build, build_ours=lambda kernel: {},
                   find_qemu=lambda: None, find_kernel=lambda name: self.kernel)
        os.mkdir(self.path("mine"))
        self.file("mine/Kbuild")
        with open(self.path("mine/driver.image"), "wb") as file:
            file.write(module_image(vermagic="6.1.0-test SMP", parmtype="rounds:int"))
        self.file("kernel/kdir/Makefile", "modules:\n\t@cp $(M)/driver.image $(M)/driver.ko\n")
        self.words = ("--driver", self.path("mine"), "--drills", "off_and_on", "--kernels", "6.1",
                      "--seed", "7")

    def test_passed(self):
        self.boots(tap("off_and_on", ["ok x"]), ["1..1"])
        status, printed, _ = self.certify(*self.words, "--params", "rounds=3", "--exercise",
                                          self.file("use", "#!/bin/sh\n"))
        self.assertEqual((status, printed.splitlines()[-1]), (0, "1 passed, 0 failed"))
        self.assertIn("\nok 1 off_and_on on 6.1\n1..1\n", printed)
        folder = os.path.join(self.build, "certify/mine")
        with open(f"{folder}/report.json", encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual((report["format"], report["passed"], report["seed"], report["kind"]),
                         (certify_result.FORMAT, 1, 7, "folder"))
        self.assertEqual(report["kernels"][0]["drills"][0]["cases"][0]["result"], "passed")
        self.assertTrue(os.path.exists(f"{folder}/report.html"))
        with open(f"{folder}/6.1/guest/job", encoding="utf-8") as file:
            self.assertEqual(file.read(), "driver=driver\ndriver_file=/certify/modules/driver.ko\n"
                             "driver_params=rounds=3\ndriver_with=''\ndriver_users=''\n"
                             "driver_exercise=/certify/exercise\ncertify_seed=7\n")
        self.assertEqual(os.listdir(self.path("mine")).count("driver.ko"), 0)

    def test_two_kernels_at_a_time(self):
        self.patch(certify, find_kernel=lambda name: certify.certify_module.Kernel(
            name, self.path("kernel")))
        for _ in range(2):
            self.boots(tap("off_and_on", ["ok x"]), ["1..1"], sleeps=testing.SHORT)
        words = [word if word != "6.1" else "6.1 debug" for word in self.words]
        status, printed, _ = self.certify(*words, "--jobs", "2")
        self.assertEqual((status, printed.splitlines()[-1]), (0, "2 passed, 0 failed"))
        self.assertRegex(printed, "drill +6.1 +debug\n")
        self.assertRegex(printed, "off_and_on +passed +passed\n")

    def test_interrupted(self):
        self.boots(["# drill: off_and_on"], sleeps=testing.PATIENCE)
        self.patch(certify.Show, where=mock.Mock(side_effect=KeyboardInterrupt))
        self.addCleanup(setattr, certify_guest.Boot, "stopped", False)
        with self.assertRaises(KeyboardInterrupt):
            self.certify(*self.words)
        self.assertEqual(certify_guest.Boot.running, set())
        self.assertFalse(os.path.exists(os.path.join(self.build, "certify/mine/report.json")))

    def test_help(self):
        with self.assertRaises(SystemExit) as end:
            self.certify("--help")
        self.assertEqual(end.exception.code, 0)
        self.assertEqual(certify_guest.describe("late_cpu"), "If this fails, it fails.")

    def test_a_kernel_without_the_module(self):
        def find(name):
            if name == "6.1":
                return self.kernel
            os.makedirs(self.path("other/modules"), exist_ok=True)
            self.file("other/release", "6.1.0-other\n")
            return certify_module.Kernel(name, self.path("other"))
        self.patch(certify, find_kernel=find)
        with open(self.path("kernel/modules/zram.ko"), "wb") as file:
            file.write(module_image(vermagic="6.1.0-test SMP"))
        self.boots(tap("off_and_on", ["ok x"]), ["1..1"])
        words = ("--driver", "zram", "--drills", "off_and_on")
        status, printed, said = self.certify(*words)
        self.assertEqual((status, printed.splitlines()[-1]), (0, "1 passed, 0 failed"))
        self.assertIn("without kernel debug: there is no folder and no file 'zram'", said)
        self.assertEqual(self.certify(*words, "--kernels", "6.1 debug")[0], 2)

    def test_failed(self):
        self.boots(tap("off_and_on", ["# finding: class=slow 3 s", "not ok x"], good=False),
                   ["1..1"])
        status, printed, _ = self.certify(*self.words)
        self.assertEqual((status, printed.splitlines()[-1]), (1, "0 passed, 1 failed"))
        self.assertIn("not ok 1 off_and_on on 6.1\n", printed)

    def test_lost(self):
        for _ in range(certify_guest.TRIES):
            self.boots(["vm: up after 3.0 s", "# drill: off_and_on",
                        "vm: the guest was lost to QEMU"])
        status, printed, _ = self.certify(*self.words)
        self.assertEqual((status, printed.splitlines()[-1]), (75, "0 passed, 0 failed"))

    def test_no_boot_for_bad_parameters(self):
        status, printed, said = self.certify(*self.words, "--params", "round=3")
        self.assertEqual((status, printed, self.asked), (2, "", []))
        self.assertIn("no parameter 'round'; it has rounds", said)


if __name__ == "__main__":
    testing.main("scripts/certify")
