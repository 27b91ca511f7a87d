/* SPDX-License-Identifier: GPL-2.0-only */
/* What a pool counts of its items. */
#ifndef _DHP_POOL_ITEM_COUNT_H
#define _DHP_POOL_ITEM_COUNT_H

#include <linux/percpu.h>
#include <linux/preempt.h>

#include "types.h"

struct dhp_pool_counts {
	u64 submitted;
	u64 completed;
	u64 migrated;
};

/* Preemption is off. */
static inline void count_submitted(struct dhp_pool *pool, unsigned int colour)
{
	this_cpu_inc(pool->count->nr[DHP_SUBMITTED][colour]);
}

/* A reader of the count sees all that the item has done. */
static inline void count_completed(struct dhp_pool *pool, unsigned int colour)
{
	u64 *completed;

	/* Interrupts do not complete items. */
	preempt_disable();
	completed = this_cpu_ptr(&pool->count->nr[DHP_COMPLETED][colour]);
	/* Pairs with nr_counted(). */
	smp_store_release(completed, *completed + 1);
	preempt_enable();
}

bool dhp_count_done(struct dhp_pool *pool, unsigned int colour);
void dhp_pool_counts(struct dhp_pool *pool, struct dhp_pool_counts *counts);

#endif /* _DHP_POOL_ITEM_COUNT_H */
