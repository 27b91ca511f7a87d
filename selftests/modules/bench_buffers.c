// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: got and put on one CPU, one at a time and in bursts. No side may sleep, and all have
 * allocated their memory before the clock starts.
 *
 * page_pool runs in a softirq, as it does in drivers, and dhp runs there too when it is compared
 * with page_pool.
 */

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/ktime.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "bench_buffers.h"
#include "bench_round.h"
#include "compat.h"
#include "dhp_pool.h"

#define BURST_MAX 64

static size_t buffer_size;
static struct dhp_pool *pool;
static struct kmem_cache *cache;
static mempool_t *mempool;
static struct page_frag_cache frags;
#if IS_ENABLED(CONFIG_PAGE_POOL)
static struct page_pool *page_pool;
#endif

/* ---- The sides ----------------------------------------------------------- */

static __always_inline void *get_dhp(void)
{
	return dhp_buffer_get(pool);
}

static __always_inline void put_dhp(void *buffer)
{
	dhp_buffer_put(pool, buffer);
}

static __always_inline void *get_cache(void)
{
	return kmem_cache_alloc(cache, GFP_ATOMIC);
}

static __always_inline void put_cache(void *buffer)
{
	kmem_cache_free(cache, buffer);
}

static __always_inline void *get_mempool(void)
{
	return mempool_alloc(mempool, GFP_ATOMIC);
}

static __always_inline void put_mempool(void *buffer)
{
	mempool_free(buffer, mempool);
}

static __always_inline void *get_frag(void)
{
	return page_frag_alloc(&frags, buffer_size, GFP_ATOMIC);
}

static __always_inline void put_frag(void *buffer)
{
	page_frag_free(buffer);
}

/* The same code for each side, with the functions of that side inline. */
#define DEFINE_SIDE(name)							\
static int run_##name(const struct bench_block *block, u64 *ns)			\
{										\
	void *buffers[BURST_MAX];						\
	unsigned int i, j;							\
	bool missing = false;							\
	u64 start = ktime_get_ns();						\
										\
	for (i = 0; i < block->ops; i += block->burst) {			\
		for (j = 0; j < block->burst; j++) {				\
			buffers[j] = get_##name();				\
			missing |= !buffers[j];					\
		}								\
		for (j = 0; j < block->burst; j++)				\
			if (likely(buffers[j]))					\
				put_##name(buffers[j]);				\
	}									\
	*ns += ktime_get_ns() - start;						\
	return missing ? -ENOMEM : 0;						\
}

DEFINE_SIDE(dhp)
DEFINE_SIDE(cache)
DEFINE_SIDE(mempool)
DEFINE_SIDE(frag)

/* ---- page_pool, in a softirq ---------------------------------------------- */

#if IS_ENABLED(CONFIG_PAGE_POOL)
static __always_inline void *get_page_pool(void)
{
	return page_pool_alloc_pages(page_pool, GFP_ATOMIC);
}

static __always_inline void put_page_pool(void *page)
{
	page_pool_recycle_direct(page_pool, page);
}

DEFINE_SIDE(page_pool)

static const struct bench_block *softirq_block;
static bench_side_fn softirq_fn;
static u64 *softirq_ns;
static int softirq_err;
static DECLARE_COMPLETION(softirq_done);

static void softirq_run(struct tasklet_struct *unused)
{
	softirq_err = softirq_fn(softirq_block, softirq_ns);
	complete(&softirq_done);
}

static DECLARE_TASKLET(softirq, softirq_run);

static int in_softirq_run(bench_side_fn fn, const struct bench_block *block, u64 *ns)
{
	softirq_fn = fn;
	softirq_block = block;
	softirq_ns = ns;
	tasklet_schedule(&softirq);
	wait_for_completion(&softirq_done);
	return softirq_err;
}

static int softirq_dhp(const struct bench_block *block, u64 *ns)
{
	return in_softirq_run(run_dhp, block, ns);
}

static int softirq_page_pool(const struct bench_block *block, u64 *ns)
{
	return in_softirq_run(run_page_pool, block, ns);
}

static int bench_page_pool(unsigned int rounds)
{
	static const struct bench_block block = {
		.name = "buffers/4096/1/softirq", .ops = 256, .burst = 1,
		.sides = { { "dhp", softirq_dhp }, { "page_pool", softirq_page_pool } },
	};
	const struct page_pool_params params = { .pool_size = 256, .nid = NUMA_NO_NODE };
	int err;

	page_pool = page_pool_create(&params);
	if (IS_ERR(page_pool))
		return PTR_ERR(page_pool);
	err = bench_blocks(&block, 1, rounds);
	tasklet_kill(&softirq);
	page_pool_destroy(page_pool);
	return err;
}
#else
static int bench_page_pool(unsigned int rounds)
{
	return 0;
}
#endif

/* ---- Up and down --------------------------------------------------------- */

static void drain_frags(void)
{
	page_frag_cache_drain(&frags);
}

static void teardown(void)
{
	drain_frags();
	mempool_destroy(mempool);
	kmem_cache_destroy(cache);
	dhp_pool_destroy(pool);
}

static int setup(size_t size)
{
	const struct dhp_pool_config config = {
		.name = "bench",
		.buffer_size = size,
		.buffer_permille = 1,
		.buffers_min = 1024,
		.buffers_max = 1024,
	};

	buffer_size = size;
	mempool = NULL;
	pool = dhp_pool_create(&config);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	cache = kmem_cache_create("dhp_bench", size, 0, SLAB_HWCACHE_ALIGN, NULL);
	if (cache)
		mempool = mempool_create_slab_pool(BURST_MAX, cache);
	if (!mempool) {
		teardown();
		return -ENOMEM;
	}
	return 0;
}

#define SIDES \
	.sides = { \
		{ "dhp", run_dhp }, \
		{ "kmem_cache", run_cache }, \
		{ "mempool", run_mempool }, \
		{ "page_frag", run_frag }, \
	}

#define BLOCK(size, count) \
	{ .name = "buffers/" #size "/" #count, .ops = 256, .burst = count, SIDES }

static int bench_size(size_t size, const struct bench_block *blocks, unsigned int nr,
		      unsigned int rounds)
{
	int err;

	err = setup(size);
	if (err)
		return err;
	err = bench_blocks(blocks, nr, rounds);
	if (!err && size == PAGE_SIZE)
		err = bench_page_pool(rounds);
	teardown();
	return err;
}

int bench_buffers(unsigned int rounds)
{
	static const struct bench_block blocks_256[] = {
		BLOCK(256, 1), BLOCK(256, 8), BLOCK(256, 64),
	};
	static const struct bench_block blocks_4096[] = {
		BLOCK(4096, 1), BLOCK(4096, 8), BLOCK(4096, 64),
	};
	int err;

	err = bench_size(4096, blocks_4096, ARRAY_SIZE(blocks_4096), rounds);
	if (err)
		return err;
	return bench_size(256, blocks_256, ARRAY_SIZE(blocks_256), rounds);
}
