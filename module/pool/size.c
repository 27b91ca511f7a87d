// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traces the size of a pool when it has changed. What changes it is in worker.c and
 * buffer_resize.c; the same numbers, at any time, are in attributes.c.
 */

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/spinlock.h>

#include "depot.h"
#include "size.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

void dhp_size_init(struct dhp_pool *pool)
{
	spin_lock_init(&pool->size_lock);
}

/*
 * After a worker was opened or closed, or chunks were added or released. The sizes are taken
 * and traced under one lock, so that the last record has the size that the pool has.
 *
 * Context: any that may sleep, with any lock of the pool but a node's; also in a reclaim.
 */
void dhp_size_changed(struct dhp_pool *pool)
{
	struct dhp_pool_size size = { };

	spin_lock(&pool->size_lock);
	/* A worker that is opened or closed meanwhile has this called again. */
	size.workers = data_race(cpumask_weight(pool->open));
	if (pool->buffers.node)
		size.buffers = dhp_depots_sum(&pool->buffers).buffers;
	if (size.workers != pool->size.workers || size.buffers != pool->size.buffers) {
		pool->size = size;
		trace_dhp_pool(pool->name, &size);
	}
	spin_unlock(&pool->size_lock);
}
