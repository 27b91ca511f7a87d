// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool's buffers: how many there are to be on which node, how they get to
 * their users fast, and that they never keep memory from going offline.
 *
 * From the inside out:
 *
 * - A *chunk* is a block of pages from the kernel: one buffer, or one page carved
 *   into several. All that is known of it is in its first struct page: list
 *   membership in page->lru, owner in page->private, a bit for each buffer that
 *   is there in page->index. So nothing of ours pins memory but the buffers
 *   themselves.
 * - Each node has a *depot* of chunks, under a lock. A buffer is either in the
 *   depot, or *out*: somebody uses it, or a processor has it in its cache. A
 *   chunk whose buffers are all there is *whole*, and can be released.
 * - Each processor has a *cache*, a stack of buffers that are out. Getting and
 *   putting touch the processor's own cache and neither lock nor struct page.
 *   A cache that is empty or full moves a batch from or to the depots.
 *
 * A cache belongs to its processor: to whom runs there with preemption off and
 * has entered it, which is a flag, since only interrupts can come in between. An
 * interrupt that finds the flag set goes to the depot. Who wants to change the
 * cache of another processor sends it an interrupt. A *closed* cache is empty and
 * stays entered, so that both ways lead to the depot.
 *
 * Memory is isolated before anybody is asked to give it back, and isolation
 * refuses at once when it sees an unmovable page, unless the page is marked as
 * PageOffline: "to give drivers a chance to decrement their reference count in
 * MEM_GOING_OFFLINE". Hence every page of a chunk carries this mark as long as
 * the pool has the chunk, in use or not. A buffer that is still in use when the
 * pool has been asked makes the removal fail in bounded time, because the kernel
 * does not wait for marked pages with a reference. Three consequences:
 *
 * - Pages so marked are left out of hibernation images, so the mark is taken off
 *   for the time of a hibernation.
 * - Crash dumps and /proc/kcore show the contents of buffers as zero.
 * - The mark shares its place with the count of mappings: a buffer cannot be
 *   mapped into user space page by page.
 *
 * A page that the pool has just allocated is unmarked for a moment. A removal
 * that begins in this very moment is refused, as it would be by anybody else's
 * allocation; so the pool does not grow while memory is on its way out.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/kasan.h>
#include <linux/kasan-checks.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/page-flags.h>
#include <linux/percpu.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "internal.h"
#include "pool.h"

/* A chunk has a bit in a word for each of its buffers. */
#define BUFFER_SIZE_MIN max_t(size_t, SZ_256, PAGE_SIZE / BITS_PER_LONG)
#define BUFFER_SIZE_MAX SZ_64K

/* What a processor's cache may hold; the pool's size may set a lower limit. */
#define CACHE_BYTES SZ_256K
#define CACHE_BUFFERS_MIN 8U
#define CACHE_BUFFERS_MAX 120U

/* How long memory that leaves waits for buffers in use. */
#define RETURN_TIMEOUT_SECONDS 1

/* When to try again to grow, if nothing happens before. */
#define RETRY_SECONDS 10

static bool debug;
module_param(debug, bool, 0644);
MODULE_PARM_DESC(debug,
		 "pools that are made from now on check their buffers: put twice, put to the wrong pool, written to after the put; slow (default: 0)");

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

/* ---- What is not to be touched ------------------------------------------- */

/*
 * KASAN knows buffers that nobody has as freed memory, and reports who uses them
 * or puts them once more. The kernel exports no function for this to modules; but
 * the generic KASAN's shadow is plain memory of known layout. What it cannot do:
 * tell who has put the buffer, and keep it from being given out again soon. The
 * tag-based KASANs would want another tag in every pointer, which is left out.
 */
#ifdef CONFIG_KASAN_GENERIC

#define SHADOW_FREED 0xff

static void shadow_set(void *start, size_t size, int value)
{
	/* memset() would look for the shadow's shadow. */
	__memset(kasan_mem_to_shadow(start), value, size >> KASAN_SHADOW_SCALE_SHIFT);
}

static void shadow_hide(void *start, size_t size)
{
	shadow_set(start, size, SHADOW_FREED);
}

static void shadow_show(void *start, size_t size)
{
	shadow_set(start, size, 0);
}

#else

static inline void shadow_hide(void *start, size_t size)
{
}

static inline void shadow_show(void *start, size_t size)
{
}

#endif

/* A pool in debug mode writes into free memory, and looks for itself. */
static void memory_hide(struct dhp_buffers *b, void *start, size_t size)
{
	if (b->debug)
		memset(start, POISON_FREE, size);
	else
		shadow_hide(start, size);
}

/* The buffer that comes back; false when it is back already, which was reported. */
static inline bool buffer_hide(struct dhp_buffers *b, void *buffer)
{
	if (!IS_ENABLED(CONFIG_KASAN_GENERIC) || b->debug)
		return true;
	if (!kasan_check_write(buffer, b->size))
		return false;
	shadow_hide(buffer, b->size);
	return true;
}

