// SPDX-License-Identifier: GPL-2.0-only
/* Checks of Windows' events: states, timeouts, who goes and in which order, the stack. */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>

#include "wdm_names.h"

#define MS		10000LL			/* in 100 ns */
#define EPOCH_1601	116444736000000000LL	/* 1 January 1970 */

static NTSTATUS wait(PRKEVENT event, LONGLONG units)
{
	LARGE_INTEGER timeout = { .QuadPart = units };

	return KeWaitForSingleObject(event, Executive, KernelMode, FALSE, &timeout);
}

static NTSTATUS wait_long(PRKEVENT event)
{
	return KeWaitForSingleObject(event, UserRequest, UserMode, TRUE, NULL);
}

void check_event(void)
{
	KEVENT event;

	KeInitializeEvent(&event, NotificationEvent, FALSE);
	EXPECT(!KeReadStateEvent(&event));
	EXPECT(wait(&event, 0) == STATUS_TIMEOUT && NT_SUCCESS(STATUS_TIMEOUT));
	EXPECT(!KeSetEvent(&event, IO_NO_INCREMENT, FALSE));
	EXPECT(KeReadStateEvent(&event));
	EXPECT(KeSetEvent(&event, EVENT_INCREMENT, TRUE));
	/* It stays signalled. */
	EXPECT(wait(&event, 0) == STATUS_SUCCESS && wait(&event, -MS) == STATUS_SUCCESS);
	EXPECT(wait_long(&event) == STATUS_SUCCESS && KeReadStateEvent(&event));
	EXPECT(KeResetEvent(&event) && !KeResetEvent(&event));
	EXPECT(wait(&event, 0) == STATUS_TIMEOUT);

	KeInitializeEvent(&event, SynchronizationEvent, TRUE);
	EXPECT(KeReadStateEvent(&event));
	/* The signal is used up, and two are one. */
	EXPECT(wait(&event, 0) == STATUS_SUCCESS && !KeReadStateEvent(&event));
	EXPECT(wait(&event, 0) == STATUS_TIMEOUT);
	EXPECT(!KeSetEvent(&event, 0, FALSE) && KeSetEvent(&event, 0, FALSE));
	EXPECT(wait_long(&event) == STATUS_SUCCESS && wait(&event, 0) == STATUS_TIMEOUT);
	KeSetEvent(&event, 0, FALSE);
	KeClearEvent(&event);
	EXPECT(!KeReadStateEvent(&event) && wait(&event, 0) == STATUS_TIMEOUT);

	/* Any TRUE */
	KeInitializeEvent(&event, NotificationEvent, 2);
	EXPECT(KeReadStateEvent(&event) && wait(&event, 0) == STATUS_SUCCESS);
}

static VOID set_event(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
		      PVOID SystemArgument2)
{
	KeSetEvent(DeferredContext, 0, FALSE);
}

/* For longer than @ms and not for much longer; slow machines are slow. */
static void expect_lasts(PRKEVENT event, LONGLONG units, unsigned int ms)
{
	ktime_t begin = ktime_get();

	EXPECT_WITH(units, wait(event, units) == STATUS_TIMEOUT);
	EXPECT_WITH(units, ktime_ms_delta(ktime_get(), begin) >= ms);
	EXPECT_WITH(units, ktime_ms_delta(ktime_get(), begin) < ms + 10000);
}

void check_event_timeout(void)
{
	LONGLONG now = ktime_get_real_ns() / 100 + EPOCH_1601;
	KEVENT event;
	KDPC dpc;

	KeInitializeEvent(&event, SynchronizationEvent, FALSE);
	expect_lasts(&event, -1, 0);
	expect_lasts(&event, -50 * MS, 50);
	/* Times of the system's clock, which are over and which are not */
	expect_lasts(&event, 1, 0);
	expect_lasts(&event, EPOCH_1601 - 1, 0);
	expect_lasts(&event, EPOCH_1601, 0);
	expect_lasts(&event, EPOCH_1601 + 1, 0);
	expect_lasts(&event, now - 1000 * MS, 0);
	expect_lasts(&event, ktime_get_real_ns() / 100 + EPOCH_1601 + 60 * MS, 50);

	/* Longer than can be counted */
	KeInitializeDpc(&dpc, set_event, &event);
	EXPECT(KeInsertQueueDpc(&dpc, NULL, NULL) && wait(&event, S64_MIN) == STATUS_SUCCESS);
	EXPECT(KeInsertQueueDpc(&dpc, NULL, NULL) && wait(&event, S64_MAX) == STATUS_SUCCESS);
	EXPECT(KeInsertQueueDpc(&dpc, NULL, NULL) && wait_long(&event) == STATUS_SUCCESS);
	KeFlushQueuedDpcs();
	EXPECT(!KeReadStateEvent(&event));
}

/* ---- Many threads wait -------------------------------------------------- */

#define CROWD 12

static struct {
	KEVENT event;
	atomic_t went;
	unsigned int order[CROWD];
} crowd;

static unsigned int waiters(PRKEVENT event)
{
	struct list_head *one;
	unsigned int count = 0;

	raw_spin_lock_irq(&event->lock);
	list_for_each(one, &event->waiters)
		count++;
	raw_spin_unlock_irq(&event->lock);
	return count;
}

