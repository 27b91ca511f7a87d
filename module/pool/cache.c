// SPDX-License-Identifier: GPL-2.0-only
/*
 * The caches of a pool: each CPU keeps some buffers that are out of the depots, in a stack.
 * The caller of these functions decides whether the pool must be resized then. Getting and
 * putting is in getput.c, the rules for using a cache are in cache.h.
 *
 * With PREEMPT_RT there are no caches. The depots' locks sleep there, as the page
 * allocator's do, and neither may be taken with preemption off.
 */

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "cache.h"
#include "chunk.h"
#include "depot.h"

/* What a CPU's cache may hold; the pool's size may set a lower limit. */
#define CACHE_BYTES SZ_256K
#define CACHE_BUFFERS_MIN 8U
#define CACHE_BUFFERS_MAX 120U

/* Of all CPUs without a cache of their own. It is never opened. */
static struct dhp_buffer_cache no_cache = { .busy = true };

static struct dhp_buffer_cache *cache_of(struct dhp_buffers *b, unsigned int cpu)
{
	return READ_ONCE(*per_cpu_ptr(b->cache, cpu));
}

/* Gives the buffers that were put first to the depots, until @nr are left. */
void dhp_cache_spill(struct dhp_buffers *b, struct dhp_buffer_cache *cache, unsigned int nr)
{
	unsigned int gone = cache->nr - nr;

	dhp_depots_put(b, cache->slot, gone);
	memmove(cache->slot, cache->slot + gone, nr * sizeof(*cache->slot));
	WRITE_ONCE(cache->nr, nr);
}

/* ---- Interrupting other CPUs ----------------------------------------------- */

/* What a CPU is interrupted for; @again: it was changing the cache, so once more. */
struct cache_call {
	struct dhp_buffers *buffers;
	bool again;
};

static void cache_empty(void *info)
{
	struct cache_call *call = info;
	struct dhp_buffers *b = call->buffers;
	struct dhp_buffer_cache *cache = this_cpu_read(*b->cache);

	if (!READ_ONCE(cache->open))
		return;
	if (!cache_enter(cache)) {
		WRITE_ONCE(call->again, true);
		return;
	}
	dhp_cache_spill(b, cache, 0);
	cache_leave(cache);
}

/*
 * Called when no other context can be about to enter the cache: from a thread on this CPU,
 * or when the pool has no user left.
 */
static void cache_close(void *info)
{
	struct cache_call *call = info;
	struct dhp_buffers *b = call->buffers;
	struct dhp_buffer_cache *cache = this_cpu_read(*b->cache);

	if (cache_enter(cache))
		dhp_cache_spill(b, cache, 0);
	else
		WRITE_ONCE(call->again, true);
}

/*
 * Preemption is off: a CPU that is seen online cannot go offline, so its cache cannot be
 * freed before this returns.
 */
static bool cache_filled(int cpu, void *info)
{
	struct cache_call *call = info;

	return READ_ONCE(cache_of(call->buffers, cpu)->nr);
}

/*
 * Has the caches that fulfil @cond, or all, give what they hold to the depots. A CPU that
 * is frozen for a suspend is left out; its cache stays what it is.
 */
static void caches_empty(struct dhp_buffers *b, smp_cond_func_t cond)
{
	struct cache_call call = { .buffers = b };

	do {
		call.again = false;
		on_each_cpu_cond(cond, cache_empty, &call, true);
		/* A CPU that is changing its cache is not preempted, so this ends soon. */
		cpu_relax();
	} while (call.again);
}

/* They may fill again at once. */
void dhp_caches_empty(struct dhp_buffers *b)
{
	caches_empty(b, cache_filled);
}

/* ---- What caches may hold -------------------------------------------------- */

/*
 * All caches together are to hold at most half of the pool's target. One that holds more
 * when the limit falls gets there with the next buffer that is put.
 */
void dhp_caches_set_limit(struct dhp_buffers *b)
{
	unsigned long limit = 0;

	mutex_lock(&b->mutex);
	if (b->nr_open && !b->debug && !b->disabled)
		limit = b->target * buffers_per_chunk(b) / (2 * b->nr_open);
	WRITE_ONCE(b->limit, min_t(unsigned long, limit, b->cache_slots));
	mutex_unlock(&b->mutex);
}

