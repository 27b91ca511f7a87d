// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls every function of dhp.h with arguments that it is to refuse, and compares the
 * answers with what the header promises. Loading the module makes the calls; the log names
 * each answer that is wrong, and /sys/kernel/debug/dhp_bad_calls has a line for each kind:
 * its name, how many were tried, how many answers were wrong.
 *
 * What the header calls the caller's own fault, with nothing promised, is left out.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bad_calls.h"
#include "dhp.h"
#include "dhp_pool.h"

#define MAX_KINDS 16

static struct tally tallies[MAX_KINDS];
static int current_kind = -1;

void tally_begin(const char *kind)
{
	tallies[++current_kind].kind = kind;
}

void tally(bool bad, bool holds, const char *what, long long value, int line)
{
	tallies[current_kind].tried += bad;
	if (holds)
		return;
	tallies[current_kind].wrong++;
	pr_err("%s, line %d, with %lld: not so: %s\n", tallies[current_kind].kind, line, value,
	       what);
}

/* ---- Registering ---------------------------------------------------------- */

/* What a caller may hold that has not looked at its registration: NULL and ERR_PTR()s. */
static void *const no_handles[] = {
	NULL, (void *)-EINVAL, (void *)-ENOMEM, (void *)-1, (void *)-MAX_ERRNO
};

static void on_processor(void *context, const struct dhp_processor_change *change, int *status)
{
}

static void on_memory(void *context, const struct dhp_memory_change *change)
{
}

static void on_event(void *context, const struct dhp_event *event)
{
}

static bool processor_answers(dhp_processor_fn fn, unsigned int flags, int err)
{
	return dhp_register_processor_callback(fn, NULL, flags) == ERR_PTR(err);
}

static void bad_processor_calls(void)
{
	const unsigned int known = DHP_PROCESSOR_ADD_EXISTING | DHP_PROCESSOR_REMOVALS;
	unsigned int flags, bit, i;

	tally_begin("processor clients");
	for (flags = 0; flags <= known; flags++)
		TRY_WITH(flags, processor_answers(NULL, flags, -EINVAL));
	for (bit = 0; bit < 32; bit++) {
		if (BIT(bit) & known)
			continue;
		TRY_WITH(bit, processor_answers(on_processor, BIT(bit), -EOPNOTSUPP));
		TRY_WITH(bit, processor_answers(on_processor, BIT(bit) | known, -EOPNOTSUPP));
	}
	TRY(processor_answers(on_processor, ~known, -EOPNOTSUPP));
	TRY(processor_answers(on_processor, ~0U, -EOPNOTSUPP));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_processor_callback(no_handles[i]) == -EINVAL);
}

static void bad_memory_calls(void)
{
	unsigned int i;

	tally_begin("memory clients");
	TRY(dhp_register_memory_callback(NULL, NULL) == ERR_PTR(-EINVAL));
	TRY(dhp_register_memory_callback(NULL, &tallies) == ERR_PTR(-EINVAL));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_memory_callback(no_handles[i]) == -EINVAL);
	/* It makes no difference what a client wants to have back. */
	MUST(!dhp_unregister_memory_callback(dhp_register_memory_callback(on_memory,
									  ERR_PTR(-EIO))));
}

static bool event_answers(long category, dhp_event_fn fn, unsigned int flags, int err)
{
	return dhp_register_event_callback((enum dhp_category)category, fn, NULL, flags) ==
	       ERR_PTR(err);
}

static void bad_event_calls(void)
{
	static const long categories[] = { -1, 2, 3, 256, 65536, INT_MAX, INT_MIN, UINT_MAX };
	enum dhp_category category;
	unsigned int bit, i;

	tally_begin("event clients");
	for (i = 0; i < ARRAY_SIZE(categories); i++) {
		TRY_WITH(categories[i], event_answers(categories[i], on_event, 0, -EINVAL));
		TRY_WITH(categories[i], event_answers(categories[i], on_event,
						      DHP_EVENT_INCLUDE_EXISTING, -EINVAL));
	}
	for (category = DHP_PROCESSOR; category <= DHP_MEMORY; category++) {
		TRY_WITH(category, event_answers(category, NULL, 0, -EINVAL));
		TRY_WITH(category, event_answers(category, NULL, DHP_EVENT_INCLUDE_EXISTING,
						 -EINVAL));
		for (bit = 1; bit < 32; bit++) {
			TRY_WITH(bit, event_answers(category, on_event, BIT(bit), -EOPNOTSUPP));
			TRY_WITH(bit, event_answers(category, on_event,
						    BIT(bit) | DHP_EVENT_INCLUDE_EXISTING,
						    -EOPNOTSUPP));
		}
		TRY_WITH(category, event_answers(category, on_event, ~0U, -EOPNOTSUPP));
	}
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_event_callback(no_handles[i]) == -EINVAL);
}

