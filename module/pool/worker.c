// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool's workers, and the way of an item through them: submission, execution,
 * flush, cancel. When there is to be a worker for a processor is pool.c's business.
 *
 * Being bound is not enough. Taking a processor down begins with the scheduler
 * pushing all threads off it that are not per-CPU ones of the kernel's own, bound
 * or not, and only then comes REMOVE_START. A thread that has disabled migration
 * is let be until it is done. So a worker is *pinned* by migrate_disable() as long
 * as it lives; whoever opens it waits until it is.
 *
 * Submission takes no lock. An item is added to the worker's list of incoming ones,
 * which anybody may add to and from which anybody may take all, the newest first.
 * Whoever holds the worker's lock, normally the worker itself, puts them in order at
 * the end of its list of items. The worker puts the first few of these into its
 * slots, so that it needs the lock for each few only; an item in a slot belongs to
 * who takes it out there.
 *
 * A worker is *open* while it takes items. It is closed without waiting for those
 * who are submitting just now: the closer first says that it is closed and then
 * takes what is there; a submitter first adds and then looks whether it is closed.
 * So one of the two, at least, sees what the other did. A submitter that finds its
 * worker closed takes back all that is there, be it others', and delivers it to
 * another one. Each item is in one place at a time, so none runs twice.
 *
 * The orphans are a worker without a thread, where items go while no worker is
 * open. It is open when all others are closed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"
#include "pool.h"

/* ---- An item's state ----------------------------------------------------- */

/*
 * 0 for an item that may be submitted. Otherwise submissions are refused, and only
 * who has the item writes its state.
 */
#define ITEM_PENDING	BIT(0)	/* submitted; its function has not been called */
#define ITEM_COLOUR	BIT(1)	/* which of two kinds a flush waits for */
#define ITEM_BOUND	BIT(2)	/* submitted for this very processor */
#define ITEM_CANCELLED	BIT(3)	/* somebody is cancelling it; nothing else is set */
#define ITEM_CPU_SHIFT	8	/* its worker's processor */

static unsigned int item_colour(unsigned long state)
{
	return !!(state & ITEM_COLOUR);
}

static unsigned int item_cpu(unsigned long state)
{
	return state >> ITEM_CPU_SHIFT;
}

/* What @state becomes when the item goes to @worker. */
static unsigned long item_address(unsigned long state, struct dhp_worker *worker)
{
	state &= ITEM_PENDING | ITEM_COLOUR | ITEM_BOUND;
	return state | worker->address;
}

/*
 * What a slot holds: an item, and whether it is bound, because nobody may look into
 * an item that somebody else can take out, run and free.
 */
#define SLOT_BOUND	BIT(0)

static unsigned long slot_value(struct dhp_work *work)
{
	return (unsigned long)work | (work->state & ITEM_BOUND ? SLOT_BOUND : 0);
}

static struct dhp_work *slot_work(unsigned long value)
{
	return (struct dhp_work *)(value & ~SLOT_BOUND);
}

/* ---- Delivering ---------------------------------------------------------- */

/* In worker->attention: what a submitter has to look at when it has added an item. */
enum { WORKER_CLOSED, WORKER_SLEEPS, WORKER_SHARES };

static bool worker_closed(struct dhp_worker *worker)
{
	return test_bit(WORKER_CLOSED, &worker->attention);
}

/* With preemption off, so that the worker stays. */
static struct dhp_worker *worker_at(struct dhp_pool *pool, unsigned int cpu)
{
	if (likely(cpu < nr_cpu_ids))
		return rcu_dereference_sched(pool->worker[cpu]);
	return &pool->orphans;
}

/*
 * The next step of a walk over the open workers, from that of processor @start around
 * to it: the first one that is @passed processors after @start, or more; NULL at the
 * end. With preemption off.
 */
