/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' names for processor groups, the current processor, and moving the current thread,
 * for wdm.h. Counting processors is in wdm.h itself.
 *
 * Include wdm.h, and not this file.
 */
#ifndef _DHP_WDM_AFFINITY_H
#define _DHP_WDM_AFFINITY_H

#include "wdm_base.h"

/**
 * struct _GROUP_AFFINITY - processors of one group
 * @Mask: bit N for the processor with number N in the group
 * @Group: the group
 * @Reserved: 0
 */
struct _GROUP_AFFINITY {
	KAFFINITY Mask;
	USHORT Group;
	USHORT Reserved[3];
};

typedef struct _GROUP_AFFINITY GROUP_AFFINITY;
typedef struct _GROUP_AFFINITY *PGROUP_AFFINITY;

/* ---- Groups ------------------------------------------------------------- */

/**
 * KeQueryMaximumGroupCount() - how many groups there can ever be
 *
 * Context: Any.
 * Return: the number of groups; it never changes.
 */
USHORT KeQueryMaximumGroupCount(void);

/**
 * KeQueryActiveGroupCount() - where the groups with processors in use end
 *
 * Indexes can have gaps, and so can groups: one with a smaller number may have no processor
 * that is in use. A loop over the groups 0 to the result less one misses none that has one.
 *
 * Context: Any; the result may be old by the time it is looked at.
 * Return: the number of the last group with a processor in use, and one more.
 */
USHORT KeQueryActiveGroupCount(void);

/**
 * KeQueryGroupAffinity() - which processors of a group are in use
 * @GroupNumber: the group
 *
 * Context: Any; the result may be old by the time it is looked at, except in a synchronous
 * callback.
 * Return: bit N for the processor with number N in the group; 0 for a group that does not exist.
 */
KAFFINITY KeQueryGroupAffinity(USHORT GroupNumber);

/*
 * How many processors are in use in group 0. Windows' pages call it obsolete since it knows
 * no groups, and here it is no variable: it cannot be written and has no address.
 */
#define KeNumberProcessors	((CCHAR)KeQueryActiveProcessorCount(NULL))

/* ---- The current processor ---------------------------------------------- */

/**
 * KeGetCurrentProcessorNumberEx() - the processor that the caller runs on
 * @ProcNumber: if not NULL, receives its group and number
 *
 * Context: Any. Where the caller can be preempted, the result may be old at once; a DPC and a
 * thread that is bound to one processor stay where they are.
 * Return: its index, which is Linux' CPU number.
 */
ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber);

/**
 * KeGetCurrentProcessorNumber() - the processor that the caller runs on, without its group
 *
 * Context: Any, as KeGetCurrentProcessorNumberEx().
 * Return: its number in its group.
 */
static inline ULONG KeGetCurrentProcessorNumber(void)
{
	return KeGetCurrentProcessorNumberEx(NULL) % MAXIMUM_PROCESSORS_PER_GROUP;
}

/* ---- Moving the current thread ------------------------------------------ */

/**
 * KeSetSystemGroupAffinityThread() - let the calling thread run on some processors only
 * @Affinity: the processors
 * @PreviousAffinity: if not NULL, receives what KeRevertToUserGroupAffinityThread() takes to
 *	undo this call: the affinity of the call before that is not undone yet, or, if there is
 *	none, zeroes, which stand for the affinity that the thread had at first
 *
 * When the call returns, the thread runs on one of the processors. Those of @Affinity that are
 * not in use are left out, also when they come into use later.
 *
 * The affinity stays as it is, and @PreviousAffinity receives what it would receive otherwise,
 * if @Affinity is NULL, or its group does not exist, or its mask has a bit of a processor that
 * can never be in use, or no processor of it is in use. A caller to whom it matters looks with
 * KeGetCurrentProcessorNumberEx().
 *
 * It stays as it is, too, and the log says so, when there is no memory to keep the first
 * affinity, and in a thread whose affinity is its creator's (PF_NO_SETAFFINITY): one that
 * kthread_bind() has bound, and each worker of a workqueue. There a Windows driver's work item
 * that wants to be on a processor becomes a DPC, queue_work_on(), or dhp_pool_submit_on().
 *
 * A processor that goes offline moves the threads that can run nowhere else, as always on
 * Linux: they may then run on any. So does a change of a user thread's cpuset. An affinity that
 * a user thread has chosen by sched_setaffinity() still limits this one, from Linux 6.2 on, if
 * the two have a processor in common. From Linux 6.14 on, a kernel thread that was created for
 * a node gets the affinity of that node again whenever a processor comes into use.
 *
 * Calls nest. A thread undoes them before it returns to user space or ends.
 *
 * Context: Process context; may sleep. Not with preemption or migration disabled.
 */
VOID KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity,
				    PGROUP_AFFINITY PreviousAffinity);

/**
 * KeRevertToUserGroupAffinityThread() - undo KeSetSystemGroupAffinityThread()
 * @PreviousAffinity: what that gave. With a mask of 0, the calling thread gets the affinity
 *	that it had before the first of its calls; otherwise it gets this one, and the first
 *	one is still kept.
 *
 * It does nothing in a thread that has called KeSetSystemGroupAffinityThread() not at all, or
 * not since it got its first affinity back; nor with an affinity that
 * KeSetSystemGroupAffinityThread() would not take; nor with NULL.
 *
 * If none of the processors of the first affinity is in use any more, the thread may run on any.
 *
 * Context: Process context; may sleep. Not with preemption or migration disabled.
 */
VOID KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity);

#endif /* _DHP_WDM_AFFINITY_H */
