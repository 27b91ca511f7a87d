// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool's buffers: how many there are to be on which node, and that they never
 * keep memory from going offline.
 *
 * A buffer is a block of pages, and all that is known of it is in their struct
 * page: list membership in page->lru, owner and state in page->private. So
 * nothing of ours pins memory but the buffers themselves.
 *
 * Memory is isolated before anybody is asked to give it back, and isolation
 * refuses at once when it sees an unmovable page, unless the page is marked as
 * PageOffline: "to give drivers a chance to decrement their reference count in
 * MEM_GOING_OFFLINE". Hence every page of a buffer carries this mark as long as
 * the pool has the buffer, in use or not. A buffer that is still in use when the
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

#include <linux/gfp.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/page-flags.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "internal.h"
#include "pool.h"

#define BUFFER_SIZE_MAX SZ_64K

/* How long memory that leaves waits for buffers in use. */
#define RETURN_TIMEOUT_SECONDS 1

/* When to try again to grow, if nothing happens before. */
#define RETRY_SECONDS 10

/* In page->private, with the address of the pool. */
#define BUFFER_IN_USE 1UL

/* ---- One buffer: its first struct page ----------------------------------- */

static unsigned long buffer_free_tag(struct dhp_pool *pool)
{
	return (unsigned long)pool;
}

static unsigned long buffer_in_use_tag(struct dhp_pool *pool)
{
	return (unsigned long)pool | BUFFER_IN_USE;
}

static void buffer_mark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (!PageOffline(page + i))
			__SetPageOffline(page + i);
}

static void buffer_unmark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (PageOffline(page + i))
			__ClearPageOffline(page + i);
}

static void list_put(struct dhp_buffer_list *list, struct page *page)
{
	list_add_tail(&page->lru, &list->pages);
	list->nr++;
}

static void list_take(struct dhp_buffer_list *list, struct page *page)
{
	list_del(&page->lru);
	list->nr--;
}

/* The buffer that was put back last, because its memory may still be cached. */
static struct page *list_take_last(struct dhp_buffer_list *list)
{
	struct page *page;

	if (!list->nr)
		return NULL;
	page = list_last_entry(&list->pages, struct page, lru);
	list_take(list, page);
	return page;
}

static void list_init(struct dhp_buffer_list *list)
{
	INIT_LIST_HEAD(&list->pages);
	list->nr = 0;
}

static bool buffer_leaving(struct dhp_buffers *b, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	return pfn >= b->leaving.start_pfn && pfn < b->leaving.end_pfn;
}

static bool buffer_surplus(struct dhp_buffers *b, struct page *page)
{
	struct dhp_buffer_node *node = &b->node[page_to_nid(page)];

	return node->nr > node->target;
}

/* A buffer that is on no list goes back to the kernel. */
static void buffer_release(struct dhp_buffers *b, struct page *page)
{
	lockdep_assert_held(&b->lock);

	b->node[page_to_nid(page)].nr--;
	b->nr--;
	set_page_private(page, 0);
	buffer_unmark(b, page);
	__free_pages(page, b->order);
}

/* The opposite: pages from the kernel become a buffer that is on no list. */
static void buffer_adopt(struct dhp_pool *pool, struct page *page)
{
	struct dhp_buffers *b = &pool->buffers;

	lockdep_assert_held(&b->lock);

	if (b->marked)
		buffer_mark(b, page);
	set_page_private(page, buffer_free_tag(pool));
	b->node[page_to_nid(page)].nr++;
	b->nr++;
}

/* ---- Shares -------------------------------------------------------------- */

static struct dhp_buffer_share *active_share(struct dhp_buffers *b, unsigned int cpu)
{
	struct dhp_buffer_share *share = b->share[cpu];

	return share && share->active ? share : NULL;
}

