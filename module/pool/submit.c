// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submission: an item gets its state and is delivered to a worker. What the worker does
 * with it is in backlog.c and run.c.
 *
 * Submission takes no lock. An item is added to the worker's list of incoming items, the
 * newest first. Any CPU may add an item there, and any CPU may take all of them.
 *
 * A worker is *open* while it takes items. Closing it does not wait for submissions that
 * are in progress: the closer first sets the flag and then takes the items; a submitter
 * first adds an item and then checks the flag. So at least one of the two sees what the
 * other did. A submitter that finds its worker closed takes back all incoming items, be
 * they of other submitters, and delivers them to another worker. Each item is in one place
 * at a time, so none runs twice.
 *
 * The fallback queue is a worker without a thread. It takes the items while no worker is
 * open, and is open when all workers are closed.
 */

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include "item.h"
#include "item_count.h"
#include "submit.h"

/* ---- Finding and waking a worker ------------------------------------------ */

/*
 * The next step of a walk over the open workers, from that of CPU @start around to it: the
 * first one that is @passed CPUs after @start, or more; NULL at the end. Preemption is off.
 */
struct dhp_worker *dhp_worker_next_open(struct dhp_pool *pool, unsigned int start,
					unsigned int *passed)
{
	struct dhp_worker *worker;
	unsigned int from, cpu;

	while (*passed < nr_cpu_ids) {
		from = start + *passed;
		if (from >= nr_cpu_ids)
			from -= nr_cpu_ids;
		/* Workers open and close meanwhile, so each is checked below. */
		cpu = data_race(cpumask_next((int)from - 1, pool->open));
		cpu = min(cpu, nr_cpu_ids);
		*passed += cpu - from;
		if (cpu == nr_cpu_ids || *passed >= nr_cpu_ids)
			continue;
		++*passed;
		worker = worker_at(pool, cpu);
		if (worker && !worker_closed(worker))
			return worker;
	}
	return NULL;
}

/*
 * An open worker, the one next to @cpu if possible, or the fallback queue. Preemption is
 * off.
 */
noinline struct dhp_worker *dhp_worker_other(struct dhp_pool *pool, unsigned int cpu)
{
	unsigned int passed = 0;

	return dhp_worker_next_open(pool, cpu, &passed) ?: &pool->fallback;
}

/* However many items were added, one caller wakes the thread. */
void dhp_worker_wake(struct dhp_worker *worker)
{
	struct task_struct *task;

	if (!test_and_clear_bit(DHP_WORKER_SLEEPS, &worker->flags))
		return;
	/*
	 * A worker is closed before its thread ends. A caller that has found it open began
	 * before that, with preemption off, so the thread's structure still exists.
	 */
	task = READ_ONCE(worker->task);
	if (task)
		wake_up_process(task);
}

/* Wakes a worker that sleeps, which then steals from @behind what it can. */
static void wake_thief(struct dhp_pool *pool, struct dhp_worker *behind)
{
	struct dhp_worker *worker;
	unsigned int passed = 0;

	while ((worker = dhp_worker_next_open(pool, behind->cpu, &passed))) {
		if (worker != behind && test_bit(DHP_WORKER_SLEEPS, &worker->flags)) {
			dhp_worker_wake(worker);
			return;
		}
	}
}

/* ---- Delivering ----------------------------------------------------------- */

/*
 * Gives a chain of items, of which the caller is the holder, the address of @worker.
 * Returns the last of the chain.
 */
static struct llist_node *readdress(struct llist_node *first, struct dhp_worker *worker)
{
	struct llist_node *last = first;
	struct dhp_work *work;
	unsigned long nr = 0;

	llist_for_each_entry(work, first, incoming) {
		WRITE_ONCE(work->state, item_address(work->state, worker));
		last = &work->incoming;
		nr++;
	}
	atomic_long_add(nr, &worker->pool->migrated);
	return last;
}

static void deliver(struct dhp_pool *pool, struct dhp_worker *worker,
		    struct llist_node *first, struct llist_node *last,
		    unsigned long mask);

