// SPDX-License-Identifier: GPL-2.0-only
/* Work items: each must run exactly once, in order where an order is promised. */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "dhp_pool.h"
#include "test_command.h"
#include "test_pool_items.h"
#include "test_pool_user.h"

/**
 * struct item - a work item
 * @work: dhp's part of it
 * @user: its pool
 * @batch: its batch
 * @runs: how often it ran
 * @number: its place in the batch
 * @cpu: the CPU that it is for; -1: any
 * @sleep_us: how long it sleeps
 * @again: it submits itself when it has run
 * @running: its function is running
 */
struct item {
	struct dhp_work work;
	struct pool_user *user;
	struct batch *batch;
	atomic_t runs;
	long number;
	long cpu;
	unsigned long sleep_us;
	bool again;
	bool running;
};

/**
 * struct batch - the items of one `submit`; the last item frees it
 * @pending: number of items that have not run, and 1 for the submitter
 * @next: number of items that have begun
 * @ordered: they must run in order
 * @count: number of items
 * @refused: number of items that dhp refused
 * @irq_work: submits them from an interrupt
 * @items: the items
 */
struct batch {
	atomic_long_t pending;
	atomic_long_t next;
	bool ordered;
	long count;
	long refused;
	struct irq_work irq_work;
	struct item items[];
};

static void put_batch(struct batch *batch)
{
	if (atomic_long_dec_and_test(&batch->pending))
		kvfree(batch);
}

static bool submit_item(struct item *item)
{
	struct pool_user *user = item->user;
	bool accepted;

	atomic_long_inc(&user->submitted);
	if (item->cpu >= 0)
		accepted = dhp_pool_submit_on(user->pool, item->cpu, &item->work);
	else
		accepted = dhp_pool_submit(user->pool, &item->work);
	if (!accepted)
		atomic_long_dec(&user->submitted);
	return accepted;
}

static void run_item(struct dhp_work *work)
{
	struct item *item = container_of(work, struct item, work);
	struct batch *batch = item->batch;
	struct pool_user *user = item->user;

	WRITE_ONCE(item->running, true);
	atomic_long_inc(&user->ran);
	if (atomic_inc_return(&item->runs) > 1 && !item->again)
		atomic_long_inc(&user->twice);
	if (item->cpu >= 0 && raw_smp_processor_id() != item->cpu)
		atomic_long_inc(&user->elsewhere);
	cpumask_set_cpu(raw_smp_processor_id(), &user->on);
	if (batch->ordered && atomic_long_inc_return(&batch->next) != item->number + 1)
		atomic_long_inc(&user->disorder);
	if (item->sleep_us)
		usleep_range(item->sleep_us, item->sleep_us + 100);
	/* A pending signal would end each interruptible wait of an item. */
	if (signal_pending(current))
		atomic_long_inc(&user->signalled);
	if (READ_ONCE(user->abandoned) &&
	    atomic_long_read(&user->ran) == atomic_long_read(&user->submitted))
		pr_info("dhp_test: pool %s: %ld items ran\n", user->name,
			atomic_long_read(&user->ran));
	WRITE_ONCE(item->running, false);
	if (!item->again || !submit_item(item))
		put_batch(batch);
}

/* Submits the items of a batch, in a task or an interrupt. */
static void submit_batch(struct batch *batch)
{
	long i;

	for (i = 0; i < batch->count; i++)
		if (!submit_item(&batch->items[i]))
			batch->refused++;
}

static void submit_in_interrupt(struct irq_work *work)
{
	submit_batch(container_of(work, struct batch, irq_work));
}

static struct batch *new_batch(long count, long cpu, long sleep_us, bool again)
{
	struct batch *batch = kvzalloc(struct_size(batch, items, count), GFP_KERNEL);
	long i;

	if (!batch)
		return NULL;
	batch->count = count;
	batch->ordered = cpu >= 0 && !again;
	/* One more, so that the batch exists until all are submitted. */
	atomic_long_set(&batch->pending, count + 1);
	/* A hard interrupt even with PREEMPT_RT. */
	batch->irq_work = IRQ_WORK_INIT_HARD(submit_in_interrupt);
	for (i = 0; i < count; i++) {
		struct item *item = &batch->items[i];

		item->batch = batch;
		item->number = i;
		item->cpu = cpu;
		item->sleep_us = sleep_us;
		item->again = again;
		dhp_work_init(&item->work, run_item);
	}
	return batch;
}

