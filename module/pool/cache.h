/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The caches of a pool, one for each CPU.
 *
 * Only the CPU itself uses its cache, with preemption off and after it has entered it. That
 * is a flag, since only an interrupt can come in between: one that finds the flag set goes
 * to the depot. To change the cache of another CPU, send it an interrupt. A *closed* cache is
 * empty and stays entered, so that both ways lead to the depot.
 */
#ifndef _DHP_POOL_CACHE_H
#define _DHP_POOL_CACHE_H

#include <linux/compiler.h>

#include "types.h"

/**
 * struct dhp_buffer_cache - the buffers that one CPU keeps
 * @busy: this CPU is changing it, or it is closed
 * @open: the CPU is in use; under the pool's buffers.mutex
 * @nr: how many buffers there are
 * @slot: the buffers; the one that was put last is at the end, because its memory may
 *	still be in the CPU's own cache
 */
struct dhp_buffer_cache {
	bool busy;
	bool open;
	unsigned int nr;
	void *slot[];
};

static __always_inline bool cache_enter(struct dhp_buffer_cache *cache)
{
	if (unlikely(READ_ONCE(cache->busy)))
		return false;
	WRITE_ONCE(cache->busy, true);
	barrier(); /* before all that cache_leave() ends; for interrupts here */
	return true;
}

static __always_inline void cache_leave(struct dhp_buffer_cache *cache)
{
	barrier(); /* behind all that cache_enter() has begun */
	WRITE_ONCE(cache->busy, false);
}

static __always_inline void *cache_pop(struct dhp_buffer_cache *cache)
{
	unsigned int nr = cache->nr;

	if (unlikely(!nr))
		return NULL;
	WRITE_ONCE(cache->nr, nr - 1);
	return cache->slot[nr - 1];
}

/* The limit can change at any time; the cache may hold more already. */
static __always_inline bool cache_push(struct dhp_buffers *b,
				       struct dhp_buffer_cache *cache, void *buffer)
{
	unsigned int nr = cache->nr;

	if (unlikely(nr >= READ_ONCE(b->limit)))
		return false;
	cache->slot[nr] = buffer;
	WRITE_ONCE(cache->nr, nr + 1);
	return true;
}

/* An entered cache */
void dhp_cache_spill(struct dhp_buffers *b, struct dhp_buffer_cache *cache, unsigned int nr);

/* The cache of one CPU */
int dhp_cache_add(struct dhp_buffers *b, unsigned int cpu, int nid);
void dhp_cache_open(struct dhp_buffers *b, unsigned int cpu);
void dhp_cache_close(struct dhp_buffers *b, unsigned int cpu);
void dhp_cache_del(struct dhp_buffers *b, unsigned int cpu);

/* All caches of a pool */
int dhp_caches_init(struct dhp_buffers *b);
void dhp_caches_exit(struct dhp_buffers *b);
void dhp_caches_empty(struct dhp_buffers *b);
void dhp_caches_set_limit(struct dhp_buffers *b);
void dhp_caches_disable(struct dhp_buffers *b);
void dhp_caches_enable(struct dhp_buffers *b);
unsigned long dhp_caches_nr(struct dhp_buffers *b);

#endif /* _DHP_POOL_CACHE_H */
