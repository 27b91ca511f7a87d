/* SPDX-License-Identifier: GPL-2.0-only */
/* Rounds: the blocks of several sides take turns, and their times are recorded. */
#ifndef _BENCH_ROUND_H
#define _BENCH_ROUND_H

#include <linux/types.h>

struct bench_block;

/**
 * typedef bench_side_fn - runs one side's block
 * @block: the block
 * @ns: the time of the block is added to it
 *
 * Return: 0 or a negative errno, which ends the benchmark.
 */
typedef int (*bench_side_fn)(const struct bench_block *block, u64 *ns);

/**
 * struct bench_side - one of the implementations that are compared
 * @name: its name in the results
 * @run: runs a block of it
 */
struct bench_side {
	const char *name;
	bench_side_fn run;
};

/**
 * struct bench_block - the same work for several sides
 * @name: its name in the results
 * @ops: operations in one block
 * @burst: number of operations that begin before the first one ends
 * @sides: the implementations; the last ones can be empty
 */
struct bench_block {
	const char *name;
	unsigned int ops;
	unsigned int burst;
	struct bench_side sides[5];
};

int bench_blocks(const struct bench_block *blocks, unsigned int nr, unsigned int rounds);

#endif /* _BENCH_ROUND_H */
