/* SPDX-License-Identifier: GPL-2.0-only */
/* Stealing: an idle worker takes over items of another one. */
#ifndef _DHP_POOL_STEAL_H
#define _DHP_POOL_STEAL_H

#include "submit.h"

bool dhp_steal_items(struct dhp_worker *worker);

/* Takes over items of another worker; false if there are none. */
static inline bool worker_steals(struct dhp_worker *worker)
{
	if (!worker->pool->stealing || worker_closed(worker))
		return false;
	return dhp_steal_items(worker);
}

#endif /* _DHP_POOL_STEAL_H */