static inline void *buffer_show(struct dhp_buffers *b, void *buffer)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) && buffer)
		shadow_show(buffer, b->size);
	return buffer;
}

/* ---- One chunk: its first struct page ------------------------------------ */

static size_t chunk_bytes(struct dhp_buffers *b)
{
	return PAGE_SIZE << b->order;
}

static unsigned long buffers_per_chunk(struct dhp_buffers *b)
{
	return chunk_bytes(b) >> b->shift;
}

static struct page *buffer_chunk(struct dhp_buffers *b, void *buffer)
{
	return virt_to_page(PTR_ALIGN_DOWN(buffer, chunk_bytes(b)));
}

static unsigned long buffer_bit(struct dhp_buffers *b, struct page *page, void *buffer)
{
	return BIT((buffer - page_address(page)) >> b->shift);
}

static struct dhp_buffer_node *chunk_node(struct dhp_buffers *b, struct page *page)
{
	return &b->node[page_to_nid(page)];
}

static bool chunk_ours(struct dhp_buffers *b, struct page *page)
{
	return page_private(page) == (unsigned long)b;
}

static bool chunk_whole(struct dhp_buffers *b, struct page *page)
{
	return page->index == b->all_there;
}

static bool chunk_leaving(struct dhp_buffer_node *node, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	return pfn >= node->leaving.start_pfn && pfn < node->leaving.end_pfn;
}

static void chunk_mark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (!PageOffline(page + i))
			__SetPageOffline(page + i);
}

static void chunk_unmark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (PageOffline(page + i))
			__ClearPageOffline(page + i);
}

/*
 * The list that a chunk has to be on. What leaves is given to nobody any more,
 * so it is with those that have nothing to give.
 */
static struct list_head *chunk_list(struct dhp_buffers *b, struct dhp_buffer_node *node,
				    struct page *page)
{
	if (!page->index || chunk_leaving(node, page))
		return &node->empty;
	return chunk_whole(b, page) ? &node->whole : &node->partial;
}

/* Pages from the kernel become a chunk. Nobody else knows them yet. */
static void chunk_adopt(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	if (READ_ONCE(b->marked))
		chunk_mark(b, page);
	set_page_private(page, (unsigned long)b);
	page->index = b->all_there;
	list_add_tail(&page->lru, &node->whole);
	node->nr++;
	node->nr_whole++;
	node->nr_free += buffers_per_chunk(b);
}

/* A chunk that is whole goes back to the kernel. */
static void chunk_release(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	list_del(&page->lru);
	node->nr--;
	node->nr_whole--;
	node->nr_free -= buffers_per_chunk(b);
	page->index = 0;
	set_page_private(page, 0);
	chunk_unmark(b, page);
	shadow_show(page_address(page), chunk_bytes(b));
	__free_pages(page, b->order);
}

/* Takes at most @want buffers out of a chunk; returns how many. */
static unsigned int chunk_take(struct dhp_buffers *b, struct page *page, void **slot,
			       unsigned int want)
{
	struct dhp_buffer_node *node = chunk_node(b, page);
	unsigned int nr = 0;

	lockdep_assert_held(&node->lock);

	if (chunk_whole(b, page))
		node->nr_whole--;
	while (nr < want && page->index) {
		slot[nr++] = page_address(page) + (__ffs(page->index) << b->shift);
		page->index &= page->index - 1;
	}
	node->nr_free -= nr;
	list_move(&page->lru, chunk_list(b, node, page));
	return nr;
}

/* Whoever waits for it must find the memory free. */
static void leaving_returned(struct dhp_buffers *b, struct dhp_buffer_node *node)
{
	if (!--node->leaving.nr_out)
		wake_up_all(&b->returned);
}

/* The opposite of chunk_take(), for a buffer that is known to be out. */
static void chunk_put(struct dhp_buffers *b, struct page *page, unsigned long bit)
{
	struct dhp_buffer_node *node = chunk_node(b, page);
	bool leaving = chunk_leaving(node, page);
	bool counted = leaving && page_to_pfn(page) < node->leaving.counted_pfn;

	lockdep_assert_held(&node->lock);

	page->index |= bit;
	node->nr_free++;
	if (chunk_whole(b, page))
		node->nr_whole++;
	if (chunk_whole(b, page) && (leaving || node->nr > node->target))
		chunk_release(b, page);
	else
		list_move(&page->lru, chunk_list(b, node, page));
	if (counted)
		leaving_returned(b, node);
}

/* ---- Depots -------------------------------------------------------------- */

/* The chunk to take from: a whole one only if need be, for it can be released. */
static struct page *depot_chunk(struct dhp_buffer_node *node)
{
	return list_first_entry_or_null(list_empty(&node->partial) ?
					&node->whole : &node->partial,
					struct page, lru);
}