/* Afterwards all free buffers are in the depots, until the limit is set anew. */
void dhp_caches_disable(struct dhp_buffers *b)
{
	mutex_lock(&b->mutex);
	b->disabled = true;
	WRITE_ONCE(b->limit, 0);
	/* Also those that seem empty: their CPUs may have read the former limit. */
	caches_empty(b, NULL);
	mutex_unlock(&b->mutex);
}

/* The next dhp_caches_set_limit() sets a limit again. */
void dhp_caches_enable(struct dhp_buffers *b)
{
	mutex_lock(&b->mutex);
	b->disabled = false;
	mutex_unlock(&b->mutex);
}

unsigned long dhp_caches_nr(struct dhp_buffers *b)
{
	unsigned long nr = 0;
	unsigned int cpu;

	lockdep_assert_held(&b->mutex);

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(cache_of(b, cpu)->nr);
	return nr;
}

/* ---- The cache of one CPU -------------------------------------------------- */

static void cache_set(struct dhp_buffers *b, unsigned int cpu,
		      struct dhp_buffer_cache *cache)
{
	lockdep_assert_held(&b->mutex);

	/* Pairs with the address dependency in the code that runs on @cpu already. */
	smp_store_release(per_cpu_ptr(b->cache, cpu), cache);
}

/* In START. May fail without harm: a CPU can do without a cache. */
int dhp_cache_add(struct dhp_buffers *b, unsigned int cpu, int nid)
{
	struct dhp_buffer_cache *cache;
	size_t size;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) || !b->node || cache_of(b, cpu) != &no_cache)
		return 0;
	/* kmalloc() aligns powers of two, so that no other data is in its cache lines. */
	size = roundup_pow_of_two(struct_size(cache, slot, b->cache_slots));
	cache = kzalloc_node(size, GFP_KERNEL, nid);
	if (!cache)
		return -ENOMEM;
	cache->busy = true;
	mutex_lock(&b->mutex);
	cache_set(b, cpu, cache);
	mutex_unlock(&b->mutex);
	return 0;
}

/* After COMPLETE: the CPU may keep buffers. */
void dhp_cache_open(struct dhp_buffers *b, unsigned int cpu)
{
	struct dhp_buffer_cache *cache;

	mutex_lock(&b->mutex);
	cache = cache_of(b, cpu);
	if (cache != &no_cache && !cache->open) {
		b->nr_open++;
		WRITE_ONCE(cache->open, true);
		WRITE_ONCE(cache->busy, false);
	}
	mutex_unlock(&b->mutex);
}

/* In REMOVE_START: what the CPU keeps goes back to the depots. */
void dhp_cache_close(struct dhp_buffers *b, unsigned int cpu)
{
	struct cache_call call = { .buffers = b };
	struct dhp_buffer_cache *cache;

	mutex_lock(&b->mutex);
	cache = cache_of(b, cpu);
	if (cache->open) {
		b->nr_open--;
		WRITE_ONCE(cache->open, false);
		do {
			call.again = false;
			smp_call_function_single(cpu, cache_close, &call, true);
			cpu_relax();
		} while (call.again);
	}
	mutex_unlock(&b->mutex);
}

/*
 * In FAILURE and REMOVE_COMPLETE, or when the pool has no user left. The cache is not in
 * use: only @cpu itself uses it, with preemption off, and it is offline.
 */
void dhp_cache_del(struct dhp_buffers *b, unsigned int cpu)
{
	struct dhp_buffer_cache *cache;

	mutex_lock(&b->mutex);
	cache = cache_of(b, cpu);
	if (cache != &no_cache) {
		cache_set(b, cpu, &no_cache);
		b->nr_open -= cache->open;
		dhp_cache_spill(b, cache, 0);
		kfree(cache);
	}
	mutex_unlock(&b->mutex);
}

/* ---- All caches ------------------------------------------------------------ */

/* Also for a pool without buffers, so that getting one needs no check of its own. */
int dhp_caches_init(struct dhp_buffers *b)
{
	unsigned int cpu;

	b->cache_slots = clamp_t(unsigned int, CACHE_BYTES >> b->shift,
				 CACHE_BUFFERS_MIN, CACHE_BUFFERS_MAX);
	b->cache = alloc_percpu(typeof(*b->cache));
	if (!b->cache)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		WRITE_ONCE(*per_cpu_ptr(b->cache, cpu), &no_cache);
	return 0;
}

void dhp_caches_exit(struct dhp_buffers *b)
{
	free_percpu(b->cache);
}
