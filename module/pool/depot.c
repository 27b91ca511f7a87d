// SPDX-License-Identifier: GPL-2.0-only
/*
 * The depots of a pool: what buffers are made of, and where they are while nobody
 * has them, node by node.
 *
 * A *chunk* is a block of pages from the kernel: one buffer, or one page carved into
 * several. All that is known of it is in its first struct page: list membership in
 * page->lru, owner in page->private, a bit for each buffer that is there in
 * another word of it. So nothing of ours pins memory but the buffers themselves.
 *
 * Each node has a *depot* of chunks, under a lock. A buffer is either in the depot,
 * or *out*: somebody uses it, or a processor has it in its cache. A chunk whose
 * buffers are all there is *whole*, and can be released.
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
 * A page that the pool has just allocated, or is about to free, is unmarked for a
 * moment. A removal that begins in this very moment is refused, as it would be by
 * anybody else's allocation. So the moment is as short as it can be, and the pool does
 * not grow while memory is on its way out.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "compat.h"
#include "internal.h"
#include "poison.h"
#include "pool.h"

/*
 * How many pages to look at in one go under a node's lock. The kernel's own pageblocks have
 * no size that a module can link to on some architectures.
 */
#define PIECE_PAGES 512UL

/* ---- Memory that can hold buffers ---------------------------------------- */

/*
 * Buffers do not move, so neither ZONE_MOVABLE nor what is set aside for CMA can hold
 * them. The zones from the first one up to the one that this returns can.
 */
static enum zone_type last_zone(void)
{
	return gfp_zone(GFP_KERNEL);
}

/* In pages, of one node. */
u64 dhp_node_pages(int nid)
{
	struct zone *zone;
	u64 pages = 0;
	int i;

	if (!node_online(nid))
		return 0;
	for (i = 0; i <= last_zone(); i++) {
		zone = &NODE_DATA(nid)->node_zones[i];
		pages += zone_managed_pages(zone);
		pages -= min(zone_managed_pages(zone), zone_cma_pages(zone));
	}
	return pages;
}

/* As the page allocator counts them for an allocation that cannot move. */
static unsigned long zone_free_pages(struct zone *zone)
{
	unsigned long nr = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long nr_reserved = zone_page_state(zone, NR_FREE_CMA_PAGES) +
				    zone->nr_reserved_highatomic;

	/* CPUs have changes of their own, which matter when little is free. */
	if (nr < zone->percpu_drift_mark)
		nr = zone_page_state_snapshot(zone, NR_FREE_PAGES);
	return nr - min(nr, nr_reserved);
}

/*
 * How far the kernel may raise a zone's watermarks when a page that cannot move has to go
 * among movable ones, as any of ours may have to: by one and a half times the high one, at
 * vm.watermark_boost_factor's default. The next allocation, by any task, then wakes kswapd,
 * and it reclaims that much.
 */
static unsigned long max_boost(unsigned long high)
{
	return high + high / 2;
}

/*
 * Has a zone free memory for which nothing would have to be pushed out? An allocation
 * that takes it below the low watermark wakes kswapd, which reclaims until the high one is
 * reached again. So with the page cache full, free memory stays between the two, raised or
 * not; what a zone has above them, with the same distance once more to stay away from
 * them, is spare.
 */
static bool zone_has_spare(struct zone *zone, unsigned int order)
{
	unsigned long high = high_wmark_pages(zone);
	unsigned long mark = high + max_boost(high);

	mark += high - low_wmark_pages(zone) + zone->lowmem_reserve[last_zone()];
	return zone_free_pages(zone) > mark + (1UL << order);
}

/* What has the page allocator begin with this zone. */
static gfp_t zone_gfp(enum zone_type type)
{
#ifdef CONFIG_ZONE_DMA
	if (type == ZONE_DMA)
		return __GFP_DMA;
#endif
#ifdef CONFIG_ZONE_DMA32
	if (type == ZONE_DMA32)
		return __GFP_DMA32;
#endif
	return 0;
}

/*
 * Pages that nobody uses, not even as page cache. The allocator is told not to reclaim
 * and not to have kswapd do it; but so told, it would go down to the low watermark and,
 * failing that, to the lowest. Hence a zone that has spare pages is looked for before.
 */
static struct page *alloc_spare(int nid, unsigned int order)
{
	struct zone *zone;
	int i;

