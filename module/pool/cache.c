// SPDX-License-Identifier: GPL-2.0-only
/*
 * How buffers get to their users fast, and back.
 *
 * Each processor has a *cache*, a stack of buffers that are out of the depots.
 * Getting and putting touch the CPU's own cache and no lock. Getting looks at one flag in
 * struct page: the kernel sets it on pages that have become bad, wherever the buffer is,
 * without a notification. A cache that is empty or full moves a batch from or to the depots.
 *
 * A cache belongs to its processor: to whom runs there with preemption off and
 * has entered it, which is a flag, since only interrupts can come in between. An
 * interrupt that finds the flag set goes to the depot. Who wants to change the
 * cache of another processor sends it an interrupt. A *closed* cache is empty and
 * stays entered, so that both ways lead to the depot.
 *
 * With PREEMPT_RT there are no caches. The depots' locks sleep there, as the page
 * allocator's do, and both are out of bounds with preemption off.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "internal.h"
#include "poison.h"
#include "pool.h"

/* What a processor's cache may hold; the pool's size may set a lower limit. */
#define CACHE_BYTES SZ_256K
#define CACHE_BUFFERS_MIN 8U
#define CACHE_BUFFERS_MAX 120U

/**
 * struct dhp_buffer_cache - a processor's own buffers
 * @busy: somebody on this processor is changing it, or it is closed
 * @open: the processor is in use; under the pool's buffers.mutex
 * @nr: how many buffers there are
 * @slot: the buffers; what was put last is at the end, because its memory may
 *	still be in the processor's own cache
 */
struct dhp_buffer_cache {
	bool busy;
	bool open;
	unsigned int nr;
	void *slot[];
};

/* Of all processors without one. Closed for ever. */
static struct dhp_buffer_cache no_cache = { .busy = true };

/* ---- One cache: preemption is off, and it is this processor's ------------ */

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

/* What a cache may hold can change at any time; it may hold more already. */
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

/* Those that were put first go, until @nr are left. */
static void cache_spill(struct dhp_buffers *b, struct dhp_buffer_cache *cache,
			unsigned int nr)
{
	unsigned int gone = cache->nr - nr;

	dhp_depots_put(b, cache->slot, gone);
	memmove(cache->slot, cache->slot + gone, nr * sizeof(*cache->slot));
	WRITE_ONCE(cache->nr, nr);
}

/* Half of what a cache may hold: then there is room for as many gets as puts. */
static void cache_refill(struct dhp_buffers *b, struct dhp_buffer_cache *cache)
{
	unsigned int want = DIV_ROUND_UP(READ_ONCE(b->limit), 2);

	WRITE_ONCE(cache->nr, dhp_depot_take(b, &b->node[numa_node_id()], cache->slot, want));
}

static void cache_spill_half(struct dhp_buffers *b, struct dhp_buffer_cache *cache)
{
	unsigned int keep = READ_ONCE(b->limit) / 2;

	if (cache->nr > keep)
		cache_spill(b, cache, keep);
}

/* ---- Caches of other processors ------------------------------------------ */

static struct dhp_buffer_cache *cache_of(struct dhp_buffers *b, unsigned int cpu)
{
	return READ_ONCE(*per_cpu_ptr(b->cache, cpu));
}

/* What a processor is interrupted for; @again: in the middle of a change, so once more. */
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
	cache_spill(b, cache, 0);
	cache_leave(cache);
}

/*
 * To be called where nobody can be on the way into the cache: from a thread of the
 * processor's own, or when the pool has no user left.
 */
static void cache_close(void *info)
{
	struct cache_call *call = info;
	struct dhp_buffers *b = call->buffers;
	struct dhp_buffer_cache *cache = this_cpu_read(*b->cache);

	if (cache_enter(cache))
		cache_spill(b, cache, 0);
	else
		WRITE_ONCE(call->again, true);
}

/*
 * Preemption is off: a processor that is seen online cannot die, so its cache
 * cannot be freed before this returns.
 */
static bool cache_filled(int cpu, void *info)
{
	struct cache_call *call = info;

	return READ_ONCE(cache_of(call->buffers, cpu)->nr);
}

