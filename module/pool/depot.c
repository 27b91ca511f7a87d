// SPDX-License-Identifier: GPL-2.0-only
/*
 * The depots of a pool: the chunks of each node, and the free buffers in them. What a chunk
 * is made of is in chunk.c, how many there are to be in buffer_resize.c.
 *
 * Each node has a *depot* of chunks, under a lock. A buffer is either in the depot, or
 * *out*: in use, or in the cache of a CPU. As in slab, a chunk is *free* when all its
 * buffers are in the depot, *partial* when some are, *full* when none is. A free chunk can
 * be released. A *retired* chunk, in memory that is going offline or has become bad, hands
 * out no buffer; it is on the list of full ones until it is free, and then released.
 */

#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "chunk.h"
#include "depot.h"
#include "poison.h"
#include "spare.h"

/* ---- The chunks of a node, with its lock held ------------------------------ */

/* The list that a chunk has to be on. */
static struct list_head *chunk_list(struct dhp_buffers *b, struct dhp_buffer_node *node,
				    struct page *page)
{
	if (!*chunk_map(page) || chunk_retired(b, node, page))
		return &node->full;
	return chunk_free(b, page) ? &node->free : &node->partial;
}

/* Moves a chunk to the list that it has to be on. */
void dhp_depot_sort(struct dhp_buffers *b, struct dhp_buffer_node *node, struct page *page)
{
	lockdep_assert_held(&node->lock);

	list_move(&page->lru, chunk_list(b, node, page));
}

/* Pages from the kernel, already marked, become a chunk. No other task knows them yet. */
static void chunk_add(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	if (!READ_ONCE(b->marked))
		dhp_chunk_unmark(b, page);
	dhp_chunk_adopt(b, page);
	list_add_tail(&page->lru, &node->free);
	node->nr++;
	node->nr_free++;
	node->nr_free_buffers += buffers_per_chunk(b);
}

/* A free chunk goes back to the kernel. */
static void chunk_release(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	list_del(&page->lru);
	node->nr--;
	node->nr_free--;
	node->nr_free_buffers -= buffers_per_chunk(b);
	dhp_chunk_disown(page);
	dhp_chunk_free_pages(b, page);
}

/* A retired chunk goes back to the kernel, or is hidden until its buffers are there. */
void dhp_depot_retire(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = chunk_node(b, page);

	lockdep_assert_held(&node->lock);

	if (chunk_free(b, page))
		chunk_release(b, page);
	else
		dhp_depot_sort(b, node, page);
}

/* Takes at most @want buffers out of a chunk; returns how many. */
static unsigned int chunk_take(struct dhp_buffers *b, struct page *page, void **slot,
			       unsigned int want)
{
	struct dhp_buffer_node *node = chunk_node(b, page);
	unsigned int nr = 0;

	lockdep_assert_held(&node->lock);

	if (chunk_free(b, page))
		node->nr_free--;
	while (nr < want && *chunk_map(page)) {
		slot[nr++] = page_address(page) + (__ffs(*chunk_map(page)) << b->shift);
		*chunk_map(page) &= *chunk_map(page) - 1;
	}
	node->nr_free_buffers -= nr;
	dhp_depot_sort(b, node, page);
	return nr;
}

/* vacate.c waits for the last one, and must find the memory free. */
static void offlining_returned(struct dhp_buffers *b, struct dhp_buffer_node *node)
{
	if (!--node->offlining.nr_out)
		wake_up_all(&b->returned);
}

/* The opposite of chunk_take(), for a buffer that is known to be out. */
static void chunk_put(struct dhp_buffers *b, struct page *page, unsigned long bit)
{
	struct dhp_buffer_node *node = chunk_node(b, page);
	bool offlining = chunk_offlining(node, page);
	bool counted = offlining && page_to_pfn(page) < node->offlining.counted_pfn;

	lockdep_assert_held(&node->lock);

	*chunk_map(page) |= bit;
	node->nr_free_buffers++;
	if (chunk_free(b, page))
		node->nr_free++;
	if (chunk_free(b, page) &&
	    (chunk_retired(b, node, page) || node->nr > node->target))
		chunk_release(b, page);
	else
		dhp_depot_sort(b, node, page);
	if (counted)
		offlining_returned(b, node);
}

/* ---- Taking and putting ---------------------------------------------------- */

