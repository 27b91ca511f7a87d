#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what scripts/bench refuses: bad words, and results that make no sense."""

import os
import sys

import testing
from testing import forbidden

bench = testing.load("bench", "scripts/bench")
bench_guests = sys.modules["bench_guests"]


class BenchWords(testing.Refusals):
    def setUp(self):
        super().setUp()
        self.patch(bench_guests, FOLDER=os.path.join(self.build, "bench"))
        self.patch(bench, JSON=os.path.join(self.build, "bench.json"),
                   boot=forbidden("a guest was booted"))

    def test_words(self):
        def bad(*words, named):
            self.words("scripts/bench", bench.main, 2, *words, named=named)

        for word in ("", "x", "1.5", "9" * 5000):
            bad("--rounds", word, named=["--rounds", "invalid int value"])
        for word in ("0", "-1", "101", str(2 ** 64)):
            bad("--rounds", word, named=[f"--rounds {word}", "1 to 100"])
        bad("--only", "nobody", named=["'nobody'", "'real'"])
        bad("--only", named=["--only"])
        bad("--nonsense", named=["--nonsense"])
        bad("real", named=["real"])
        bad("--table", "--only", "real", named=["--table", "--only real"])

    def test_nothing_measured(self):
        self.words("scripts/bench", bench.main, 1, "--table", named=["'real' has not run"])

    def test_malformed_results(self):
        for line in ("result a b x 1", "result a b 1 x", "result a b -1 1", "result a b 0 1",
                     "result a b 1.5 1", "result a", "result", "result \x00 b c",
                     "result a b \u0663 1"):
            testing.count(testing.tried, "scripts/bench")
            os.mkdir(bench_guests.FOLDER)
            for guest in bench.GUESTS:
                with open(os.path.join(bench_guests.FOLDER, guest), "w", encoding="utf-8") as file:
                    file.write(line + "\n")
            with self.assertRaisesRegex(bench.Failed, "'real' printed 'result.*NAME SIDE OPS"):
                bench.Results("real")
            for guest in bench.GUESTS:
                os.unlink(os.path.join(bench_guests.FOLDER, guest))
            os.rmdir(bench_guests.FOLDER)
            testing.count(testing.refused, "scripts/bench")


if __name__ == "__main__":
    testing.main("scripts/bench")
