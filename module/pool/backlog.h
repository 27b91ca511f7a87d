/* SPDX-License-Identifier: GPL-2.0-only */
/* What a worker has still to run: its incoming items and its list. */
#ifndef _DHP_POOL_BACKLOG_H
#define _DHP_POOL_BACKLOG_H

#include "types.h"

/* With the worker's lock held. */
bool dhp_backlog_pull(struct dhp_worker *worker);
unsigned long dhp_backlog_nr_stealable(struct dhp_worker *worker);
struct llist_node *dhp_backlog_take_away(struct dhp_worker *worker, unsigned long max,
					 bool bound);

bool dhp_backlog_take_out(struct dhp_worker *worker, struct dhp_work *work);

#endif /* _DHP_POOL_BACKLOG_H */
