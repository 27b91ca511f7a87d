// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting and putting buffers.
 *
 * Both touch the CPU's own cache and no lock. Getting reads one flag in struct page: the
 * kernel sets it on pages that have become bad, wherever the buffer is, without a
 * notification. A cache that is empty or full moves a batch from or to the depots.
 */

#include <linux/export.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "cache.h"
#include "chunk.h"
#include "depot.h"
#include "poison.h"

/* ---- Get ------------------------------------------------------------------- */

/* Half of what a cache may hold: then there is room for as many gets as puts. */
static void cache_refill(struct dhp_buffers *b, struct dhp_buffer_cache *cache)
{
	unsigned int want = DIV_ROUND_UP(READ_ONCE(b->limit), 2);

	WRITE_ONCE(cache->nr, dhp_depot_take(b, &b->node[numa_node_id()], cache->slot, want));
}

static void *cache_get_slow(struct dhp_buffers *b)
{
	struct dhp_buffer_cache *cache;
	void *buffer = NULL;

	preempt_disable();
	cache = this_cpu_read(*b->cache);
	if (cache_enter(cache)) {
		if (!cache->nr)
			cache_refill(b, cache);
		buffer = cache_pop(cache);
		cache_leave(cache);
	}
	preempt_enable();
	return buffer;
}

/* The last resort: what is in the caches of other CPUs. */
static void *get_from_others(struct dhp_buffers *b)
{
	/* With interrupts off, waiting for another CPU that waits for this one is a deadlock. */
	if (!preemptible())
		return NULL;
	dhp_caches_empty(b);
	return dhp_depots_take(b);
}

static noinline void debug_check_free(struct dhp_pool *pool, void *buffer)
{
	u8 *wrong = memchr_inv(buffer, POISON_FREE, pool->buffers.size);

	WARN(wrong, "pool %s: buffer %p was written to at offset %zu after it was put\n",
	     pool->name, buffer, wrong - (u8 *)buffer);
}

static __always_inline bool buffer_poisoned(struct dhp_buffers *b, void *buffer)
{
	struct page *page = virt_to_page(buffer);

	/* A buffer of several pages is a chunk of its own. */
	return b->order ? chunk_poisoned(b, page) : PageHWPoison(page);
}

/* @buffer: what the cache has given: nothing, or one in memory that has become bad */
static noinline void *get_slow(struct dhp_pool *pool, void *buffer)
{
	struct dhp_buffers *b = &pool->buffers;

	if (!b->node)
		return NULL;
	do {
		/* From the depot it goes back to the kernel. */
		if (buffer)
			dhp_depots_put(b, &buffer, 1);
		buffer = cache_get_slow(b) ?: dhp_depots_take(b) ?: get_from_others(b);
	} while (buffer && buffer_poisoned(b, buffer));
	if (b->debug && buffer)
		debug_check_free(pool, buffer);
	return buffer;
}

void *dhp_buffer_get(struct dhp_pool *pool)
{
	struct dhp_buffer_cache *cache;
	void *buffer = NULL;

	if (WARN_ONCE(!pool, "%s(): without a pool\n", __func__))
		return NULL;
	preempt_disable();
	cache = this_cpu_read(*pool->buffers.cache);
	if (cache_enter(cache)) {
		buffer = cache_pop(cache);
		cache_leave(cache);
	}
	preempt_enable();
	if (unlikely(!buffer || buffer_poisoned(&pool->buffers, buffer)))
		buffer = get_slow(pool, buffer);
	return buffer_show(&pool->buffers, buffer);
}
EXPORT_SYMBOL_GPL(dhp_buffer_get);

void *dhp_buffer_get_zeroed(struct dhp_pool *pool)
{
	void *buffer = dhp_buffer_get(pool);

	return buffer ? memset(buffer, 0, pool->buffers.size) : NULL;
}
EXPORT_SYMBOL_GPL(dhp_buffer_get_zeroed);

/* ---- Put ------------------------------------------------------------------- */

static void cache_spill_half(struct dhp_buffers *b, struct dhp_buffer_cache *cache)
{
	unsigned int keep = READ_ONCE(b->limit) / 2;

	if (cache->nr > keep)
		dhp_cache_spill(b, cache, keep);
}

static bool cache_put_slow(struct dhp_buffers *b, void *buffer)
{
	struct dhp_buffer_cache *cache;
	bool done = false;

	preempt_disable();
	cache = this_cpu_read(*b->cache);
	if (cache_enter(cache)) {
		cache_spill_half(b, cache);
		done = cache_push(b, cache, buffer);
		cache_leave(cache);
	}
	preempt_enable();
	return done;
}

/* Logs what is wrong with a buffer, or makes a use of it from now on show up. */
static noinline bool debug_check_put(struct dhp_pool *pool, void *buffer)
{
	const char *wrong = dhp_depots_check(&pool->buffers, buffer);

	if (WARN(wrong, "pool %s: dhp_buffer_put(): buffer %p %s; it is ignored\n",
		 pool->name, buffer, wrong))
		return false;
	memory_hide(&pool->buffers, buffer, pool->buffers.size);
	return true;
}

static noinline void put_slow(struct dhp_pool *pool, void *buffer)
{
	struct dhp_buffers *b = &pool->buffers;

	if (WARN_ONCE(!b->node, "pool %s: dhp_buffer_put(): the pool has no buffers\n", pool->name))
		return;
	if (b->debug && !debug_check_put(pool, buffer))
		return;
	if (!cache_put_slow(b, buffer))
		dhp_depots_put(b, &buffer, 1);
}

void dhp_buffer_put(struct dhp_pool *pool, void *buffer)
{
	struct dhp_buffer_cache *cache;
	bool done = false;

	if (unlikely(!buffer) ||
	    WARN_ONCE(!pool, "%s(): buffer %p without a pool\n", __func__, buffer) ||
	    !buffer_hide(&pool->buffers, buffer))
		return;
	preempt_disable();
	cache = this_cpu_read(*pool->buffers.cache);
	if (cache_enter(cache)) {
		done = cache_push(&pool->buffers, cache, buffer);
		cache_leave(cache);
	}
	preempt_enable();
	if (unlikely(!done))
		put_slow(pool, buffer);
}
EXPORT_SYMBOL_GPL(dhp_buffer_put);
