#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/kselftest-tar: what is in the tar, and what others read in the output of its runner.

The modules are fakes, so no test of the suite itself runs here: on a machine without modules all are skipped.
The readers are this project's own, the kernel's kunit.py, and one that makes names as LAVA's and tuxrun's
test definitions do, from kselftest's output.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tarfile

import testing
from testing import TOP
import ktap_results

RELEASE = "6.1.0-fake"
PATIENCE = 120  # seconds that nothing here may take; the machine may be busy

# A script of which every kind of result comes. What it does not need here is taken out.
MIXED = testing.WITHOUT_GUEST + """passes() { echo "all is well"; }
fails() { fail "for a reason"; }
is_skipped() { skip "nothing to plug here"; }
test_case passes 'P1 it passes # not without a hash'
test_case fails 'P2 R1 it fails'
test_case is_skipped 'it is skipped'
run_tests
"""


def slug(text):
    return re.sub("^_|_$", "", re.sub(r"[^A-Za-z0-9_-]+", "_", text))


def as_lava_sees_it(output):
    """(name, result) of each test. A subtest's name begins with that of its test. The reason of a skip
    becomes a part of the name; what else comes after a hash does not."""
    found, subtests = [], []
    for line in output.splitlines():
        result = re.match(r"(# )?(ok|not ok) \d+ ([^#]*)(# SKIP)?(.*)$", line)
        if not result:
            continue
        below, good, name, skip, rest = result.groups()
        name = slug(f"{name.removeprefix('selftests: ')} {rest if skip else ''}".strip())
        one = (name, "fail" if good == "not ok" else "skip" if skip else "pass")
        if below:
            subtests.append(one)
        else:
            found += [(f"{name}_{subtest}", status) for subtest, status in subtests] + [one]
            subtests = []
    return found


