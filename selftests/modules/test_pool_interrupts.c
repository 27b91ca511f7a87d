// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools that are used in interrupts: `ticks` gets and puts buffers, `storm` submits items, both in
 * timers.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "compat.h"
#include "dhp_pool.h"
#include "test_command.h"
#include "test_pool_buffers.h"
#include "test_pool_interrupts.h"
#include "test_pool_user.h"

#define TICK_BUFFERS 8	/* that a timer holds from one tick to the next */
#define STORM_ITEMS 64	/* of a storm; each can be queued once */

/* ---- Ticks ---------------------------------------------------------------- */

/* Gets and puts buffers in interrupts. */
struct ticker {
	struct hrtimer timer;
	struct pool_user *user;
	ktime_t period;
	struct list_head buffers;
	bool hard;
};

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct ticker *ticker = container_of(timer, struct ticker, timer);
	struct pool_user *user = ticker->user;
	unsigned int i;

	while (!list_empty(&ticker->buffers))
		buffer_put_first(user, &ticker->buffers);
	for (i = 0; i < TICK_BUFFERS && buffer_get(user, &ticker->buffers); i++)
		;
	hrtimer_forward_now(timer, ticker->period);
	return HRTIMER_RESTART;
}

/* Runs on the CPU of the timer. */
static int ticker_start(void *data)
{
	struct ticker *ticker = data;
	enum hrtimer_mode mode = ticker->hard ? HRTIMER_MODE_REL_PINNED_HARD :
						HRTIMER_MODE_REL_PINNED_SOFT;

	hrtimer_setup(&ticker->timer, tick, CLOCK_MONOTONIC, mode);
	hrtimer_start(&ticker->timer, ticker->period, mode);
	return 0;
}

void ticks_stop(struct pool_user *user)
{
	struct ticker *ticker;

	for (ticker = user->tickers; ticker < user->tickers + user->nr_tickers; ticker++) {
		hrtimer_cancel(&ticker->timer);
		while (!list_empty(&ticker->buffers))
			buffer_put_first(user, &ticker->buffers);
	}
	kfree(user->tickers);
	user->tickers = NULL;
	user->nr_tickers = 0;
}

static int start_ticks(struct pool_user *user, long period_us, bool hard)
{
	struct ticker *ticker;
	unsigned int cpu;

	user->tickers = kcalloc(nr_cpu_ids, sizeof(*user->tickers), GFP_KERNEL);
	if (!user->tickers)
		return complain(-ENOMEM, "no memory for timers");
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		ticker = &user->tickers[user->nr_tickers++];
		ticker->user = user;
		ticker->period = ns_to_ktime(period_us * NSEC_PER_USEC);
		ticker->hard = hard;
		INIT_LIST_HEAD(&ticker->buffers);
		smp_call_on_cpu(cpu, ticker_start, ticker, false);
	}
	cpus_read_unlock();
	return 0;
}

int interrupts_ticks(const struct command *command)
{
	long period_us = 1000, hard = 0;
	struct pool_user *user;
	int err;

	err = number_option(command, "period_us", &period_us);
	if (!err)
		err = number_option(command, "hard", &hard);
	if (err)
		return err;
	if (period_us < 1)
		return complain(-EINVAL, "ticks: period_us must be at least 1");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user)
		err = -ENOENT;
	else if (user->tickers || !user->buffer_size)
		err = complain(-EBUSY, "the pool has no buffers, or its timers run already");
	else
		err = start_ticks(user, period_us, hard);
	mutex_unlock(&pools_lock);
	return err;
}

/* ---- Storm ---------------------------------------------------------------- */

struct storm_item {
	struct dhp_work work;
	struct pool_user *user;
};

/* Submits an item in each interrupt. */
struct storm {
	struct hrtimer timer;
	struct pool_user *user;
	unsigned int cpu;
	ktime_t period;
	unsigned int next;
	struct storm_item items[STORM_ITEMS];
};

static void run_storm_item(struct dhp_work *work)
{
	struct storm_item *item = container_of(work, struct storm_item, work);

	atomic_long_inc(&item->user->ran);
	cpumask_set_cpu(raw_smp_processor_id(), &item->user->on);
}

static enum hrtimer_restart storm_tick(struct hrtimer *timer)
{
	struct storm *storm = container_of(timer, struct storm, timer);
	struct storm_item *item = &storm->items[storm->next++ % STORM_ITEMS];

	/* An item that is still queued is refused, which is no fault. */
	if (dhp_pool_submit_on(storm->user->pool, storm->cpu, &item->work))
		atomic_long_inc(&storm->user->submitted);
	hrtimer_forward_now(timer, storm->period);
	return HRTIMER_RESTART;
}

static int storm_start(void *data)
{
	struct storm *storm = data;

	hrtimer_setup(&storm->timer, storm_tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&storm->timer, storm->period, HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

/* Waits until its items have run. */
void storm_stop(struct pool_user *user)
{
	if (!user->storm)
		return;
	hrtimer_cancel(&user->storm->timer);
	dhp_pool_flush(user->pool);
	kfree(user->storm);
	user->storm = NULL;
}

static int start_storm(struct pool_user *user, long on, long cpu, long period_us)
{
	struct storm *storm = kzalloc(sizeof(*storm), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!storm)
		return complain(-ENOMEM, "no memory for a storm");
	storm->user = user;
	storm->cpu = cpu;
	storm->period = ns_to_ktime(period_us * NSEC_PER_USEC);
	for (i = 0; i < STORM_ITEMS; i++) {
		storm->items[i].user = user;
		dhp_work_init(&storm->items[i].work, run_storm_item);
	}
	cpus_read_lock();
	err = smp_call_on_cpu(on, storm_start, storm, false);
	cpus_read_unlock();
	if (err) {
		kfree(storm);
		return complain(err, "storm: on=%ld is not an online CPU", on);
	}
	user->storm = storm;
	return 0;
}

int interrupts_storm(const struct command *command)
{
	long on = -1, cpu = -1, period_us = 100;
	struct pool_user *user;
	int err;

	err = number_option(command, "on", &on) ?: number_option(command, "cpu", &cpu) ?:
	      number_option(command, "period_us", &period_us);
	if (err)
		return err;
	if (on < 0 || cpu < 0 || period_us < 1)
		return complain(-EINVAL, "storm: on and cpu must be CPUs, period_us at least 1");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user)
		err = -ENOENT;
	else if (user->storm)
		err = complain(-EBUSY, "a storm runs already: rest first");
	else
		err = start_storm(user, on, cpu, period_us);
	mutex_unlock(&pools_lock);
	return err;
}
