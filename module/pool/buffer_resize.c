// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many buffers a pool has: targets, resizing, and giving memory back when it is short.
 * depot.c and cache.c hold the free buffers; vacate.c acts when memory goes offline.
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

#include "buffer_resize.h"
#include "cache.h"
#include "chunk.h"
#include "common.h"
#include "compat.h"
#include "depot.h"
#include "size.h"
#include "spare.h"

/* A chunk has a bit in a word for each of its buffers. */
#define BUFFER_SIZE_MIN max_t(size_t, SZ_256, PAGE_SIZE / BITS_PER_LONG)
#define BUFFER_SIZE_MAX SZ_64K

/* The greatest share that buffers may have of the online memory that can hold them. */
#define PERMILLE_MAX 500

/* When to try again to grow, unless a notification comes before. */
#define RETRY_SECONDS 10

/* How often to look for changes that come without a notification. */
#define POLL_SECONDS 5

static bool debug;
module_param(debug, dhp_bool, 0644);
MODULE_PARM_DESC(debug,
		 "pools that are made from now on check their buffers: put twice, put to the wrong pool, written to after the put; slow (default: 0)");

/* ---- Targets --------------------------------------------------------------- */

static u64 all_pages(void)
{
	u64 pages = 0;
	int nid;

	for_each_online_node(nid)
		pages += dhp_node_pages(nid);
	return pages;
}

/* Rounded up, without an overflow: a ceiling may be as high as ULONG_MAX. */
static unsigned long buffers_to_chunks(struct dhp_buffers *b, unsigned long nr)
{
	return nr / buffers_per_chunk(b) + !!(nr % buffers_per_chunk(b));
}

static unsigned long permille_to_chunks(struct dhp_buffers *b, unsigned int permille)
{
	return mul_u64_u64_div_u64(all_pages(), permille, 1000) >> b->order;
}

static unsigned long target_floor(struct dhp_buffers *b)
{
	return buffers_to_chunks(b, max_t(unsigned long, b->min, num_online_cpus()));
}

static unsigned long target_total(struct dhp_buffers *b)
{
	unsigned long total = permille_to_chunks(b, b->permille);

	if (b->max)
		total = min(total, buffers_to_chunks(b, b->max));
	return max(total, target_floor(b));
}

