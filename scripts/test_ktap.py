#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the framework: does scripts/ktap count what it must, and scripts' helpers with it?"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "qemu"))


def load(name, path):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOP, path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


ktap = load("ktap", "scripts/ktap")
console = load("console", "qemu/console.py")
plug = load("plug", "qemu/plug.py")
vm = load("vm", "qemu/vm")


def count(text, status=0):
    counter = ktap.Counter()
    for line in text.strip().splitlines():
        counter.line(line)
    return counter.end(status)


class Ktap(unittest.TestCase):
    def test_flat(self):
        self.assertEqual(count("TAP version 13\n1..2\nok 1 a\nok 2 b"), (2, 0, 0))

    def test_failure(self):
        self.assertEqual(count("1..2\nok 1 a\nnot ok 2 b"), (1, 1, 0))

    def test_skip_is_no_pass(self):
        self.assertEqual(count("1..2\nok 1 a # SKIP no DIMM\nok 2 b"), (1, 0, 1))

    def test_word_skip_in_name_is_no_skip(self):
        self.assertEqual(count("1..1\nok 1 skip_of_nothing"), (1, 0, 0))

    def test_only_failures_outlive_a_lost_guest(self):
        for text, expected in (("1..2\nok 1 a\n", (ktap.LOST, "# the guest was lost to QEMU")),
                               ("1..2\nnot ok 1 a\n", (1, "0 passed, 3 failed")),
                               ("1..1\n# 1..2\n# not ok 1 a\n", (1, "failed"))):
            with tempfile.NamedTemporaryFile("w") as status:
                status.write("75\n")
                status.flush()
                done = subprocess.run([os.path.join(TOP, "scripts/ktap"), "--status", status.name],
                                      input=text, stdout=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, expected[0])
            self.assertIn(expected[1], done.stdout.splitlines()[-1])

    def test_no_plan(self):
        self.assertEqual(count("ok 1 a"), (1, 1, 0))

    def test_nothing_at_all(self):
        self.assertEqual(count(""), (0, 1, 0))

    def test_fewer_than_planned(self):
        self.assertEqual(count("1..5\nok 1 a\nok 2 b"), (2, 3, 0))

    def test_subtests_count_by_themselves(self):
        self.assertEqual(count("""
TAP version 13
1..2
# selftests: dhp: one.sh
# TAP version 13
# 1..3
# ok 1 a
# ok 2 b # SKIP why
# ok 3 c
ok 1 selftests: dhp: one.sh
# selftests: dhp: two.sh
# 1..1
# ok 1 a
ok 2 selftests: dhp: two.sh
"""), (3, 0, 1))

    def test_subtest_fails(self):
        self.assertEqual(count("1..1\n# 1..2\n# ok 1 a\n# not ok 2 b\nnot ok 1 t # exit=1"),
                         (1, 1, 0))

    def test_subtest_fails_and_test_says_ok(self):
        self.assertEqual(count("1..1\n# 1..2\n# ok 1 a\n# not ok 2 b\nok 1 t"), (1, 1, 0))

    def test_crash_after_good_subtests(self):
        self.assertEqual(count("1..1\n# 1..1\n# ok 1 a\nnot ok 1 t # exit=139"), (1, 1, 0))

    def test_timeout_in_the_middle(self):
        self.assertEqual(count("1..1\n# 1..4\n# ok 1 a\nnot ok 1 t # TIMEOUT 45 seconds"),
                         (1, 3, 0))

    def test_subtests_without_plan(self):
        self.assertEqual(count("1..1\n# ok 1 a\nok 1 t"), (1, 1, 0))

    def test_skipped_as_a_whole(self):
        self.assertEqual(count("1..1\n# 1..0 # SKIP not here\nok 1 t # SKIP"), (0, 0, 1))

    def test_guest_died(self):
        self.assertEqual(count("1..3\nok 1 a\n# 1..2\n# ok 1 x", status=125), (2, 4, 0))

    def test_guest_complained_after_all_passed(self):
        self.assertEqual(count("1..1\nok 1 a", status=125), (1, 1, 0))

    def test_program_that_has_said_so(self):
        self.assertEqual(count("1..2\nok 1 a\nnot ok 2 b", status=1), (1, 1, 0))
        self.assertEqual(count("1..1\nok 1 a # SKIP not here", status=4), (0, 0, 1))
        # And that has not.
        for status in 1, 2, 4:
            self.assertEqual(count("1..1\nok 1 a", status=status), (1, 1, 0))
        for text in "1..1\nnot ok 1 a", "1..2\nok 1 a # SKIP\nnot ok 2 b":
            self.assertEqual(count(text, status=4)[1], 2)

    def test_two_levels(self):
        self.assertEqual(count("1..1\n# 1..1\n#   1..2\n#   ok 1 x\n#   ok 2 y\n# ok 1 a\nok 1 t"),
                         (2, 0, 0))

    def test_diagnostics_are_no_results(self):
        self.assertEqual(count("1..1\n# okay\n# not okay, but fine\nok 1 a"), (1, 0, 0))

    def test_summary(self):
        self.assertEqual(ktap.summary(3, 0, 0), "3 passed, 0 failed")
        self.assertEqual(ktap.summary(3, 1, 2), "3 passed, 1 failed, 2 skipped")


