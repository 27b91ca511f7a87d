// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool's buffers as a whole: how many there are to be on which node, and that
 * they never keep memory from going offline. Where they are while nobody has them
 * is depot.c's business, how they get to their users cache.c's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "compat.h"
#include "internal.h"
#include "pool.h"

/* A chunk has a bit in a word for each of its buffers. */
#define BUFFER_SIZE_MIN max_t(size_t, SZ_256, PAGE_SIZE / BITS_PER_LONG)
#define BUFFER_SIZE_MAX SZ_64K

/* How long memory that leaves waits for buffers in use. */
#define RETURN_TIMEOUT_SECONDS 1

/* Of the online memory that can hold buffers, what they may take at most. */
#define PERMILLE_MAX 500

/* When to try again to grow, if nothing happens before. */
#define RETRY_SECONDS 10

/* How often to look for changes that come without a notification. */
#define FOLLOW_SECONDS 5

static bool debug;
module_param(debug, dhp_bool, 0644);
MODULE_PARM_DESC(debug,
		 "pools that are made from now on check their buffers: put twice, put to the wrong pool, written to after the put; slow (default: 0)");

/* ---- Size ---------------------------------------------------------------- */

static u64 all_pages(void)
{
	u64 pages = 0;
	int nid;

	for_each_online_node(nid)
		pages += dhp_node_pages(nid);
	return pages;
}

/* Rounded up, without an overflow: a ceiling may be as high as numbers go. */
static unsigned long buffers_to_chunks(struct dhp_buffers *b, unsigned long nr)
{
	return nr / dhp_buffers_per_chunk(b) + !!(nr % dhp_buffers_per_chunk(b));
}

static unsigned long permille_to_chunks(struct dhp_buffers *b, unsigned int permille)
{
	return mul_u64_u64_div_u64(all_pages(), permille, 1000) >> b->order;
}

static unsigned long wanted_floor(struct dhp_buffers *b)
{
	return buffers_to_chunks(b, max_t(unsigned long, b->min, num_online_cpus()));
}

static unsigned long wanted_total(struct dhp_buffers *b)
{
	unsigned long total = permille_to_chunks(b, b->permille);

	if (b->max)
		total = min(total, buffers_to_chunks(b, b->max));
	return max(total, wanted_floor(b));
}

/* How many chunks each node is to have, in proportion to its memory that can hold them. */
static void set_targets(struct dhp_buffers *b)
{
	unsigned long total = wanted_total(b), floor = wanted_floor(b);
	unsigned long rest = total, floor_rest = floor, part, floor_part;
	int nid, biggest = first_online_node;
	u64 pages, most = 0, sum = 0;

	for_each_online_node(nid) {
		pages = dhp_node_pages(nid);
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
		pages = dhp_node_pages(nid);
		part = sum ? mul_u64_u64_div_u64(total, pages, sum) : 0;
		floor_part = sum ? mul_u64_u64_div_u64(floor, pages, sum) : 0;
		/* The memory may have changed since it was summed up. */
		part = min(part, rest);
		floor_part = min(floor_part, floor_rest);
		dhp_depot_set_target(&b->node[nid], part, floor_part);
		rest -= part;
		floor_rest -= floor_part;
	}
	dhp_depot_set_target(&b->node[biggest], rest, floor_rest);
}

static void shrink_to_targets(struct dhp_buffers *b)
{
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		while (dhp_depot_shrink(b, &b->node[nid], &b->node[nid].target))
			;
	/* Chunks that become whole are released on the way. */
	if (dhp_depots_sum(b).surplus_chunks)
		dhp_caches_empty(b);
}

