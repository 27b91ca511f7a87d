// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a submission promises that is refused because the item is queued already: the coming run of
 * the item sees what the caller stored before.
 *
 * One CPU stores the next number and submits an item, without a pause. The item, on another CPU,
 * notes the number that it reads. Most submissions are refused, the last of them just when the item
 * begins to run. The note must not be older than the number of that submission; otherwise the store
 * was lost. A store can be lost only on two real CPUs, and rarely. So three ways take turns:
 *
 *	weak		a pool's item with its own word for "pending", and no barrier after that
 *			word is cleared: must lose stores, or this machine cannot show anything
 *	workqueue	the kernel's own: must lose none, or this test is wrong
 *	pool		must lose none
 */
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "dhp_pool.h"
#include "test_command.h"
#include "test_log.h"
#include "test_refused_submit.h"

#define TURN_MS 50
#define ENOUGH_LOST 5		/* a pool without its barrier loses 40 times as many */
#define HOPELESS_MS 20000	/* gives up if the weak way has lost no store */
#define RUN_SECONDS 30		/* an item that has not run by then is lost */
#define PAUSES 64		/* lengths of pauses; without pauses, fewer stores are lost */
#define NOTES 4			/* at most two notes are unread */

/*
 * In each way, the caller's number is in the cache line of the word that says "pending", because
 * that loses most stores.
 *
 * @filling: the fillers submit themselves again, so that no worker falls asleep
 * @stored: the number, for each way
 * @runs: number of runs of the item
 * @notes: what the last runs have read
 */
struct trial {
	struct dhp_pool *pool;
	struct workqueue_struct *queue;
	unsigned int cpu;
	bool filling;
	struct dhp_work filler;
	struct work_struct queue_filler;
	struct dhp_work weak_item;

	struct {
		unsigned long pending;
		void (*fn)(struct trial *t);
		unsigned long stored;
	} weak ____cacheline_aligned;
	struct {
		struct work_struct item;
		unsigned long stored;
	} queued ____cacheline_aligned;
	struct {
		struct dhp_work item;
		unsigned long stored;
	} pooled ____cacheline_aligned;

	unsigned long runs ____cacheline_aligned;
	unsigned long notes[NOTES];
};

static void note(struct trial *t, unsigned long *stored)
{
	unsigned long seen = READ_ONCE(*stored);

	WRITE_ONCE(t->notes[(t->runs + 1) % NOTES], seen);
	smp_store_release(&t->runs, t->runs + 1); /* pairs with wait_for_runs() */
}

static void note_weak(struct trial *t)
{
	note(t, &t->weak.stored);
}

static void run_weak(struct dhp_work *work)
{
	struct trial *t = container_of(work, struct trial, weak_item);
	void (*fn)(struct trial *t) = READ_ONCE(t->weak.fn);

	/* As a pool does it, which also reads the word first; but without the barrier. */
	if (!READ_ONCE(t->weak.pending))
		return;
	smp_store_release(&t->weak.pending, 0); /* as above */
	fn(t);
}

static bool submit_weak(struct trial *t)
{
	while (cmpxchg(&t->weak.pending, 0, 1)) {
		smp_mb(); /* as a pool does it; the partner is what run_weak() lacks */
		if (READ_ONCE(t->weak.pending))
			return false;
	}
	return dhp_pool_submit_on(t->pool, t->cpu, &t->weak_item);
}

static void run_queued(struct work_struct *work)
{
	struct trial *t = container_of(work, struct trial, queued.item);

	note(t, &t->queued.stored);
}

static bool submit_queued(struct trial *t)
{
	return queue_work_on(t->cpu, t->queue, &t->queued.item);
}

static void run_pooled(struct dhp_work *work)
{
	struct trial *t = container_of(work, struct trial, pooled.item);

	note(t, &t->pooled.stored);
}

static bool submit_pooled(struct trial *t)
{
	return dhp_pool_submit_on(t->pool, t->cpu, &t->pooled.item);
}

static void fill(struct dhp_work *work)
{
	struct trial *t = container_of(work, struct trial, filler);

	if (READ_ONCE(t->filling))
		dhp_pool_submit_on(t->pool, t->cpu, work);
}

static void fill_queue(struct work_struct *work)
{
	struct trial *t = container_of(work, struct trial, queue_filler);

	if (READ_ONCE(t->filling))
		queue_work_on(t->cpu, t->queue, work);
}

struct way {
	bool (*submit)(struct trial *t);
	unsigned long *stored;
	unsigned long refused;
	unsigned long lost;
};

enum { WEAK, QUEUE, POOL, NR_WAYS };