static struct dhp_worker *next_open(struct dhp_pool *pool, unsigned int start,
				    unsigned int *passed)
{
	struct dhp_worker *worker;
	unsigned int from, cpu;

	while (*passed < nr_cpu_ids) {
		from = start + *passed;
		if (from >= nr_cpu_ids)
			from -= nr_cpu_ids;
		/* Workers open and close meanwhile, so each is looked at below. */
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

/* An open worker, the one next to @cpu if possible. */
static noinline struct dhp_worker *other_worker(struct dhp_pool *pool, unsigned int cpu)
{
	unsigned int passed = 0;

	return next_open(pool, cpu, &passed) ?: &pool->orphans;
}

/* One wake-up for however many items. */
static void worker_wake(struct dhp_worker *worker)
{
	struct task_struct *task;

	if (!test_and_clear_bit(WORKER_SLEEPS, &worker->attention))
		return;
	/*
	 * A worker is closed before its thread ends. Who has found it open began
	 * before that, with preemption off, so the thread's structure is there still.
	 */
	task = READ_ONCE(worker->task);
	if (task)
		wake_up_process(task);
}

/* The worker may be behind: have one that sleeps look what it can take over. */
static void call_for_help(struct dhp_pool *pool, struct dhp_worker *behind)
{
	struct dhp_worker *worker;
	unsigned int passed = 0;

	while ((worker = next_open(pool, behind->cpu, &passed))) {
		if (worker != behind && test_bit(WORKER_SLEEPS, &worker->attention)) {
			worker_wake(worker);
			return;
		}
	}
}

/*
 * Addresses a chain of items that nobody else has to @worker; returns the last of the
 * chain.
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
		    unsigned long interest);

/* Items have been added to a worker whose attention is wanted. */
static noinline void attend(struct dhp_pool *pool, struct dhp_worker *worker,
			    unsigned long attention)
{
	struct llist_node *first;

	if (attention & BIT(WORKER_CLOSED)) {
		first = llist_del_all(&worker->incoming);
		/* None left: somebody else delivers them. */
		if (first) {
			worker = other_worker(pool, worker->cpu);
			deliver(pool, worker, first, readdress(first, worker), ~0UL);
		}
	} else if (attention & BIT(WORKER_SLEEPS)) {
		worker_wake(worker);
	} else {
		call_for_help(pool, worker);
	}
}

/*
 * Hands a chain of items, the newest of them first, to @worker, and gives it the
 * attention it wants, as far as the items have an @interest in it. Preemption is off.
 * If it calls itself, by way of attend(), then for another worker that was closed
 * meanwhile; few are.
 */
static void deliver(struct dhp_pool *pool, struct dhp_worker *worker,
		    struct llist_node *first, struct llist_node *last,
		    unsigned long interest)
{
	unsigned long attention;

	/* A full barrier; its partners are in worker_shut() and worker_rest(). */
	llist_add_batch(first, last, &worker->incoming);
	attention = READ_ONCE(worker->attention) & interest;
	if (unlikely(attention))
		attend(pool, worker, attention);
}

static __always_inline bool submit(struct dhp_pool *pool, unsigned int cpu,
				   struct dhp_work *work, unsigned long state)
{
	unsigned int colour = READ_ONCE(pool->colour);
	struct dhp_worker *worker = worker_at(pool, cpu);

	/* One that is closed is noticed later. */
	if (unlikely(!worker))
		worker = other_worker(pool, cpu);
	state |= ITEM_PENDING | colour * ITEM_COLOUR | worker->address;
	while (unlikely(cmpxchg(&work->state, 0, state))) {
		/*
		 * A cmpxchg() that fails orders nothing. Order what the caller stored
		 * before this look at the state; the partner is in run_item().
		 */
		smp_mb();
		if (READ_ONCE(work->state))
			return false;
	}
	/* Before anybody can complete it. */
	this_cpu_inc(pool->count->nr[DHP_SUBMITTED][colour]);
	/* Nobody may help with what is bound. */
	deliver(pool, worker, &work->incoming, &work->incoming,
		state & ITEM_BOUND ? ~BIT(WORKER_SHARES) : ~0UL);
	return true;
}

/* An item without a function would stop a worker, which does not know whose it is. */
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

/* ---- Running ------------------------------------------------------------- */

/*
 * Puts what has come in at the end of the items, in the order of submission; false if
 * nothing has.
 */
static bool pull(struct dhp_worker *worker)
{
	struct llist_node *newest, *oldest;

	lockdep_assert_held(&worker->lock);

	if (llist_empty(&worker->incoming))
		return false;
	newest = llist_del_all(&worker->incoming);
	oldest = llist_reverse_order(newest);
	if (worker->first)
		worker->last->next = oldest;
	else
		WRITE_ONCE(worker->first, oldest);
	worker->last = newest;
	return true;
}

/* For others than the worker. It may have looked when the items were in neither list. */
static void pull_for(struct dhp_worker *worker)
{
	if (!pull(worker))
		return;
	/* Before the look whether it sleeps; the partner is in worker_rest(). */
	smp_mb();
	worker_wake(worker);
}

/* The first item, taken off the list; NULL when there is none. */
static struct dhp_work *take_first(struct dhp_worker *worker)
{
	struct llist_node *node = worker->first;

	if (!node)
		return NULL;
	WRITE_ONCE(worker->first, node->next);
	return llist_entry(node, struct dhp_work, incoming);
}

/*
 * Takes out of the slots, and then off the list, up to @max items that may go
 * elsewhere, with @bound also bound ones. Returns them as a chain, the newest first.
 */
static struct llist_node *take_away(struct dhp_worker *worker, unsigned long max,
				    bool bound)
{
	struct llist_node *chain = NULL, *left = NULL, **link, *node;
	unsigned long value;
	struct dhp_work *work;
	unsigned int i;

	lockdep_assert_held(&worker->lock);

	for (i = 0; i < DHP_WORKER_SLOTS && max; i++) {
		value = READ_ONCE(worker->slot[i]);
		if (!value || (value & SLOT_BOUND && !bound))
			continue;
		if (cmpxchg(&worker->slot[i], value, 0) != value)
			continue; /* it runs */
		work = slot_work(value);
		work->incoming.next = chain;
		chain = &work->incoming;
		max--;
	}

	for (link = &worker->first; *link && max; ) {
		node = *link;
		work = llist_entry(node, struct dhp_work, incoming);
		if (work->state & ITEM_BOUND && !bound) {
			left = node;
			link = &node->next;
			continue;
		}
		WRITE_ONCE(*link, node->next);
		node->next = chain;
		chain = node;
		max--;
	}
	/* At the end of the list, the last one is what was left there. */
	if (!*link)
		worker->last = left;
	return chain;
}

static void deliver_elsewhere(struct dhp_pool *pool, struct dhp_worker *worker,
			      struct llist_node *first)
{
	if (!first)
		return;
	preempt_disable();
	deliver(pool, worker, first, readdress(first, worker), ~0UL);
	preempt_enable();
}

/* Fills the slots, all of which are empty. Returns how many it filled. */
static unsigned int fill_slots(struct dhp_worker *worker)
{
	struct dhp_work *work;
	unsigned int nr = 0;

	if (!READ_ONCE(worker->first) && llist_empty(&worker->incoming))
		return 0;
	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker)) {
		if (!worker->first)
			pull(worker);
		while (nr < DHP_WORKER_SLOTS && (work = take_first(worker)))
			WRITE_ONCE(worker->slot[nr++], slot_value(work));
	}
	raw_spin_unlock(&worker->lock);
	return nr;
}

