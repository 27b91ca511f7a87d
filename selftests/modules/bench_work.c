// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work items: dhp's pool, a bound workqueue and a kthread worker run the same items.
 *
 * An item only counts itself, with the same counter on every side, and is initialised beforehand.
 * All workers are ordinary threads. The pool and the workqueue have a worker for each CPU; a
 * kthread worker is created for each CPU that is used.
 *
 * A bare list with a thread shows the lower limit: it cannot refuse, count or cancel an item.
 *
 * One file, because the three measurements share inline functions that must not become calls.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/workqueue.h>

#include "bench.h"
#include "bench_result.h"
#include "bench_round.h"
#include "bench_work.h"
#include "compat.h"
#include "dhp_pool.h"

#define BURST_MAX 256

/* Samples of latency in a block. */
#define SAMPLES 64

enum side { DHP, WORKQUEUE, KTHREAD, NR_SIDES, BARE = NR_SIDES };

static const char * const side_names[] = {
	[DHP] = "dhp",
	[WORKQUEUE] = "queue_work_on",
	[KTHREAD] = "kthread_queue_work",
};

struct bare_work {
	struct llist_node node;
	void (*fn)(struct bare_work *work);
};

/* One item for all sides, so that the memory layout is the same. */
struct item {
	struct bare_work bare;
	struct dhp_work dhp;
	struct work_struct work;
	struct kthread_work kthread;
};

/* The thread of a CPU that submits. */
struct producer {
	struct task_struct *task;
	bool go;
	struct item *items;
};

static struct dhp_pool *pool;
static struct workqueue_struct *wq;
static struct kthread_worker *kworker; /* of worker_cpu */
static struct task_struct *bare_task; /* of BENCH_CPU */
static LLIST_HEAD(bare_list);
static unsigned int worker_cpu;
static struct item *own_items;

static atomic_t items_left;
static DECLARE_COMPLETION(all_ran);
static u64 last_ran_ns;

/* ---- Items --------------------------------------------------------------- */

static __always_inline void item_ran(void)
{
	if (!atomic_dec_and_test(&items_left))
		return;
	last_ran_ns = ktime_get_ns();
	complete(&all_ran);
}

static void dhp_ran(struct dhp_work *work)
{
	item_ran();
}

static void work_ran(struct work_struct *work)
{
	item_ran();
}

static void kthread_ran(struct kthread_work *work)
{
	item_ran();
}

static void bare_ran(struct bare_work *work)
{
	item_ran();
}

static struct item *alloc_items(void)
{
	struct item *items = kvcalloc(BURST_MAX, sizeof(*items), GFP_KERNEL);
	unsigned int i;

	for (i = 0; items && i < BURST_MAX; i++) {
		dhp_work_init(&items[i].dhp, dhp_ran);
		INIT_WORK(&items[i].work, work_ran);
		kthread_init_work(&items[i].kthread, kthread_ran);
		items[i].bare.fn = bare_ran;
	}
	return items;
}

/* @side is a constant in every inlined copy. */
static __always_inline void submit(enum side side, struct item *item)
{
	switch (side) {
	case DHP:
		dhp_pool_submit_on(pool, worker_cpu, &item->dhp);
		break;
	case WORKQUEUE:
		queue_work_on(worker_cpu, wq, &item->work);
		break;
	case KTHREAD:
		kthread_queue_work(kworker, &item->kthread);
		break;
	case BARE:
		if (llist_add(&item->bare.node, &bare_list))
			wake_up_process(bare_task);
		break;
	}
}