class KselftestTar(testing.Refusals):
    def setUp(self):
        super().setUp()
        for name in ("scripts", f"build/modules/{RELEASE}/module", "kdir/include/generated"):
            os.makedirs(self.path(name), exist_ok=True)
        for name in ("scripts/kselftest-tar", "scripts/install-selftests", "selftests"):
            os.symlink(os.path.join(TOP, name), self.path(name))
        self.file("scripts/setup", f"#!/bin/sh\nexec {TOP}/scripts/setup \"$@\"\n", 0o755)
        self.file("kdir/include/generated/utsrelease.h", f'#define UTS_RELEASE "{RELEASE}"\n')
        self.file("c.c", "int nothing;\n")
        for name in "dhp", "dhp_test":
            subprocess.run(["gcc", "-g", "-c", self.path("c.c"), "-o",
                            self.path(f"build/modules/{RELEASE}/module/{name}.ko")], check=True)

    def make(self, umask=0o022):
        done = subprocess.run([self.path("scripts/kselftest-tar"), self.path("kdir")], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE,
                              umask=umask)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, self.path(f"build/kselftest-{RELEASE}.tar.gz\n"))
        self.assertEqual(sorted(os.listdir(self.build)), [f"kselftest-{RELEASE}.tar.gz", "modules"])
        return done.stdout.strip()

    def unpack(self):
        with tarfile.open(self.make()) as tar:
            tar.extractall(self.path("unpacked"))
        return self.path("unpacked")

    @staticmethod
    def run_in(folder, user=None):
        # The runner opens /dev/stdout, so that its pipe must be the user's own.
        return subprocess.run(["sh", "-c", "./run_kselftest.sh | cat"], cwd=folder, check=True, user=user,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True).stdout

    def reported(self, output):
        """What the tar's own lava_results.sh makes of it; a console has carriage returns."""
        done = subprocess.run([self.path("unpacked/dhp/lava_results.sh")], input=output.replace("\n", "\r\n"),
                              check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        return [tuple(line.split()) for line in done.stdout.splitlines()]

    def kunit(self, output):
        """What the kernel's kunit.py sees: the counts, and the tests."""
        source = subprocess.run([os.path.join(TOP, "scripts/setup"), "source"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout.strip()
        folder = os.path.join(source, "tools/testing/kunit")
        self.assertTrue(os.path.isdir(folder), folder)
        sys.path.insert(0, folder)
        self.addCleanup(sys.path.remove, folder)
        with contextlib.redirect_stdout(io.StringIO()):
            import kunit_parser  # pylint: disable=import-error,import-outside-toplevel
            test = kunit_parser.parse_run_tests(output.splitlines())
        return test.counts, test.subtests

    def test_same_bytes(self):
        with open(self.make(), "rb") as file:
            first = file.read()
        os.utime(self.path(f"build/modules/{RELEASE}/module/dhp.ko"), (1, 1))
        with open(self.make(umask=0o077), "rb") as file:
            self.assertEqual(file.read(), first)

    def test_members(self):
        folder = self.unpack()
        self.assertEqual(sorted(os.listdir(folder)),
                         ["dhp", "kselftest", "kselftest-list.txt", "run_kselftest.sh"])
        self.assertEqual(sorted(os.listdir(f"{folder}/dhp/modules/{RELEASE}")), ["dhp.ko", "dhp_test.ko"])
        with open(f"{folder}/dhp/modules/{RELEASE}/dhp.ko", "rb") as file:
            self.assertNotIn(b".debug_info", file.read())
        for name in "settings", "lib/all.sh", "torture.sh", "put":
            self.assertTrue(os.path.exists(f"{folder}/dhp/{name}"), name)

    def test_names(self):
        """They are short and unambiguous, and each has an explanation."""
        folder = self.unpack()
        with open(f"{folder}/kselftest-list.txt", encoding="ascii") as file:
            scripts = [line.strip().removeprefix("dhp:") for line in file]
        with open(f"{folder}/dhp/names.txt", encoding="utf-8") as file:
            names = [line.split(maxsplit=2) for line in file]
        self.assertEqual({script for script, *_ in names}, {*scripts, "torture.sh"})
        self.assertEqual(len(names), len({(script, name) for script, name, _ in names}))
        for script, name, title in names:
            self.assertRegex(name, r"^[a-z][a-z0-9_]{1,31}$", script)
            self.assertGreater(len(title.split()), 1, name)

    def test_nothing_to_test(self):
        """Without a module, and for a user: each test is skipped, none fails, and the reason is there."""
        folder = self.unpack()
        os.chmod(self.folder, 0o755)
        users = {None: rf"no dhp\.ko for Linux {re.escape(os.uname().release)}, neither in .*/dhp/modules/",
                 65534: "not root"}
        for user, reason in users.items():
            if os.getuid() and user != os.getuid():
                reason, user = "not root", None
            output = self.run_in(folder, user=user)
            cases = ktap_results.read(output.splitlines())
            with open(f"{folder}/kselftest-list.txt", encoding="ascii") as file:
                self.assertEqual([":".join(case.path) for case in cases], file.read().split())
            for case in cases:
                self.assertEqual(case.status, "skip", case)
                self.assertRegex(case.reason, reason)
            counts, _ = self.kunit(output)
            self.assertEqual((counts.skipped, counts.total()), (len(cases), len(cases)))
            self.assertEqual(as_lava_sees_it(output),
                             [(f"dhp_{slug(case.path[1])}", "skip") for case in cases])

    def test_results(self):
        folder = self.unpack()
        self.file("unpacked/dhp/mixed.sh", MIXED, 0o755)
        self.file("unpacked/kselftest-list.txt", "dhp:mixed.sh\ndhp:counting.sh\n")
        if os.getuid():
            self.skipTest("for a user, each test is skipped")
        output = self.run_in(folder)
        cases = ktap_results.read(output.splitlines())
        self.assertEqual([(case.path, case.status, case.title) for case in cases[:3]], [
            (["dhp", "mixed.sh", "passes"], "pass", "P1 it passes # not without a hash"),
            (["dhp", "mixed.sh", "fails"], "fail", "P2 R1 it fails"),
            (["dhp", "mixed.sh", "is_skipped"], "skip", "it is skipped")])
        self.assertEqual(cases[2].reason, "nothing to plug here")
        self.assertIn("for a reason", cases[1].said)
        self.assertEqual(as_lava_sees_it(output), [
            ("dhp_mixed_sh_passes", "pass"), ("dhp_mixed_sh_fails", "fail"),
            ("dhp_mixed_sh_is_skipped", "skip"), ("dhp_mixed_sh", "fail"), ("dhp_counting_sh", "skip")])
        self.assertEqual(self.reported(output), as_lava_sees_it(output))
        # The machine dies.
        self.assertEqual(self.reported(output.partition("# # is_skipped")[0]),
                         [("dhp_mixed_sh_passes", "pass"), ("dhp_mixed_sh_fails", "fail")])
        counts, tests = self.kunit(output)
        self.assertEqual((counts.failed, counts.skipped, counts.passed, counts.crashed, counts.errors),
                         (1, 1, 0, 0, 0))
        self.assertEqual([test.name.strip() for test in tests],
                         ["selftests: dhp: mixed.sh", "selftests: dhp: counting.sh"])
        # A script alone.
        done = subprocess.run(["./mixed.sh"], cwd=f"{folder}/dhp", check=False, stdout=subprocess.PIPE,
                              text=True, timeout=PATIENCE)
        counts, tests = self.kunit(done.stdout)
        self.assertEqual((counts.failed, counts.skipped, counts.passed, counts.errors), (1, 1, 1, 0))
        self.assertEqual([test.name.strip() for test in tests], ["passes", "fails", "is_skipped"])

    def test_words(self):
        def bad(status, *words, named):
            self.program("scripts/kselftest-tar", status, self.path("scripts/kselftest-tar"), *words,
                         named=["^kselftest-tar: .", *named])
        bad(2, named=["'' should be the build tree of one kernel"])
        bad(2, "a", "b", named=["'a b' should be"])
        bad(1, "/nonexistent", named=["'/nonexistent' is not a prepared kernel build tree"])
        self.file("kdir/include/generated/utsrelease.h", '#define UTS_RELEASE "6.1.0-other"\n')
        bad(1, self.path("kdir"), named=["no modules for 6.1.0-other; scripts/build-modules builds them"])
        self.assertEqual(os.listdir(self.build), ["modules"])


if __name__ == "__main__":
    testing.main("scripts/kselftest-tar")