static unsigned int depot_take(struct dhp_buffers *b, struct dhp_buffer_node *node,
			       void **slot, unsigned int want)
{
	unsigned int nr = 0;
	unsigned long flags;
	struct page *page;

	spin_lock_irqsave(&node->lock, flags);
	while (nr < want && (page = depot_chunk(node)))
		nr += chunk_take(b, page, slot + nr, want - nr);
	spin_unlock_irqrestore(&node->lock, flags);
	return nr;
}

/* One buffer, from this node if it has one. */
static void *depots_take(struct dhp_buffers *b)
{
	void *buffer;
	int nid;

	if (depot_take(b, &b->node[numa_node_id()], &buffer, 1))
		return buffer;
	for_each_online_node(nid)
		if (depot_take(b, &b->node[nid], &buffer, 1))
			return buffer;
	return NULL;
}

/* What is wrong with putting this buffer; NULL when nothing is. */
static const char *buffer_wrong(struct dhp_buffers *b, struct page *page, void *buffer)
{
	if (!chunk_ours(b, page))
		return "has not come from this pool";
	if (!IS_ALIGNED((unsigned long)buffer, b->size))
		return "is none: a buffer does not begin here";
	if (page->index & buffer_bit(b, page, buffer))
		return "was put before";
	return NULL;
}

static void depot_put_one(struct dhp_buffers *b, void *buffer)
{
	struct page *page = buffer_chunk(b, buffer);
	const char *wrong = buffer_wrong(b, page, buffer);

	if (!WARN_ONCE(wrong, "dhp_buffer_put(): buffer %p %s; it is ignored\n", buffer, wrong))
		chunk_put(b, page, buffer_bit(b, page, buffer));
}

/* Holds a node's lock as long as one buffer after the other belongs there. */
static void depots_put(struct dhp_buffers *b, void **slot, unsigned int nr)
{
	void **end = slot + nr;
	struct dhp_buffer_node *node;
	unsigned long flags;

	while (slot < end) {
		node = chunk_node(b, buffer_chunk(b, *slot));
		spin_lock_irqsave(&node->lock, flags);
		do {
			depot_put_one(b, *slot++);
		} while (slot < end && chunk_node(b, buffer_chunk(b, *slot)) == node);
		spin_unlock_irqrestore(&node->lock, flags);
	}
}

/* What the nodes have together; exact while nobody changes it. */
struct depot_sums {
	unsigned long buffers;
	unsigned long free;
	unsigned long surplus_chunks;
};

static struct depot_sums depots_sum(struct dhp_buffers *b)
{
	struct depot_sums sums = { };
	struct dhp_buffer_node *node;
	unsigned long flags;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++) {
		node = &b->node[nid];
		spin_lock_irqsave(&node->lock, flags);
		sums.buffers += node->nr * buffers_per_chunk(b);
		sums.free += node->nr_free;
		if (node->nr > node->target)
			sums.surplus_chunks += node->nr - node->target;
		spin_unlock_irqrestore(&node->lock, flags);
	}
	return sums;
}

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

	depots_put(b, cache->slot, gone);
	memmove(cache->slot, cache->slot + gone, nr * sizeof(*cache->slot));
	WRITE_ONCE(cache->nr, nr);
}

