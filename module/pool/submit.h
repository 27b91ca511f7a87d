/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds workers, wakes them, and delivers items to them. */
#ifndef _DHP_POOL_SUBMIT_H
#define _DHP_POOL_SUBMIT_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/rcupdate.h>

#include "types.h"

static inline bool worker_closed(struct dhp_worker *worker)
{
	return test_bit(DHP_WORKER_CLOSED, &worker->flags);
}

/* Preemption is off, so that the worker is not freed. */
static inline struct dhp_worker *worker_at(struct dhp_pool *pool, unsigned int cpu)
{
	if (likely(cpu < nr_cpu_ids))
		return rcu_dereference_sched(pool->worker[cpu]);
	return &pool->fallback;
}

struct dhp_worker *dhp_worker_next_open(struct dhp_pool *pool, unsigned int start,
					unsigned int *passed);
struct dhp_worker *dhp_worker_other(struct dhp_pool *pool, unsigned int cpu);
void dhp_worker_wake(struct dhp_worker *worker);
void dhp_deliver(struct dhp_pool *pool, struct dhp_worker *worker, struct llist_node *first);

#endif /* _DHP_POOL_SUBMIT_H */
