// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker has still to run, as other CPUs take from it: to steal, to cancel, and to
 * empty a worker that is closed.
 *
 * The holder of the worker's lock, normally the worker itself, moves the incoming items to
 * the end of the worker's list. The worker moves the first few of the list into its slots,
 * so that it needs the lock once for a few items. The task that takes an item out of a slot
 * is its holder.
 */

#include <linux/atomic.h>

#include "backlog.h"
#include "item.h"
#include "submit.h"

/*
 * Pulls on another CPU than the worker's. The worker may have found both lists empty while
 * the items were in neither of them.
 */
static void pull_for(struct dhp_worker *worker)
{
	if (!backlog_pull(worker))
		return;
	/* Before the check whether it sleeps; the partner is in worker_idle(). */
	smp_mb();
	dhp_worker_wake(worker);
}

/*
 * Takes out of the slots, and then off the list, up to @max items that may run on other
 * CPUs; with @bound, also bound ones. Returns them as a chain, the newest first.
 */
struct llist_node *dhp_backlog_take_away(struct dhp_worker *worker, unsigned long max,
					 bool bound)
{
	struct llist_node *chain = NULL, *left = NULL, **link, *node;
	unsigned long value;
	struct dhp_work *work;
	unsigned int i;

	lockdep_assert_held(&worker->lock);

	for (i = 0; i < DHP_WORKER_SLOTS && max; i++) {
		value = READ_ONCE(worker->slot[i]);
		if (!value || (value & SLOT_BOUND && !bound))
			continue;
		if (cmpxchg(&worker->slot[i], value, 0) != value)
			continue; /* it runs */
		work = slot_work(value);
		work->incoming.next = chain;
		chain = &work->incoming;
		max--;
	}

	for (link = &worker->first; *link && max; ) {
		node = *link;
		work = llist_entry(node, struct dhp_work, incoming);
		if (work->state & ITEM_BOUND && !bound) {
			left = node;
			link = &node->next;
			continue;
		}
		WRITE_ONCE(*link, node->next);
		node->next = chain;
		chain = node;
		max--;
	}
	/* At the end of the list, the last item is the last one that was left there. */
	if (!*link)
		worker->last = left;
	return chain;
}

/*
 * Takes half of the items that may be stolen. A single one is taken if the worker is busy
 * with another item.
 */
struct llist_node *dhp_backlog_take_half(struct dhp_worker *worker)
{
	struct llist_node *chain = NULL, *node;
	unsigned long nr = 0;
	unsigned int i;

	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker)) {
		pull_for(worker);
		for (i = 0; i < DHP_WORKER_SLOTS; i++) {
			unsigned long value = READ_ONCE(worker->slot[i]);

			nr += value && !(value & SLOT_BOUND);
		}
		for (node = worker->first; node; node = node->next)
			nr += !(llist_entry(node, struct dhp_work, incoming)->state &
				ITEM_BOUND);
		if (READ_ONCE(worker->running))
			nr++;
		chain = dhp_backlog_take_away(worker, nr / 2, false);
	}
	raw_spin_unlock(&worker->lock);
	return chain;
}

/* Takes @work out of a slot, or off the list. With the worker's lock held. */
static bool take_out(struct dhp_worker *worker, struct dhp_work *work)
{
	struct llist_node **link, *before = NULL;
	unsigned long value;
	unsigned int i;

	lockdep_assert_held(&worker->lock);

	for (i = 0; i < DHP_WORKER_SLOTS; i++) {
		value = READ_ONCE(worker->slot[i]);
		if (slot_work(value) == work)
			return cmpxchg(&worker->slot[i], value, 0) == value;
	}
	pull_for(worker);
	for (link = &worker->first; *link; before = *link, link = &before->next) {
		if (*link != &work->incoming)
			continue;
		WRITE_ONCE(*link, work->incoming.next);
		if (worker->last == &work->incoming)
			worker->last = before;
		return true;
	}
	return false;
}

/* Takes @work out; false if it is not there, or the worker is closed. */
bool dhp_backlog_take_out(struct dhp_worker *worker, struct dhp_work *work)
{
	bool found = false;

	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker))
		found = take_out(worker, work);
	raw_spin_unlock(&worker->lock);
	return found;
}
