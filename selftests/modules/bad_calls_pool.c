// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad calls of the functions of dhp_pool.h: configurations, work items, buffers, and calls from
 * inside a work item that would wait for the item itself.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bad_calls_pool.h"
#include "bad_calls_tally.h"
#include "dhp.h"
#include "dhp_pool.h"
#include "dhp_rebalance.h"

/* ---- Configurations ------------------------------------------------------- */

static bool config_answers(const struct dhp_pool_config *config, int err)
{
	struct dhp_pool *pool = dhp_pool_create(config);

	dhp_pool_destroy(pool);
	return pool == ERR_PTR(err);
}

static void bad_names(void)
{
	static const char * const names[] = {
		NULL, "", "elevenchars", "a/b", "/", ".", "..", "a.b", "a b", " a", "a ", "\n",
		"a\n", "a\tb", "\x01", "\x7f", "\xff", "\xc3\xa4", "%s", "%n", "a%d", "*", "a?",
		"\\", "a\"b", "a'b", "a:b", "a=b", "a,b", "a;b", "a#b", "a!b", "a@b", "[a]",
		"$a", "~",
	};
	struct dhp_pool_config config = { };
	struct dhp_pool *pool;
	char *longest;
	unsigned int i;

	tally_begin("names of pools");
	TRY(config_answers(NULL, -EINVAL));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		config.name = names[i];
		TRY_WITH(i, config_answers(&config, -EINVAL));
	}
	longest = kmalloc(SZ_64K, GFP_KERNEL);
	if (longest) {
		memset(longest, 'x', SZ_64K - 1);
		longest[SZ_64K - 1] = '\0';
		config.name = longest;
		TRY(config_answers(&config, -EINVAL));
		kfree(longest);
	}

	config.name = "bad_calls";
	pool = dhp_pool_create(&config);
	MUST(!IS_ERR_OR_NULL(pool));
	TRY(config_answers(&config, -EEXIST));
	dhp_pool_destroy(pool);
}

/* What a caller holds that has not checked dhp_pool_create(). */
static void *const no_pools[] = {
	NULL, (void *)-EINVAL, (void *)-ENOMEM, (void *)-1, (void *)-MAX_ERRNO
};

static void bad_sizes(void)
{
	static const u64 sizes[] = {
		65537, SZ_1M, INT_MAX, BIT_ULL(31), UINT_MAX, BIT_ULL(32), BIT_ULL(32) + 4096,
		LONG_MAX, BIT_ULL(63), ULONG_MAX - 4095, ULONG_MAX
	};
	static const unsigned int permilles[] = {
		0, 501, 1000, 65536 + 4, INT_MAX, BIT(31), UINT_MAX
	};
	static const struct { unsigned long min, max; } limits[] = {
		{ 2, 1 }, { 10, 5 }, { ULONG_MAX, 1 }, { ULONG_MAX, ULONG_MAX - 1 },
		{ LONG_MAX, 0 }, { ULONG_MAX, 0 }, { ULONG_MAX, ULONG_MAX }, { ULONG_MAX - 14, 0 },
	};
	const struct dhp_pool_config good = {
		.name = "bad_calls", .buffer_size = 256, .buffer_permille = 1
	};
	struct dhp_pool_config config;
	unsigned int i;

	tally_begin("sizes of pools");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		config = good;
		config.buffer_size = sizes[i];
		TRY_WITH(sizes[i], config_answers(&config, -EINVAL));
	}
	for (i = 0; i < ARRAY_SIZE(permilles); i++) {
		config = good;
		config.buffer_permille = permilles[i];
		TRY_WITH(permilles[i], config_answers(&config, -EINVAL));
	}
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		config = good;
		config.buffers_min = limits[i].min;
		config.buffers_max = limits[i].max;
		TRY_WITH(i, config_answers(&config, -EINVAL));
		config.buffer_size = SZ_64K;
		TRY_WITH(i, config_answers(&config, -EINVAL));
	}
	/* More than the memory of the machine */
	config = good;
	config.buffer_size = PAGE_SIZE;
	config.buffers_min = totalram_pages();
	TRY_WITH(config.buffers_min, config_answers(&config, -EINVAL));
	dhp_pool_destroy(NULL);
	for (i = 0; i < ARRAY_SIZE(no_pools); i++)
		dhp_pool_destroy(no_pools[i]);
}

