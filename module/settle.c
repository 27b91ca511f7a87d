// SPDX-License-Identifier: GPL-2.0-only
/* Waiting until everything that has happened has had its effect, in all parts. */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "common.h"
#include "compat.h"
#include "notify/notify.h"
#include "pool/pool.h"
#include "settle.h"

/*
 * Pools settle by flushing work items, and a task that does so can neither be frozen nor
 * killed. So a work item does it, and readers wait for that: each takes a number, and the
 * work item says up to which one it has settled.
 */
static atomic_t settle_number = ATOMIC_INIT(0);
static atomic_t settle_done = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(settle_wait);

static void settle_pools_fn(struct work_struct *work)
{
	int number = atomic_read(&settle_number);

	dhp_pools_settle();
	atomic_set(&settle_done, number);
	wake_up_all(&settle_wait);
}

static DECLARE_WORK(settle_work, settle_pools_fn);

static int settle_pools(void)
{
	int number = atomic_inc_return(&settle_number);

	queue_work(system_dfl_wq, &settle_work);
	return wait_event_interruptible(settle_wait, atomic_read(&settle_done) - number >= 0);
}

/*
 * What the outcomes of operations bring about is events, and these bring about triples of
 * rebalance clients. The callbacks of both may bring about more of all.
 */
static int settle_events(u64 *sequence)
{
	bool idle;
	int err;

	do {
		err = dhp_processor_settle();
		if (!err)
			err = dhp_event_settle(&idle, sequence);
		if (!err && idle)
			err = dhp_rebalance_settle(&idle);
	} while (!err && !idle);
	return err;
}

/**
 * dhp_settle() - wait until all notification is over and pools have followed
 * @sequence: receives the number of the last event
 *
 * The parts are waited for in the order in which one brings about the other.
 *
 * Context: Process context; sleeps where a signal, or the freezer, can end it.
 * Return: 0; -ERESTARTSYS when a signal came; -EDEADLK from an event or a rebalance
 * callback.
 */
int dhp_settle(u64 *sequence)
{
	int err;

	if (dhp_in(DHP_IN_EVENT) || dhp_in(DHP_IN_REBALANCE))
		return -EDEADLK;
	err = dhp_present_settle();
	if (!err)
		err = settle_events(sequence);
	if (!err)
		err = settle_pools();
	return err;
}

/* A reader that was interrupted has left the work item behind. */
void dhp_settle_exit(void)
{
	cancel_work_sync(&settle_work);
}