/* What an item has done is done for whoever sees it counted. */
static void count_completed(struct dhp_pool *pool, unsigned int colour)
{
	u64 *completed;

	/* Interrupts do not complete items. */
	preempt_disable();
	completed = this_cpu_ptr(&pool->count->nr[DHP_COMPLETED][colour]);
	/* Pairs with nr_counted(). */
	smp_store_release(completed, *completed + 1);
	preempt_enable();
}

/* An item that nobody else can take any more. */
static void run_item(struct dhp_pool *pool, struct dhp_work *work)
{
	unsigned int colour = item_colour(work->state);
	dhp_work_fn fn = work->fn;

	/*
	 * Whoever sees that it is not pending sees that it is running, and may submit
	 * it again, for another function even. It may be gone as soon as this one runs.
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
	 */
	smp_mb();
	fn(work);
	count_completed(pool, colour);
}

static void run_items(struct dhp_worker *worker)
{
	struct dhp_pool *pool = worker->pool;
	unsigned long value, *slot;
	unsigned int nr;

	while ((nr = fill_slots(worker))) {
		for (slot = worker->slot; slot < worker->slot + nr; slot++) {
			value = READ_ONCE(*slot);
			/* What the item before has done is done; see work_running(). */
			smp_store_release(&worker->running, slot_work(value));
			/*
			 * A full barrier, also between the end of the item before
			 * and the look at those who wait for it.
			 */
			value = xchg(slot, 0);
			if (unlikely(atomic_read(&pool->waiters)))
				wake_up_all(&pool->wait);
			if (likely(value))
				run_item(pool, slot_work(value));
			if (need_resched())
				cond_resched();
		}
		smp_store_release(&worker->running, NULL); /* as above */
		smp_mb(); /* as above */
		if (unlikely(atomic_read(&pool->waiters)))
			wake_up_all(&pool->wait);
	}
}