/* Half of what a cache may hold: then there is room for as many gets as puts. */
static void cache_refill(struct dhp_buffers *b, struct dhp_buffer_cache *cache)
{
	unsigned int want = DIV_ROUND_UP(READ_ONCE(b->limit), 2);

	WRITE_ONCE(cache->nr, depot_take(b, &b->node[numa_node_id()], cache->slot, want));
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

/* What a processor is interrupted for. Who waits for it may sleep. */
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
 * What is in caches goes to the depots; they may fill again at once. @cond: whose
 * caches, NULL for all. A processor that is parked for a suspend is left out; its
 * cache stays what it is.
 */
static void caches_empty(struct dhp_buffers *b, smp_cond_func_t cond)
{
	struct cache_call call = { .buffers = b };

	do {
		call.again = false;
		on_each_cpu_cond(cond, cache_empty, &call, true);
		cond_resched();
	} while (call.again);
}

/* All caches together hold at most half of what there is to be. */
static void caches_set_limit(struct dhp_buffers *b)
{
	unsigned long limit = 0;

	mutex_lock(&b->mutex);
	if (b->nr_open && !b->debug && !b->shut)
		limit = b->target * buffers_per_chunk(b) / (2 * b->nr_open);
	WRITE_ONCE(b->limit, min_t(unsigned long, limit, b->cache_slots));
	mutex_unlock(&b->mutex);
}

/* All buffers that nobody uses are in the depots, until the limit is set anew. */
static void caches_shut(struct dhp_buffers *b)
{
	mutex_lock(&b->mutex);
	b->shut = true;
	WRITE_ONCE(b->limit, 0);
	/* Also those that seem empty: somebody may have seen the former limit. */
	caches_empty(b, NULL);
	mutex_unlock(&b->mutex);
}

static void caches_unshut(struct dhp_buffers *b)
{
	mutex_lock(&b->mutex);
	b->shut = false;
	mutex_unlock(&b->mutex);
}

static unsigned long nr_cached(struct dhp_buffers *b)
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

	if (!b->node || cache_of(b, cpu) != &no_cache)
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
 * In FAILURE and REMOVE_COMPLETE. Nobody is using the cache: only @cpu itself
 * does, with preemption off, and it is dead, or has never got a buffer.
 */
void dhp_buffers_share_del(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_cache *cache;

	if (!b->node)
		return;
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

/* In COMPLETE: the processor may keep buffers, and there will be more of them. */
void dhp_buffers_share_open(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_cache *cache;

	if (!b->node)
		return;
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

	if (!b->node)
		return;
	mutex_lock(&b->mutex);
	cache = cache_of(b, cpu);
	if (cache->open) {
		b->nr_open--;
		WRITE_ONCE(cache->open, false);
		do {
			call.again = false;
			smp_call_function_single(cpu, cache_close, &call, true);
			cond_resched();
		} while (call.again);
	}
	mutex_unlock(&b->mutex);
	dhp_buffers_kick(pool);
}

/* ---- Size ---------------------------------------------------------------- */

/* Memory of a node that can hold buffers. */
static u64 node_kernel_pages(int nid)
{
	u64 pages = 0;
	int zone;

	if (!node_online(nid))
		return 0;
	for (zone = 0; zone < ZONE_MOVABLE; zone++)
		pages += zone_managed_pages(&NODE_DATA(nid)->node_zones[zone]);
	return pages;
}

static unsigned long buffers_to_chunks(struct dhp_buffers *b, unsigned long nr)
{
	return DIV_ROUND_UP(nr, buffers_per_chunk(b));
}

static unsigned long wanted_floor(struct dhp_buffers *b)
{
	return buffers_to_chunks(b, max_t(unsigned long, b->min, num_online_cpus()));
}

static unsigned long wanted_total(struct dhp_buffers *b)
{
	unsigned long total;

	total = mul_u64_u64_div_u64(totalram_pages(), b->permille, 1000) >> b->order;
	if (b->max)
		total = min(total, buffers_to_chunks(b, b->max));
	return max(total, wanted_floor(b));
}

static void set_target(struct dhp_buffer_node *node, unsigned long target,
		       unsigned long floor)
{
	spin_lock_irq(&node->lock);
	node->target = target;
	node->floor = floor;
	spin_unlock_irq(&node->lock);
}

/*
 * How many chunks each node is to have. All online memory counts for the total,
 * also movable memory, which cannot hold buffers; the nodes share it in proportion
 * to what can.
 */
static void set_targets(struct dhp_buffers *b)
{
	unsigned long total = wanted_total(b), floor = wanted_floor(b);
	unsigned long rest = total, floor_rest = floor, part, floor_part;
	int nid, biggest = first_online_node;
	u64 pages, most = 0, sum = 0;

	for_each_online_node(nid) {
		pages = node_kernel_pages(nid);
		sum += pages;
		if (pages > most) {
			most = pages;
			biggest = nid;
		}
	}

	b->target = total;
	for (nid = 0; nid < nr_node_ids; nid++) {
		if (nid == biggest)
			continue;
		pages = node_kernel_pages(nid);
		part = sum ? mul_u64_u64_div_u64(total, pages, sum) : 0;
		floor_part = sum ? mul_u64_u64_div_u64(floor, pages, sum) : 0;
		/* The memory may have changed since it was summed up. */
		part = min(part, rest);
		floor_part = min(floor_part, floor_rest);
		set_target(&b->node[nid], part, floor_part);
		rest -= part;
		floor_rest -= floor_part;
	}
	set_target(&b->node[biggest], rest, floor_rest);
}

/* The chunk that has been in the depot for longest. */
static struct page *depot_coldest(struct dhp_buffer_node *node)
{
	return list_empty(&node->whole) ? NULL : list_last_entry(&node->whole, struct page, lru);
}

/* Releases one chunk if more than @keep are there; false when there is none. */
static bool depot_shrink(struct dhp_buffers *b, struct dhp_buffer_node *node,
			 const unsigned long *keep)
{
	struct page *page = NULL;
	unsigned long flags;

	spin_lock_irqsave(&node->lock, flags);
	if (node->nr > *keep)
		page = depot_coldest(node);
	if (page)
		chunk_release(b, page);
	spin_unlock_irqrestore(&node->lock, flags);
	cond_resched();
	return page;
}

static void shrink_to_targets(struct dhp_buffers *b)
{
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		while (depot_shrink(b, &b->node[nid], &b->node[nid].target))
			;
	/* Chunks that become whole are released on the way. */
	if (depots_sum(b).surplus_chunks)
		caches_empty(b, cache_filled);
}

/*
 * One more chunk for a node. 0 when there is one, 1 when none is needed. Between
 * the blocks of a DIMM that goes one by one there is no growing either.
 */
static int grow_node_step(struct dhp_buffers *b, int nid)
{
	struct dhp_buffer_node *node = &b->node[nid];
	struct page *page;
	int ret = 0;

	spin_lock_irq(&node->lock);
	if (READ_ONCE(b->removing) || node->leaving.end_pfn)
		ret = -EAGAIN;
	else if (node->nr >= node->target)
		ret = 1;
	spin_unlock_irq(&node->lock);
	if (ret)
		return ret;

	/* Rather no buffer than one for which others would have to suffer. */
	page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE |
				__GFP_NORETRY | __GFP_NOWARN, b->order);
	if (!page)
		return -ENOMEM;
	memory_hide(b, page_address(page), chunk_bytes(b));

	spin_lock_irq(&node->lock);
	if (node->leaving.end_pfn) {
		ret = -EAGAIN;
		shadow_show(page_address(page), chunk_bytes(b));
		__free_pages(page, b->order);
	} else {
		chunk_adopt(b, page);
	}
	spin_unlock_irq(&node->lock);
	return ret;
}

static int grow_node(struct dhp_buffers *b, int nid)
{
	int ret;

	do {
		cond_resched();
		ret = grow_node_step(b, nid);
	} while (!ret);
	return ret < 0 ? ret : 0;
}

/* Returns -ENOMEM when a node has too few, -EAGAIN when memory is leaving. */
static int grow(struct dhp_buffers *b)
{
	int nid, err, ret = 0;

	WRITE_ONCE(b->grower, current);
	for_each_online_node(nid) {
		err = grow_node(b, nid);
		if (err == -EAGAIN || !ret)
			ret = err;
		if (err == -EAGAIN)
			break;
	}
	WRITE_ONCE(b->grower, NULL);
	return ret;
}

static void retry_later(struct dhp_buffers *b)
{
	queue_delayed_work(system_unbound_wq, &b->resize, RETRY_SECONDS * HZ);
}

static void grow_later(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (!b->said_short)
		pr_warn("pool %s: has %lu of %lu buffers of %zu bytes, and no memory for more; next try in %d s\n",
			pool->name, depots_sum(b).buffers, b->target * buffers_per_chunk(b),
			b->size, RETRY_SECONDS);
	b->said_short = true;
	retry_later(b);
}

static void resize_fn(struct work_struct *work)
{
	struct dhp_buffers *b = container_of(to_delayed_work(work),
					     struct dhp_buffers, resize);
	struct dhp_pool *pool = container_of(b, struct dhp_pool, buffers);
	int err;

	set_targets(b);
	caches_set_limit(b);
	shrink_to_targets(b);
	err = grow(b);
	/* -EAGAIN: what becomes of the leaving memory comes back here. */
	if (err == -ENOMEM)
		grow_later(pool);
	else if (!err)
		b->said_short = false;
}

/* Brings the number of buffers to what it should be, soon. Any context. */
void dhp_buffers_kick(struct dhp_pool *pool)
{
	mod_delayed_work(system_unbound_wq, &pool->buffers.resize, 0);
}

void dhp_buffers_settle(struct dhp_pool *pool)
{
	if (pool->buffers.node)
		flush_delayed_work(&pool->buffers.resize);
}

/* ---- Memory that is short ------------------------------------------------ */

static struct dhp_buffers *shrinker_buffers(struct shrinker *shrinker)
{
	return container_of(shrinker, struct dhp_buffers, shrinker);
}

/* In chunks. What is in caches is little, and what is in use cannot be had. */
static unsigned long shrinker_count(struct shrinker *shrinker,
				    struct shrink_control *control)
{
	struct dhp_buffers *b = shrinker_buffers(shrinker);
	struct dhp_buffer_node *node = &b->node[control->nid];
	unsigned long nr, flags;

	/* It must not gain by giving away what it has just got. */
	if (READ_ONCE(b->grower) == current)
		return 0;
	spin_lock_irqsave(&node->lock, flags);
	nr = node->nr > node->floor ? min(node->nr - node->floor, node->nr_whole) : 0;
	spin_unlock_irqrestore(&node->lock, flags);
	return nr ?: SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *shrinker,
				   struct shrink_control *control)
{
	struct dhp_buffers *b = shrinker_buffers(shrinker);
	struct dhp_buffer_node *node = &b->node[control->nid];
	unsigned long nr = 0;

	while (nr < control->nr_to_scan && depot_shrink(b, node, &node->floor))
		nr++;
	control->nr_scanned = nr;
	if (!nr)
		return SHRINK_STOP;
	retry_later(b);
	return nr;
}

/* ---- Memory that comes and goes ------------------------------------------ */

/* The chunk that begins at @pfn; NULL when none of the pool's does. */
static struct page *pfn_chunk(struct dhp_buffers *b, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	return PageOffline(page) && chunk_ours(b, page) ? page : NULL;
}

static unsigned long nr_chunk_out(struct dhp_buffers *b, struct page *page)
{
	return buffers_per_chunk(b) - hweight_long(page->index);
}

/* Releases what is whole, hides what is not; returns how many buffers are out. */
static unsigned long vacate_piece(struct dhp_buffers *b, struct dhp_buffer_node *node,
				  unsigned long pfn, unsigned long end_pfn)
{
	unsigned long nr = 0;
	struct page *page;

	for (; pfn < end_pfn; pfn++) {
		page = pfn_chunk(b, pfn);
		if (!page)
			continue;
		if (chunk_whole(b, page)) {
			chunk_release(b, page);
		} else {
			list_move(&page->lru, chunk_list(b, node, page));
			nr += nr_chunk_out(b, page);
		}
	}
	return nr;
}

/* No chunk of the range comes or gets a buffer out of it any more. */
static void restore_piece(struct dhp_buffers *b, struct dhp_buffer_node *node,
			  unsigned long pfn, unsigned long end_pfn)
{
	struct page *page;

	for (; pfn < end_pfn; pfn++) {
		page = pfn_chunk(b, pfn);
		if (page)
			list_move(&page->lru, chunk_list(b, node, page));
	}
}

/*
 * Gives the leaving range back, a piece at a time. Nothing is taken from there any
 * more, so the number of buffers that are out only goes down: those that are put
 * back in a piece that was counted count down.
 */
static void vacate(struct dhp_buffers *b, struct dhp_buffer_node *node)
{
	struct dhp_leaving *leaving = &node->leaving;
	unsigned long pfn = leaving->start_pfn, next;

	while (pfn < leaving->end_pfn) {
		next = min(pfn + pageblock_nr_pages, leaving->end_pfn);
		spin_lock_irq(&node->lock);
		leaving->nr_out += vacate_piece(b, node, pfn, next);
		leaving->counted_pfn = next;
		spin_unlock_irq(&node->lock);
		pfn = next;
		cond_resched();
	}
}

static unsigned long nr_leaving(struct dhp_buffer_node *node)
{
	unsigned long nr;

	spin_lock_irq(&node->lock);
	nr = node->leaving.nr_out;
	spin_unlock_irq(&node->lock);
	return nr;
}

/* The memory hotplug lock is held: nothing here allocates. */
static void memory_remove_start(struct dhp_pool *pool,
				const struct dhp_memory_change *change)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_node *node = &b->node[change->nid];
	unsigned long nr;
	phys_addr_t start, end;

	WRITE_ONCE(b->removing, true);
	spin_lock_irq(&node->lock);
	node->leaving = (struct dhp_leaving) {
		.start_pfn = change->start_pfn,
		.end_pfn = change->start_pfn + change->nr_pages,
	};
	spin_unlock_irq(&node->lock);

	caches_shut(b);
	vacate(b, node);
	wait_event_timeout(b->returned, !nr_leaving(node), RETURN_TIMEOUT_SECONDS * HZ);
	nr = nr_leaving(node);
	if (!nr)
		return;
	start = PFN_PHYS(change->start_pfn);
	end = start + PFN_PHYS(change->nr_pages) - 1;
	pr_warn("pool %s: %lu buffers in use in [mem %pa-%pa], which is to go offline, were not put back within %d s\n",
		pool->name, nr, &start, &end, RETURN_TIMEOUT_SECONDS);
}

