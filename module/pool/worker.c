// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of one worker: its thread is created, pins itself, the worker is opened, closed,
 * and its thread stopped. When each of these happens is in cpu.c, what the thread does in
 * run.c.
 *
 * A worker's thread is created in START, woken for the first time in COMPLETE and
 * stopped in REMOVE_START. It does not use kthread_park() in between: a parked thread of a
 * module comes back unbound.
 */

#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "backlog.h"
#include "item.h"
#include "run.h"
#include "submit.h"
#include "worker.h"

static struct dhp_worker *worker_of(struct dhp_pool *pool, unsigned int cpu)
{
	return rcu_dereference_protected(pool->worker[cpu],
					 lockdep_is_held(&pool->mutex));
}

/* ---- Create --------------------------------------------------------------- */

static void worker_init(struct dhp_worker *worker, struct dhp_pool *pool,
			unsigned int cpu)
{
	worker->pool = pool;
	worker->cpu = cpu;
	worker->address = (unsigned long)cpu << ITEM_CPU_SHIFT;
	raw_spin_lock_init(&worker->lock);
	init_llist_head(&worker->incoming);
}

/* Without the pool's mutex: no other task knows the pool yet. */
void dhp_worker_init_fallback(struct dhp_pool *pool)
{
	worker_init(&pool->fallback, pool, nr_cpu_ids);
}

/*
 * Makes what is missing of a worker, up to a thread that was never woken. The CPU may still
 * be offline.
 */
int dhp_worker_create(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	struct dhp_worker *worker = worker_of(pool, cpu);
	struct task_struct *task;

	if (!worker) {
		worker = kzalloc_node(sizeof(*worker), GFP_KERNEL, nid);
		if (!worker)
			return -ENOMEM;
		worker_init(worker, pool, cpu);
		set_bit(DHP_WORKER_CLOSED, &worker->flags);
		if (pool->stealing)
			set_bit(DHP_WORKER_STEALABLE, &worker->flags);
		rcu_assign_pointer(pool->worker[cpu], worker);
	}
	if (worker->task)
		return 0;

	task = kthread_create_on_node(dhp_worker_main, worker, nid, "%s/%u",
				      pool->name, cpu);
	/* Not its own errno: for some shortages of memory that is -EAGAIN. */
	if (IS_ERR(task))
		return -ENOMEM;
	kthread_bind(task, cpu);
	WRITE_ONCE(worker->task, task);
	return 0;
}

/* ---- Pin ------------------------------------------------------------------ */

static bool worker_pinned(struct dhp_worker *worker)
{
	bool pinned;

	raw_spin_lock(&worker->lock);
	pinned = worker->pinned;
	raw_spin_unlock(&worker->lock);
	return pinned;
}

/* The thread has pinned itself, or found that it could not. */
static bool worker_answered(struct dhp_worker *worker)
{
	bool answered;

	raw_spin_lock(&worker->lock);
	answered = worker->pinned || !worker->want_pinned;
	raw_spin_unlock(&worker->lock);
	return answered;
}

/* Has a closed worker's thread pin or unpin itself. */
static void want_pinned(struct dhp_worker *worker, bool pinned)
{
	raw_spin_lock(&worker->lock);
	WRITE_ONCE(worker->want_pinned, pinned);
	raw_spin_unlock(&worker->lock);
	wake_up_process(worker->task);
}

/*
 * Has a worker's thread pin itself to its CPU, for dhp_worker_open(). The CPU stays
 * online until then, due to the hotplug lock, the caller's callback, or a suspend that does
 * not take CPUs down yet. When an offline operation has begun all the same, the scheduler
 * moves the thread away, and it does not pin itself.
 */
int dhp_worker_pin(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);
	int err;

	/* The thread may have been awake while suspend took the CPU down. */
	err = set_cpus_allowed_ptr(worker->task, cpumask_of(cpu));
	if (!err)
		want_pinned(worker, true);
	return err;
}

/* It is between dhp_worker_pin() and dhp_worker_open(). */
bool dhp_worker_pinning(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	return worker && worker_closed(worker) && READ_ONCE(worker->want_pinned);
}

/* The thread is still pinned, maybe by an item that runs. */
bool dhp_worker_pinned(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	return worker && worker_pinned(worker);
}

/* ---- Open and close ------------------------------------------------------- */

/* Closes a worker, or the fallback queue, and returns the items to deliver elsewhere. */
static struct llist_node *close_and_take(struct dhp_worker *worker)
{
	struct llist_node *first;

	raw_spin_lock(&worker->lock);
	set_bit(DHP_WORKER_CLOSED, &worker->flags);
	/* Before the incoming items are taken; the partner is in deliver(). */
	smp_mb__after_atomic();
	dhp_backlog_pull(worker);
	first = dhp_backlog_take_away(worker, ULONG_MAX, true);
	raw_spin_unlock(&worker->lock);
	return first;
}

static void clear_closed(struct dhp_worker *worker)
{
	raw_spin_lock(&worker->lock);
	clear_bit(DHP_WORKER_CLOSED, &worker->flags);
	raw_spin_unlock(&worker->lock);
}

/*
 * Waits @left jiffies at most until the thread is pinned, and has the worker take items.
 * Returns -EAGAIN when its CPU is being taken offline.
 */
int dhp_worker_open(struct dhp_pool *pool, unsigned int cpu, long *left)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	*left = wait_event_timeout(pool->wait, worker_answered(worker), *left);
	if (!worker_pinned(worker)) {
		want_pinned(worker, false);
		return cpu_active(cpu) ? -ETIMEDOUT : -EAGAIN;
	}

	clear_closed(worker);
	cpumask_set_cpu(cpu, pool->open);
	dhp_deliver(pool, worker, close_and_take(&pool->fallback));
	/* It may steal. */
	wake_up_process(worker->task);
	return 0;
}

/* Has the worker take no more items; those that it has not begun move to another one. */
void dhp_worker_close(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);
	struct llist_node *first;

	if (!cpumask_test_cpu(cpu, pool->open))
		return;
	/*
	 * Before the last open worker can no longer be found, so that there is always a
	 * place for an item: an interrupt here, between these lines, that submits one
	 * looks until it finds an open worker.
	 */
	if (cpumask_weight(pool->open) == 1)
		clear_closed(&pool->fallback);
	cpumask_clear_cpu(cpu, pool->open);
	first = close_and_take(worker);
	preempt_disable();
	dhp_deliver(pool, dhp_worker_other(pool, cpu), first);
	preempt_enable();
	want_pinned(worker, false);
}

/* ---- Stop ----------------------------------------------------------------- */

/*
 * Ends a closed worker's thread after the item that it is running, because
 * kthread_stop() would show up as a signal there. A thread that was never woken ends
 * without ever running dhp_worker_main().
 */
void dhp_worker_stop(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	if (!worker || !worker->task)
		return;
	wait_event(pool->wait, !worker_pinned(worker));
	kthread_stop(worker->task);
	WRITE_ONCE(worker->task, NULL);
}

void dhp_worker_free(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	if (!worker)
		return;
	dhp_worker_stop(pool, cpu);
	RCU_INIT_POINTER(pool->worker[cpu], NULL);
	kfree_rcu(worker, rcu);
}
