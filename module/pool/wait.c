// SPDX-License-Identifier: GPL-2.0-only
/* Waiting until items have run: flush and drain. */

#include <linux/export.h>

#include "item_count.h"
#include "run.h"
#include "wait.h"

/*
 * Items that are submitted from now on get the other colour, so those of the present
 * one can only become fewer. A submitter that is interrupted after it has read the colour
 * may submit late with the former one; hence both are waited for, that one first.
 */
void dhp_pool_flush(struct dhp_pool *pool)
{
	unsigned int colour;

	if (WARN_ONCE(!pool, "%s(): without a pool\n", __func__))
		return;
	if (WARN_ONCE(dhp_worker_current(pool),
		      "pool %s: flushed from one of its own items, which would wait for itself\n",
		      pool->name))
		return;

	mutex_lock(&pool->flush_mutex);
	colour = pool->colour;
	wait_for_items(pool, dhp_count_done(pool, !colour));
	WRITE_ONCE(pool->colour, !colour);
	wait_for_items(pool, dhp_count_done(pool, colour));
	mutex_unlock(&pool->flush_mutex);
}
EXPORT_SYMBOL_GPL(dhp_pool_flush);

static bool all_done(struct dhp_pool *pool)
{
	struct dhp_pool_counts counts;

	dhp_pool_counts(pool, &counts);
	return counts.submitted == counts.completed;
}

/* Unlike a flush, waits also for the items that items submit. */
void dhp_pool_drain(struct dhp_pool *pool)
{
	wait_for_items(pool, all_done(pool));
}