static void memory_removed(struct dhp_buffers *b, const struct dhp_memory_change *change)
{
	struct dhp_buffer_node *node = &b->node[change->nid];

	spin_lock_irq(&node->lock);
	node->leaving = (struct dhp_leaving) { };
	spin_unlock_irq(&node->lock);
	caches_unshut(b);
}

/* What was hidden is there again. */
static void memory_stays(struct dhp_buffers *b, const struct dhp_memory_change *change)
{
	struct dhp_buffer_node *node = &b->node[change->nid];
	unsigned long pfn = change->start_pfn, end_pfn = pfn + change->nr_pages, next;

	for (; pfn < end_pfn; pfn = next) {
		next = min(pfn + pageblock_nr_pages, end_pfn);
		spin_lock_irq(&node->lock);
		restore_piece(b, node, pfn, next);
		spin_unlock_irq(&node->lock);
		cond_resched();
	}
	WRITE_ONCE(b->removing, false);
}

static void memory_changed(void *context, const struct dhp_memory_change *change)
{
	struct dhp_pool *pool = context;

	switch (change->state) {
	case DHP_MEMORY_REMOVE_START:
		memory_remove_start(pool, change);
		break;
	case DHP_MEMORY_REMOVE_COMPLETE:
		/* The event comes when the last block of the DIMM has gone. */
		memory_removed(&pool->buffers, change);
		dhp_buffers_kick(pool);
		break;
	case DHP_MEMORY_REMOVE_FAILURE:
		memory_removed(&pool->buffers, change);
		memory_stays(&pool->buffers, change);
		dhp_buffers_kick(pool);
		break;
	}
}