/* How many chunks each node is to have, in proportion to its memory that can hold them. */
static void set_targets(struct dhp_buffers *b)
{
	unsigned long total = target_total(b), floor = target_floor(b);
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

/* ---- Resizing -------------------------------------------------------------- */

static void shrink_to_targets(struct dhp_buffers *b)
{
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		while (dhp_depot_shrink(b, &b->node[nid], &b->node[nid].target))
			;
	/* Chunks that become free are released on the way. */
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

/* Returns -ENOMEM when a node has too few, -EAGAIN when memory is going offline. */
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

	if (!b->short_logged)
		pr_warn("pool %s: has %lu of %lu buffers of %zu bytes, and no memory for more; next try in %d s\n",
			pool->name, dhp_depots_sum(b).buffers, b->target * buffers_per_chunk(b),
			b->size, RETRY_SECONDS);
	b->short_logged = true;
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
	dhp_size_changed(pool);
	/* -EAGAIN: the end of the removal queues this again. */
	if (err == -ENOMEM)
		grow_later(pool);
	else if (!err)
		b->short_logged = false;
}

/*
 * Balloons, and virtio-mem within a block, take memory from the kernel and give it back
 * without a notification, and so does the pool with pages that have become bad. Resizing only
 * compares some numbers of each node when nothing has changed. The timer is not deferrable:
 * its CPU may be idle for minutes while others are busy. It is rounded instead, so that it
 * expires together with others.
 */
static void poll_later(struct dhp_buffers *b)
{
	queue_delayed_work(system_freezable_wq, &b->poll,
			   round_jiffies_relative(POLL_SECONDS * HZ));
}

static void poll_fn(struct work_struct *work)
{
	struct dhp_buffers *b = container_of(to_delayed_work(work),
					     struct dhp_buffers, poll);

	/* One that is delayed because memory is short is queued already, and stays so. */
	queue_delayed_work(system_dfl_wq, &b->resize, 0);
	poll_later(b);
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

/* ---- The shrinker ---------------------------------------------------------- */

/* In chunks. What is in caches is little, and what is in use cannot be released. */
static unsigned long shrinker_count(struct shrinker *shrinker,
				    struct shrink_control *control)
{
	struct dhp_buffers *b = dhp_shrinker_user(shrinker);

	/* Growing must not reclaim the chunks that it has just allocated. */
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
	dhp_size_changed(container_of(b, struct dhp_pool, buffers));
	retry_later(b);
	return nr;
}

/* ---- Counts ---------------------------------------------------------------- */

/* Exact when no buffer is got or put meanwhile. */
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

/* ---- Life ------------------------------------------------------------------ */

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

/* A floor is kept when memory is short, so it must be one that the machine can bear. */
static int check_floor(struct dhp_buffers *b, const struct dhp_pool_config *config)
{
	unsigned long most = permille_to_chunks(b, PERMILLE_MAX);

	if (buffers_to_chunks(b, config->buffers_min) <= most)
		return 0;
	pr_err("pool %s: bad buffers_min %lu: it must be at most %lu, which take %u thousandths of the online memory that can hold buffers\n",
	       config->name, config->buffers_min, most * buffers_per_chunk(b), PERMILLE_MAX);
	return -EINVAL;
}

static void set_size(struct dhp_buffers *b, size_t size)
{
	b->size = roundup_pow_of_two(max_t(size_t, size, BUFFER_SIZE_MIN));
	b->shift = ilog2(b->size);
	b->order = get_order(b->size);
	b->all_free = GENMASK(buffers_per_chunk(b) - 1, 0);
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
	INIT_DELAYED_WORK(&b->poll, poll_fn);
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

/* Makes the first buffers, and resizes from now on. */
int dhp_buffers_start(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (!b->node)
		return 0;
	b->shrinker = dhp_shrinker_add(pool->name, b, shrinker_count, shrinker_scan);
	if (!b->shrinker)
		return -ENOMEM;

	dhp_buffers_kick(pool);
	flush_delayed_work(&b->resize);
	poll_later(b);
	return 0;
}

/* Fine after a start that failed, and without a start. */
void dhp_buffers_stop(struct dhp_pool *pool)
{
	if (pool->buffers.node)
		dhp_shrinker_del(pool->buffers.shrinker);
}

static void leak_in_use(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_depot_sums sums = dhp_depots_sum(b);
	unsigned long nr = sums.buffers - sums.free;

	if (!nr)
		return;
	pr_err("pool %s: destroyed with %lu buffers of %zu bytes in use, which are lost; dhp_buffer_put() is missing\n",
	       pool->name, nr, b->size);
	dhp_depots_leak(b);
}

static void free_buffers(struct dhp_pool *pool)
{
	const unsigned long none = 0;
	struct dhp_buffers *b = &pool->buffers;
	unsigned int cpu;
	int nid;

	for_each_possible_cpu(cpu)
		dhp_cache_del(b, cpu);
	for (nid = 0; nid < nr_node_ids; nid++)
		while (dhp_depot_shrink(b, &b->node[nid], &none))
			;
	leak_in_use(pool);
}

/*
 * With no user left, and no notification to come. A notification may have queued a resize,
 * also of a pool that was never started.
 */
void dhp_buffers_exit(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (b->node) {
		cancel_delayed_work_sync(&b->poll);
		cancel_delayed_work_sync(&b->resize);
		free_buffers(pool);
		dhp_size_changed(pool);
		kfree(b->node);
	}
	dhp_caches_exit(b);
}
