#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/merge-shards, and of scripts/coverage with the counts of several machines.

The shards are the output of selftests/torture_seeds.sh with the framework of the selftests, and with a
torture.sh that tortures nothing. The coverage is that of a small program, by gcc's own counts.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from unittest import mock

import testing
from testing import PATIENCE, TOP

merge_shards = testing.load("merge_shards", "scripts/merge-shards")
coverage = testing.load("coverage", "scripts/coverage")

# As selftests/torture.sh, with the framework's parts that need a guest taken out. $PLANTED is a list of seeds
# in which the oracle has a finding; the machine dies in the seed $DIES.
TORTURE = testing.WITHOUT_GUEST + """seed=$TORTURE_SEED
torture() {
	echo "seed $seed, $TORTURE_MINUTES minutes"
	if [ "$seed" = "$DIES" ]; then
		trap - EXIT
		kill -KILL 0
	fi
	case " $PLANTED " in
	*" $seed "*)
		echo "FAILURE: seed=$seed transitions=50 (processors=30 memory=20) findings=1"
		fail "findings: P4: client c$seed got COMPLETE of CPU $((seed + 1)) twice"
		;;
	esac
	echo "SUCCESS: seed=$seed transitions=100$seed (processors=900 memory=100) findings=0"
	echo ended >"$tmp/figures"
}
test_case torture 'P R everything at random'
cpus() { [ -s "$tmp/figures" ] || fail "the torture did not end"; }
test_case cpus 'P1 CPUs went offline and online'
plugged_cpus() { skip "nothing to plug here: no 'hotplug' command"; }
test_case plugged_cpus 'X3 CPUs were plugged and unplugged'
run_tests
"""

PROGRAM = """int main(int argc, char **argv)
{
	(void)argv;
	if (argc == 2)
		return 2;
	if (argc == 3)
		return 3;
	return 0;
}
"""