static int grow_node(struct dhp_buffers *b, int nid)
{
	int ret;

	do {
		cond_resched();
		ret = dhp_depot_grow(b, nid);
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
	queue_delayed_work(system_dfl_wq, &b->resize, RETRY_SECONDS * HZ);
}

static void grow_later(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (!b->said_short)
		pr_warn("pool %s: has %lu of %lu buffers of %zu bytes, and no memory for more; next try in %d s\n",
			pool->name, dhp_depots_sum(b).buffers, b->target * dhp_buffers_per_chunk(b),
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
	dhp_caches_set_limit(b);
	shrink_to_targets(b);
	err = grow(b);
	/* -EAGAIN: what becomes of the leaving memory comes back here. */
	if (err == -ENOMEM)
		grow_later(pool);
	else if (!err)
		b->said_short = false;
}

/*
 * Balloons, and virtio-mem within a block, take memory from the kernel and give it back
 * without a notification, and so do we with pages that have become bad. Resizing takes no
 * more than a look at each node when nothing has changed. Not a deferrable timer: its CPU
 * may be idle for minutes while others are busy. Instead it goes off together with others
 * that need not be punctual.
 */
static void follow_later(struct dhp_buffers *b)
{
	queue_delayed_work(system_freezable_wq, &b->follow,
			   round_jiffies_relative(FOLLOW_SECONDS * HZ));
}

static void follow_fn(struct work_struct *work)
{
	struct dhp_buffers *b = container_of(to_delayed_work(work),
					     struct dhp_buffers, follow);

	/* One that is waited with, for memory is short, is queued already, and stays so. */
	queue_delayed_work(system_dfl_wq, &b->resize, 0);
	follow_later(b);
}

/* Brings the number of buffers to what it should be, soon. Any context. */
void dhp_buffers_kick(struct dhp_pool *pool)
{
	if (pool->buffers.node)
		mod_delayed_work(system_dfl_wq, &pool->buffers.resize, 0);
}

void dhp_buffers_settle(struct dhp_pool *pool)
{
	if (pool->buffers.node)
		flush_delayed_work(&pool->buffers.resize);
}

/* ---- Memory that is short ------------------------------------------------ */

/* In chunks. What is in caches is little, and what is in use cannot be had. */
static unsigned long shrinker_count(struct shrinker *shrinker,
				    struct shrink_control *control)
{
	struct dhp_buffers *b = dhp_shrinker_user(shrinker);

	/* It must not gain by giving away what it has just got. */
	if (READ_ONCE(b->grower) == current)
		return 0;
	return dhp_depot_nr_spare(&b->node[control->nid]) ?: SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *shrinker,
				   struct shrink_control *control)
{
	struct dhp_buffers *b = dhp_shrinker_user(shrinker);
	struct dhp_buffer_node *node = &b->node[control->nid];
	unsigned long nr = 0;

	while (nr < control->nr_to_scan && dhp_depot_shrink(b, node, &node->floor))
		nr++;
	control->nr_scanned = nr;
	if (!nr)
		return SHRINK_STOP;
	retry_later(b);
	return nr;
}

/* ---- Memory that leaves and comes ------------------------------------------ */

/* The memory hotplug lock is held: nothing here allocates. */
static void memory_remove_start(struct dhp_pool *pool,
				const struct dhp_memory_change *change)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_buffer_node *node = &b->node[change->nid];
	unsigned long nr;
	phys_addr_t start, end;

	WRITE_ONCE(b->removing, true);
	dhp_depot_leave_begin(node, change->start_pfn, change->start_pfn + change->nr_pages);
	dhp_caches_shut(b);
	dhp_depot_vacate(b, node);
	wait_event_timeout(b->returned, !dhp_depot_nr_leaving(node),
			   RETURN_TIMEOUT_SECONDS * HZ);
	nr = dhp_depot_nr_leaving(node);
	if (!nr)
		return;
	start = PFN_PHYS(change->start_pfn);
	end = start + PFN_PHYS(change->nr_pages) - 1;
	pr_warn("pool %s: %lu buffers in use in [mem %pa-%pa], which is to go offline, were not put back within %d s\n",
		pool->name, nr, &start, &end, RETURN_TIMEOUT_SECONDS);
}

static void memory_removed(struct dhp_buffers *b, const struct dhp_memory_change *change)
{
	dhp_depot_leave_end(&b->node[change->nid]);
	dhp_caches_unshut(b);
}

static void memory_stays(struct dhp_buffers *b, const struct dhp_memory_change *change)
{
	dhp_depot_restore(b, &b->node[change->nid], change->start_pfn,
			  change->start_pfn + change->nr_pages);
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

/* ---- For pool.c ---------------------------------------------------------- */

/* Exact when nobody gets or puts buffers meanwhile. */
void dhp_buffers_counts(struct dhp_pool *pool, struct dhp_buffer_counts *counts)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_depot_sums sums;
	unsigned long unused;

	*counts = (struct dhp_buffer_counts) { };
	if (!b->node)
		return;
	mutex_lock(&b->mutex);
	sums = dhp_depots_sum(b);
	unused = sums.free + dhp_caches_nr(b);
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
	if (config->buffer_permille < 1 || config->buffer_permille > PERMILLE_MAX) {
		pr_err("pool %s: bad buffer_permille %u: it must be 1 to %u\n",
		       config->name, config->buffer_permille, PERMILLE_MAX);
		return -EINVAL;
	}
	if (config->buffers_max && config->buffers_min > config->buffers_max) {
		pr_err("pool %s: bad buffers_min %lu: it must be at most buffers_max, which is %lu\n",
		       config->name, config->buffers_min, config->buffers_max);
		return -EINVAL;
	}
	return 0;
}

/* A floor is kept when memory is short, so there must be a sense in it. */
static int check_floor(struct dhp_buffers *b, const struct dhp_pool_config *config)
{
	unsigned long most = permille_to_chunks(b, PERMILLE_MAX);

	if (buffers_to_chunks(b, config->buffers_min) <= most)
		return 0;
	pr_err("pool %s: bad buffers_min %lu: it must be at most %lu, which take %u thousandths of the online memory that can hold buffers\n",
	       config->name, config->buffers_min, most * dhp_buffers_per_chunk(b), PERMILLE_MAX);
	return -EINVAL;
}

static void set_size(struct dhp_buffers *b, size_t size)
{
	b->size = roundup_pow_of_two(max_t(size_t, size, BUFFER_SIZE_MIN));
	b->shift = ilog2(b->size);
	b->order = get_order(b->size);
	b->all_there = GENMASK(dhp_buffers_per_chunk(b) - 1, 0);
}

static int alloc_nodes(struct dhp_buffers *b)
{
	int nid;

	b->node = kcalloc(nr_node_ids, sizeof(*b->node), GFP_KERNEL);
	if (!b->node)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++)
		dhp_depot_init(&b->node[nid]);
	return 0;
}