static int submit_new(struct pool_user *user, struct batch *batch, bool irq)
{
	long i;

	for (i = 0; i < batch->count; i++)
		batch->items[i].user = user;
	if (irq) {
		irq_work_queue(&batch->irq_work);
		irq_work_sync(&batch->irq_work);
	} else {
		submit_batch(batch);
	}
	if (batch->refused)
		return complain(-EBUSY, "%ld new items were refused", batch->refused);
	return 0;
}

int items_submit(const struct command *command)
{
	long cpu = -1, count = 1, sleep_us = 0, twice = 0, irq = 0, again = 0, keep = 0;
	struct pool_user *user;
	struct batch *batch;
	int err;

	err = number_option(command, "cpu", &cpu) ?: number_option(command, "count", &count) ?:
	      number_option(command, "sleep_us", &sleep_us) ?:
	      number_option(command, "twice", &twice) ?: number_option(command, "irq", &irq) ?:
	      number_option(command, "again", &again) ?: number_option(command, "keep", &keep);
	if (err)
		return err;
	if (count < 1 || sleep_us < 0)
		return complain(-EINVAL, "submit: count must be above 0, sleep_us not negative");
	if (again && !keep)
		return complain(-EINVAL, "submit: again=1 needs keep=1, as only cancel ends it");

	batch = new_batch(count, cpu, sleep_us, again);
	if (!batch)
		return complain(-ENOMEM, "no memory for %ld items", count);
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user || (keep && user->kept)) {
		mutex_unlock(&pools_lock);
		kvfree(batch);
		return user ? complain(-EBUSY, "items are kept already: cancel first") : -ENOENT;
	}
	err = submit_new(user, batch, irq);
	/* The last item is behind the others, so it is still queued if they sleep. */
	if (twice && !err && dhp_pool_submit(user->pool, &batch->items[count - 1].work))
		err = complain(-EEXIST, "an item that is queued was accepted again");
	if (keep)
		user->kept = batch;
	else
		put_batch(batch);
	mutex_unlock(&pools_lock);
	return err;
}

/* Cancels the kept items from the last to the first, as the first one may be running. */
void items_cancel_kept(struct pool_user *user)
{
	struct batch *batch = user->kept;
	struct item *item;
	long i;
	int runs;

	if (!batch)
		return;
	for (i = batch->count - 1; i >= 0; i--) {
		item = &batch->items[i];
		if (dhp_work_cancel(user->pool, &item->work)) {
			atomic_long_inc(&user->cancelled);
			put_batch(batch);
		}
		runs = atomic_read(&item->runs);
		if (READ_ONCE(item->running) || atomic_read(&item->runs) != runs)
			atomic_long_inc(&user->after);
	}
	user->kept = NULL;
	put_batch(batch);
}

int items_cancel(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		items_cancel_kept(user);
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

int items_flush(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		dhp_pool_flush(user->pool);
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

/*
 * Submits @count new items, to the possible CPUs in turn from the one behind @cpu. Every other item
 * is for any CPU, so that it can be stolen. Returns false without memory.
 */
bool items_spread(struct pool_user *user, unsigned int *cpu, long count)
{
	struct batch *batch = kvzalloc(struct_size(batch, items, count), GFP_KERNEL);
	long i;

	if (!batch)
		return false;
	atomic_long_set(&batch->pending, count);
	for (i = 0; i < count; i++) {
		struct item *item = &batch->items[i];

		item->user = user;
		item->batch = batch;
		item->cpu = -1;
		*cpu = cpumask_next(*cpu, cpu_possible_mask);
		if (*cpu >= nr_cpu_ids)
			*cpu = 0;
		dhp_work_init(&item->work, run_item);
		atomic_long_inc(&user->submitted);
		if (!(i & 1 ? dhp_pool_submit(user->pool, &item->work) :
		      dhp_pool_submit_on(user->pool, *cpu, &item->work)))
			atomic_long_inc(&user->twice);
	}
	return true;
}