/* ---- Sharing ------------------------------------------------------------- */

static bool worker_busy(struct dhp_worker *worker)
{
	return READ_ONCE(worker->running) || READ_ONCE(worker->first) ||
	       !llist_empty(&worker->incoming);
}

/*
 * Half of what @worker has to do and anybody may do; of one item, all, if it is busy
 * with another one.
 */
static struct llist_node *take_half(struct dhp_worker *worker)
{
	struct llist_node *chain = NULL, *node;
	unsigned long nr = 0;
	unsigned int i;

	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker)) {
		pull_for(worker);
		for (i = 0; i < DHP_WORKER_SLOTS; i++) {
			unsigned long value = READ_ONCE(worker->slot[i]);

			nr += value && !(value & SLOT_BOUND);
		}
		for (node = worker->first; node; node = node->next)
			nr += !(llist_entry(node, struct dhp_work, incoming)->state &
				ITEM_BOUND);
		if (READ_ONCE(worker->running))
			nr++;
		chain = take_away(worker, nr / 2, false);
	}
	raw_spin_unlock(&worker->lock);
	return chain;
}

/* Takes over items of a worker that is behind; false if there is none. */
static bool help_others(struct dhp_worker *worker)
{
	struct dhp_pool *pool = worker->pool;
	struct llist_node *first = NULL;
	struct dhp_worker *other;
	unsigned int passed = 0;

	if (!pool->stealing || worker_closed(worker))
		return false;
	do {
		preempt_disable();
		other = next_open(pool, worker->cpu, &passed);
		if (other && other != worker && worker_busy(other))
			first = take_half(other);
		preempt_enable();
	} while (other && !first);
	deliver_elsewhere(pool, worker, first);
	return first;
}

/* ---- The thread ---------------------------------------------------------- */

static void worker_pin(struct dhp_worker *worker)
{
	migrate_disable();
	raw_spin_lock(&worker->lock);
	if (raw_smp_processor_id() == worker->cpu)
		worker->pinned = true;
	else
		WRITE_ONCE(worker->wanted, false); /* it was pushed off; until the next try */
	raw_spin_unlock(&worker->lock);
	if (!worker->pinned)
		migrate_enable();
}

/* Nothing that was wanted meanwhile is lost: it is looked at again. */
static void worker_unpin(struct dhp_worker *worker)
{
	raw_spin_lock(&worker->lock);
	worker->pinned = false;
	raw_spin_unlock(&worker->lock);
	migrate_enable();
}

/* Pins the worker to its processor, or lets go of it, as it is wanted. */
static void worker_obey(struct dhp_worker *worker)
{
	bool wanted = READ_ONCE(worker->wanted);

	if (wanted == worker->pinned)
		return;
	if (wanted)
		worker_pin(worker);
	else
		worker_unpin(worker);
	wake_up_all(&worker->pool->wait);
}

static bool worker_idle(struct dhp_worker *worker)
{
	if (kthread_should_stop() || READ_ONCE(worker->wanted) != worker->pinned)
		return false;
	return worker_closed(worker) ||
	       (llist_empty(&worker->incoming) && !READ_ONCE(worker->first));
}

static void worker_rest(struct dhp_worker *worker)
{
	/* In this order: whoever sees the bit, and clears it, can wake the thread. */
	set_current_state(TASK_IDLE);
	set_bit(WORKER_SLEEPS, &worker->attention);
	/* Before the look at what there is to do; the partners are deliver() and attend(). */
	smp_mb__after_atomic();
	if (worker_idle(worker) && !help_others(worker))
		schedule();
	__set_current_state(TASK_RUNNING);
	clear_bit(WORKER_SLEEPS, &worker->attention);
}