/* Items have been added to a worker that has @flags set. */
static noinline void handle_flags(struct dhp_pool *pool, struct dhp_worker *worker,
				  unsigned long flags)
{
	struct llist_node *first;

	if (flags & BIT(DHP_WORKER_CLOSED)) {
		first = llist_del_all(&worker->incoming);
		/* None left: another CPU delivers them. */
		if (first) {
			worker = dhp_worker_other(pool, worker->cpu);
			deliver(pool, worker, first, readdress(first, worker), ~0UL);
		}
	} else if (flags & BIT(DHP_WORKER_SLEEPS)) {
		dhp_worker_wake(worker);
	} else {
		wake_thief(pool, worker);
	}
}

/*
 * Adds a chain of items, the newest first, to the incoming ones of @worker, and handles
 * those of the worker's flags that are in @mask. Preemption is off. A recursion by way of
 * handle_flags() is for another worker that was closed meanwhile; that is rare.
 */
static void deliver(struct dhp_pool *pool, struct dhp_worker *worker,
		    struct llist_node *first, struct llist_node *last,
		    unsigned long mask)
{
	unsigned long flags;

	/* A full barrier; its partners are in close_and_take() and worker_idle(). */
	llist_add_batch(first, last, &worker->incoming);
	flags = READ_ONCE(worker->flags) & mask;
	if (unlikely(flags))
		handle_flags(pool, worker, flags);
}

/* Moves a chain of items, the newest first, to @worker. No chain is fine. */
void dhp_deliver(struct dhp_pool *pool, struct dhp_worker *worker, struct llist_node *first)
{
	if (!first)
		return;
	preempt_disable();
	deliver(pool, worker, first, readdress(first, worker), ~0UL);
	preempt_enable();
}

/* ---- Submission ----------------------------------------------------------- */

static __always_inline bool submit(struct dhp_pool *pool, unsigned int cpu,
				   struct dhp_work *work, unsigned long state)
{
	unsigned int colour = READ_ONCE(pool->colour);
	struct dhp_worker *worker = worker_at(pool, cpu);

	/* deliver() notices one that is closed. */
	if (unlikely(!worker))
		worker = dhp_worker_other(pool, cpu);
	state |= ITEM_PENDING | colour * ITEM_COLOUR | worker->address;
	while (unlikely(cmpxchg(&work->state, 0, state))) {
		/*
		 * A cmpxchg() that fails orders nothing. Order what the caller stored
		 * before this read of the state; the partner is in run_item().
		 */
		smp_mb();
		if (READ_ONCE(work->state))
			return false;
	}
	/* Before the item can be completed. */
	count_submitted(pool, colour);
	/* A bound item cannot be stolen. */
	deliver(pool, worker, &work->incoming, &work->incoming,
		state & ITEM_BOUND ? ~BIT(DHP_WORKER_STEALABLE) : ~0UL);
	return true;
}

/* An item without a function would crash a worker, far from the submitter's stack. */
static bool nothing_to_submit(struct dhp_pool *pool, struct dhp_work *work)
{
	return !pool || !work || !work->fn;
}

bool dhp_pool_submit_on(struct dhp_pool *pool, unsigned int cpu,
			struct dhp_work *work)
{
	bool accepted;

	if (WARN_ONCE(nothing_to_submit(pool, work),
		      "%s(): without a pool, an item, or a function in it\n", __func__))
		return false;
	preempt_disable();
	accepted = submit(pool, cpu, work, ITEM_BOUND);
	preempt_enable();
	return accepted;
}
EXPORT_SYMBOL_GPL(dhp_pool_submit_on);

bool dhp_pool_submit(struct dhp_pool *pool, struct dhp_work *work)
{
	bool accepted;

	if (WARN_ONCE(nothing_to_submit(pool, work),
		      "%s(): without a pool, an item, or a function in it\n", __func__))
		return false;
	preempt_disable();
	accepted = submit(pool, smp_processor_id(), work, 0);
	preempt_enable();
	return accepted;
}
EXPORT_SYMBOL_GPL(dhp_pool_submit);