/* Buffers of its own node; of any where its node is to have none. */
static bool share_wants(struct dhp_buffers *b, struct dhp_buffer_share *share,
			struct page *page)
{
	return share->free.nr < b->quota &&
	       (page_to_nid(page) == share->nid || !b->node[share->nid].target);
}

/* A free buffer from where it is missed least; NULL when there is none. */
static struct page *node_take(struct dhp_buffers *b, int nid)
{
	struct page *page = list_take_last(&b->node[nid].free);
	int other;

	for_each_online_node(other) {
		if (page)
			break;
		page = list_take_last(&b->node[other].free);
	}
	return page;
}

static void share_set_quota(struct dhp_buffers *b)
{
	b->quota = b->nr_shares ? b->target / (2 * b->nr_shares) : 0;
}

/* One step towards the quota; false when there is nothing to do. */
static bool share_step(struct dhp_buffers *b, unsigned int cpu)
{
	struct dhp_buffer_share *share;
	struct page *page = NULL;
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	share = active_share(b, cpu);
	if (!share)
		goto unlock;
	if (share->free.nr > b->quota) {
		page = list_take_last(&share->free);
		list_put(&b->node[page_to_nid(page)].free, page);
	} else if (share->free.nr < b->quota) {
		if (b->node[share->nid].target)
			page = list_take_last(&b->node[share->nid].free);
		else
			page = node_take(b, share->nid);
		if (page)
			list_put(&share->free, page);
	}
unlock:
	spin_unlock_irqrestore(&b->lock, flags);
	return page;
}

static void share_adjust(struct dhp_buffers *b, unsigned int cpu)
{
	while (share_step(b, cpu))
		cond_resched();
}

/* In START. May fail without harm: a processor can do without a share. */
int dhp_buffers_share_add(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_share *share;

	if (!b->node || b->share[cpu])
		return 0;
	share = kzalloc(sizeof(*share), GFP_KERNEL);
	if (!share)
		return -ENOMEM;
	list_init(&share->free);
	share->nid = nid == NUMA_NO_NODE ? first_online_node : nid;
	spin_lock_irq(&b->lock);
	b->share[cpu] = share;
	spin_unlock_irq(&b->lock);
	return 0;
}

/* In FAILURE and REMOVE_COMPLETE. */
void dhp_buffers_share_del(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_share *share;

	if (!b->node)
		return;
	dhp_buffers_share_close(pool, cpu);
	spin_lock_irq(&b->lock);
	share = b->share[cpu];
	b->share[cpu] = NULL;
	spin_unlock_irq(&b->lock);
	kfree(share);
}

/* In COMPLETE: the processor gets its share of what is there, and there will be more. */
void dhp_buffers_share_open(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;

	if (!b->node)
		return;
	spin_lock_irq(&b->lock);
	if (b->share[cpu] && !b->share[cpu]->active) {
		b->share[cpu]->active = true;
		b->nr_shares++;
		share_set_quota(b);
	}
	spin_unlock_irq(&b->lock);
	share_adjust(b, cpu);
	dhp_buffers_kick(pool);
}

/* In REMOVE_START: the processor's share goes back to the nodes. */
void dhp_buffers_share_close(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_share *share;
	struct page *page;

	if (!b->node)
		return;
	spin_lock_irq(&b->lock);
	share = active_share(b, cpu);
	if (share) {
		while ((page = list_take_last(&share->free)))
			list_put(&b->node[page_to_nid(page)].free, page);
		share->active = false;
		b->nr_shares--;
		share_set_quota(b);
	}
	spin_unlock_irq(&b->lock);
	dhp_buffers_kick(pool);
}

/* ---- All free buffers ---------------------------------------------------- */

/*
 * The lists of free buffers by number: first those of the nodes, then those of
 * the processors. NULL for a processor without a share.
 */
static struct dhp_buffer_list *free_list(struct dhp_buffers *b, unsigned int i)
{
	struct dhp_buffer_share *share;