static void memory_event(void *context, const struct dhp_event *event)
{
	struct dhp_pool *pool = context;

	WRITE_ONCE(pool->buffers.removing, false);
	dhp_buffers_kick(pool);
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
	caches_empty(b, cache_filled);
	return depots_take(b);
}

static noinline void debug_check_free(struct dhp_pool *pool, void *buffer)
{
	u8 *wrong = memchr_inv(buffer, POISON_FREE, pool->buffers.size);

	WARN(wrong, "pool %s: buffer %p was written to at offset %zu after it was put\n",
	     pool->name, buffer, wrong - (u8 *)buffer);
}

static noinline void *get_slow(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	void *buffer;

	if (!b->node)
		return NULL;
	buffer = cache_get_slow(b) ?: depots_take(b) ?: get_from_others(b);
	if (b->debug && buffer)
		debug_check_free(pool, buffer);
	return buffer;
}

void *dhp_buffer_get(struct dhp_pool *pool)
{
	struct dhp_buffer_cache *cache;
	void *buffer = NULL;

	preempt_disable();
	cache = this_cpu_read(*pool->buffers.cache);
	if (cache_enter(cache)) {
		buffer = cache_pop(cache);
		cache_leave(cache);
	}
	preempt_enable();
	if (unlikely(!buffer))
		buffer = get_slow(pool);
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
	struct dhp_buffers *b = &pool->buffers;
	const char *wrong = "is no memory that a buffer can be in";
	struct dhp_buffer_node *node;
	unsigned long flags;
	struct page *page;

	if (virt_addr_valid(buffer)) {
		page = buffer_chunk(b, buffer);
		node = chunk_node(b, page);
		spin_lock_irqsave(&node->lock, flags);
		wrong = buffer_wrong(b, page, buffer);
		spin_unlock_irqrestore(&node->lock, flags);
	}
	if (WARN(wrong, "pool %s: dhp_buffer_put(): buffer %p %s; it is ignored\n",
		 pool->name, buffer, wrong))
		return false;
	memory_hide(b, buffer, b->size);
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
		depots_put(b, &buffer, 1);
}

