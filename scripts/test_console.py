#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu/console.py: bad lines, and those that it excuses; and of selftests/bad-lines."""

import os
import re
import subprocess
import tempfile
import unittest

import testing
from testing import TOP
import console

# For each pattern of selftests/bad-lines, in its order, a line as the kernel prints it.
SAMPLES = (
    "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009",
    "Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "BUG: unable to handle page fault for address: ffffffffc0000000",
    "kernel BUG at mm/slub.c:379!",
    "general protection fault, probably for non-canonical address 0xdead000000000100",
    "traps: PANIC: double fault, error_code: 0x0",
    "Kernel stack is corrupted in: f+0x1/0x2: stack-protector",
    "Call Trace:",
    "WARNING: CPU: 1 PID: 12 at kernel/cpu.c:1 cpuhp_thread_fun+0x1/0x2",
    "kobject (000000001): Badness in kref_get",
    "INFO: trying to register non-static key.",
    "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
    "NOHZ tick-stop error: local softirq work is pending, handler #08!!!",
    "BUG: KASAN: slab-use-after-free in on_event+0x1/0x2",
    "BUG: KCSAN: data-race in on_event [dhp] / g",
    "UBSAN: array-index-out-of-bounds in x.c:1",
    "BUG: KFENCE: out-of-bounds read in f+0x1/0x2",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "ODEBUG: free active (active state 0) object type: timer_list hint: f+0x0/0x1",
    "refcount_t: underflow; use-after-free.",
    "BUG: Bad page state in process sh  pfn:1234",
    "list_del corruption. prev->next should be ffff888012345678, but was 0",
    "Memory corruption detected in low memory",
    "DEBUG_LOCKS_WARN_ON(1)",
    "WARNING: possible circular locking dependency detected",
    "WARNING: held lock freed!",
    "WARNING: suspicious RCU usage",
    "BUG: scheduling while atomic: swapper/0/0x2",
    "BUG: sleeping function called from invalid context at mm/slab.h:1",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [sh:1]",
    "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 30s!",
    "INFO: task cpuhp/1:16 blocked for more than 120 seconds.",
    "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... }",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "rcu: rcu_preempt kthread starved for 2100 jiffies!",
    "kworker/0:1: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL)",
    "Out of memory: Killed process 1 (sh)",
    "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0")

# What an ordinary boot has.
GOOD = (
    "check: Scanning 1 areas for low memory corruption",
    "check: Scanning for low memory corruption every 60 seconds",
    "driver: DEBUG: probed",
    "kfence: initialized - using 2097152 bytes for 255 objects at 0x0-0x1",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)",
    "rcu: Preemptible hierarchical RCU implementation.",
    "MDS: Vulnerable: Clear CPU buffers attempted, no microcode",
    "dhp: CPU1 went away")



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


class BadLines(unittest.TestCase):
    """The patterns of selftests/bad-lines mean the same to Python and to grep -E."""

    # The guest's busybox is there once scripts/setup has fetched it.
    BUSYBOX = os.path.join(TOP, "build/guest/bin/busybox")
    GREPS = [["grep"]] + ([[BUSYBOX, "grep"]] if os.path.exists(BUSYBOX) else [])

    def grep(self, program, patterns, text):
        """The lines of TEXT that match one of PATTERNS, which must be valid."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.writelines(f"{pattern}\n" for pattern in patterns)
            file.flush()
            done = subprocess.run([*program, "-E", "-f", file.name], input=text, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertLess(done.returncode, 2, (program, patterns, done.stderr))
        self.assertEqual(done.stderr, "", (program, patterns))
        return done.stdout.splitlines()

    def test_each_pattern_has_a_sample(self):
        patterns = console.bad_patterns()
        self.assertEqual(len(patterns), len(SAMPLES))
        for pattern, sample in zip(patterns, SAMPLES):
            self.assertRegex(sample, pattern)
            for program in self.GREPS:
                self.assertEqual(self.grep(program, [pattern], f"{sample}\n"), [sample])

    def test_awk_can_have_them_as_a_literal(self):
        for pattern in console.bad_patterns():
            self.assertNotRegex(pattern, r"[/\\]|\[\[:")

    def test_all_of_them(self):
        text = "".join(f"[    1.000000] {line}\n" for line in SAMPLES + GOOD)
        bad = [f"[    1.000000] {line}" for line in SAMPLES]
        self.assertEqual([line for line in text.splitlines() if console.bad_line().search(line)], bad)
        for program in self.GREPS:
            self.assertEqual(self.grep(program, console.bad_patterns(), text), bad)

    def test_fatal_lines_are_bad(self):
        lines = (*SAMPLES, "BUG: kernel NULL pointer dereference, address: 0")
        for pattern in console.FATAL_PATTERNS:
            fatal = [line for line in lines if re.search(pattern, line)]
            self.assertTrue(fatal, pattern)
            for line in fatal:
                self.assertRegex(line, console.bad_line())


if __name__ == "__main__":
    testing.main()
