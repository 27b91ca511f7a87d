#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/bench and its modules without a guest: reading results, counting what was
measured, and warnings.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import bench_counts  # pylint: disable=wrong-import-position
import bench_guests  # pylint: disable=wrong-import-position

loader = importlib.machinery.SourceFileLoader("bench", os.path.join(TOP, "scripts/bench"))
bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
loader.exec_module(bench)

PATIENCE = 60  # seconds that nothing here may take
WORK = ("dhp", "queue_work_on", "kthread_queue_work")
ABOUT = "about kernel 0.0-test\nabout clock tsc\nstep baseline\n"


def results_of_everything():
    """A line for each result that the table is made of, with two rounds: name -> line."""
    names = [("baseline", side, 4096) for side in ("empty", "atomic", "spinlock")]
    for burst in (1, 16, 256):
        names += [(f"work/{burst}", side, 64) for side in (*WORK, "bare")]
    names += [("contention", side, 64) for side in WORK]
    for where in ("own", "other"):
        names += [(f"latency/{where}/{which}", side, 1) for which in ("median", "p99")
                  for side in WORK]
    for size in (4096, 256):
        names += [(f"buffers/{size}/{burst}", side, 64) for burst in (1, 8, 64)
                  for side in ("dhp", "kmem_cache", "mempool", "page_frag")]
    for way in ("offline", "online"):
        names += [(f"notify/{way}/{part}", who, 1) for part in ("dhp_steps", "dhp_later", "total",
                                                               "raw_steps")
                  for who in ("nobody", "dhp", "dhp1000", "raw", "chain1000")]
    names += [("dimm/" + mark, "mark", 1) for mark in ("begin", "online", "grown")]
    lines = {name[:2]: f"result {name[0]} {name[1]} {name[2]} 64000 65000" for name in names}
    for cpu in 2, 7:
        lines["hotadd", str(cpu)] = f"result hotadd/{cpu} took 1 100 110"
    for part in "steps", "later":
        lines["watched", part] = f"result watched {part} 1 1000 1001 1000 1001"
    for what in "client", "pool", "pool_with_buffers":
        lines["memory", what] = f"result memory/{what} bytes 1 1000"
    return lines


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.patch(bench_guests, FOLDER=self.folder)
        self.patch(bench_counts, COUNTS=os.path.join(self.folder, "counts.json"))

    def patch(self, module, **values):
        patcher = mock.patch.multiple(module, **values)
        patcher.start()
        self.addCleanup(patcher.stop)

    def results(self, text):
        with open(bench_guests.path_of("real"), "w", encoding="utf-8") as file:
            file.write(text)
        return bench_guests.Results("real")