	if (i < nr_node_ids)
		return &b->node[i].free;
	share = active_share(b, i - nr_node_ids);
	return share ? &share->free : NULL;
}

static unsigned int nr_free_lists(void)
{
	return nr_node_ids + nr_cpu_ids;
}

static unsigned long free_list_length(struct dhp_buffers *b, unsigned int i)
{
	struct dhp_buffer_list *list;
	unsigned long nr, flags;

	spin_lock_irqsave(&b->lock, flags);
	list = free_list(b, i);
	nr = list ? list->nr : 0;
	spin_unlock_irqrestore(&b->lock, flags);
	return nr;
}

/*
 * Releases those free buffers of a list that @out says. Takes the lock for one
 * buffer at a time: it looks at the first and moves it to the end if it may stay.
 * Buffers are taken from and put to the end, so that after as many steps as there
 * were buffers every one of them has been looked at, or taken by somebody else.
 */
static void evict_list(struct dhp_buffers *b, unsigned int i,
		       bool (*out)(struct dhp_buffers *b, struct page *page))
{
	unsigned long steps = free_list_length(b, i);
	struct dhp_buffer_list *list;
	unsigned long flags;
	struct page *page;

	while (steps--) {
		spin_lock_irqsave(&b->lock, flags);
		list = free_list(b, i);
		if (!list || !list->nr) {
			steps = 0;
		} else {
			page = list_first_entry(&list->pages, struct page, lru);
			list_take(list, page);
			if (out(b, page))
				buffer_release(b, page);
			else
				list_put(list, page);
		}
		spin_unlock_irqrestore(&b->lock, flags);
		cond_resched();
	}
}

static void evict(struct dhp_buffers *b,
		  bool (*out)(struct dhp_buffers *b, struct page *page))
{
	unsigned int i;

	for (i = 0; i < nr_free_lists(); i++)
		evict_list(b, i, out);
}

/* ---- Size ---------------------------------------------------------------- */

/* Memory of a node that can hold buffers. */
static u64 node_kernel_pages(int nid)
{
	u64 pages = 0;
	int zone;

	for (zone = 0; zone < ZONE_MOVABLE; zone++)
		pages += zone_managed_pages(&NODE_DATA(nid)->node_zones[zone]);
	return pages;
}

static unsigned long wanted_total(struct dhp_buffers *b)
{
	unsigned long total;

	total = mul_u64_u64_div_u64(totalram_pages(), b->permille, 1000) >> b->order;
	if (b->max)
		total = min(total, b->max);
	total = max(total, b->min);
	return max_t(unsigned long, total, num_online_cpus());
}

/*
 * How many buffers each node is to have. All online memory counts for the total,
 * also movable memory, which cannot hold buffers; the nodes share it in proportion
 * to what can.
 */
static void set_targets(struct dhp_buffers *b)
{
	unsigned long total = wanted_total(b), rest = total, part;
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

	spin_lock_irq(&b->lock);
	b->target = total;
	share_set_quota(b);
	for (nid = 0; nid < nr_node_ids; nid++)
		b->node[nid].target = 0;
	for_each_online_node(nid) {
		if (!sum)
			break;
		part = mul_u64_u64_div_u64(total, node_kernel_pages(nid), sum);
		/* The memory may have changed since it was summed up. */
		part = min(part, rest);
		b->node[nid].target = part;
		rest -= part;
	}
	b->node[biggest].target += rest;
	spin_unlock_irq(&b->lock);
}

