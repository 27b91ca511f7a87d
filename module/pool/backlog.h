/* SPDX-License-Identifier: GPL-2.0-only */
/* What a worker has still to run: its incoming items, its list and its slots. */
#ifndef _DHP_POOL_BACKLOG_H
#define _DHP_POOL_BACKLOG_H

#include <linux/llist.h>
#include <linux/lockdep.h>

#include "types.h"

/*
 * Puts the incoming items at the end of the list, in the order of submission; false if
 * there are none.
 */
static inline bool backlog_pull(struct dhp_worker *worker)
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

/* Takes the first item off the list; NULL when there is none. */
static inline struct dhp_work *backlog_take_first(struct dhp_worker *worker)
{
	struct llist_node *node = worker->first;

	if (!node)
		return NULL;
	WRITE_ONCE(worker->first, node->next);
	return llist_entry(node, struct dhp_work, incoming);
}

struct llist_node *dhp_backlog_take_away(struct dhp_worker *worker, unsigned long max,
					 bool bound);
struct llist_node *dhp_backlog_take_half(struct dhp_worker *worker);
bool dhp_backlog_take_out(struct dhp_worker *worker, struct dhp_work *work);

#endif /* _DHP_POOL_BACKLOG_H */
