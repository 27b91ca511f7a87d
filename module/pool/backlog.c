// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker has still to run, as other CPUs take from it: to steal, to cancel, and to
 * empty a worker that is closed.
 *
 * The holder of the worker's lock, normally the worker itself, moves the incoming items to
 * the end of the worker's list. The worker takes them off one at a time (run.c); until then,
 * the holder of the lock may take an item away.
 */

#include <linux/llist.h>
#include <linux/lockdep.h>

#include "backlog.h"
#include "item.h"
#include "submit.h"

/*
 * Puts the incoming items at the end of the list, in the order of submission; false if
 * there are none.
 */
bool dhp_backlog_pull(struct dhp_worker *worker)
{
	struct llist_node *newest, *oldest;

	lockdep_assert_held(&worker->lock);

	if (llist_empty(&worker->incoming))
		return false;
	newest = llist_del_all(&worker->incoming);
	oldest = llist_reverse_order(newest);
	if (worker->first)
		worker->last->next = oldest;
	else
		WRITE_ONCE(worker->first, oldest);
	worker->last = newest;
	return true;
}

/*
 * Pulls on another CPU than the worker's. The worker may have found both lists empty while
 * the items were in neither of them.
 */
static void pull_for(struct dhp_worker *worker)
{
	if (!dhp_backlog_pull(worker))
		return;
	/* Before the check whether it sleeps; the partner is in worker_idle(). */
	smp_mb();
	dhp_worker_wake(worker);
}

/*
 * Takes up to @max items off the list that may run on other CPUs; with @bound, also bound
 * ones. Returns them as a chain, the newest first.
 */
struct llist_node *dhp_backlog_take_away(struct dhp_worker *worker, unsigned long max,
					 bool bound)
{
	struct llist_node *chain = NULL, *left = NULL, **link, *node;
	struct dhp_work *work;

	lockdep_assert_held(&worker->lock);

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

/* The number of items that may be stolen. With the worker's lock held. */
unsigned long dhp_backlog_nr_stealable(struct dhp_worker *worker)
{
	struct llist_node *node;
	unsigned long nr = 0;

	lockdep_assert_held(&worker->lock);

	pull_for(worker);
	for (node = worker->first; node; node = node->next)
		nr += !(llist_entry(node, struct dhp_work, incoming)->state & ITEM_BOUND);
	return nr;
}

/* Takes @work off the list. With the worker's lock held. */
static bool take_out(struct dhp_worker *worker, struct dhp_work *work)
{
	struct llist_node **link, *before = NULL;

	lockdep_assert_held(&worker->lock);

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

/* Takes @work off the list; false if it is not there, or the worker is closed. */
bool dhp_backlog_take_out(struct dhp_worker *worker, struct dhp_work *work)
{
	bool found = false;

	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker))
		found = take_out(worker, work);
	raw_spin_unlock(&worker->lock);
	return found;
}