static int bare_main(void *data)
{
	struct bare_work *work, *next;
	struct llist_node *list;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		list = llist_del_all(&bare_list);
		if (!list) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		list = llist_reverse_order(list);
		llist_for_each_entry_safe(work, next, list, node)
			work->fn(work);
		/* As all workers do: the waiting thread runs before this one sleeps. */
		cond_resched();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* ---- Up and down --------------------------------------------------------- */

static void teardown(void)
{
	dhp_pool_destroy(pool);
	pool = NULL;
	if (wq)
		destroy_workqueue(wq);
	wq = NULL;
	if (kworker)
		kthread_destroy_worker(kworker);
	kworker = NULL;
	if (!IS_ERR_OR_NULL(bare_task))
		kthread_stop(bare_task);
	bare_task = NULL;
	kvfree(own_items);
	own_items = NULL;
}

static int use_worker(unsigned int cpu)
{
	struct kthread_worker *worker = kthread_run_worker_on_cpu(cpu, 0, "dhp_bench_worker");

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	if (kworker)
		kthread_destroy_worker(kworker);
	kworker = worker;
	worker_cpu = cpu;
	/* The item remembers the worker that it ran in, and accepts no other. */
	kthread_init_work(&own_items->kthread, kthread_ran);
	return 0;
}

static int setup(unsigned int cpu)
{
	static const struct dhp_pool_config config = { .name = "bench" };
	int err = -ENOMEM;

	pool = dhp_pool_create(&config);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	wq = alloc_workqueue("dhp_bench", WQ_PERCPU, 0);
	own_items = alloc_items();
	if (!wq || !own_items)
		goto fail;
	err = use_worker(cpu);
	if (err)
		goto fail;
	bare_task = kthread_create_on_cpu(bare_main, NULL, BENCH_CPU, "dhp_bench_bare");
	err = PTR_ERR_OR_ZERO(bare_task);
	if (err)
		goto fail;
	wake_up_process(bare_task);
	return 0;

fail:
	teardown();
	return err;
}

/* ---- Bursts on the same CPU ---------------------------------------------- */

static __always_inline int bursts(const struct bench_block *block, enum side side, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i, j;

	for (i = 0; i < block->ops; i += block->burst) {
		atomic_set(&items_left, block->burst);
		for (j = 0; j < block->burst; j++)
			submit(side, &own_items[j]);
		wait_for_completion(&all_ran);
	}
	*ns += ktime_get_ns() - start;
	return 0;
}

static int bursts_dhp(const struct bench_block *block, u64 *ns)
{
	return bursts(block, DHP, ns);
}

static int bursts_workqueue(const struct bench_block *block, u64 *ns)
{
	return bursts(block, WORKQUEUE, ns);
}

static int bursts_kthread(const struct bench_block *block, u64 *ns)
{
	return bursts(block, KTHREAD, ns);
}

static int bursts_bare(const struct bench_block *block, u64 *ns)
{
	return bursts(block, BARE, ns);
}

#define BURST_SIDES \
	.sides = { \
		{ "dhp", bursts_dhp }, \
		{ "queue_work_on", bursts_workqueue }, \
		{ "kthread_queue_work", bursts_kthread }, \
		{ "bare", bursts_bare }, \
	}

int bench_work(unsigned int rounds)
{
	static const struct bench_block blocks[] = {
		{ .name = "work/1", .ops = 64, .burst = 1, BURST_SIDES },
		{ .name = "work/16", .ops = 256, .burst = 16, BURST_SIDES },
		{ .name = "work/256", .ops = 512, .burst = 256, BURST_SIDES },
	};
	int err;

	err = setup(BENCH_CPU);
	if (err)
		return err;
	err = bench_blocks(blocks, ARRAY_SIZE(blocks), rounds);
	teardown();
	return err;
}

/* ---- Latency ------------------------------------------------------------- */

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static __always_inline void sample(enum side side, u64 *samples)
{
	unsigned int i;
	u64 start;

	for (i = 0; i < SAMPLES; i++) {
		/* Lets the worker fall asleep. */
		usleep_range(100, 200);
		atomic_set(&items_left, 1);
		start = ktime_get_ns();
		submit(side, own_items);
		wait_for_completion(&all_ran);
		samples[i] = last_ran_ns - start;
	}
}

static int latency_round(const char *where, bool counts)
{
	const unsigned int nr = SAMPLES * BENCH_TURNS;
	unsigned int side, turn;
	char name[40];
	u64 *samples;
	int err = 0;

	samples = kvcalloc(NR_SIDES * nr, sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	for (turn = 0; turn < BENCH_TURNS; turn++) {
		sample(DHP, samples + DHP * nr + turn * SAMPLES);
		sample(WORKQUEUE, samples + WORKQUEUE * nr + turn * SAMPLES);
		sample(KTHREAD, samples + KTHREAD * nr + turn * SAMPLES);
	}
	for (side = 0; side < NR_SIDES && counts && !err; side++) {
		sort(samples + side * nr, nr, sizeof(*samples), compare_u64, NULL);
		snprintf(name, sizeof(name), "latency/%s/median", where);
		err = bench_record(name, side_names[side], 1, samples[side * nr + nr / 2]);
		if (err)
			break;
		snprintf(name, sizeof(name), "latency/%s/p99", where);
		err = bench_record(name, side_names[side], 1, samples[side * nr + nr * 99 / 100]);
	}
	kvfree(samples);
	return err;
}

static int latency_rounds(const char *where, unsigned int rounds)
{
	unsigned int round;
	int err = 0;

	for (round = 0; round < BENCH_WARM_UP + rounds && !err; round++)
		err = latency_round(where, round >= BENCH_WARM_UP);
	return err;
}

/* The worker is on the CPU that submits, then on another one if there is one. */
int bench_latency(unsigned int rounds)
{
	unsigned int other;
	int err;

	err = setup(BENCH_CPU);
	if (err)
		return err;
	err = latency_rounds("own", rounds);
	other = cpumask_next(BENCH_CPU, cpu_online_mask);
	if (!err && other < nr_cpu_ids) {
		err = use_worker(other);
		if (!err)
			err = latency_rounds("other", rounds);
	}
	teardown();
	return err;
}

/* ---- From every CPU to one worker ----------------------------------------- */

static struct producer *producers; /* nr_cpu_ids */
static unsigned int nr_producers;
static enum side producers_side;
static atomic_t producers_missing;
static u64 producers_began_ns;

static __always_inline void produce(enum side side, struct item *items)
{
	unsigned int i;

	for (i = 0; i < BURST_MAX; i++)
		submit(side, &items[i]);
}

/* All producers begin together. The last one to arrive starts the clock. */
static void producers_meet(void)
{
	if (atomic_dec_and_test(&producers_missing)) {
		producers_began_ns = ktime_get_ns();
		atomic_set_release(&producers_missing, -1);
	}
	while (atomic_read_acquire(&producers_missing) >= 0)
		cpu_relax();
}

static int producer_main(void *data)
{
	struct producer *producer = data;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		if (!READ_ONCE(producer->go)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(producer->go, false);
		producers_meet();
		switch (producers_side) {
		case DHP:
			produce(DHP, producer->items);
			break;
		case WORKQUEUE:
			produce(WORKQUEUE, producer->items);
			break;
		default:
			produce(KTHREAD, producer->items);
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int contend(const struct bench_block *block, enum side side, u64 *ns)
{
	unsigned int cpu;

	atomic_set(&items_left, nr_producers * BURST_MAX);
	atomic_set(&producers_missing, nr_producers);
	producers_side = side;
	/* In reverse order: the producer on this CPU runs only when this thread waits. */
	for (cpu = nr_cpu_ids; cpu--;) {
		if (!producers[cpu].task)
			continue;
		WRITE_ONCE(producers[cpu].go, true);
		wake_up_process(producers[cpu].task);
	}
	wait_for_completion(&all_ran);
	*ns += last_ran_ns - producers_began_ns;
	return 0;
}

static int contend_dhp(const struct bench_block *block, u64 *ns)
{
	return contend(block, DHP, ns);
}

static int contend_workqueue(const struct bench_block *block, u64 *ns)
{
	return contend(block, WORKQUEUE, ns);
}

static int contend_kthread(const struct bench_block *block, u64 *ns)
{
	return contend(block, KTHREAD, ns);
}

static void stop_producers(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (producers[cpu].task)
			kthread_stop(producers[cpu].task);
		kvfree(producers[cpu].items);
	}
	kfree(producers);
	nr_producers = 0;
}

static int start_producer(unsigned int cpu)
{
	struct producer *producer = &producers[cpu];
	struct task_struct *task;

	producer->items = alloc_items();
	if (!producer->items)
		return -ENOMEM;
	task = kthread_create_on_cpu(producer_main, producer, cpu, "dhp_bench/%u");
	if (IS_ERR(task))
		return PTR_ERR(task);
	producer->task = task;
	wake_up_process(task);
	nr_producers++;
	return 0;
}

static int contention_rounds(unsigned int rounds)
{
	struct bench_block block = {
		.name = "contention",
		.sides = {
			{ "dhp", contend_dhp },
			{ "queue_work_on", contend_workqueue },
			{ "kthread_queue_work", contend_kthread },
		},
	};
	unsigned int cpu;
	int err = 0;

	producers = kcalloc(nr_cpu_ids, sizeof(*producers), GFP_KERNEL);
	if (!producers)
		return -ENOMEM;
	for_each_online_cpu(cpu) {
		err = start_producer(cpu);
		if (err)
			break;
	}
	block.ops = nr_producers * BURST_MAX;
	if (!err)
		err = bench_blocks(&block, 1, rounds);
	stop_producers();
	return err;
}

/* The worker is on the last CPU, where only that CPU's producer runs besides it. */
int bench_contention(unsigned int rounds)
{
	int err;

	err = setup(cpumask_last(cpu_online_mask));
	if (err)
		return err;
	err = contention_rounds(rounds);
	teardown();
	return err;
}
