// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random numbers that depend on the module's parameter seed: with the same seed, each thread draws
 * the same numbers. How the threads interleave still depends on the machine.
 */
#include <linux/moduleparam.h>
#include <linux/prandom.h>

#include "torture_random.h"

static unsigned long seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of all random numbers (1)");

/* The factors keep the sequences of different numbers, and of the next seed, apart. */
void torture_seed(struct rnd_state *random, u64 number)
{
	prandom_seed_state(random, (u64)seed * 1000003 + number * 7919);
}

unsigned long torture_random_seed(void)
{
	return seed;
}