static int worker_main(void *data)
{
	struct dhp_worker *worker = data;

	while (!kthread_should_stop()) {
		worker_obey(worker);
		WARN_ONCE(worker->pinned && raw_smp_processor_id() != worker->cpu,
			  "worker %s/%u runs on processor %u\n", worker->pool->name,
			  worker->cpu, raw_smp_processor_id());
		run_items(worker);
		worker_rest(worker);
	}
	/* The next thread begins anew. */
	if (worker->pinned)
		worker_unpin(worker);
	return 0;
}

/* ---- Waiting for items --------------------------------------------------- */

bool dhp_worker_is_me(struct dhp_pool *pool)
{
	struct dhp_worker *worker;

	if (kthread_func(current) != worker_main)
		return false;
	worker = kthread_data(current);
	return worker->pool == pool;
}

/* Is the caller a work item, of any pool's? */
bool dhp_item_running(void)
{
	return kthread_func(current) == worker_main;
}

/* Workers wake pool->wait after each item as long as there are waiters. */
static void waiter_add(struct dhp_pool *pool)
{
	atomic_inc(&pool->waiters);
	/* Before the condition is looked at; the partner is in run_items(). */
	smp_mb__after_atomic();
}

#define wait_for_items(pool, condition)				\
do {								\
	struct dhp_pool *waited_for = (pool);			\
								\
	waiter_add(waited_for);					\
	wait_event(waited_for->wait, condition);		\
	atomic_dec(&waited_for->waiters);			\
} while (0)

/* What was counted, and the items that it stands for, come before all that follows. */
static u64 nr_counted(struct dhp_pool *pool, enum dhp_pool_counter counter,
		      unsigned int colour)
{
	unsigned int cpu;
	u64 nr = 0;

	for_each_possible_cpu(cpu) {
		/* Pairs with count_completed(). */
		nr += smp_load_acquire(&per_cpu_ptr(pool->count, cpu)->nr[counter][colour]);
	}
	return nr;
}

/*
 * Both counts only grow, and the greater one is summed up after the other. If they
 * are equal, there was a moment in between at which nothing was pending.
 */
static bool colour_done(struct dhp_pool *pool, unsigned int colour)
{
	u64 completed = nr_counted(pool, DHP_COMPLETED, colour);

	return nr_counted(pool, DHP_SUBMITTED, colour) == completed;
}

/*
 * Items that are submitted from now on get the other colour, so those of the present
 * one can only become fewer, wherever they are. A submitter that is interrupted after
 * it has looked which colour it is may come late with the former one; hence both are
 * waited for, that one first.
 */
void dhp_pool_flush(struct dhp_pool *pool)
{
	unsigned int colour;

	if (WARN_ONCE(!pool, "%s(): without a pool\n", __func__))
		return;
	if (WARN_ONCE(dhp_worker_is_me(pool),
		      "pool %s: an item of its own flushes it, and would wait for itself\n",
		      pool->name))
		return;

	mutex_lock(&pool->flush_mutex);
	colour = pool->colour;
	wait_for_items(pool, colour_done(pool, !colour));
	WRITE_ONCE(pool->colour, !colour);
	wait_for_items(pool, colour_done(pool, colour));
	mutex_unlock(&pool->flush_mutex);
}
EXPORT_SYMBOL_GPL(dhp_pool_flush);

static bool all_done(struct dhp_pool *pool)
{
	struct dhp_pool_counts counts;

	dhp_pool_counts(pool, &counts);
	return counts.submitted == counts.completed;
}

/* Not a flush: items may submit further items. */
void dhp_workers_drain(struct dhp_pool *pool)
{
	wait_for_items(pool, all_done(pool));
}

/* ---- Cancelling ---------------------------------------------------------- */

/* Takes @work out of its worker's slots, or off its list; false if it is not there. */
static bool take_out(struct dhp_worker *worker, struct dhp_work *work)
{
	struct llist_node **link, *before = NULL;
	unsigned long value;
	unsigned int i;

	lockdep_assert_held(&worker->lock);

	for (i = 0; i < DHP_WORKER_SLOTS; i++) {
		value = READ_ONCE(worker->slot[i]);
		if (slot_work(value) == work)
			return cmpxchg(&worker->slot[i], value, 0) == value;
	}
	pull_for(worker);
	for (link = &worker->first; *link; before = *link, link = &before->next) {
		if (*link != &work->incoming)
			continue;
		WRITE_ONCE(*link, work->incoming.next);
		if (worker->last == &work->incoming)
			worker->last = before;
		return true;
	}
	return false;
}

