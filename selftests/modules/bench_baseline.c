// SPDX-License-Identifier: GPL-2.0-only
/* Times to compare all others with: an empty loop, an atomic operation, an uncontended lock. */
#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include "bench_baseline.h"
#include "bench_round.h"

static atomic_t counter;
static DEFINE_SPINLOCK(lock);

static int empty_loop(const struct bench_block *block, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < block->ops; i++)
		barrier();
	*ns += ktime_get_ns() - start;
	return 0;
}

static int atomic_loop(const struct bench_block *block, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < block->ops; i++)
		atomic_inc(&counter);
	*ns += ktime_get_ns() - start;
	return 0;
}

static int lock_loop(const struct bench_block *block, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < block->ops; i++) {
		spin_lock(&lock);
		spin_unlock(&lock);
	}
	*ns += ktime_get_ns() - start;
	return 0;
}

int bench_baseline(unsigned int rounds)
{
	static const struct bench_block block = {
		.name = "baseline",
		.ops = 4096,
		.sides = {
			{ "empty", empty_loop },
			{ "atomic", atomic_loop },
			{ "spinlock", lock_loop },
		},
	};

	return bench_blocks(&block, 1, rounds);
}