/* ---- Pools ---------------------------------------------------------------- */

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
	/* More than there is */
	config = good;
	config.buffer_size = PAGE_SIZE;
	config.buffers_min = totalram_pages();
	TRY_WITH(config.buffers_min, config_answers(&config, -EINVAL));
	dhp_pool_destroy(NULL);
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		dhp_pool_destroy(no_handles[i]);
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

/* It runs somewhere, once. */
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
		cpumask_last(cpu_possible_mask),	/* which is offline, where it can be */
	};
	unsigned int first = cpumask_first(cpu_online_mask), i;

	tally_begin("work items");
	dhp_work_init(&item.work, item_fn);
	dhp_work_init(&holder.work, holder_fn);
	init_completion(&holder.begun);
	init_completion(&holder.may_end);

	for (i = 0; i < ARRAY_SIZE(cpus); i++)
		MUST_WITH(cpus[i], runs_once(pool, cpus[i]));

	/* Queued behind another one, and submitted once more */
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

	/* Not queued: it has run; twice; it never was */
	TRY(!dhp_work_cancel(pool, &item.work));
	TRY(!dhp_work_cancel(pool, &item.work));
	dhp_work_init(&item.work, item_fn);
	TRY(!dhp_work_cancel(pool, &item.work));
	/* Which does not spoil it. */
	MUST(runs_once(pool, first));
}

/* Each function warns once. */
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

/* What would wait for the item itself, or for a processor that would. */
static struct {
	struct dhp_work work;
	struct dhp_pool *pool;
	struct dhp_processor_client *processor;
	struct dhp_event_client *event;
} inside;

static void inside_fn(struct dhp_work *work)
{
	const struct dhp_pool_config config = { .name = "inside" };

	TRY(processor_answers(on_processor, 0, -EDEADLK));
	TRY(processor_answers(on_processor, DHP_PROCESSOR_ADD_EXISTING, -EDEADLK));
	TRY(dhp_unregister_processor_callback(inside.processor) == -EDEADLK);
	TRY(dhp_unregister_event_callback(inside.event) == -EDEADLK);
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
	MUST(!IS_ERR_OR_NULL(inside.event));
	dhp_work_init(&inside.work, inside_fn);
	MUST(dhp_pool_submit(pool, &inside.work));
	dhp_pool_flush(pool);
	/* Nothing has changed. */
	MUST(runs_once(pool, cpumask_first(cpu_online_mask)));
	MUST(!dhp_unregister_event_callback(inside.event));
	MUST(!dhp_unregister_processor_callback(inside.processor));
}

/* ---- Buffers -------------------------------------------------------------- */

#define SOME 64

/* A ceiling that is as high as numbers go is none: there are more buffers than the floor. */
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

static void bad_pool_calls(void)
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

/* ---- The module ------------------------------------------------------------ */

static int tallies_show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; i <= current_kind; i++)
		seq_printf(m, "%s: %u %u\n", tallies[i].kind, tallies[i].tried,
			   tallies[i].wrong);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tallies);

static struct dentry *file;

static int __init bad_calls_init(void)
{
	bad_processor_calls();
	bad_memory_calls();
	bad_event_calls();
	bad_pool_calls();
	bad_wdm_calls();
	file = debugfs_create_file(KBUILD_MODNAME, 0400, NULL, NULL, &tallies_fops);
	return PTR_ERR_OR_ZERO(file);
}
module_init(bad_calls_init);

static void __exit bad_calls_exit(void)
{
	debugfs_remove(file);
}
module_exit(bad_calls_exit);

MODULE_DESCRIPTION("calls dhp's functions in wrong ways, for its selftests");
MODULE_LICENSE("GPL");