/* Makes a pending item one that is being cancelled; false when it is on its way. */
static bool unlink_pending(struct dhp_pool *pool, struct dhp_work *work,
			   unsigned long state)
{
	struct dhp_worker *worker;
	bool found = false;

	preempt_disable();
	worker = worker_at(pool, item_cpu(state));
	if (!worker)
		goto enable;
	raw_spin_lock(&worker->lock);
	if (!worker_closed(worker))
		found = take_out(worker, work);
	raw_spin_unlock(&worker->lock);
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
		/* Pairs with run_items(): what it has done is done. */
		running = worker && smp_load_acquire(&worker->running) == work;
	}
	preempt_enable();
	return running;
}

/* Makes the item one that nobody can submit; returns whether it was pending. */
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
			/* Whoever has it may have to run here to get on with it. */
			schedule_timeout_uninterruptible(1);
		} else if (!cmpxchg(&work->state, 0, ITEM_CANCELLED)) {
			return false;
		}
	}
}

bool dhp_work_cancel(struct dhp_pool *pool, struct dhp_work *work)
{
	bool was_pending;

	if (WARN_ONCE(!pool || !work, "%s(): without a pool or an item\n", __func__))
		return false;
	if (WARN_ONCE(dhp_worker_is_me(pool) &&
		      ((struct dhp_worker *)kthread_data(current))->running == work,
		      "pool %s: an item cancels itself, and would wait for itself\n",
		      pool->name))
		return false;

	was_pending = work_seize(pool, work);
	wait_for_items(pool, !work_running(pool, work));
	/* Whoever submits it next may change all of it. */
	smp_store_release(&work->state, 0);
	wake_up_all(&pool->wait);
	return was_pending;
}
EXPORT_SYMBOL_GPL(dhp_work_cancel);

/* ---- For pool.c ---------------------------------------------------------- */

static struct dhp_worker *worker_of(struct dhp_pool *pool, unsigned int cpu)
{
	return rcu_dereference_protected(pool->worker[cpu],
					 lockdep_is_held(&pool->mutex));
}

static void worker_init(struct dhp_worker *worker, struct dhp_pool *pool,
			unsigned int cpu)
{
	worker->pool = pool;
	worker->cpu = cpu;
	worker->address = (unsigned long)cpu << ITEM_CPU_SHIFT;
	raw_spin_lock_init(&worker->lock);
	init_llist_head(&worker->incoming);
}

void dhp_workers_init(struct dhp_pool *pool)
{
	worker_init(&pool->orphans, pool, nr_cpu_ids);
}

/*
 * Makes what is missing of a worker, up to a thread that was never woken. The
 * processor may be offline still.
 */
int dhp_worker_prepare(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	struct dhp_worker *worker = worker_of(pool, cpu);
	struct task_struct *task;

	if (!worker) {
		worker = kzalloc_node(sizeof(*worker), GFP_KERNEL, nid);
		if (!worker)
			return -ENOMEM;
		worker_init(worker, pool, cpu);
		set_bit(WORKER_CLOSED, &worker->attention);
		if (pool->stealing)
			set_bit(WORKER_SHARES, &worker->attention);
		rcu_assign_pointer(pool->worker[cpu], worker);
	}
	if (worker->task)
		return 0;

	task = kthread_create_on_node(worker_main, worker, nid, "%s/%u",
				      pool->name, cpu);
	/* Not its own errno: some shortages of memory are -EAGAIN there. */
	if (IS_ERR(task))
		return -ENOMEM;
	kthread_bind(task, cpu);
	WRITE_ONCE(worker->task, task);
	return 0;
}

static bool worker_pinned(struct dhp_worker *worker)
{
	bool pinned;

	raw_spin_lock(&worker->lock);
	pinned = worker->pinned;
	raw_spin_unlock(&worker->lock);
	return pinned;
}

/* It has pinned itself, or found that it could not. */
static bool worker_answered(struct dhp_worker *worker)
{
	bool answered;

	raw_spin_lock(&worker->lock);
	answered = worker->pinned || !worker->wanted;
	raw_spin_unlock(&worker->lock);
	return answered;
}

