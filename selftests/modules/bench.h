/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants that all benchmarks share. */
#ifndef _BENCH_H
#define _BENCH_H

/* Each round has this many blocks of every side, one side after the other: A-B-A-B. */
#define BENCH_TURNS 4

/* Rounds that are not recorded, before the first recorded one. */
#define BENCH_WARM_UP 3

/* The most recorded rounds that a benchmark can have. */
#define BENCH_ROUNDS_MAX 255

/* The CPU that measures. Every benchmark runs in one thread that is bound to it. */
#define BENCH_CPU 0

#endif /* _BENCH_H */