	for (i = last_zone(); i >= 0; i--) {
		zone = &NODE_DATA(nid)->node_zones[i];
		/* An estimate: all of it changes while we look. */
		if (managed_zone(zone) && data_race(zone_has_spare(zone, order)))
			return alloc_pages_node(nid, (GFP_KERNEL & ~__GFP_RECLAIM) | zone_gfp(i) |
						__GFP_THISNODE | __GFP_NOMEMALLOC | __GFP_NOWARN,
						order);
	}
	return NULL;
}

/* Reclaims, though rather no buffer than one for which others would have to suffer. */
static struct page *alloc_floor(int nid, unsigned int order)
{
	return alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN,
				order);
}

/* ---- One chunk: its first struct page ------------------------------------ */

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

/* A bit for each of its buffers. */
static unsigned long *chunk_there(struct page *page)
{
	return dhp_page_word(page);
}

static bool chunk_whole(struct dhp_buffers *b, struct page *page)
{
	return *chunk_there(page) == b->all_there;
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

/* The first page last: it has the reference, and isolation looks at no other. */
static void chunk_unmark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i = 1U << b->order;

	while (i--)
		if (PageOffline(page + i))
			__ClearPageOffline(page + i);
}

/*
 * The page allocator keeps a poisoned page when it is freed by itself. It does not look
 * for one among several pages that are freed together, and would hand it out again.
 */
static void chunk_free(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	shadow_show(page_address(page), dhp_chunk_bytes(b));
	chunk_unmark(b, page);
	if (b->order && dhp_chunk_poisoned(b, page)) {
		split_page(page, b->order);
		for (i = 0; i < 1U << b->order; i++)
			__free_page(page + i);
	} else {
		__free_pages(page, b->order);
	}
}

/* Its buffers are not handed out any more, and it goes when they are all there. */
static bool chunk_retired(struct dhp_buffers *b, struct dhp_buffer_node *node,
			  struct page *page)
{
	return chunk_leaving(node, page) || dhp_chunk_poisoned(b, page);
}

/* The list that a chunk has to be on. One that is retired has nothing to give. */
static struct list_head *chunk_list(struct dhp_buffers *b, struct dhp_buffer_node *node,
				    struct page *page)
{
	if (!*chunk_there(page) || chunk_retired(b, node, page))
		return &node->empty;
	return chunk_whole(b, page) ? &node->whole : &node->partial;
}

/* Pages from the kernel, marked already, become a chunk. Nobody else knows them yet. */
static void chunk_adopt(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	if (!READ_ONCE(b->marked))
		chunk_unmark(b, page);
	set_page_private(page, (unsigned long)b);
	*chunk_there(page) = b->all_there;
	list_add_tail(&page->lru, &node->whole);
	node->nr++;
	node->nr_whole++;
	node->nr_free += dhp_buffers_per_chunk(b);
}

/* A chunk that is whole goes back to the kernel. */
static void chunk_release(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	list_del(&page->lru);
	node->nr--;
	node->nr_whole--;
	node->nr_free -= dhp_buffers_per_chunk(b);
	*chunk_there(page) = 0;
	set_page_private(page, 0);
	chunk_free(b, page);
}