static int wait_for_runs(struct trial *t, unsigned long runs)
{
	unsigned long end = jiffies + RUN_SECONDS * HZ;

	/* Pairs with note(). */
	while (smp_load_acquire(&t->runs) < runs) {
		if (time_after(jiffies, end))
			return complain(-ETIMEDOUT, "an item has not run for %d seconds",
					RUN_SECONDS);
		cond_resched();
	}
	return 0;
}

/* The worker reads the cache line meanwhile. Pauses of all lengths meet it at every step. */
static void pause(unsigned long number)
{
	for (number %= PAUSES; number; number--)
		barrier();
}

/* @refused: the last number that was stored before a refusal, for the coming run */
static int take_turn(struct trial *t, struct way *way)
{
	unsigned long end = jiffies + msecs_to_jiffies(TURN_MS);
	unsigned long runs = t->runs, number = *way->stored, refused = 0;
	int err;

	do {
		WRITE_ONCE(*way->stored, ++number);
		if (!way->submit(t)) {
			way->refused++;
			refused = number;
			pause(number);
			continue;
		}
		err = wait_for_runs(t, runs);
		if (err)
			return err;
		if (refused && READ_ONCE(t->notes[runs % NOTES]) < refused)
			way->lost++;
		runs++;
		refused = 0;
	} while (time_before(jiffies, end));
	return wait_for_runs(t, runs);
}

static int take_turns(struct trial *t, struct way *ways, unsigned int ms)
{
	unsigned long start = jiffies;
	unsigned int i, taken;
	int err = 0;

	do {
		for (i = 0; i < NR_WAYS && !err; i++) {
			WRITE_ONCE(t->filling, true);
			if (i == QUEUE)
				queue_work_on(t->cpu, t->queue, &t->queue_filler);
			else
				dhp_pool_submit_on(t->pool, t->cpu, &t->filler);
			err = take_turn(t, &ways[i]);
			WRITE_ONCE(t->filling, false);
			dhp_pool_flush(t->pool);
			flush_workqueue(t->queue);
		}
		if (!err && signal_pending(current))
			err = complain(-EINTR, "a signal came");
		taken = jiffies_to_msecs(jiffies - start);
	} while (!err && taken < ms && ways[WEAK].lost < ENOUGH_LOST &&
		 (ways[WEAK].lost || taken < HOPELESS_MS));
	return err;
}

static int run_trial(const char *name, unsigned int cpu, unsigned int ms)
{
	struct dhp_pool_config config = { .name = name };
	struct way ways[NR_WAYS] = {};
	struct trial *t;
	int err;

	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return complain(-ENOMEM, "no memory for a trial");
	t->cpu = cpu;
	t->weak.fn = note_weak;
	dhp_work_init(&t->filler, fill);
	dhp_work_init(&t->weak_item, run_weak);
	dhp_work_init(&t->pooled.item, run_pooled);
	INIT_WORK(&t->queue_filler, fill_queue);
	INIT_WORK(&t->queued.item, run_queued);
	ways[WEAK] = (struct way){ .submit = submit_weak, .stored = &t->weak.stored };
	ways[QUEUE] = (struct way){ .submit = submit_queued, .stored = &t->queued.stored };
	ways[POOL] = (struct way){ .submit = submit_pooled, .stored = &t->pooled.stored };
	t->queue = alloc_workqueue("dhp_test", WQ_PERCPU, 0);
	if (!t->queue) {
		err = complain(-ENOMEM, "no memory for a workqueue");
		goto free;
	}
	t->pool = dhp_pool_create(&config);
	if (IS_ERR(t->pool)) {
		err = complain(PTR_ERR(t->pool), "dhp refused");
		goto destroy_queue;
	}
	err = take_turns(t, ways, ms);
	dhp_pool_destroy(t->pool);
	if (!err)
		log_line("%s lost weak %lu workqueue %lu pool %lu refused %lu %lu %lu",
			 name, ways[WEAK].lost, ways[QUEUE].lost, ways[POOL].lost,
			 ways[WEAK].refused, ways[QUEUE].refused, ways[POOL].refused);
destroy_queue:
	destroy_workqueue(t->queue);
free:
	kfree(t);
	return err;
}

int refused_submit(const struct command *command)
{
	long cpu = -1, ms = 1000;
	int err;

	err = number_option(command, "cpu", &cpu) ?: number_option(command, "ms", &ms);
	if (err)
		return err;
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_online(cpu) || ms < 1)
		return complain(-EINVAL, "refused: cpu must be an online CPU, ms at least 1");
	/* The submitter must stay on its CPU. */
	migrate_disable();
	if (raw_smp_processor_id() == cpu)
		err = complain(-EINVAL, "refused: cpu=%ld is the CPU that submits", cpu);
	else
		err = run_trial(command->name, cpu, ms);
	migrate_enable();
	return err;
}