static int wait_in_crowd(void *data)
{
	NTSTATUS status = wait_long(&crowd.event);
	unsigned int place = atomic_inc_return(&crowd.went) - 1;

	EXPECT(status == STATUS_SUCCESS);
	if (place < CROWD)
		crowd.order[place] = (unsigned long)data;
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

/* One after the other, so that their order is known. */
static void gather(struct task_struct **threads)
{
	unsigned long i;

	atomic_set(&crowd.went, 0);
	for (i = 0; i < CROWD; i++) {
		threads[i] = kthread_run(wait_in_crowd, (void *)i, "wdm_waiter/%lu", i);
		EXPECT(!IS_ERR(threads[i]));
		AWAIT(waiters(&crowd.event) == i + 1);
	}
}

static void disperse(struct task_struct **threads)
{
	unsigned int i;

	for (i = 0; i < CROWD; i++)
		if (!IS_ERR(threads[i]))
			kthread_stop(threads[i]);
}

void check_event_crowd(void)
{
	struct task_struct *threads[CROWD];
	unsigned int i;

	/* One signal, one thread: the one that came first. */
	KeInitializeEvent(&crowd.event, SynchronizationEvent, FALSE);
	gather(threads);
	for (i = 0; i < CROWD; i++) {
		EXPECT_WITH(i, !KeSetEvent(&crowd.event, 0, FALSE));
		EXPECT_WITH(i, !KeReadStateEvent(&crowd.event));
		EXPECT_WITH(i, waiters(&crowd.event) == CROWD - 1 - i);
		AWAIT(atomic_read(&crowd.went) >= i + 1);
		EXPECT_WITH(i, atomic_read(&crowd.went) == i + 1 && crowd.order[i] == i);
	}
	EXPECT(!KeSetEvent(&crowd.event, 0, FALSE) && KeReadStateEvent(&crowd.event));
	disperse(threads);

	/* All go, though the signal is gone at once. */
	KeInitializeEvent(&crowd.event, NotificationEvent, FALSE);
	gather(threads);
	KeSetEvent(&crowd.event, 0, FALSE);
	KeClearEvent(&crowd.event);
	AWAIT(atomic_read(&crowd.went) == CROWD);
	EXPECT(!waiters(&crowd.event) && !KeReadStateEvent(&crowd.event));
	disperse(threads);

	/* A thread that comes now does not get the signal of one that was woken. */
	KeInitializeEvent(&crowd.event, SynchronizationEvent, FALSE);
	gather(threads);
	KeSetEvent(&crowd.event, 0, FALSE);
	EXPECT(wait(&crowd.event, 0) == STATUS_TIMEOUT);
	AWAIT(atomic_read(&crowd.went) == 1);
	for (i = 1; i < CROWD; i++)
		KeSetEvent(&crowd.event, 0, FALSE);
	AWAIT(atomic_read(&crowd.went) == CROWD);
	disperse(threads);
}

/* The event is gone the moment that the wait returns. */
void check_event_stack(void)
{
	unsigned int i, cpu = cpumask_first(cpu_online_mask);

	for (i = 0; i < 2000; i++) {
		PROCESSOR_NUMBER number = { .Group = cpu / 64, .Number = cpu % 64 };
		PKEVENT event = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*event), 0x74457674);
		KDPC dpc;

		if (!event)
			break;
		KeInitializeEvent(event, i % 2, FALSE);
		KeInitializeDpc(&dpc, set_event, event);
		KeSetTargetProcessorDpcEx(&dpc, &number);
		EXPECT_WITH(i, KeInsertQueueDpc(&dpc, NULL, NULL));
		EXPECT_WITH(i, wait(event, -30000 * MS) == STATUS_SUCCESS);
		memset(event, 0xa5, sizeof(*event));
		ExFreePool(event);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	EXPECT(i == 2000);
	KeFlushQueuedDpcs();
}

/* ---- Timeouts and signals at the same time ------------------------------- */

static struct {
	KEVENT event;
	atomic_t taken;
	atomic_t timed_out;
	bool stop;
} race;

static int wait_in_race(void *data)
{
	unsigned int i = 0;

	while (!READ_ONCE(race.stop)) {
		/* Between nothing and some hundred microseconds */
		NTSTATUS status = wait(&race.event, -(LONGLONG)(i++ % 50) * 100);

		atomic_inc(status == STATUS_SUCCESS ? &race.taken : &race.timed_out);
		cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

/* Each signal that is new is taken by one thread, or is still there. */
void check_event_race(void)
{
	unsigned long end = jiffies + 2 * HZ;
	struct task_struct *threads[4];
	int signals = 0, taken;
	unsigned int i;

	KeInitializeEvent(&race.event, SynchronizationEvent, FALSE);
	atomic_set(&race.taken, 0);
	atomic_set(&race.timed_out, 0);
	race.stop = false;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i] = kthread_run(wait_in_race, NULL, "wdm_race/%u", i);
		EXPECT(!IS_ERR(threads[i]));
	}
	while (time_before(jiffies, end)) {
		signals += !KeSetEvent(&race.event, 0, FALSE);
		cond_resched();
	}
	WRITE_ONCE(race.stop, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		if (!IS_ERR(threads[i]))
			kthread_stop(threads[i]);
	taken = atomic_read(&race.taken) + KeReadStateEvent(&race.event);
	pr_info("%d signals, %d waits timed out\n", signals, atomic_read(&race.timed_out));
	EXPECT_WITH(taken - signals, taken == signals && signals > 100);
	EXPECT(list_empty(&race.event.waiters));
}