/* One more buffer for a node. 0 when there is one, 1 when none is needed. */
static int grow_node_step(struct dhp_pool *pool, int nid)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_node *node = &b->node[nid];
	struct page *page;
	int ret = 0;

	spin_lock_irq(&b->lock);
	if (b->leaving.end_pfn)
		ret = -EAGAIN;
	else if (node->nr >= node->target)
		ret = 1;
	spin_unlock_irq(&b->lock);
	if (ret)
		return ret;

	/* Rather no buffer than one for which others would have to suffer. */
	page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE |
				__GFP_NORETRY | __GFP_NOWARN, b->order);
	if (!page)
		return -ENOMEM;

	spin_lock_irq(&b->lock);
	if (b->leaving.end_pfn) {
		ret = -EAGAIN;
		__free_pages(page, b->order);
	} else {
		buffer_adopt(pool, page);
		list_put(&node->free, page);
	}
	spin_unlock_irq(&b->lock);
	return ret;
}

static int grow_node(struct dhp_pool *pool, int nid)
{
	int ret;

	do {
		cond_resched();
		ret = grow_node_step(pool, nid);
	} while (!ret);
	return ret < 0 ? ret : 0;
}

/* Returns -ENOMEM when a node has too few, -EAGAIN when memory is leaving. */
static int grow(struct dhp_pool *pool)
{
	int nid, err, ret = 0;

	for_each_online_node(nid) {
		err = grow_node(pool, nid);
		if (err == -EAGAIN)
			return err;
		if (err)
			ret = err;
	}
	return ret;
}

static void grow_later(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (!b->said_short)
		pr_warn("pool %s: has %lu of %lu buffers of %lu bytes, and no memory for more; next try in %d s\n",
			pool->name, b->nr, b->target, PAGE_SIZE << b->order,
			RETRY_SECONDS);
	b->said_short = true;
	queue_delayed_work(system_unbound_wq, &b->resize, RETRY_SECONDS * HZ);
}

static void adjust_shares(struct dhp_buffers *b)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		share_adjust(b, cpu);
}

static void resize_fn(struct work_struct *work)
{
	struct dhp_buffers *b = container_of(to_delayed_work(work),
					     struct dhp_buffers, resize);
	struct dhp_pool *pool = container_of(b, struct dhp_pool, buffers);
	int err;

	set_targets(b);
	evict(b, buffer_surplus);
	err = grow(pool);
	adjust_shares(b);
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

/* ---- Memory that comes and goes ------------------------------------------ */

static unsigned long count_in_use(struct dhp_pool *pool, unsigned long pfn,
				  unsigned long end_pfn)
{
	unsigned long nr = 0;
	struct page *page;

	for (; pfn < end_pfn; pfn++) {
		page = pfn_to_page(pfn);
		if (PageOffline(page) &&
		    page_private(page) == buffer_in_use_tag(pool))
			nr++;
	}
	return nr;
}

/*
 * Counts the buffers in use in the leaving range, a piece at a time. There are no
 * free ones left there, so their number only goes down: buffers that are put back
 * in a piece that was counted count down.
 */
static void count_leaving(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_leaving *leaving = &b->leaving;
	unsigned long pfn = leaving->start_pfn, next;

	while (pfn < leaving->end_pfn) {
		next = min(pfn + pageblock_nr_pages, leaving->end_pfn);
		spin_lock_irq(&b->lock);
		leaving->in_use += count_in_use(pool, pfn, next);
		leaving->counted_pfn = next;
		spin_unlock_irq(&b->lock);
		pfn = next;
		cond_resched();
	}
}

static unsigned long nr_leaving(struct dhp_buffers *b)
{
	unsigned long nr;

	spin_lock_irq(&b->lock);
	nr = b->leaving.in_use;
	spin_unlock_irq(&b->lock);
	return nr;
}

/* The memory hotplug lock is held: nothing here allocates. */
static void memory_remove_start(struct dhp_pool *pool,
				const struct dhp_memory_change *change)
{
	struct dhp_buffers *b = &pool->buffers;
	unsigned long nr;
	phys_addr_t start, end;

	spin_lock_irq(&b->lock);
	b->leaving = (struct dhp_leaving) {
		.start_pfn = change->start_pfn,
		.end_pfn = change->start_pfn + change->nr_pages,
	};
	spin_unlock_irq(&b->lock);

	evict(b, buffer_leaving);
	count_leaving(pool);
	wait_event_timeout(b->returned, !nr_leaving(b), RETURN_TIMEOUT_SECONDS * HZ);
	nr = nr_leaving(b);
	if (!nr)
		return;
	start = PFN_PHYS(change->start_pfn);
	end = start + PFN_PHYS(change->nr_pages) - 1;
	pr_warn("pool %s: %lu buffers in use in [mem %pa-%pa], which is to go offline, were not put back within %d s\n",
		pool->name, nr, &start, &end, RETURN_TIMEOUT_SECONDS);
}

static void memory_removed(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	spin_lock_irq(&b->lock);
	b->leaving = (struct dhp_leaving) { };
	spin_unlock_irq(&b->lock);
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
		memory_removed(pool);
		break;
	case DHP_MEMORY_REMOVE_FAILURE:
		memory_removed(pool);
		dhp_buffers_kick(pool);
		break;
	}
}