/* ---- Work ----------------------------------------------------------------- */

static struct item {
	struct dhp_work work;
	atomic_t ran;
	struct completion begun;
	struct completion may_end;
} item, holder;

static void item_fn(struct dhp_work *work)
{
	atomic_inc(&container_of(work, struct item, work)->ran);
}

static void holder_fn(struct dhp_work *work)
{
	complete(&holder.begun);
	wait_for_completion(&holder.may_end);
}

/* Does @item run exactly once, on any CPU? */
static bool runs_once(struct dhp_pool *pool, unsigned int cpu)
{
	atomic_set(&item.ran, 0);
	if (!dhp_pool_submit_on(pool, cpu, &item.work))
		return false;
	dhp_pool_flush(pool);
	return atomic_read(&item.ran) == 1;
}

static void bad_work_calls(struct dhp_pool *pool)
{
	const unsigned int cpus[] = {
		nr_cpu_ids, nr_cpu_ids + 1, 65536, INT_MAX, BIT(31), UINT_MAX,
		cpumask_last(cpu_possible_mask),	/* offline on most machines */
	};
	unsigned int first = cpumask_first(cpu_online_mask), i;

	tally_begin("work items");
	dhp_work_init(&item.work, item_fn);
	dhp_work_init(&holder.work, holder_fn);
	init_completion(&holder.begun);
	init_completion(&holder.may_end);

	for (i = 0; i < ARRAY_SIZE(cpus); i++)
		MUST_WITH(cpus[i], runs_once(pool, cpus[i]));

	/* Submitted again while it is queued behind another item */
	atomic_set(&item.ran, 0);
	dhp_pool_submit_on(pool, first, &holder.work);
	wait_for_completion(&holder.begun);
	MUST(dhp_pool_submit_on(pool, first, &item.work));
	TRY(!dhp_pool_submit_on(pool, first, &item.work));
	TRY(!dhp_pool_submit_on(pool, UINT_MAX, &item.work));
	TRY(!dhp_pool_submit(pool, &item.work));
	complete(&holder.may_end);
	dhp_pool_flush(pool);
	MUST(atomic_read(&item.ran) == 1);

	/* Not queued: it has run; once more; it was never submitted. */
	TRY(!dhp_work_cancel(pool, &item.work));
	TRY(!dhp_work_cancel(pool, &item.work));
	dhp_work_init(&item.work, item_fn);
	TRY(!dhp_work_cancel(pool, &item.work));
	/* A failed cancel leaves the item usable. */
	MUST(runs_once(pool, first));
}

/* Each of these functions warns once per boot. */
static void no_pool_or_work(struct dhp_pool *pool)
{
	static struct dhp_work no_fn;

	tally_begin("work without a pool, pools without work");
	TRY(!dhp_pool_submit(NULL, &item.work));
	TRY(!dhp_pool_submit(pool, NULL));
	TRY(!dhp_pool_submit(pool, &no_fn));
	TRY(!dhp_pool_submit(NULL, NULL));
	TRY(!dhp_pool_submit_on(NULL, 0, &item.work));
	TRY(!dhp_pool_submit_on(pool, 0, NULL));
	TRY(!dhp_pool_submit_on(pool, 0, &no_fn));
	TRY(!dhp_pool_submit_on(NULL, UINT_MAX, NULL));
	TRY(!dhp_work_cancel(NULL, &item.work));
	TRY(!dhp_work_cancel(pool, NULL));
	TRY(!dhp_work_cancel(NULL, NULL));
	MUST(!item.work.state && !no_fn.state);
	dhp_pool_flush(NULL);
	dhp_pool_flush(pool);
}

/* Each call would wait for the item itself, or for a callback that waits for the item. */
static struct {
	struct dhp_work work;
	struct dhp_pool *pool;
	struct dhp_processor_client *processor;
	struct dhp_event_client *event;
	struct dhp_rebalance_client *rebalance;
} inside;

static void on_processor(void *context, const struct dhp_processor_change *change, int *status)
{
}

static void on_event(void *context, const struct dhp_event *event)
{
}

static void on_stop(void *context)
{
}

static void on_start(void *context, const struct dhp_machine *machine)
{
}

static const struct dhp_rebalance_ops rebalance_ops = {
	.stop = on_stop,
	.start = on_start,
};

