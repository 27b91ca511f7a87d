// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a worker's thread does: it pins itself to its CPU, runs items, steals, and sleeps.
 * When a worker has a thread is in worker.c.
 *
 * A bound thread is not enough. When a CPU is taken offline, the scheduler first moves all
 * threads away from it that are not per-CPU threads of the kernel itself, bound or not, and
 * only then comes REMOVE_START. The scheduler leaves a thread that has disabled migration
 * there until it enables it again. So a worker's thread is *pinned* by migrate_disable() as
 * long as the worker is open. worker.c waits for that before it opens the worker.
 */

#include <linux/kthread.h>
#include <linux/sched.h>

#include "backlog.h"
#include "item.h"
#include "item_count.h"
#include "run.h"
#include "steal.h"

/* ---- Running items -------------------------------------------------------- */

/* The slow part of take_next(). The list of a closed worker stays empty. */
static noinline void pull_own(struct dhp_worker *worker)
{
	if (!worker_closed(worker))
		dhp_backlog_pull(worker);
}

/*
 * Takes the next item off the worker's list; NULL when there is none. The lock decides
 * between the worker and a CPU that cancels or steals the item. @running is written before
 * the lock is released, so the holder of the lock finds an item on the list, or running, or
 * done.
 *
 * A batch of 16 items for one holding of the lock, each claimed by an xchg(), is not
 * cheaper: `make bench` counted 160 instructions an item here and 163 there in bursts of
 * 256, 447 and 449 in bursts of 16, without contention. Inlining makes the difference; a
 * call of this function costs 20.
 */
static __always_inline struct dhp_work *take_next(struct dhp_worker *worker)
{
	struct llist_node *node;

	if (!READ_ONCE(worker->first) && llist_empty(&worker->incoming))
		return NULL;
	raw_spin_lock(&worker->lock);
	if (unlikely(!worker->first))
		pull_own(worker);
	node = worker->first;
	if (likely(node)) {
		WRITE_ONCE(worker->first, node->next);
		/* What the item before has done is done; see work_running(). */
		smp_store_release(&worker->running,
				  llist_entry(node, struct dhp_work, incoming));
	}
	raw_spin_unlock(&worker->lock);
	return node ? llist_entry(node, struct dhp_work, incoming) : NULL;
}

/*
 * The caller has stored what they wait for, and has then passed a full barrier; the partner
 * is in waiter_add().
 */
static void wake_waiters(struct dhp_pool *pool)
{
	if (unlikely(atomic_read(&pool->waiters)))
		wake_up_all(&pool->wait);
}

/* Runs an item that no other CPU can take any more. */
static void run_item(struct dhp_pool *pool, struct dhp_work *work)
{
	unsigned int colour = item_colour(work->state);
	dhp_work_fn fn = work->fn;

	/*
	 * A CPU that sees the item not pending sees it running, and may submit it again,
	 * even with another function. The item may be freed as soon as this one runs.
	 */
	smp_store_release(&work->state, 0);
	/*
	 * Order this store before all that the function reads; the partner is in
	 * submit(). A release does not: it keeps back what comes before it, not what
	 * comes after it. Without the barriers, the function could read what was there
	 * before a caller's store, and that caller still see the item pending:
	 *
	 *	caller				worker
	 *	WRITE_ONCE(data, 1)		WRITE_ONCE(state, 0)
	 *	smp_mb()			smp_mb()
	 *	READ_ONCE(state) != 0		READ_ONCE(data) == 0
	 *
	 * A later submission and a cancel of the same item change nothing: the state
	 * that the caller reads is older than the last store of 0 before a run.
	 *
	 * The barrier also orders the end of the previous item, which worker->running and
	 * the counters show, before the check for tasks that wait for it.
	 */
	smp_mb();
	wake_waiters(pool);
	fn(work);
	count_completed(pool, colour);
}

static void run_items(struct dhp_worker *worker)
{
	struct dhp_pool *pool = worker->pool;
	struct dhp_work *work;

	while ((work = take_next(worker))) {
		run_item(pool, work);
		if (need_resched())
			cond_resched();
	}
	smp_store_release(&worker->running, NULL); /* as in take_next() */
	smp_mb(); /* before the check for waiters, as in run_item() */
	wake_waiters(pool);
}

/* ---- The thread ----------------------------------------------------------- */

static void pin(struct dhp_worker *worker)
{
	migrate_disable();
	raw_spin_lock(&worker->lock);
	if (raw_smp_processor_id() == worker->cpu)
		worker->pinned = true;
	else
		/* The scheduler has moved the thread; worker.c tries again. */
		WRITE_ONCE(worker->want_pinned, false);
	raw_spin_unlock(&worker->lock);
	if (!worker->pinned)
		migrate_enable();
}

/* A change of want_pinned meanwhile is not lost: apply_pin() reads it again. */
static void unpin(struct dhp_worker *worker)
{
	raw_spin_lock(&worker->lock);
	worker->pinned = false;
	raw_spin_unlock(&worker->lock);
	migrate_enable();
}

/* Pins the thread to its CPU, or unpins it, as want_pinned says. */
static void apply_pin(struct dhp_worker *worker)
{
	bool want_pinned = READ_ONCE(worker->want_pinned);

	if (want_pinned == worker->pinned)
		return;
	if (want_pinned)
		pin(worker);
	else
		unpin(worker);
	wake_up_all(&worker->pool->wait);
}

static bool nothing_to_do(struct dhp_worker *worker)
{
	if (kthread_should_stop() || READ_ONCE(worker->want_pinned) != worker->pinned)
		return false;
	return worker_closed(worker) ||
	       (llist_empty(&worker->incoming) && !READ_ONCE(worker->first));
}

static void worker_idle(struct dhp_worker *worker)
{
	/* In this order: a CPU that sees the bit, and clears it, can wake the thread. */
	set_current_state(TASK_IDLE);
	set_bit(DHP_WORKER_SLEEPS, &worker->flags);
	/* Before the check for work; the partners are deliver() and pull_for(). */
	smp_mb__after_atomic();
	if (nothing_to_do(worker) && !worker_steals(worker))
		schedule();
	__set_current_state(TASK_RUNNING);
	clear_bit(DHP_WORKER_SLEEPS, &worker->flags);
}

/* The thread function of all workers of all pools. */
int dhp_worker_main(void *data)
{
	struct dhp_worker *worker = data;

	while (!kthread_should_stop()) {
		apply_pin(worker);
		WARN_ONCE(worker->pinned && raw_smp_processor_id() != worker->cpu,
			  "worker %s/%u runs on CPU%u\n", worker->pool->name, worker->cpu,
			  raw_smp_processor_id());
		run_items(worker);
		worker_idle(worker);
	}
	/* The next thread of this worker begins unpinned. */
	if (worker->pinned)
		unpin(worker);
	return 0;
}

/* The worker of @pool whose thread the caller is; NULL if it is none. */
struct dhp_worker *dhp_worker_current(struct dhp_pool *pool)
{
	struct dhp_worker *worker;

	if (kthread_func(current) != dhp_worker_main)
		return NULL;
	worker = kthread_data(current);
	return worker->pool == pool ? worker : NULL;
}
