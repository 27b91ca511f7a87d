// SPDX-License-Identifier: GPL-2.0-only
/* What a pool has counted of its items, summed up over the CPUs. */

#include <linux/cpumask.h>

#include "item_count.h"

/* A caller sees all that the items did which it finds counted. */
static u64 nr_counted(struct dhp_pool *pool, enum dhp_pool_counter counter,
		      unsigned int colour)
{
	unsigned int cpu;
	u64 nr = 0;

	for_each_possible_cpu(cpu) {
		/* Pairs with count_completed(). */
		nr += smp_load_acquire(&per_cpu_ptr(pool->count, cpu)->nr[counter][colour]);
	}
	return nr;
}

/*
 * Both counts only grow, and the greater one is summed up after the other. If they
 * are equal, there was a moment in between at which nothing was pending.
 */
bool dhp_count_done(struct dhp_pool *pool, unsigned int colour)
{
	u64 completed = nr_counted(pool, DHP_COMPLETED, colour);

	return nr_counted(pool, DHP_SUBMITTED, colour) == completed;
}

/* At any time, submitted >= completed; the difference is what is pending. */
void dhp_pool_counts(struct dhp_pool *pool, struct dhp_pool_counts *counts)
{
	counts->completed = nr_counted(pool, DHP_COMPLETED, 0) +
			    nr_counted(pool, DHP_COMPLETED, 1);
	counts->migrated = atomic_long_read(&pool->migrated);
	counts->submitted = nr_counted(pool, DHP_SUBMITTED, 0) +
			    nr_counted(pool, DHP_SUBMITTED, 1);
}