static void memory_event(void *context, const struct dhp_event *event)
{
	dhp_buffers_kick(context);
}

/* ---- Get and put --------------------------------------------------------- */

/* The last resort: somebody else's share. */
static struct page *steal(struct dhp_buffers *b)
{
	struct page *page = NULL;
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids && !page; cpu++)
		if (active_share(b, cpu))
			page = list_take_last(&b->share[cpu]->free);
	return page;
}

void *dhp_buffer_get(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_share *share;
	struct page *page = NULL;
	unsigned long flags;

	if (!b->node)
		return NULL;
	spin_lock_irqsave(&b->lock, flags);
	share = active_share(b, raw_smp_processor_id());
	if (share)
		page = list_take_last(&share->free);
	if (!page)
		page = node_take(b, numa_node_id());
	if (!page)
		page = steal(b);
	if (page) {
		set_page_private(page, buffer_in_use_tag(pool));
		list_put(&b->in_use, page);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	return page ? page_address(page) : NULL;
}
EXPORT_SYMBOL_GPL(dhp_buffer_get);

static void put_leaving(struct dhp_buffers *b, struct page *page)
{
	bool counted = page_to_pfn(page) < b->leaving.counted_pfn;

	buffer_release(b, page);
	if (counted && !--b->leaving.in_use)
		wake_up_all(&b->returned);
}

static void put_free(struct dhp_pool *pool, struct page *page)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_share *share = active_share(b, raw_smp_processor_id());

	set_page_private(page, buffer_free_tag(pool));
	if (share && share_wants(b, share, page))
		list_put(&share->free, page);
	else
		list_put(&b->node[page_to_nid(page)].free, page);
}

void dhp_buffer_put(struct dhp_pool *pool, void *buffer)
{
	struct dhp_buffers *b = &pool->buffers;
	unsigned long flags;
	struct page *page;

	if (!buffer)
		return;
	/* Before anything of the pool is touched: it may have been destroyed. */
	page = virt_to_page(buffer);
	if (WARN_ONCE(page_private(page) != buffer_in_use_tag(pool),
		      "buffer %p was put to a pool that has not given it out, or twice, or after the pool was destroyed\n",
		      buffer))
		return;

	spin_lock_irqsave(&b->lock, flags);
	list_take(&b->in_use, page);
	if (buffer_leaving(b, page))
		put_leaving(b, page);
	else if (buffer_surplus(b, page))
		buffer_release(b, page);
	else
		put_free(pool, page);
	spin_unlock_irqrestore(&b->lock, flags);
}
EXPORT_SYMBOL_GPL(dhp_buffer_put);

/* ---- For pool.c ---------------------------------------------------------- */

static void mark_list(struct dhp_buffers *b, struct dhp_buffer_list *list)
{
	struct page *page;

	list_for_each_entry(page, &list->pages, lru) {
		if (b->marked)
			buffer_mark(b, page);
		else
			buffer_unmark(b, page);
	}
}