/* Nothing is left to undo when it fails. */
int dhp_buffers_init(struct dhp_pool *pool, const struct dhp_pool_config *config)
{
	struct dhp_buffers *b = &pool->buffers;
	int err;

	mutex_init(&b->mutex);
	init_waitqueue_head(&b->returned);
	INIT_DELAYED_WORK(&b->resize, resize_fn);
	INIT_DELAYED_WORK(&b->follow, follow_fn);
	if (!config->buffer_size)
		return dhp_caches_init(b);

	err = check_config(config);
	if (err)
		return err;
	set_size(b, config->buffer_size);
	err = check_floor(b, config);
	if (err)
		return err;
	b->permille = config->buffer_permille;
	b->min = config->buffers_min;
	b->max = config->buffers_max;
	b->debug = debug;
	err = alloc_nodes(b);
	if (err)
		return err;
	err = dhp_caches_init(b);
	if (err)
		kfree(b->node);
	return err;
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
	b->shrinker = dhp_shrinker_add(pool->name, b, shrinker_count, shrinker_scan);
	if (!b->shrinker)
		return -ENOMEM;

	dhp_buffers_kick(pool);
	flush_delayed_work(&b->resize);
	follow_later(b);
	return 0;
}

static void leak_in_use(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_depot_sums sums = dhp_depots_sum(b);
	unsigned long nr = sums.buffers - sums.free;
	int nid;

	if (!nr)
		return;
	pr_err("pool %s: destroyed with %lu buffers of %zu bytes in use, which are lost; dhp_buffer_put() is missing\n",
	       pool->name, nr, b->size);
	for (nid = 0; nid < nr_node_ids; nid++)
		dhp_depot_leak(b, &b->node[nid]);
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
		while (dhp_depot_shrink(b, &b->node[nid], &none))
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
		dhp_shrinker_del(b->shrinker);
		if (b->memory_client)
			dhp_unregister_memory_callback(b->memory_client);
		if (b->event_client)
			dhp_unregister_event_callback(b->event_client);
		cancel_delayed_work_sync(&b->follow);
		cancel_delayed_work_sync(&b->resize);
		free_buffers(pool);
		kfree(b->node);
	}
	dhp_caches_exit(b);
}