void dhp_buffer_put(struct dhp_pool *pool, void *buffer)
{
	struct dhp_buffer_cache *cache;
	bool done = false;

	if (unlikely(!buffer) || !buffer_hide(&pool->buffers, buffer))
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

/* ---- For pool.c ---------------------------------------------------------- */

static void mark_list(struct dhp_buffers *b, struct list_head *chunks)
{
	struct page *page;

	list_for_each_entry(page, chunks, lru) {
		if (b->marked)
			chunk_mark(b, page);
		else
			chunk_unmark(b, page);
	}
}

/* Marks all chunks, now and from now on, or takes the mark off. */
void dhp_buffers_mark(struct dhp_pool *pool, bool marked)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_node *node;
	int nid;

	if (!b->node)
		return;
	/* A chunk that is adopted without having seen it is on a list below. */
	WRITE_ONCE(b->marked, marked);
	for (nid = 0; nid < nr_node_ids; nid++) {
		node = &b->node[nid];
		spin_lock_irq(&node->lock);
		mark_list(b, &node->whole);
		mark_list(b, &node->partial);
		mark_list(b, &node->empty);
		spin_unlock_irq(&node->lock);
	}
}

/* Exact when nobody gets or puts buffers meanwhile. */
void dhp_buffers_counts(struct dhp_pool *pool, struct dhp_buffer_counts *counts)
{
	struct dhp_buffers *b = &pool->buffers;
	struct depot_sums sums;
	unsigned long unused;

	*counts = (struct dhp_buffer_counts) { };
	if (!b->node)
		return;
	mutex_lock(&b->mutex);
	sums = depots_sum(b);
	unused = sums.free + nr_cached(b);
	mutex_unlock(&b->mutex);
	counts->nr = sums.buffers;
	counts->in_use = sums.buffers > unused ? sums.buffers - unused : 0;
	counts->size_bytes = b->size;
}

static int check_config(const struct dhp_pool_config *config)
{
	if (config->buffer_size > BUFFER_SIZE_MAX) {
		pr_err("pool %s: bad buffer_size %zu: it must be at most %u bytes\n",
		       config->name, config->buffer_size, BUFFER_SIZE_MAX);
		return -EINVAL;
	}
	if (config->buffer_permille < 1 || config->buffer_permille > 500) {
		pr_err("pool %s: bad buffer_permille %u: it must be 1 to 500\n",
		       config->name, config->buffer_permille);
		return -EINVAL;
	}
	if (config->buffers_max && config->buffers_min > config->buffers_max) {
		pr_err("pool %s: bad buffers_min %lu: it must be at most buffers_max, which is %lu\n",
		       config->name, config->buffers_min, config->buffers_max);
		return -EINVAL;
	}
	return 0;
}