/* The chunk to take from: a free one only as a last choice, for it can be released. */
static struct page *depot_chunk(struct dhp_buffer_node *node)
{
	return list_first_entry_or_null(list_empty(&node->partial) ?
					&node->free : &node->partial,
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
			dhp_depot_retire(b, page);
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
		return "is not a buffer: a buffer does not begin here";
	if (*chunk_map(page) & buffer_bit(b, page, buffer))
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

/* Keeps a node's lock as long as one buffer after the other belongs there. */
void dhp_depots_put(struct dhp_buffers *b, void **slot, unsigned int nr)
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

/* What is wrong with putting this, for any pointer; NULL when nothing is. */
const char *dhp_depots_check(struct dhp_buffers *b, void *buffer)
{
	struct dhp_buffer_node *node;
	const char *wrong;
	unsigned long flags;
	struct page *page;

	if (!virt_addr_valid(buffer))
		return "is not in memory that buffers can be in";
	page = buffer_chunk(b, buffer);
	node = chunk_node(b, page);
	spin_lock_irqsave(&node->lock, flags);
	wrong = buffer_wrong(b, page, buffer);
	spin_unlock_irqrestore(&node->lock, flags);
	return wrong;
}

/* ---- Size ------------------------------------------------------------------ */

void dhp_depot_set_target(struct dhp_buffer_node *node, unsigned long target,
			  unsigned long floor)
{
	spin_lock_irq(&node->lock);
	node->target = target;
	node->floor = floor;
	spin_unlock_irq(&node->lock);
}

/* The free chunk that was not used for longest. */
static struct page *depot_coldest(struct dhp_buffer_node *node)
{
	return list_empty(&node->free) ? NULL : list_last_entry(&node->free, struct page, lru);
}

/* Releases one free chunk if the node has more chunks than @keep; false without one. */
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
 * Adds one chunk to a node. 0 when it has, 1 when none is needed. Between the blocks of a
 * DIMM that goes offline block by block, the pool does not grow either.
 */
int dhp_depot_grow(struct dhp_buffers *b, int nid)
{
	struct dhp_buffer_node *node = &b->node[nid];
	struct page *page;
	bool below;
	int ret = 0;

	spin_lock_irq(&node->lock);
	below = node->nr < node->floor;
	if (READ_ONCE(b->removing) || node->offlining.end_pfn)
		ret = -EAGAIN;
	else if (node->nr >= node->target)
		ret = 1;
	spin_unlock_irq(&node->lock);
	if (ret)
		return ret;

	page = below ? dhp_alloc_floor(nid, b->order) : dhp_alloc_spare(nid, b->order);
	if (!page)
		return -ENOMEM;
	dhp_chunk_mark(b, page);
	memory_hide(b, page_address(page), chunk_bytes(b));

	spin_lock_irq(&node->lock);
	if (node->offlining.end_pfn) {
		ret = -EAGAIN;
		dhp_chunk_free_pages(b, page);
	} else {
		chunk_add(b, page);
	}
	spin_unlock_irq(&node->lock);
	return ret;
}

/* How many chunks the shrinker may release. */
unsigned long dhp_depot_nr_spare(struct dhp_buffer_node *node)
{
	unsigned long nr, flags;

	spin_lock_irqsave(&node->lock, flags);
	nr = node->nr > node->floor ? min(node->nr - node->floor, node->nr_free) : 0;
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
		sums.buffers += node->nr * buffers_per_chunk(b);
		sums.free += node->nr_free_buffers;
		if (node->nr > node->target)
			sums.surplus_chunks += node->nr - node->target;
		spin_unlock_irqrestore(&node->lock, flags);
	}
	return sums;
}

/* ---- All chunks ------------------------------------------------------------ */

static void mark_list(struct dhp_buffers *b, struct list_head *chunks)
{
	struct page *page;

	list_for_each_entry(page, chunks, lru) {
		if (b->marked)
			dhp_chunk_mark(b, page);
		else
			dhp_chunk_unmark(b, page);
	}
}

/* Marks all chunks, now and from now on, or takes the mark off. */
void dhp_depots_mark(struct dhp_buffers *b, bool marked)
{
	struct dhp_buffer_node *node;
	int nid;

	if (!b->node)
		return;
	/* A chunk that is added without having seen it is on a list below. */
	WRITE_ONCE(b->marked, marked);
	for (nid = 0; nid < nr_node_ids; nid++) {
		node = &b->node[nid];
		spin_lock_irq(&node->lock);
		mark_list(b, &node->free);
		mark_list(b, &node->partial);
		mark_list(b, &node->full);
		spin_unlock_irq(&node->lock);
	}
}

/* A leaked buffer cannot be put back: its pages belong to no pool any more. */
static void leak_list(struct dhp_buffers *b, struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		dhp_chunk_disown(page);
		dhp_chunk_unmark(b, page);
	}
}

/* The memory of buffers in use belongs to their users from now on. */
void dhp_depots_leak(struct dhp_buffers *b)
{
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++) {
		leak_list(b, &b->node[nid].partial);
		leak_list(b, &b->node[nid].full);
	}
}

void dhp_depot_init(struct dhp_buffer_node *node)
{
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->free);
	INIT_LIST_HEAD(&node->partial);
	INIT_LIST_HEAD(&node->full);
}
