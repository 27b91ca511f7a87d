// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that goes offline: the pool gives its free chunks there back, hides the others, and
 * waits for their buffers. When the memory stays, it hands out the hidden ones again. All
 * other growing and shrinking is in buffer_resize.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "cache.h"
#include "chunk.h"
#include "depot.h"
#include "vacate.h"

/* How long a removal waits for buffers in use. */
#define RETURN_TIMEOUT_SECONDS 1

/*
 * How many pages to look at in one go under a node's lock. The kernel's own pageblocks have
 * no size that a module can link to on some architectures.
 */
#define PIECE_PAGES 512UL

/* ---- The chunks of a range ------------------------------------------------- */

/* The pool's chunk that begins at @pfn; NULL when none does. */
static struct page *pfn_chunk(struct dhp_buffers *b, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	/* Pages that are not ours, another pool's say, change meanwhile, but never become ours. */
	return data_race(chunk_ours(b, page)) && PageOffline(page) ? page : NULL;
}

static unsigned long nr_chunk_out(struct dhp_buffers *b, struct page *page)
{
	return buffers_per_chunk(b) - hweight_long(*chunk_map(page));
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
		dhp_depot_retire(b, page);
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
			dhp_depot_sort(b, node, page);
	}
}

/* ---- A node ---------------------------------------------------------------- */

/* Nothing is taken from these pages until offlining_end(). */
static void offlining_begin(struct dhp_buffer_node *node, unsigned long start_pfn,
			    unsigned long end_pfn)
{
	spin_lock_irq(&node->lock);
	node->offlining = (struct dhp_offlining) {
		.start_pfn = start_pfn,
		.end_pfn = end_pfn,
	};
	spin_unlock_irq(&node->lock);
}

static void offlining_end(struct dhp_buffer_node *node)
{
	spin_lock_irq(&node->lock);
	node->offlining = (struct dhp_offlining) { };
	spin_unlock_irq(&node->lock);
}

/*
 * Gives the range back, a piece at a time. The number of buffers that are out only goes
 * down: those that are put back in a piece that was counted count down.
 */
static void vacate(struct dhp_buffers *b, struct dhp_buffer_node *node)
{
	struct dhp_offlining *offlining = &node->offlining;
	unsigned long pfn, next;

	for (pfn = offlining->start_pfn; pfn < offlining->end_pfn; pfn = next) {
		next = min(pfn + PIECE_PAGES, offlining->end_pfn);
		spin_lock_irq(&node->lock);
		offlining->nr_out += vacate_piece(b, pfn, next);
		offlining->counted_pfn = next;
		spin_unlock_irq(&node->lock);
		cond_resched();
	}
}

static unsigned long nr_out(struct dhp_buffer_node *node)
{
	unsigned long nr;

	spin_lock_irq(&node->lock);
	nr = node->offlining.nr_out;
	spin_unlock_irq(&node->lock);
	return nr;
}

/* The memory stays: chunks that were hidden hand out their buffers again. */
static void restore(struct dhp_buffers *b, struct dhp_buffer_node *node,
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

/* ---- The steps of a removal ------------------------------------------------ */

/* In REMOVE_START. The memory hotplug lock is held: nothing here allocates. */
void dhp_vacate_start(struct dhp_pool *pool, int nid, unsigned long start_pfn,
		      unsigned long nr_pages)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_node *node = &b->node[nid];
	phys_addr_t start, end;
	unsigned long nr;

	WRITE_ONCE(b->removing, true);
	offlining_begin(node, start_pfn, start_pfn + nr_pages);
	dhp_caches_disable(b);
	vacate(b, node);
	wait_event_timeout(b->returned, !nr_out(node), RETURN_TIMEOUT_SECONDS * HZ);
	nr = nr_out(node);
	if (!nr)
		return;
	start = PFN_PHYS(start_pfn);
	end = start + PFN_PHYS(nr_pages) - 1;
	pr_warn("pool %s: %lu buffers in use in [mem %pa-%pa], which is to go offline, were not put back within %d s\n",
		pool->name, nr, &start, &end, RETURN_TIMEOUT_SECONDS);
}

/*
 * In REMOVE_COMPLETE. Other blocks of the DIMM may follow: the pool does not grow before
 * dhp_vacate_over().
 */
void dhp_vacate_complete(struct dhp_pool *pool, int nid)
{
	struct dhp_buffers *b = &pool->buffers;

	offlining_end(&b->node[nid]);
	dhp_caches_enable(b);
}

/* In REMOVE_FAILURE. */
void dhp_vacate_failure(struct dhp_pool *pool, int nid, unsigned long start_pfn,
			unsigned long nr_pages)
{
	struct dhp_buffers *b = &pool->buffers;

	dhp_vacate_complete(pool, nid);
	restore(b, &b->node[nid], start_pfn, start_pfn + nr_pages);
	WRITE_ONCE(b->removing, false);
}

/* With the event, which comes when memory has come, or all blocks of a range are offline. */
void dhp_vacate_over(struct dhp_pool *pool)
{
	WRITE_ONCE(pool->buffers.removing, false);
}