/* One that is retired goes back to the kernel, or is hidden until its buffers are there. */
static void chunk_retire(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	if (chunk_whole(b, page))
		chunk_release(b, page);
	else
		list_move(&page->lru, chunk_list(b, node, page));
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
	while (nr < want && *chunk_there(page)) {
		slot[nr++] = page_address(page) + (__ffs(*chunk_there(page)) << b->shift);
		*chunk_there(page) &= *chunk_there(page) - 1;
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

	*chunk_there(page) |= bit;
	node->nr_free++;
	if (chunk_whole(b, page))
		node->nr_whole++;
	if (chunk_whole(b, page) &&
	    (chunk_retired(b, node, page) || node->nr > node->target))
		chunk_release(b, page);
	else
		list_move(&page->lru, chunk_list(b, node, page));
	if (counted)
		leaving_returned(b, node);
}

/* ---- Taking and putting --------------------------------------------------- */

/* The chunk to take from: a whole one only if need be, for it can be released. */
static struct page *depot_chunk(struct dhp_buffer_node *node)
{
	return list_first_entry_or_null(list_empty(&node->partial) ?
					&node->whole : &node->partial,
					struct page, lru);
}

unsigned int dhp_depot_take(struct dhp_buffers *b, struct dhp_buffer_node *node,
			    void **slot, unsigned int want)
{
	unsigned int nr = 0;
	unsigned long flags;
	struct page *page;

	spin_lock_irqsave(&node->lock, flags);
	while (nr < want && (page = depot_chunk(node))) {
		if (chunk_retired(b, node, page))
			chunk_retire(b, page);
		else
			nr += chunk_take(b, page, slot + nr, want - nr);
	}
	spin_unlock_irqrestore(&node->lock, flags);
	return nr;
}

/* One buffer, from this node if it has one. */
void *dhp_depots_take(struct dhp_buffers *b)
{
	void *buffer;
	int nid;

	if (dhp_depot_take(b, &b->node[numa_node_id()], &buffer, 1))
		return buffer;
	for_each_online_node(nid)
		if (dhp_depot_take(b, &b->node[nid], &buffer, 1))
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
	if (*chunk_there(page) & buffer_bit(b, page, buffer))
		return "was put before";
	return NULL;
}

static void depot_put_one(struct dhp_buffers *b, void *buffer)
{
	struct page *page = dhp_buffer_chunk(b, buffer);
	const char *wrong = buffer_wrong(b, page, buffer);

	if (!WARN_ONCE(wrong, "dhp_buffer_put(): buffer %p %s; it is ignored\n", buffer, wrong))
		chunk_put(b, page, buffer_bit(b, page, buffer));
}

/* Holds a node's lock as long as one buffer after the other belongs there. */
void dhp_depots_put(struct dhp_buffers *b, void **slot, unsigned int nr)
{
	void **end = slot + nr;
	struct dhp_buffer_node *node;
	unsigned long flags;

	while (slot < end) {
		node = chunk_node(b, dhp_buffer_chunk(b, *slot));
		spin_lock_irqsave(&node->lock, flags);
		do {
			depot_put_one(b, *slot++);
		} while (slot < end && chunk_node(b, dhp_buffer_chunk(b, *slot)) == node);
		spin_unlock_irqrestore(&node->lock, flags);
	}
}

/* What is wrong with putting this, whatever it is; NULL when nothing is. */
const char *dhp_depots_check(struct dhp_buffers *b, void *buffer)
{
	struct dhp_buffer_node *node;
	const char *wrong;
	unsigned long flags;
	struct page *page;

	if (!virt_addr_valid(buffer))
		return "is no memory that a buffer can be in";
	page = dhp_buffer_chunk(b, buffer);
	node = chunk_node(b, page);
	spin_lock_irqsave(&node->lock, flags);
	wrong = buffer_wrong(b, page, buffer);
	spin_unlock_irqrestore(&node->lock, flags);
	return wrong;
}

/* ---- Size ---------------------------------------------------------------- */

void dhp_depot_set_target(struct dhp_buffer_node *node, unsigned long target,
			  unsigned long floor)
{
	spin_lock_irq(&node->lock);
	node->target = target;
	node->floor = floor;
	spin_unlock_irq(&node->lock);
}

/* The chunk that has been in the depot for longest. */
static struct page *depot_coldest(struct dhp_buffer_node *node)
{
	return list_empty(&node->whole) ? NULL : list_last_entry(&node->whole, struct page, lru);
}

/* Releases one chunk if more than @keep are there; false when there is none. */
bool dhp_depot_shrink(struct dhp_buffers *b, struct dhp_buffer_node *node,
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

/*
 * One more chunk for a node. 0 when there is one, 1 when none is needed. Between
 * the blocks of a DIMM that goes one by one there is no growing either.
 */
int dhp_depot_grow(struct dhp_buffers *b, int nid)
{
	struct dhp_buffer_node *node = &b->node[nid];
	struct page *page;
	bool below;
	int ret = 0;

	spin_lock_irq(&node->lock);
	below = node->nr < node->floor;
	if (READ_ONCE(b->removing) || node->leaving.end_pfn)
		ret = -EAGAIN;
	else if (node->nr >= node->target)
		ret = 1;
	spin_unlock_irq(&node->lock);
	if (ret)
		return ret;

	page = below ? alloc_floor(nid, b->order) : alloc_spare(nid, b->order);
	if (!page)
		return -ENOMEM;
	chunk_mark(b, page);
	memory_hide(b, page_address(page), dhp_chunk_bytes(b));

	spin_lock_irq(&node->lock);
	if (node->leaving.end_pfn) {
		ret = -EAGAIN;
		chunk_free(b, page);
	} else {
		chunk_adopt(b, page);
	}
	spin_unlock_irq(&node->lock);
	return ret;
}

/* How many chunks can be had while memory is short. */
unsigned long dhp_depot_nr_spare(struct dhp_buffer_node *node)
{
	unsigned long nr, flags;

	spin_lock_irqsave(&node->lock, flags);
	nr = node->nr > node->floor ? min(node->nr - node->floor, node->nr_whole) : 0;
	spin_unlock_irqrestore(&node->lock, flags);
	return nr;
}

struct dhp_depot_sums dhp_depots_sum(struct dhp_buffers *b)
{
	struct dhp_depot_sums sums = { };
	struct dhp_buffer_node *node;
	unsigned long flags;
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++) {
		node = &b->node[nid];
		spin_lock_irqsave(&node->lock, flags);
		sums.buffers += node->nr * dhp_buffers_per_chunk(b);
		sums.free += node->nr_free;
		if (node->nr > node->target)
			sums.surplus_chunks += node->nr - node->target;
		spin_unlock_irqrestore(&node->lock, flags);
	}
	return sums;
}

/* ---- Memory that leaves ---------------------------------------------------- */

/* The chunk that begins at @pfn; NULL when none of the pool's does. */
static struct page *pfn_chunk(struct dhp_buffers *b, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	/* Others' pages, another pool's say, change while we look, and do not become ours. */
	return data_race(chunk_ours(b, page)) && PageOffline(page) ? page : NULL;
}

static unsigned long nr_chunk_out(struct dhp_buffers *b, struct page *page)
{
	return dhp_buffers_per_chunk(b) - hweight_long(*chunk_there(page));
}

/* Hides or releases the chunks of some pages; returns how many buffers of them are out. */
static unsigned long vacate_piece(struct dhp_buffers *b, unsigned long pfn, unsigned long end_pfn)
{
	unsigned long nr = 0;
	struct page *page;

	for (; pfn < end_pfn; pfn++) {
		page = pfn_chunk(b, pfn);
		if (!page)
			continue;
		nr += nr_chunk_out(b, page);
		chunk_retire(b, page);
	}
	return nr;
}

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

/* Nothing is taken from these pages until dhp_depot_leave_end(). */
void dhp_depot_leave_begin(struct dhp_buffer_node *node, unsigned long start_pfn,
			   unsigned long end_pfn)
{
	spin_lock_irq(&node->lock);
	node->leaving = (struct dhp_leaving) {
		.start_pfn = start_pfn,
		.end_pfn = end_pfn,
	};
	spin_unlock_irq(&node->lock);
}

/*
 * Gives the leaving range back, a piece at a time. The number of buffers that are
 * out only goes down: those that are put back in a piece that was counted count down.
 */
void dhp_depot_vacate(struct dhp_buffers *b, struct dhp_buffer_node *node)
{
	struct dhp_leaving *leaving = &node->leaving;
	unsigned long pfn, next;

	for (pfn = leaving->start_pfn; pfn < leaving->end_pfn; pfn = next) {
		next = min(pfn + PIECE_PAGES, leaving->end_pfn);
		spin_lock_irq(&node->lock);
		leaving->nr_out += vacate_piece(b, pfn, next);
		leaving->counted_pfn = next;
		spin_unlock_irq(&node->lock);
		cond_resched();
	}
}

unsigned long dhp_depot_nr_leaving(struct dhp_buffer_node *node)
{
	unsigned long nr;

	spin_lock_irq(&node->lock);
	nr = node->leaving.nr_out;
	spin_unlock_irq(&node->lock);
	return nr;
}

void dhp_depot_leave_end(struct dhp_buffer_node *node)
{
	spin_lock_irq(&node->lock);
	node->leaving = (struct dhp_leaving) { };
	spin_unlock_irq(&node->lock);
}

/* The pages stay: what was hidden is there again. */
void dhp_depot_restore(struct dhp_buffers *b, struct dhp_buffer_node *node,
		       unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn, next;

	for (pfn = start_pfn; pfn < end_pfn; pfn = next) {
		next = min(pfn + PIECE_PAGES, end_pfn);
		spin_lock_irq(&node->lock);
		restore_piece(b, node, pfn, next);
		spin_unlock_irq(&node->lock);
		cond_resched();
	}
}

/* ---- All of a pool --------------------------------------------------------- */

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

/* Nobody can put a leaked buffer back: there is no owner any more. */
static void leak_list(struct dhp_buffers *b, struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		*chunk_there(page) = 0;
		set_page_private(page, 0);
		chunk_unmark(b, page);
	}
}

/* Buffers in use are the memory of whoever has them, from now on. */
void dhp_depot_leak(struct dhp_buffers *b, struct dhp_buffer_node *node)
{
	leak_list(b, &node->partial);
	leak_list(b, &node->empty);
}

void dhp_depot_init(struct dhp_buffer_node *node)
{
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->whole);
	INIT_LIST_HEAD(&node->partial);
	INIT_LIST_HEAD(&node->empty);
}