/*
 * Has the caches that fulfil @cond, or all, give what they hold to the depots. A
 * processor that is parked for a suspend is left out; its cache stays what it is.
 */
static void caches_empty(struct dhp_buffers *b, smp_cond_func_t cond)
{
	struct cache_call call = { .buffers = b };

	do {
		call.again = false;
		on_each_cpu_cond(cond, cache_empty, &call, true);
		/* Whoever is in the middle of a change goes on at once: it is not preempted. */
		cpu_relax();
	} while (call.again);
}

/* They may fill again at once. */
void dhp_caches_empty(struct dhp_buffers *b)
{
	caches_empty(b, cache_filled);
}

/* ---- Get and put --------------------------------------------------------- */

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

/* The last resort: what waits in the caches of other processors. */
static void *get_from_others(struct dhp_buffers *b)
{
	/* Who must not be interrupted cannot wait for others that may be waiting for it. */
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
	return b->order ? dhp_chunk_poisoned(b, page) : PageHWPoison(page);
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

/* Says what is wrong with a buffer, or makes use of it after this show. */
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

/* ---- What caches may hold -------------------------------------------------- */

/*
 * All caches together are to hold at most half of what there is to be. One that
 * holds more when the limit falls gets there with the next buffer that is put.
 */
void dhp_caches_set_limit(struct dhp_buffers *b)
{
	unsigned long limit = 0;

	mutex_lock(&b->mutex);
	if (b->nr_open && !b->debug && !b->shut)
		limit = b->target * dhp_buffers_per_chunk(b) / (2 * b->nr_open);
	WRITE_ONCE(b->limit, min_t(unsigned long, limit, b->cache_slots));
	mutex_unlock(&b->mutex);
}

/* All buffers that nobody uses are in the depots, until the limit is set anew. */
void dhp_caches_shut(struct dhp_buffers *b)
{
	mutex_lock(&b->mutex);
	b->shut = true;
	WRITE_ONCE(b->limit, 0);
	/* Also those that seem empty: somebody may have seen the former limit. */
	caches_empty(b, NULL);
	mutex_unlock(&b->mutex);
}

void dhp_caches_unshut(struct dhp_buffers *b)
{
	mutex_lock(&b->mutex);
	b->shut = false;
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

/* ---- A processor's share of the buffers is its cache --------------------- */

static void share_set(struct dhp_buffers *b, unsigned int cpu,
		      struct dhp_buffer_cache *cache)
{
	lockdep_assert_held(&b->mutex);

	/* Pairs with the address dependency of whoever runs on @cpu already. */
	smp_store_release(per_cpu_ptr(b->cache, cpu), cache);
}

/* In START. May fail without harm: a processor can do without a cache. */
int dhp_buffers_share_add(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	struct dhp_buffers *b = &pool->buffers;
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
	share_set(b, cpu, cache);
	mutex_unlock(&b->mutex);
	return 0;
}

/*
 * In FAILURE and REMOVE_COMPLETE, or when the pool has no user left. Nobody is using
 * the cache: only @cpu itself does, with preemption off, and it is dead.
 */
void dhp_buffers_share_del(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_cache *cache;

	mutex_lock(&b->mutex);
	cache = cache_of(b, cpu);
	if (cache != &no_cache) {
		share_set(b, cpu, &no_cache);
		b->nr_open -= cache->open;
		cache_spill(b, cache, 0);
		kfree(cache);
	}
	mutex_unlock(&b->mutex);
}

/* After COMPLETE: the processor may keep buffers, and there will be more of them. */
void dhp_buffers_share_open(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_cache *cache;

	mutex_lock(&b->mutex);
	cache = cache_of(b, cpu);
	if (cache != &no_cache && !cache->open) {
		b->nr_open++;
		WRITE_ONCE(cache->open, true);
		WRITE_ONCE(cache->busy, false);
	}
	mutex_unlock(&b->mutex);
	dhp_buffers_kick(pool);
}

/* In REMOVE_START: what the processor keeps goes back to the depots. */
void dhp_buffers_share_close(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
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
	dhp_buffers_kick(pool);
}

/* ---- All of a pool --------------------------------------------------------- */

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
