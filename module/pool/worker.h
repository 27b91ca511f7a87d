/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a worker. The pool's mutex is held for all but the first. */
#ifndef _DHP_POOL_WORKER_H
#define _DHP_POOL_WORKER_H

#include "types.h"

void dhp_worker_init_fallback(struct dhp_pool *pool);
int dhp_worker_create(struct dhp_pool *pool, unsigned int cpu, int nid);
int dhp_worker_pin(struct dhp_pool *pool, unsigned int cpu);
bool dhp_worker_pinning(struct dhp_pool *pool, unsigned int cpu);
int dhp_worker_open(struct dhp_pool *pool, unsigned int cpu, long *left);
void dhp_worker_close(struct dhp_pool *pool, unsigned int cpu);
bool dhp_worker_pinned(struct dhp_pool *pool, unsigned int cpu);
void dhp_worker_stop(struct dhp_pool *pool, unsigned int cpu);
void dhp_worker_free(struct dhp_pool *pool, unsigned int cpu);

#endif /* _DHP_POOL_WORKER_H */