static void set_size(struct dhp_buffers *b, size_t size)
{
	b->size = roundup_pow_of_two(max_t(size_t, size, BUFFER_SIZE_MIN));
	b->shift = ilog2(b->size);
	b->order = get_order(b->size);
	b->all_there = GENMASK(buffers_per_chunk(b) - 1, 0);
	b->cache_slots = clamp_t(unsigned int, CACHE_BYTES >> b->shift,
				 CACHE_BUFFERS_MIN, CACHE_BUFFERS_MAX);
}

static void node_init(struct dhp_buffer_node *node)
{
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->whole);
	INIT_LIST_HEAD(&node->partial);
	INIT_LIST_HEAD(&node->empty);
}

static int alloc_caches(struct dhp_buffers *b)
{
	unsigned int cpu;

	b->cache = alloc_percpu(typeof(*b->cache));
	if (!b->cache)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		WRITE_ONCE(*per_cpu_ptr(b->cache, cpu), &no_cache);
	return 0;
}

/* Nothing is left to undo when it fails. */
int dhp_buffers_init(struct dhp_pool *pool, const struct dhp_pool_config *config)
{
	struct dhp_buffers *b = &pool->buffers;
	int err, nid;

	mutex_init(&b->mutex);
	init_waitqueue_head(&b->returned);
	INIT_DELAYED_WORK(&b->resize, resize_fn);
	if (config->buffer_size) {
		err = check_config(config);
		if (err)
			return err;
	}
	/* So that getting from a pool without buffers needs no check of its own. */
	err = alloc_caches(b);
	if (err || !config->buffer_size)
		return err;

	set_size(b, config->buffer_size);
	b->permille = config->buffer_permille;
	b->min = config->buffers_min;
	b->max = config->buffers_max;
	b->debug = debug;
	b->node = kcalloc(nr_node_ids, sizeof(*b->node), GFP_KERNEL);
	if (!b->node) {
		free_percpu(b->cache);
		return -ENOMEM;
	}
	for (nid = 0; nid < nr_node_ids; nid++)
		node_init(&b->node[nid]);
	return 0;
}

static int register_clients(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_memory_client *memory;
	struct dhp_event_client *event;

	/* First, for no removal that is begun may end without it. */
	event = dhp_register_event_callback(DHP_MEMORY, memory_event, pool, 0);
	if (IS_ERR(event))
		return PTR_ERR(event);
	b->event_client = event;
	memory = dhp_register_memory_callback(memory_changed, pool);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	b->memory_client = memory;
	return 0;
}

/* Begins to follow the memory, and makes the first buffers. */
int dhp_buffers_follow(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	int err;

	if (!b->node)
		return 0;
	err = register_clients(pool);
	if (err)
		return err;
	b->shrinker.count_objects = shrinker_count;
	b->shrinker.scan_objects = shrinker_scan;
	b->shrinker.seeks = DEFAULT_SEEKS;
	b->shrinker.flags = SHRINKER_NUMA_AWARE;
	err = register_shrinker(&b->shrinker, "dhp-%s", pool->name);
	if (err)
		return err;

	dhp_buffers_kick(pool);
	flush_delayed_work(&b->resize);
	return 0;
}

/* Nobody can put a leaked buffer back: there is no owner any more. */
static void leak_list(struct dhp_buffers *b, struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		page->index = 0;
		set_page_private(page, 0);
		chunk_unmark(b, page);
	}
}

static void leak_in_use(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct depot_sums sums = depots_sum(b);
	unsigned long nr = sums.buffers - sums.free;
	int nid;

	if (!nr)
		return;
	pr_err("pool %s: destroyed with %lu buffers of %zu bytes in use, which are lost; dhp_buffer_put() is missing\n",
	       pool->name, nr, b->size);
	for (nid = 0; nid < nr_node_ids; nid++) {
		leak_list(b, &b->node[nid].partial);
		leak_list(b, &b->node[nid].empty);
	}
}

static void free_buffers(struct dhp_pool *pool)
{
	const unsigned long none = 0;
	struct dhp_buffers *b = &pool->buffers;
	unsigned int cpu;
	int nid;

	for_each_possible_cpu(cpu)
		dhp_buffers_share_del(pool, cpu);
	for (nid = 0; nid < nr_node_ids; nid++)
		while (depot_shrink(b, &b->node[nid], &none))
			;
	leak_in_use(pool);
}

/*
 * After the last notification of a processor, and with no user left. Fine after a
 * partial start.
 */
void dhp_buffers_exit(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (b->node) {
		unregister_shrinker(&b->shrinker);
		if (b->memory_client)
			dhp_unregister_memory_callback(b->memory_client);
		if (b->event_client)
			dhp_unregister_event_callback(b->event_client);
		cancel_delayed_work_sync(&b->resize);
		free_buffers(pool);
		kfree(b->node);
	}
	free_percpu(b->cache);
}