/* Has a closed worker's thread do what is wanted. */
static void worker_want(struct dhp_worker *worker, bool wanted)
{
	raw_spin_lock(&worker->lock);
	WRITE_ONCE(worker->wanted, wanted);
	raw_spin_unlock(&worker->lock);
	wake_up_process(worker->task);
}

/* Closes a worker, or the orphans, and returns what is to be delivered elsewhere. */
static struct llist_node *worker_shut(struct dhp_worker *worker)
{
	struct llist_node *first;

	raw_spin_lock(&worker->lock);
	set_bit(WORKER_CLOSED, &worker->attention);
	/* Before what has come in is taken; the partner is in deliver(). */
	smp_mb__after_atomic();
	pull(worker);
	first = take_away(worker, ULONG_MAX, true);
	raw_spin_unlock(&worker->lock);
	return first;
}

static void worker_unshut(struct dhp_worker *worker)
{
	raw_spin_lock(&worker->lock);
	clear_bit(WORKER_CLOSED, &worker->attention);
	raw_spin_unlock(&worker->lock);
}

/*
 * Has a worker's thread pin itself to its CPU, for dhp_worker_open(). The CPU stays
 * online until then: the hotplug lock, the caller's callback, or a suspend that has not
 * got to taking CPUs down sees to that. When an offline operation has begun all the
 * same, the scheduler moves the thread away, and it does not pin itself.
 */
int dhp_worker_begin(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);
	int err;

	/* In case that it was awake while suspend took the processor down. */
	err = set_cpus_allowed_ptr(worker->task, cpumask_of(cpu));
	if (!err)
		worker_want(worker, true);
	return err;
}

/* It is on its way from dhp_worker_begin() to dhp_worker_open(). */
bool dhp_worker_begun(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	return worker && worker_closed(worker) && READ_ONCE(worker->wanted);
}

/*
 * Waits @left jiffies at most until the worker is there, and has it take items. Returns
 * -EAGAIN when its CPU is being taken offline.
 */
int dhp_worker_open(struct dhp_pool *pool, unsigned int cpu, long *left)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	*left = wait_event_timeout(pool->wait, worker_answered(worker), *left);
	if (!worker_pinned(worker)) {
		worker_want(worker, false);
		return cpu_active(cpu) ? -ETIMEDOUT : -EAGAIN;
	}

	worker_unshut(worker);
	cpumask_set_cpu(cpu, pool->open);
	deliver_elsewhere(pool, worker, worker_shut(&pool->orphans));
	/* It may help others. */
	wake_up_process(worker->task);
	return 0;
}

/* No more items for this worker; those that wait there move to another one. */
void dhp_worker_close(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);
	struct llist_node *first;

	if (!cpumask_test_cpu(cpu, pool->open))
		return;
	/*
	 * Before the last open worker can no longer be found, so that an item always has
	 * somewhere to go: an interrupt here, between these lines, that submits one looks
	 * until it finds an open worker.
	 */
	if (cpumask_weight(pool->open) == 1)
		worker_unshut(&pool->orphans);
	cpumask_clear_cpu(cpu, pool->open);
	first = worker_shut(worker);
	preempt_disable();
	deliver_elsewhere(pool, other_worker(pool, cpu), first);
	preempt_enable();
	worker_want(worker, false);
}

/*
 * Ends a closed worker's thread, after the item that it is running, in which
 * kthread_stop() would show up as a signal. A thread that was never woken ends
 * without ever running worker_main().
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

/* Something of the worker's is still going on there. */
bool dhp_worker_present(struct dhp_pool *pool, unsigned int cpu)
{
	struct dhp_worker *worker = worker_of(pool, cpu);

	return worker && worker_pinned(worker);
}

/* At any time, submitted >= completed; the difference is what is pending. */
void dhp_pool_counts(struct dhp_pool *pool, struct dhp_pool_counts *counts)
{
	counts->completed = nr_counted(pool, DHP_COMPLETED, 0) +
			    nr_counted(pool, DHP_COMPLETED, 1);
	counts->migrated = atomic_long_read(&pool->migrated);
	counts->submitted = nr_counted(pool, DHP_SUBMITTED, 0) +
			    nr_counted(pool, DHP_SUBMITTED, 1);
}

int dhp_pool_print_workers(struct dhp_pool *pool, char *page)
{
	return sysfs_emit(page, "%*pbl\n", cpumask_pr_args(pool->open));
}
