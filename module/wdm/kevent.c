// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows' events: KEVENT, and waiting for one.
 *
 * A struct completion is nearly one, but complete_all() and reinit_completion() right behind it
 * lose threads that wait, which on Windows go; and a thread that comes between complete() and the
 * waiter's waking up takes the waiter's signal. So a signal is handed to threads here, under the
 * event's lock: a struct dhp_waiter that is not in the list any more has it. As in completions, a
 * waiter takes the lock once more before it returns, so that the event can be on its stack.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "wdm.h"

#define DHP_EVENT_MAGIC		0x6b657674

#define HUNDRED_NS		100
/* From 1 January 1601 to 1 January 1970, in 100 ns: 369 years with 89 leap days. */
#define EPOCH_1601		((369LL * 365 + 89) * 24 * 3600 * (NSEC_PER_SEC / HUNDRED_NS))

/**
 * struct dhp_waiter - a thread that waits for an event
 * @node: in the event's list; empty when the thread has got the signal
 * @task: the thread
 *
 * All of it is guarded by the event's lock.
 */
struct dhp_waiter {
	struct list_head node;
	struct task_struct *task;
};

static bool dhp_is_event(PRKEVENT event, const char *function, void *caller)
{
	if (event && READ_ONCE(event->magic) == DHP_EVENT_MAGIC)
		return true;
	pr_err_ratelimited("%s(%p) from %pS: not an event that KeInitializeEvent() made\n",
			   function, event, caller);
	return false;
}

VOID __dhp_wdm_event_init(PRKEVENT event, EVENT_TYPE type, BOOLEAN signalled)
{
	event->magic = 0;
	if (type != NotificationEvent && type != SynchronizationEvent) {
		pr_err("KeInitializeEvent(%p, type %d) from %pS: the type should be NotificationEvent or SynchronizationEvent\n",
		       event, type, __builtin_return_address(0));
		return;
	}
	INIT_LIST_HEAD(&event->waiters);
	event->type = type;
	event->signalled = !!signalled;
	event->magic = DHP_EVENT_MAGIC;
}
EXPORT_SYMBOL_GPL(__dhp_wdm_event_init);

/* Hand the signal to the thread that has waited longest; false if nobody waits. */
static bool dhp_hand_over(PRKEVENT event)
{
	struct dhp_waiter *waiter;

	waiter = list_first_entry_or_null(&event->waiters, struct dhp_waiter, node);
	if (!waiter)
		return false;
	list_del_init(&waiter->node);
	/* It cannot go before it gets the lock. */
	wake_up_process(waiter->task);
	return true;
}

LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
	unsigned long flags;
	LONG before;

	if (!dhp_is_event(Event, __func__, __builtin_return_address(0)))
		return 0;

	raw_spin_lock_irqsave(&Event->lock, flags);
	before = Event->signalled;
	if (Event->type == NotificationEvent) {
		while (dhp_hand_over(Event))
			;
		Event->signalled = 1;
	} else if (!dhp_hand_over(Event)) {
		Event->signalled = 1;
	}
	raw_spin_unlock_irqrestore(&Event->lock, flags);
	return before;
}
EXPORT_SYMBOL_GPL(KeSetEvent);

static LONG dhp_reset(PRKEVENT event, const char *function, void *caller)
{
	unsigned long flags;
	LONG before;

	if (!dhp_is_event(event, function, caller))
		return 0;

	raw_spin_lock_irqsave(&event->lock, flags);
	before = event->signalled;
	event->signalled = 0;
	raw_spin_unlock_irqrestore(&event->lock, flags);
	return before;
}

LONG KeResetEvent(PRKEVENT Event)
{
	return dhp_reset(Event, __func__, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(KeResetEvent);

VOID KeClearEvent(PRKEVENT Event)
{
	dhp_reset(Event, __func__, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(KeClearEvent);

LONG KeReadStateEvent(PRKEVENT Event)
{
	if (!dhp_is_event(Event, __func__, __builtin_return_address(0)))
		return 0;
	return READ_ONCE(Event->signalled);
}
EXPORT_SYMBOL_GPL(KeReadStateEvent);

/* ---- Waiting ------------------------------------------------------------ */

/* Take the signal if it is there. */
static bool dhp_take_signal(PRKEVENT event)
{
	if (!event->signalled)
		return false;
	if (event->type == SynchronizationEvent)
		event->signalled = 0;
	return true;
}

/* 100 ns units as nanoseconds; what is too long to count is for ever. */
static ktime_t dhp_ktime(u64 units)
{
	return min_t(u64, units, KTIME_MAX / HUNDRED_NS) * HUNDRED_NS;
}

/* Sleep until woken, or until @timeout; see KeWaitForSingleObject(). False when it is over. */
static bool dhp_sleep(PLARGE_INTEGER timeout, ktime_t *end)
{
	if (!timeout) {
		schedule();
		return true;
	}
	if (timeout->QuadPart < 0)
		return schedule_hrtimeout_range_clock(end, 0, HRTIMER_MODE_ABS, CLOCK_MONOTONIC);
	return schedule_hrtimeout_range_clock(end, 0, HRTIMER_MODE_ABS, CLOCK_REALTIME);
}

/* When the timeout is over, on the clock that it is for. */
static ktime_t dhp_end(LONGLONG units)
{
	if (units < 0)
		return ktime_add_safe(ktime_get(), dhp_ktime(-(u64)units));
	/* Before 1970 is over already, and 0 would be, too. */
	return units > EPOCH_1601 ? dhp_ktime(units - EPOCH_1601) : 0;
}

/* With the lock held, and no signal there. */
static bool dhp_wait(PRKEVENT event, PLARGE_INTEGER timeout, unsigned long *flags)
	__must_hold(&event->lock)
{
	/* A kernel thread may wait for as long as its driver is there. */
	unsigned int state = current->flags & PF_KTHREAD ? TASK_IDLE : TASK_UNINTERRUPTIBLE;
	struct dhp_waiter waiter = { .task = current };
	ktime_t end = timeout ? dhp_end(timeout->QuadPart) : 0;
	bool left = true, signalled;

	list_add_tail(&waiter.node, &event->waiters);
	for (;;) {
		set_current_state(state);
		signalled = list_empty(&waiter.node);
		if (signalled || !left)
			break;
		raw_spin_unlock_irqrestore(&event->lock, *flags);
		left = dhp_sleep(timeout, &end);
		raw_spin_lock_irqsave(&event->lock, *flags);
	}
	__set_current_state(TASK_RUNNING);
	list_del(&waiter.node);
	return signalled;
}

NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
			       BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
	bool poll = Timeout && !Timeout->QuadPart;
	PRKEVENT event = Object;
	unsigned long flags;
	bool signalled;

	if (!dhp_is_event(event, __func__, __builtin_return_address(0)))
		return STATUS_INVALID_PARAMETER;
	if (!poll)
		might_sleep();

	raw_spin_lock_irqsave(&event->lock, flags);
	signalled = dhp_take_signal(event);
	if (!signalled && !poll)
		signalled = dhp_wait(event, Timeout, &flags);
	raw_spin_unlock_irqrestore(&event->lock, flags);
	return signalled ? STATUS_SUCCESS : STATUS_TIMEOUT;
}
EXPORT_SYMBOL_GPL(KeWaitForSingleObject);
