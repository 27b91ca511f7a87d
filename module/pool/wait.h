/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for items. */
#ifndef _DHP_POOL_WAIT_H
#define _DHP_POOL_WAIT_H

#include <linux/atomic.h>
#include <linux/wait.h>

#include "types.h"

/* Workers wake pool->wait after each item as long as there are waiters. */
static inline void waiter_add(struct dhp_pool *pool)
{
	atomic_inc(&pool->waiters);
	/* Before the condition is checked; the partner is before wake_waiters(). */
	smp_mb__after_atomic();
}

#define wait_for_items(pool, condition)				\
do {								\
	struct dhp_pool *waited_for = (pool);			\
								\
	waiter_add(waited_for);					\
	wait_event(waited_for->wait, condition);		\
	atomic_dec(&waited_for->waiters);			\
} while (0)

void dhp_pool_drain(struct dhp_pool *pool);

#endif /* _DHP_POOL_WAIT_H */
