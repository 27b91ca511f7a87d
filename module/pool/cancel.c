// SPDX-License-Identifier: GPL-2.0-only
/* Cancelling an item: it is neither queued nor running afterwards. */

#include <linux/export.h>
#include <linux/sched.h>

#include "backlog.h"
#include "item.h"
#include "item_count.h"
#include "run.h"
#include "submit.h"
#include "wait.h"

/*
 * Makes a pending item one that is being cancelled; false when it is about to run or is
 * being moved.
 */
static bool unlink_pending(struct dhp_pool *pool, struct dhp_work *work,
			   unsigned long state)
{
	struct dhp_worker *worker;
	bool found = false;

	preempt_disable();
	worker = worker_at(pool, item_cpu(state));
	if (!worker)
		goto enable;
	found = dhp_backlog_take_out(worker, work);
	if (found) {
		state = work->state;
		WRITE_ONCE(work->state, ITEM_CANCELLED);
		count_completed(pool, item_colour(state));
	}
enable:
	preempt_enable();
	return found;
}

static bool work_running(struct dhp_pool *pool, struct dhp_work *work)
{
	struct dhp_worker *worker;
	bool running = false;
	unsigned int cpu;

	preempt_disable();
	for (cpu = 0; cpu < nr_cpu_ids && !running; cpu++) {
		worker = worker_at(pool, cpu);
		/* Pairs with take_next() and run_items(): what it has done is done. */
		running = worker && smp_load_acquire(&worker->running) == work;
	}
	preempt_enable();
	return running;
}

/* Sets ITEM_CANCELLED, after which submissions fail; returns whether it was pending. */
static bool work_seize(struct dhp_pool *pool, struct dhp_work *work)
{
	unsigned long state;

	for (;;) {
		state = READ_ONCE(work->state);
		if (state & ITEM_CANCELLED) {
			wait_event(pool->wait,
				   !(READ_ONCE(work->state) & ITEM_CANCELLED));
		} else if (state) {
			if (unlink_pending(pool, work, state))
				return true;
			/* The holder of the item may need this CPU to make progress. */
			schedule_timeout_uninterruptible(1);
		} else if (!cmpxchg(&work->state, 0, ITEM_CANCELLED)) {
			return false;
		}
	}
}

static bool called_from(struct dhp_pool *pool, struct dhp_work *work)
{
	struct dhp_worker *worker = dhp_worker_current(pool);

	return worker && worker->running == work;
}

bool dhp_work_cancel(struct dhp_pool *pool, struct dhp_work *work)
{
	bool was_pending;

	if (WARN_ONCE(!pool || !work, "%s(): without a pool or an item\n", __func__))
		return false;
	if (WARN_ONCE(called_from(pool, work),
		      "pool %s: an item cancels itself, and would wait for itself\n",
		      pool->name))
		return false;

	was_pending = work_seize(pool, work);
	wait_for_items(pool, !work_running(pool, work));
	/* The next submitter may change all of the item. */
	smp_store_release(&work->state, 0);
	wake_up_all(&pool->wait);
	return was_pending;
}
EXPORT_SYMBOL_GPL(dhp_work_cancel);
