// SPDX-License-Identifier: GPL-2.0-only
/* Stealing: from which worker an idle one takes items, and how many. */

#include "backlog.h"
#include "steal.h"

static bool worker_busy(struct dhp_worker *worker)
{
	return READ_ONCE(worker->running) || READ_ONCE(worker->first) ||
	       !llist_empty(&worker->incoming);
}

/* Takes half of what may be stolen; a single item if the worker is busy with another one. */
static struct llist_node *take_half(struct dhp_worker *worker)
{
	struct llist_node *chain = NULL;
	unsigned long nr;

	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker)) {
		nr = dhp_backlog_nr_stealable(worker);
		if (READ_ONCE(worker->running))
			nr++;
		chain = dhp_backlog_take_away(worker, nr / 2, false);
	}
	raw_spin_unlock(&worker->lock);
	return chain;
}

/* Takes over items of the next worker that has some to steal; false if none has. */
bool dhp_steal_items(struct dhp_worker *worker)
{
	struct dhp_pool *pool = worker->pool;
	struct llist_node *first = NULL;
	struct dhp_worker *other;
	unsigned int passed = 0;

	do {
		preempt_disable();
		other = dhp_worker_next_open(pool, worker->cpu, &passed);
		if (other && other != worker && worker_busy(other))
			first = take_half(other);
		preempt_enable();
	} while (other && !first);
	dhp_deliver(pool, worker, first);
	return first;
}