class Shards(testing.Refusals):
    def setUp(self):
        super().setUp()
        if os.getuid():
            self.skipTest("for a user, each test is skipped")
        tests = self.path("dhp")
        os.mkdir(tests)
        shutil.copytree(os.path.join(TOP, "selftests/lib"), f"{tests}/lib")
        for name in "torture_seeds.sh", "bad-lines":
            shutil.copy(os.path.join(TOP, "selftests", name), tests)
        self.file("dhp/torture.sh", TORTURE, 0o755)

    def shard(self, name, seeds, planted="", dies="", ktap="names"):
        """What a machine gives back; also its console is in there."""
        with subprocess.Popen([self.path("dhp/torture_seeds.sh"), *seeds.split()], cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
                              env={**os.environ, "TORTURE_MINUTES": "3", "PLANTED": planted, "DIES": dies,
                                   "DHP_KTAP": ktap}) as process:
            output = process.communicate(timeout=PATIENCE)[0].decode()
        os.makedirs(self.path(name), exist_ok=True)
        self.file(f"{name}/output", "[    0.0] Linux\n1..3 ok\nok go\n" + output.replace("\n", "\r\n"))
        return self.path(name)

    def merge(self, status, last, *words):
        out = io.StringIO()
        with mock.patch.object(merge_shards.sys, "argv", ["merge-shards", *words]), \
                contextlib.redirect_stdout(out):
            self.assertEqual(merge_shards.main(), status, out.getvalue())
        lines = out.getvalue().splitlines()
        self.assertEqual(lines[-1], last, out.getvalue())
        return lines

    def four(self, **third):
        return [self.shard("one", "1 2"), self.shard("two", "3"), self.shard("three", "4 5 6", **third),
                self.shard("four", "70")]

    def test_union_of_the_seeds(self):
        lines = self.merge(0, "14 passed, 0 failed, 7 skipped", *self.four())
        self.assertEqual(lines[:-3], [f"seed {seed}: 100{seed} transitions, 2 passed, 0 failed, 1 skipped"
                                      for seed in (1, 2, 3, 4, 5, 6, 70)])
        self.assertEqual(lines[-2], "in all: 4 shards, 7 seeds, 16091 transitions, 0 findings")

    def test_fault_in_one(self):
        lines = self.merge(1, "12 passed, 2 failed, 7 skipped", *self.four(planted="5"))
        found = [line for line in lines if line.startswith("finding: ")]
        self.assertEqual(found, ["finding: torture: findings: P4: client c5 got COMPLETE of CPU 6 twice"])
        self.assertIn("  in seed 5 and 1 more failed there", lines)
        self.assertIn("seed 5: 50 transitions, 0 passed, 2 failed, 1 skipped", lines)
        self.assertIn("in all: 4 shards, 7 seeds, 15136 transitions, 1 findings", lines)

    def test_same_fault_in_two(self):
        for ktap in "names", "titles":
            lines = self.merge(1, "10 passed, 4 failed, 7 skipped", *self.four(planted="5 6", ktap=ktap))
            self.assertEqual(len([line for line in lines if line.startswith("finding: ")]), 1)
            self.assertIn("  in seed 5 and 1 more failed there, seed 6 and 1 more failed there", lines)

    def test_two_faults(self):
        shards = self.four(planted="5")
        with open(self.path("four/output"), "r+", encoding="utf-8", newline="") as file:
            text = file.read().replace("# ok 2 cpus", "# # WARNING: at x.c\r\n# not ok 2 cpus")
            file.seek(0)
            file.write(text)
        lines = self.merge(1, "11 passed, 3 failed, 7 skipped", *shards)
        self.assertEqual([line for line in lines if line.startswith("finding: ")],
                         ["finding: torture: findings: P4: client c5 got COMPLETE of CPU 6 twice",
                          "finding: cpus: WARNING: at x.c"])

    def test_machine_that_dies(self):
        shards = self.four(dies="5")
        with open(self.path("three/output"), "a", encoding="utf-8") as file:
            file.write("[   99.0] Kernel panic - not syncing: x\n")
        lines = self.merge(1, "10 passed, 4 failed, 5 skipped", *shards)
        self.assertIn("finding: (result 1 of 3 is missing): [   99.0] Kernel panic - not syncing: x", lines)
        self.assertIn("seed 4: 1004 transitions, 2 passed, 0 failed, 1 skipped", lines)
        self.assertIn("seed 5: 0 transitions, 0 passed, 3 failed", lines)
        self.assertIn("seed 6: 0 transitions, 0 passed, 1 failed", lines)
        self.assertIn("  | shard three ended before it began this seed", lines)

    def test_machine_that_never_began(self):
        shards = self.four()
        self.file("two/output", "[    0.0] Kernel panic\n")
        lines = self.merge(1, "12 passed, 1 failed, 6 skipped", *shards)
        self.assertIn("  in shard two", lines)
        self.assertIn("  | there is no line of seeds in its output", lines)
        lines = self.merge(1, "12 passed, 2 failed, 6 skipped", "--seeds", "1 2 3 4 5 6 70", *shards)
        self.assertIn("seed 3: 0 transitions, 0 passed, 1 failed", lines)
        self.assertIn("  | no shard was to run this seed", lines)

    def test_seed_that_two_have_run(self):
        """It counts once; what failed on one of them has failed."""
        shards = [self.shard("one", "1 2"), self.shard("again", "2", planted="2")]
        for order in shards, shards[::-1]:
            lines = self.merge(1, "2 passed, 2 failed, 2 skipped", *order)
            self.assertIn("seed 2: 50 transitions, 0 passed, 2 failed, 1 skipped", lines)

    def test_files(self):
        self.merge(1, "12 passed, 2 failed, 7 skipped", "--json", self.path("json"), "--junit",
                   self.path("junit"), *self.four(planted="5"))
        with open(self.path("json"), encoding="utf-8") as file:
            report = json.load(file)
        self.assertEqual([one["path"] for one in report["tests"] if one["status"] == "fail"],
                         [["dhp", "torture-5", "torture"], ["dhp", "torture-5", "cpus"]])
        with open(self.path("junit"), encoding="utf-8") as file:
            self.assertIn('classname="dhp.torture-5"', file.read())

    def test_words(self):
        shard = self.shard("one", "1")

        def bad(*words, named):
            self.words("scripts/merge-shards", merge_shards.main, 2, *words, named=named)
        bad(named=["SHARD"])
        bad(self.path("none"), named=["none' is not the folder of a shard: it has no file `output`"])
        bad(self.folder, named=["is not the folder of a shard"])
        bad(shard, self.path("dhp/../one"), named=["a shard is named twice"])
        for seed in "x", "-1", "01", "1234567890":
            bad("--seeds=1 " + seed, shard, named=[f"--seeds: '{seed}' is not a number of up to nine"])