class Lines(Bench):
    """qemu/bench.sh and its reader agree on the lines."""

    def test_lines_of_the_script(self):
        # It ends before it loads a module: there is no insmod in PATH.
        for name in ("uname", "cat"):
            os.symlink(f"/bin/{name}", os.path.join(self.folder, name))
        done = subprocess.run(["/bin/sh", os.path.join(TOP, "qemu/bench.sh"), "1", "baseline"],
                              env={"PATH": self.folder}, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        self.assertIn("does not load", done.stderr)
        results = self.results(done.stdout)
        self.assertEqual(results.about["kernel"], os.uname().release)
        self.assertTrue(results.about["clock"])
        self.assertIn("step baseline\n", done.stdout)
        self.assertEqual(results.values, {})

    def test_other_words(self):
        results = self.results("cpu2\nresults are below\nsteps\n\nabouts\nresult a b 2 4 6\n"
                               "about clock kvm clock\n")
        self.assertEqual(results.values, {("a", "b"): [4, 6]})
        self.assertEqual(results.about, {"clock": "kvm clock"})

    def test_lines_that_are_broken(self):
        for line in ("about", "about clock", "step", "step a b", "result a b 0 1", "result a b"):
            with self.subTest(line), \
                    self.assertRaisesRegex(bench_guests.Failed, "'real' printed '"):
                self.results(line + "\n")


class Quick(Bench):
    """Every part of the table is a test."""

    def run_quick(self, lines=None, dies=(), possible=None):
        """Returns the exit status and the lines of standard output."""
        lines = lines or {}
        given = {"real": lines.get("real", results_of_everything()),
                 "instructions": lines.get("instructions", results_of_everything())}
        cpus = possible or {"real": 8, "instructions": 4}

        def boot(guest, *_, **__):
            if guest in dies:
                raise bench_guests.Failed(f"guest {guest!r} ended with 125")
            text = "\n".join(given[guest].values())
            with open(bench_guests.path_of(guest, quick=True), "w", encoding="utf-8") as file:
                file.write(f"{ABOUT}{text}\nresult memory/possible processors 1 {cpus[guest]}\n")
        self.patch(bench, boot=boot)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), \
                mock.patch.dict(os.environ, QEMU="/bin/true"), \
                mock.patch.object(sys, "argv", ["bench", "--quick"]):
            status = bench.main()
        return status, printed.getvalue().splitlines()

    def counts(self, **changes):
        """Writes a table of counts that equals the guests' but for the changes."""
        with mock.patch.dict(os.environ, QEMU="/bin/true"):
            path = bench_guests.path_of("instructions", quick=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(ABOUT + "\n".join(results_of_everything().values()) +
                           "\nresult memory/possible processors 1 4\n")
            bench_counts.write_counts(bench_guests.Results("instructions", path))
        with open(bench_counts.COUNTS, encoding="utf-8") as file:
            table = json.load(file)
        table.update(changes)
        with open(bench_counts.COUNTS, "w", encoding="utf-8") as file:
            json.dump(table, file)
        return table

    def test_all_is_well(self):
        self.counts()
        status, lines = self.run_quick()
        self.assertEqual((status, lines[-1]), (0, f"{len(bench.PARTS)} passed, 0 failed"))
        self.assertFalse([line for line in lines if "WARNING" in line])

    def test_a_result_is_missing(self):
        self.counts()
        for missing, part in (("contention", "dhp"), "contention"), \
                (("latency/other/p99", "kthread_queue_work"), "latency"), \
                (("dimm/grown", "mark"), "dimm"), (("hotadd", "7"), "plug"):
            real = results_of_everything()
            del real[missing]
            with self.subTest(missing):
                status, lines = self.run_quick({"real": real})
                self.assertEqual((status, lines[-1]),
                                 (1, f"{len(bench.PARTS) - 1} passed, 1 failed"))
                self.assertIn(f"not measured: {part}, in real: ", "\n".join(lines))

    def test_a_result_without_values(self):
        self.counts()
        real = results_of_everything()
        real["contention", "dhp"] = "result contention dhp 64"
        self.assertEqual(self.run_quick({"real": real})[1][-1],
                         f"{len(bench.PARTS) - 1} passed, 1 failed")

    def test_a_guest_dies(self):
        self.counts()
        self.assertEqual(self.run_quick()[0], 0)
        # The earlier run's results must not pass for this one's.
        for guest in "real", "instructions":
            status, lines = self.run_quick(dies=[guest])
            failed = len([part for part in bench.PARTS if
                          guest in [bench_guests.QUICK_ROLES[role] for role in part[1:]]])
            self.assertEqual((status, lines[-1]),
                             (1, f"{len(bench.PARTS) - failed} passed, {failed} failed"))
        self.assertEqual(self.run_quick(dies=["real", "instructions"])[1][-1],
                         f"0 passed, {len(bench.PARTS)} failed")

    def test_guests_that_do_not_differ(self):
        self.counts()
        status, lines = self.run_quick(possible={"real": 4, "instructions": 4})
        self.assertEqual(status, 1)
        self.assertIn("not more possible CPUs", "\n".join(lines))

    def test_counts_that_differ_are_a_warning(self):
        counts = self.counts()["counts"]
        self.counts(counts={**counts, "work/16 dhp": counts["work/16 dhp"] * 2})
        status, lines = self.run_quick()
        self.assertEqual((status, lines[-1]), (0, f"{len(bench.PARTS)} passed, 0 failed"))
        warnings = [line for line in lines if "WARNING" in line]
        self.assertEqual(len(warnings), 1)
        self.assertRegex(warnings[0], r"work/16 dhp: 1,007\.8, the table says 2,015\.6 \(-50%\)")
        near = {name: count * (1 + bench_counts.MARGIN * 0.9) for name, count in counts.items()}
        self.counts(counts=near)
        self.assertFalse([line for line in self.run_quick()[1] if "WARNING" in line])

    def test_counts_of_another_kernel_are_named(self):
        self.counts(kernel="Linux 5.0", compiler="cc 1")
        status, lines = self.run_quick()
        self.assertEqual(status, 0)
        self.assertIn("bench: WARNING: the counts are of Linux 5.0, this run of Linux 0.0-test", lines)
        self.assertIn("the counts are of cc 1", "\n".join(lines))

    def test_counts_that_are_new_or_gone(self):
        counts = self.counts()["counts"]
        del counts["work/1 dhp"]
        self.counts(counts={**counts, "work/2 dhp": 5})
        text = "\n".join(self.run_quick()[1])
        self.assertIn("work/1 dhp: not in the table", text)
        self.assertIn("work/2 dhp: not measured", text)


class Table(unittest.TestCase):
    def test_the_counts_that_are_compared_with(self):
        with open(bench_counts.COUNTS, encoding="utf-8") as file:
            table = json.load(file)
        self.assertRegex(table["kernel"], r"^Linux 6\.1\.")
        self.assertRegex(table["compiler"], r"^GCC: ")
        self.assertRegex(table["qemu"], r"^QEMU \d")
        for name in "work/1 dhp", "buffers/4096/1 dhp", "notify/online/dhp_steps dhp", "watched steps":
            self.assertGreater(table["counts"][name], 0, name)

    def test_every_step_is_in_the_quick_form(self):
        def steps(guests):
            return {step for _, _, words in guests.values() for step in words.split()}
        self.assertEqual(steps(bench_guests.GUESTS), steps(bench_guests.QUICK_GUESTS))
        self.assertEqual(set(bench_guests.GUESTS) - {"again"}, set(bench_guests.QUICK_ROLES))


class Boot(Bench):
    """A script replaces qemu/vm."""

    def boot(self, script):
        os.makedirs(os.path.join(self.folder, "qemu"))
        with open(os.path.join(self.folder, "qemu/vm"), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(os.path.join(self.folder, "qemu/vm"), 0o755)
        self.patch(bench_guests, TOP=self.folder)
        with contextlib.redirect_stderr(io.StringIO()):
            bench_guests.boot("real", 1)

    def test_it_ends_well(self):
        self.boot("echo step x; echo result a b 1 2")
        self.assertEqual(bench_guests.Results("real").values, {("a", "b"): [2]})

    def test_it_fails(self):
        self.results("result a b 1 2\n")
        with self.assertRaisesRegex(bench_guests.Failed,
                                    "ended with 3, in step notify; it printed:\nno way$"):
            self.boot("echo step work; echo result a b 1 2; echo step notify; echo no way; exit 3")
        with self.assertRaisesRegex(bench_guests.Failed, "has not run"):
            bench_guests.Results("real")


if __name__ == "__main__":
    unittest.main()