static void inside_fn(struct dhp_work *work)
{
	const struct dhp_pool_config config = { .name = "inside" };

	TRY(dhp_register_processor_callback(on_processor, NULL, 0) == ERR_PTR(-EDEADLK));
	TRY(dhp_register_processor_callback(on_processor, NULL, DHP_PROCESSOR_ADD_EXISTING) ==
	    ERR_PTR(-EDEADLK));
	TRY(dhp_unregister_processor_callback(inside.processor) == -EDEADLK);
	TRY(dhp_unregister_event_callback(inside.event) == -EDEADLK);
	TRY(dhp_unregister_rebalance(inside.rebalance) == -EDEADLK);
	TRY(config_answers(&config, -EDEADLK));
	dhp_pool_destroy(inside.pool);
	dhp_pool_flush(inside.pool);
	TRY(!dhp_work_cancel(inside.pool, work));
}

static void calls_from_inside(struct dhp_pool *pool)
{
	tally_begin("from inside a work item");
	inside.pool = pool;
	inside.processor = dhp_register_processor_callback(on_processor, NULL, 0);
	inside.event = dhp_register_event_callback(DHP_PROCESSOR, on_event, NULL, 0);
	MUST(!IS_ERR_OR_NULL(inside.processor));
	inside.rebalance = dhp_register_rebalance(&rebalance_ops, NULL);
	MUST(!IS_ERR_OR_NULL(inside.event));
	MUST(!IS_ERR_OR_NULL(inside.rebalance));
	dhp_work_init(&inside.work, inside_fn);
	MUST(dhp_pool_submit(pool, &inside.work));
	dhp_pool_flush(pool);
	/* The pool and the clients still work. */
	MUST(runs_once(pool, cpumask_first(cpu_online_mask)));
	MUST(!dhp_unregister_rebalance(inside.rebalance));
	MUST(!dhp_unregister_event_callback(inside.event));
	MUST(!dhp_unregister_processor_callback(inside.processor));
}

/* ---- Buffers -------------------------------------------------------------- */

#define SOME 64

/* buffers_max=ULONG_MAX means no limit, so the pool has more buffers than its minimum. */
static bool has_buffers(struct dhp_pool *pool)
{
	void *buffers[SOME] = { };
	unsigned int i, nr = 0;

	for (i = 0; i < SOME; i++) {
		buffers[i] = dhp_buffer_get(pool);
		nr += !!buffers[i];
	}
	for (i = 0; i < SOME; i++)
		dhp_buffer_put(pool, buffers[i]);
	return nr == SOME;
}

static void bad_buffer_calls(struct dhp_pool *empty)
{
	struct dhp_pool_config config = {
		.name = "bad_bufs", .buffer_permille = 1, .buffers_max = ULONG_MAX
	};
	struct dhp_pool *pool;
	unsigned int size;

	tally_begin("buffers");
	TRY(!dhp_buffer_get(empty));
	TRY(!dhp_buffer_get_zeroed(empty));
	dhp_buffer_put(empty, NULL);
	for (size = 256; size <= SZ_64K; size *= 16) {
		config.buffer_size = size;
		pool = dhp_pool_create(&config);
		MUST_WITH(size, !IS_ERR_OR_NULL(pool));
		if (IS_ERR_OR_NULL(pool))
			continue;
		dhp_buffer_put(pool, NULL);
		MUST_WITH(size, has_buffers(pool) || size == SZ_64K);
		dhp_pool_destroy(pool);
	}
}

static void no_pool_or_buffer(void)
{
	static u8 buffer[256];

	tally_begin("buffers without a pool");
	TRY(!dhp_buffer_get(NULL));
	TRY(!dhp_buffer_get_zeroed(NULL));
	dhp_buffer_put(NULL, NULL);
	dhp_buffer_put(NULL, buffer);
	MUST(!memchr_inv(buffer, 0, sizeof(buffer)));
}

void bad_pool_calls(void)
{
	const struct dhp_pool_config config = { .name = "bad_calls" };
	struct dhp_pool *pool;

	bad_names();
	bad_sizes();
	pool = dhp_pool_create(&config);
	MUST_WITH(PTR_ERR(pool), !IS_ERR(pool));
	if (IS_ERR(pool))
		return;
	bad_work_calls(pool);
	no_pool_or_work(pool);
	calls_from_inside(pool);
	bad_buffer_calls(pool);
	no_pool_or_buffer();
	dhp_pool_destroy(pool);
}
