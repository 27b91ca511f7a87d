// SPDX-License-Identifier: GPL-2.0-only
/* Rounds: the blocks of several sides take turns, and their times are recorded. */
#include <linux/kernel.h>
#include <linux/sched.h>

#include "bench.h"
#include "bench_result.h"
#include "bench_round.h"

static int one_round(const struct bench_block *block, bool counts)
{
	u64 ns[ARRAY_SIZE(block->sides)] = { 0 };
	unsigned int turn, side;
	int err = 0;

	for (turn = 0; turn < BENCH_TURNS; turn++) {
		for (side = 0; side < ARRAY_SIZE(ns) && block->sides[side].run; side++) {
			err = block->sides[side].run(block, &ns[side]);
			if (err)
				return err;
			cond_resched();
		}
	}
	for (side = 0; counts && side < ARRAY_SIZE(ns) && block->sides[side].run; side++) {
		err = bench_record(block->name, block->sides[side].name,
				   block->ops * BENCH_TURNS, ns[side]);
		if (err)
			return err;
	}
	return 0;
}

int bench_blocks(const struct bench_block *blocks, unsigned int nr, unsigned int rounds)
{
	unsigned int i, round;
	int err;

	for (i = 0; i < nr; i++) {
		for (round = 0; round < BENCH_WARM_UP + rounds; round++) {
			err = one_round(&blocks[i], round >= BENCH_WARM_UP);
			if (err)
				return err;
		}
	}
	return 0;
}
