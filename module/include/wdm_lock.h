/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' push locks, for wdm.h. A push lock is a struct rw_semaphore, with all that lockdep
 * knows of one. Spin locks, mutexes and interlocked operations are Linux' own.
 *
 * Include wdm.h, and not this file.
 */
#ifndef _DHP_WDM_LOCK_H
#define _DHP_WDM_LOCK_H

#include <linux/rwsem.h>

#include "wdm_base.h"

/*
 * It sleeps, prefers nobody for long, and is not recursive: a thread that has it shared and asks
 * for it once more can wait for ever. The thread that has acquired it releases it: all calls of
 * a Windows driver's synchronous callbacks come from one thread.
 */
typedef struct rw_semaphore EX_PUSH_LOCK;
typedef struct rw_semaphore *PEX_PUSH_LOCK;

/**
 * ExInitializePushLock() - make a push lock
 * @PushLock: the lock, which nobody holds
 *
 * Each place in the code where locks are made is one class for lockdep.
 *
 * Context: Any.
 */
#define ExInitializePushLock(PushLock)	init_rwsem(PushLock)

/**
 * ExAcquirePushLockExclusive() - take a push lock alone
 * @PushLock: the lock
 *
 * Context: Process context; may sleep.
 */
#define ExAcquirePushLockExclusive(PushLock)	down_write(PushLock)

/**
 * ExAcquirePushLockShared() - take a push lock together with others that do
 * @PushLock: the lock
 *
 * Context: Process context; may sleep.
 */
#define ExAcquirePushLockShared(PushLock)	down_read(PushLock)

/**
 * ExReleasePushLockExclusive() - give back what ExAcquirePushLockExclusive() took
 * @PushLock: the lock
 *
 * Context: Process context.
 */
#define ExReleasePushLockExclusive(PushLock)	up_write(PushLock)

/**
 * ExReleasePushLockShared() - give back what ExAcquirePushLockShared() took
 * @PushLock: the lock
 *
 * Context: Process context.
 */
#define ExReleasePushLockShared(PushLock)	up_read(PushLock)

/* On Windows they keep APCs off while a push lock is held. Linux has no APCs. */
#define KeEnterCriticalRegion()		do { } while (0)
#define KeLeaveCriticalRegion()		do { } while (0)

#endif /* _DHP_WDM_LOCK_H */
