// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread that makes all synchronous calls of drivers with Windows' names. On Windows these
 * calls come from one thread for all of an add, and shipped drivers release in COMPLETE or
 * FAILURE what the thread has acquired in START. Here the callers differ: a task that writes
 * to a file, a workqueue's, a CPU's own. So each hands its call to the thread and waits.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "common.h"
#include "thread.h"

/**
 * struct call - what a caller hands to the thread
 * @fn: to be called
 * @data: with this
 * @done: it has returned
 */
struct call {
	void (*fn)(void *data);
	void *data;
	struct completion done;
};

/* There is one call at a time: the caller has a turn (notify/turn.c). */
static struct call *next_call;
static DECLARE_WAIT_QUEUE_HEAD(call_wait);

static struct task_struct *thread;
static DEFINE_MUTEX(thread_mutex);	/* protects it */

/*
 * For lockdep, which sees what the caller holds in one task and what the callback takes in
 * another, a lock that both take: the caller waits for the thread with its locks held.
 *
 * The thread never waits for the caller, so it takes the lock by trylock. What it still holds
 * from an earlier call then does not come before this lock, as a trylock is no place to wait.
 */
#ifdef CONFIG_LOCKDEP
static struct lockdep_map call_map = STATIC_LOCKDEP_MAP_INIT("dhp_wdm_call", &call_map);
#endif

static int thread_main(void *unused)
{
	struct call *call;

	for (;;) {
		wait_event_idle(call_wait, READ_ONCE(next_call) || kthread_should_stop());
		/* Pairs with the release in dhp_wdm_thread_call(). */
		call = smp_load_acquire(&next_call);
		if (!call)
			return 0;
		WRITE_ONCE(next_call, NULL);
		dhp_context_enter(DHP_IN_PROCESSOR);
		lock_acquire_exclusive(&call_map, 0, 1, NULL, _THIS_IP_);
		call->fn(call->data);
		lock_release(&call_map, _THIS_IP_);
		dhp_context_leave(DHP_IN_PROCESSOR);
		complete(&call->done);
	}
}

/**
 * dhp_wdm_thread_start() - see to it that there is a thread
 *
 * Context: Process context; may sleep.
 * Return: 0, or the errno with which it cannot be created.
 */
int dhp_wdm_thread_start(void)
{
	struct task_struct *task;
	int ret = 0;

	mutex_lock(&thread_mutex);
	if (!thread) {
		task = kthread_run(thread_main, NULL, "dhp-wdm");
		if (IS_ERR(task))
			ret = PTR_ERR(task);
		else
			thread = task;
	}
	mutex_unlock(&thread_mutex);
	return ret;
}

/* When no driver is registered any more. */
void dhp_wdm_thread_stop(void)
{
	if (thread)
		kthread_stop(thread);
}

/**
 * dhp_wdm_thread_call() - have the thread call a function
 * @fn: the function
 * @data: handed to it
 *
 * During the call the thread is what runs a synchronous CPU callback, in place of the caller.
 *
 * Context: In a call of a CPU client, and so in a turn. dhp_wdm_thread_start() has succeeded.
 */
void dhp_wdm_thread_call(void (*fn)(void *data), void *data)
{
	struct call call = {
		.fn = fn,
		.data = data,
		.done = COMPLETION_INITIALIZER_ONSTACK(call.done),
	};

	lock_map_acquire(&call_map);
	lock_map_release(&call_map);
	/* Pairs with the acquire in thread_main(). */
	smp_store_release(&next_call, &call);
	wake_up(&call_wait);
	wait_for_completion(&call.done);
}
