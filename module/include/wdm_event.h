/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' events, and waiting for one, for wdm.h. No other dispatcher object is here: mutexes,
 * semaphores, timers and threads are Linux' own.
 *
 * Include wdm.h, and not this file.
 */
#ifndef _DHP_WDM_EVENT_H
#define _DHP_WDM_EVENT_H

#include <linux/list.h>
#include <linux/spinlock_types.h>

#include "wdm_base.h"

/**
 * enum _EVENT_TYPE - what a signal does
 * @NotificationEvent: lets everybody go who waits, and stays until it is reset
 * @SynchronizationEvent: lets one thread go, and is gone then
 */
enum _EVENT_TYPE {
	NotificationEvent,
	SynchronizationEvent,
};

typedef enum _EVENT_TYPE EVENT_TYPE;

/**
 * struct _KEVENT - an event
 * @lock: guards the other members
 * @waiters: threads that wait, the first one first; members of a stack each
 * @magic: that it was initialised
 * @type: what its signal does
 * @signalled: its state, 0 or 1
 *
 * The driver provides the memory, which may be the stack. It may be freed as soon as nobody waits
 * for the event and no call for it can begin: when a wait has returned, KeSetEvent() that ended
 * it does not use the event any more. The members are dhp's.
 */
struct _KEVENT {
	raw_spinlock_t lock;
	struct list_head waiters;
	unsigned int magic;
	EVENT_TYPE type;
	LONG signalled;
};

typedef struct _KEVENT KEVENT;
typedef struct _KEVENT *PKEVENT;
typedef struct _KEVENT *PRKEVENT;

typedef LONG KPRIORITY;

/* How soon a thread that waited is to run, for KeSetEvent(), which does not care. */
#define IO_NO_INCREMENT		0
#define EVENT_INCREMENT		1

/* Why a thread waits, for KeWaitForSingleObject(), which does not care. */
enum _KWAIT_REASON {
	Executive = 0,
	UserRequest = 6,
};

typedef enum _KWAIT_REASON KWAIT_REASON;

/* On whose behalf a thread waits, for KeWaitForSingleObject(), which does not care. */
enum _MODE {
	KernelMode,
	UserMode,
};

typedef CCHAR KPROCESSOR_MODE;

VOID __dhp_wdm_event_init(PRKEVENT event, EVENT_TYPE type, BOOLEAN signalled);

/**
 * KeInitializeEvent() - make an event
 * @Event: the event, for which nobody waits
 * @Type: NotificationEvent or SynchronizationEvent. With anything else it is not initialised, and
 *	the log says so.
 * @State: TRUE for one that is signalled
 *
 * Context: Any.
 */
#define KeInitializeEvent(Event, Type, State)				\
do {									\
	PRKEVENT __dhp_event = (Event);					\
									\
	/* Each place where events are made is a class for lockdep. */	\
	raw_spin_lock_init(&__dhp_event->lock);				\
	__dhp_wdm_event_init(__dhp_event, Type, State);			\
} while (0)

/**
 * KeSetEvent() - signal an event
 * @Event: the event
 * @Increment: ignored; the scheduler decides
 * @Wait: ignored. TRUE says on Windows that a wait follows, and is no different here.
 *
 * A NotificationEvent lets all threads go that wait now, also when it is reset the next moment.
 * A SynchronizationEvent lets the one go that has waited longest; while nobody waits it stays
 * signalled, once, for the first that comes. What the caller has stored before, the threads that
 * go see.
 *
 * Context: Any, but for NMIs: interrupts, DPCs.
 * Return: its state before: 0 when it was not signalled.
 */
LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);

/**
 * KeResetEvent() - take an event's signal away
 * @Event: the event
 *
 * Context: Any, but for NMIs.
 * Return: its state before: 0 when it was not signalled.
 */
LONG KeResetEvent(PRKEVENT Event);

/**
 * KeClearEvent() - take an event's signal away
 * @Event: the event
 *
 * Context: Any, but for NMIs.
 */
VOID KeClearEvent(PRKEVENT Event);

/**
 * KeReadStateEvent() - look at an event
 * @Event: the event
 *
 * Context: Any.
 * Return: 0 when it is not signalled. It may be old by the time it is looked at.
 */
LONG KeReadStateEvent(PRKEVENT Event);

/**
 * KeWaitForSingleObject() - wait for an event
 * @Object: a KEVENT; Windows takes other objects, too
 * @WaitReason: ignored
 * @WaitMode: ignored: every wait is one of KernelMode, which nothing interrupts
 * @Alertable: ignored: there are no APCs
 * @Timeout: NULL to wait for ever; otherwise in units of 100 ns: 0 does not wait, a negative
 *	number is a time from now, on CLOCK_MONOTONIC, and a positive one a time of the system's
 *	clock, CLOCK_REALTIME, counted from 1 January 1601 as Windows does
 *
 * Threads go in the order in which they came. No signal ends the wait. A kernel thread that waits
 * does not count into the load, nor as hung; a user thread does.
 *
 * Context: Process context; may sleep. Any context, but for NMIs, if the timeout is 0.
 * Return: STATUS_SUCCESS, with the signal of a SynchronizationEvent used up; STATUS_TIMEOUT when
 * the time was over first, which NT_SUCCESS() takes for a success; STATUS_INVALID_PARAMETER, and
 * a message, when @Object is NULL or not an event that was initialised.
 */
NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
			       BOOLEAN Alertable, PLARGE_INTEGER Timeout);

#endif /* _DHP_WDM_EVENT_H */