class Coverage(testing.Refusals):
    def setUp(self):
        super().setUp()
        objects = "build/modules/6.1-fake/module"
        for folder in "module", objects:
            os.makedirs(self.path(folder))
        source = self.file("module/main.c", PROGRAM)
        os.symlink(source, self.path(f"{objects}/main.c"))
        subprocess.run(["gcc", "--coverage", "-O0", "-c", "main.c", "-o", "main.o"], check=True,
                       cwd=self.path(objects))
        subprocess.run(["gcc", "--coverage", "main.o", "-o", self.path("program")], check=True,
                       cwd=self.path(objects))
        self.counted = self.path(f"{objects}/main.gcda")
        self.patch(coverage, TOP=self.folder, MODULE=self.path("module"),
                   COVERAGE=self.path("build/coverage"), MODULES=self.path("build/modules"))

    def counts(self, shard, *words):
        """What a machine gives back that has run the program with these words."""
        subprocess.run([self.path("program"), *words], check=False)
        os.makedirs(self.path(shard), exist_ok=True)
        with tarfile.open(self.path(f"{shard}/gcov.tar.gz"), "w:gz") as tar:
            tar.add(self.counted, "main.gcda")
        os.unlink(self.counted)
        return self.path(f"{shard}/gcov.tar.gz")

    def cover(self, status, *words):
        with mock.patch.object(coverage.sys, "argv", ["coverage", *words]), \
                contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(coverage.main(), status, said.getvalue())
        return said.getvalue()

    def never_ran(self):
        with open(self.path("build/coverage/main.c.gcov"), encoding="utf-8") as file:
            return [line.split(":", 2)[2].strip() for line in file if "#####" in line]

    def test_union(self):
        one, two, none = self.counts("a", "x"), self.counts("b", "x", "y"), self.counts("c")
        self.cover(1, one)
        self.assertEqual(self.never_ran(), ["if (argc == 3)", "return 3;", "return 0;"])
        self.cover(1, one, two)
        self.assertEqual(self.never_ran(), ["return 0;"])
        said = self.cover(0, one, two, none)
        self.assertEqual(self.never_ran(), [])
        self.assertIn("coverage: TOTAL 100.0%\n", said)
        self.assertIn("95% is the least", self.cover(1, one, two))
        self.cover(0, "--least", "50", one, two)

    def test_counts_that_are_none(self):
        with tarfile.open(self.path("empty.tar.gz"), "w:gz"):
            pass
        self.assertIn("empty.tar.gz has no .gcda files",
                      self.cover(1, self.counts("a"), self.path("empty.tar.gz")))
        for path in self.file("text", "x"), self.path("nothing"):
            self.assertIn(f"coverage: {path} cannot be read: ", self.cover(1, path))

    def test_words(self):
        for words in ((), ("--least", "x", "a"), ("--nonsense",)):
            with self.assertRaises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()), \
                    mock.patch.object(coverage.sys, "argv", ["coverage", *words]):
                coverage.main()
            self.assertEqual(end.exception.code, 2)


class Both(Coverage):
    """The verdicts and the coverage of the same shards."""

    def test_union(self):
        for name, seed, words in (("a", 1, ["x"]), ("b", 2, ["x", "y"]), ("c", 3, [])):
            self.counts(name, *words)
            self.file(f"{name}/output", f"TAP version 13\n# seeds: {seed}\n1..1\n"
                      f"# # SUCCESS: seed={seed} transitions=9 (x)\n# ok 1 torture\n# 1..1\n"
                      f"ok 1 selftests: dhp: torture-{seed}\n")
        fake = self.file("coverage", f"#!/bin/sh\necho \"$@\" >{self.path('asked')}\n", 0o755)
        out, shards = io.StringIO(), [self.path(name) for name in "abc"]
        with mock.patch.object(merge_shards, "COVERAGE", fake), contextlib.redirect_stdout(out), \
                mock.patch.object(merge_shards.sys, "argv", ["merge-shards", *shards]):
            self.assertEqual(merge_shards.main(), 0)
            with open(self.path("asked"), encoding="ascii") as file:
                asked = file.read().split()
            self.file("coverage", "#!/bin/sh\nexit 1\n", 0o755)
            self.assertEqual(merge_shards.main(), 1)
        self.assertEqual(out.getvalue().splitlines()[-1], "3 passed, 1 failed")
        self.cover(0, *asked)
        self.assertEqual(self.never_ran(), [])


if __name__ == "__main__":
    testing.main("scripts/merge-shards")