/* Marks all buffers, now and from now on, or takes the mark off. */
void dhp_buffers_mark(struct dhp_pool *pool, bool marked)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_list *list;
	unsigned int i;

	if (!b->node)
		return;
	spin_lock_irq(&b->lock);
	b->marked = marked;
	mark_list(b, &b->in_use);
	for (i = 0; i < nr_free_lists(); i++) {
		list = free_list(b, i);
		if (list)
			mark_list(b, list);
	}
	spin_unlock_irq(&b->lock);
}

void dhp_buffers_counts(struct dhp_pool *pool, struct dhp_buffer_counts *counts)
{
	struct dhp_buffers *b = &pool->buffers;

	*counts = (struct dhp_buffer_counts) { };
	if (!b->node)
		return;
	spin_lock_irq(&b->lock);
	counts->nr = b->nr;
	counts->in_use = b->in_use.nr;
	spin_unlock_irq(&b->lock);
	counts->size_bytes = PAGE_SIZE << b->order;
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

/* Nothing is left to undo when it fails. */
int dhp_buffers_init(struct dhp_pool *pool, const struct dhp_pool_config *config)
{
	struct dhp_buffers *b = &pool->buffers;
	unsigned int i;
	int err;

	spin_lock_init(&b->lock);
	init_waitqueue_head(&b->returned);
	list_init(&b->in_use);
	INIT_DELAYED_WORK(&b->resize, resize_fn);
	if (!config->buffer_size)
		return 0;

	err = check_config(config);
	if (err)
		return err;
	b->order = get_order(config->buffer_size);
	b->permille = config->buffer_permille;
	b->min = config->buffers_min;
	b->max = config->buffers_max;

	b->share = kvcalloc(nr_cpu_ids, sizeof(*b->share), GFP_KERNEL);
	if (!b->share)
		return -ENOMEM;
	b->node = kcalloc(nr_node_ids, sizeof(*b->node), GFP_KERNEL);
	if (!b->node) {
		kvfree(b->share);
		return -ENOMEM;
	}
	for (i = 0; i < nr_node_ids; i++)
		list_init(&b->node[i].free);
	return 0;
}

/* Begins to follow the memory, and makes the first buffers. */
int dhp_buffers_follow(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_memory_client *memory;
	struct dhp_event_client *event;

	if (!b->node)
		return 0;
	memory = dhp_register_memory_callback(memory_changed, pool);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	b->memory_client = memory;
	event = dhp_register_event_callback(DHP_MEMORY, memory_event, pool, 0);
	if (IS_ERR(event))
		return PTR_ERR(event);
	b->event_client = event;

	dhp_buffers_kick(pool);
	flush_delayed_work(&b->resize);
	return 0;
}

static bool buffer_any(struct dhp_buffers *b, struct page *page)
{
	return true;
}

/* Nobody can put a leaked buffer back: dhp_buffer_put() finds no tag there. */
static void leak_in_use(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct page *page;

	if (!b->in_use.nr)
		return;
	pr_err("pool %s: destroyed with %lu buffers of %lu bytes in use, which are lost; dhp_buffer_put() is missing\n",
	       pool->name, b->in_use.nr, PAGE_SIZE << b->order);
	while ((page = list_take_last(&b->in_use))) {
		set_page_private(page, 0);
		buffer_unmark(b, page);
	}
}

/* After the last notification of a processor. Fine after a partial start. */
void dhp_buffers_exit(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	unsigned int cpu;

	if (!b->node)
		return;
	if (b->event_client)
		dhp_unregister_event_callback(b->event_client);
	if (b->memory_client)
		dhp_unregister_memory_callback(b->memory_client);
	cancel_delayed_work_sync(&b->resize);

	evict(b, buffer_any);
	leak_in_use(pool);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		kfree(b->share[cpu]);
	kvfree(b->share);
	kfree(b->node);
}