class Console(unittest.TestCase):
    def scan(self, text):
        with tempfile.NamedTemporaryFile("w") as log:
            log.write(text)
            log.flush()
            scanner = console.Scanner(log.name)
            scanner.update()
            return scanner

    def test_clean(self):
        scanner = self.scan("[ 1.0] vm: begin\n[ 1.1] all is well\n[ 2.0] vm: end\n")
        self.assertTrue(scanner.begun and scanner.ended)
        self.assertEqual(scanner.bad, [])

    def test_bad(self):
        for line in ("WARNING: CPU: 1 PID: 9 at x.c:1 f+0x1/0x2", "BUG: unable to handle page",
                     "WARNING: possible circular locking dependency detected",
                     "BUG: KASAN: use-after-free in f", "Oops: 0000 [#1]",
                     "BUG: sleeping function called from invalid context at x.c:1",
                     "INFO: task sh:1 blocked for more than 90 seconds.",
                     "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
                     "watchdog: BUG: soft lockup - CPU#1 stuck for 60s!",
                     "BUG: KCSAN: data-race in f [dhp] / g",
                     "BUG: KCSAN: data-race in f / g [dhp_test]",
                     "kmemleak: 3 new suspected memory leaks (see ...)",
                     "Kernel panic - not syncing: x"):
            self.assertEqual(len(self.scan(f"[    1.000000] {line}\n").bad), 1, line)

    def test_races_of_the_kernel_itself(self):
        self.assertEqual(self.scan("BUG: KCSAN: data-race in f / g\n").bad, [])
        self.assertEqual(self.scan(self.race("g", "h [dhp]", "k", "l [dhp]")).bad, [])

    def test_races_in_what_we_call(self):
        for race in (self.race("g [dhp]", "h", "k", "l"), self.race("g", "h", "k [wdm_x]", "l")):
            self.assertEqual(self.scan(race).bad, ["BUG: KCSAN: data-race in f / f"])

    @staticmethod
    def race(caller, callers_caller, other_caller, others_caller):
        def side(*callers):
            stack = "".join(f" {f'{name} '.replace(' ', '+0x1/0x2 ', 1)}\n" for name in callers)
            return f"write to 0xffff888012345678 of 8 bytes by task 12 on cpu 1:\n f+0x1/0x2\n{stack}\n"
        line = "=" * 66 + "\n"
        return (f"{line}BUG: KCSAN: data-race in f / f\n\n" + side(caller, callers_caller) +
                side(other_caller, others_caller) + "value changed: 0x1 -> 0x2\n" + line)

    def test_names_the_test(self):
        log = "dhp selftest 7.1: P1 one\nall is well\ndhp selftest 7.2: P2 two\n"
        self.assertEqual(self.scan("BUG: x\n").during(), "")
        self.assertIn("P2 two", self.scan(log).during())
        self.assertIn("P2 two", self.scan(log + "BUG: x\ndhp selftest 7.3: P3\n").during())

    def test_expected_warning(self):
        warning = ("WARNING: CPU: 1 PID: 9 at event.c:1 dhp_unregister+0x1/0x2\n"
                   "Call Trace:\n---[ end trace 0 ]---\n")
        expect = "vm: expect WARNING: dhp_unregister\n"
        self.assertEqual(self.scan(expect + warning).bad, [])
        self.assertEqual(len(self.scan(expect + warning + warning).bad), 2)
        self.assertNotEqual(self.scan("vm: expect WARNING: other\n" + warning).bad, [])
        self.assertNotEqual(self.scan(expect + warning + "BUG: bad\n").bad, [])


class Words(unittest.TestCase):
    def run_words(self, words):
        def never(_):
            raise AssertionError("bad words must not reach QEMU")
        return plug.run(words.split(), never)

    def test_bad_words(self):
        for words in ("", "cpu", "cpu add 0", "cpu add -1", "cpu add x", "cpu add 1 2", "cpu list 1",
                      "dimm add", "dimm add 0", "dimm add 100M", "dimm add 1T", "dimm add 1G --node",
                      "dimm add 1G --node x", "dimm add -1G", "memory add 1G", "dimm del a b"):
            status, out, err = self.run_words(words)
            self.assertEqual((status, out), (plug.USAGE, ""), words)
            self.assertTrue(err.startswith("hotplug: "), words)


class ModulesOfAGuest(unittest.TestCase):
    """What modprobe finds there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def module(self, name, depends=""):
        path = os.path.join(self.folder, f"{name}.ko")
        with open(path, "wb") as file:
            file.write(f"\0license=GPL\0depends={depends}\0name={name}\0".encode())
        return path

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def test_modules_dep(self):
        ours = [self.module("dhp_sample", "dhp,virtio"), self.module("dhp")]
        os.mkdir(os.path.join(self.folder, "kernel"))
        self.module("kernel/virtio-mem", "virtio,virtio_ring")
        self.module("kernel/virtio", "virtio_ring")
        self.module("kernel/virtio_ring")
        self.module("kernel/unused")
        modules = vm.KernelModules(os.path.join(self.folder, "kernel"))
        written = {}
        archive = mock.Mock(file=written.__setitem__)
        with mock.patch.object(vm, "without_debugging", self.read):
            modules.add("virtio-mem")
            for path in ours:
                modules.add_ours(path)
        modules.write(archive, "1.2")
        lines = written.pop("/lib/modules/1.2/modules.dep").decode().splitlines()
        self.assertEqual(sorted(lines), [
            "../../../dhp/dhp.ko:",
            "../../../dhp/dhp_sample.ko: ../../../dhp/dhp.ko virtio.ko virtio-ring.ko",
            "virtio-mem.ko: virtio.ko virtio-ring.ko",
            "virtio-ring.ko:",
            "virtio.ko: virtio-ring.ko"])
        self.assertEqual(sorted(written), ["/dhp/dhp.ko", "/dhp/dhp_sample.ko"] + [
            f"/lib/modules/1.2/virtio{rest}.ko" for rest in ("-mem", "-ring", "")])


if __name__ == "__main__":
    unittest.main()
