/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' deferred procedure calls, for wdm.h.
 *
 * A DPC runs once on its target processor in softirq context, which is what DISPATCH_LEVEL is on
 * Linux: it must not sleep, no thread runs there meanwhile, no other DPC of that processor does,
 * and interrupts are enabled. With PREEMPT_RT, softirqs are threads: a DPC is preempted there by
 * threads of a higher priority, but still stays on its processor, and still is alone among that
 * processor's DPCs. In both cases spin_lock() is right between DPCs, spin_lock_bh() in threads.
 *
 * Windows never takes a processor away. When Linux does, DPCs that are queued for it, and those
 * that are inserted while it is not in use, run on another processor instead of never. That begins
 * shortly before it goes offline and ends when all of its start has succeeded. A routine for which
 * it is wrong compares KeGetCurrentProcessorNumberEx() with what it expects.
 *
 * Include wdm.h, and not this file.
 */
#ifndef _DHP_WDM_DPC_H
#define _DHP_WDM_DPC_H

#include <linux/list.h>

#include "wdm_base.h"

struct _KDPC;
struct dhp_dpc_queue;

/*
 * The routine of a DPC. It may insert its DPC again, or others. From when it is called, its
 * DPC is not queued any more, and nothing but the routine uses it: it may free it.
 */
typedef VOID KDEFERRED_ROUTINE(struct _KDPC *Dpc, PVOID DeferredContext,
			       PVOID SystemArgument1, PVOID SystemArgument2);
typedef void (*PKDEFERRED_ROUTINE)(struct _KDPC *Dpc, PVOID DeferredContext,
				   PVOID SystemArgument1, PVOID SystemArgument2);

/**
 * enum _KDPC_IMPORTANCE - where KeInsertQueueDpc() puts a DPC
 * @LowImportance: behind the DPCs that wait for the processor
 * @MediumImportance: the same; where each DPC begins
 * @HighImportance: before the DPCs that wait for the processor, but for those whose turn has
 *	begun already
 * @MediumHighImportance: as @MediumImportance
 *
 * The processor begins with its DPCs at once, whatever their importance. Windows may let those of
 * low and medium importance wait.
 */
enum _KDPC_IMPORTANCE {
	LowImportance,
	MediumImportance,
	HighImportance,
	MediumHighImportance,
};

typedef enum _KDPC_IMPORTANCE KDPC_IMPORTANCE;

/**
 * struct _KDPC - a deferred procedure call
 * @node: in the queue
 * @queue: the queue that it is in, or NULL
 * @routine: what it calls
 * @context: handed to it
 * @argument1: handed to it
 * @argument2: handed to it
 * @cpu: the target, or DHP_DPC_NO_TARGET
 * @importance: where it is inserted
 *
 * The driver provides the memory, from KeInitializeDpc() on for as long as the DPC can be queued.
 * The members are dhp's.
 */
struct _KDPC {
	struct list_head node;
	struct dhp_dpc_queue *queue;
	PKDEFERRED_ROUTINE routine;
	PVOID context;
	PVOID argument1;
	PVOID argument2;
	unsigned int cpu;
	KDPC_IMPORTANCE importance;
};

typedef struct _KDPC KDPC;
typedef struct _KDPC *PKDPC;
typedef struct _KDPC *PRKDPC;

/* Runs on the processor that inserts it. */
#define DHP_DPC_NO_TARGET	(~0U)

/**
 * KeInitializeDpc() - make a DPC
 * @Dpc: the DPC, which is not queued
 * @DeferredRoutine: what it is to call
 * @DeferredContext: handed to it
 *
 * It has no target, which means the processor that inserts it, and medium importance.
 *
 * Context: Any.
 */
VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);

/**
 * KeSetTargetProcessorDpcEx() - choose the processor on which a DPC runs
 * @Dpc: the DPC
 * @ProcNumber: the processor
 *
 * Has no effect on where a DPC runs that is queued already.
 *
 * Context: Any.
 * Return: STATUS_SUCCESS; or STATUS_INVALID_PARAMETER when @ProcNumber is NULL or not a processor
 * that is in use. One that is being added is in use from KeProcessorAddCompleteNotify on, and not
 * yet in KeProcessorAddStartNotify; one that was there before the driver registered is in use in
 * both. The target stays as it was then.
 */
NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber);

/**
 * KeSetTargetProcessorDpc() - choose the processor of group 0 on which a DPC runs
 * @Dpc: the DPC
 * @Number: the processor
 *
 * As KeSetTargetProcessorDpcEx() with group 0, but without an answer.
 *
 * Context: Any.
 */
VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number);

/**
 * KeSetImportanceDpc() - choose where a DPC is inserted
 * @Dpc: the DPC
 * @Importance: see enum _KDPC_IMPORTANCE; other values change nothing
 *
 * Has no effect on a DPC that is queued already.
 *
 * Context: Any.
 */
VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance);

/**
 * KeInsertQueueDpc() - have a DPC run
 * @Dpc: the DPC
 * @SystemArgument1: handed to its routine
 * @SystemArgument2: handed to its routine
 *
 * A DPC that is queued already stays as it is, with the arguments that it has; its run to come
 * sees what the caller has stored before. A DPC whose routine runs is not queued, and can be
 * inserted again: on another target, the two runs may overlap.
 *
 * Context: Any, but for NMIs: interrupts, DPCs, the routine itself, with interrupts disabled.
 * Return: TRUE; FALSE when it is queued already, and while its module is being removed. FALSE,
 * and a message, when @Dpc is NULL or has no routine, as memory that was only zeroed has none.
 */
BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);

/**
 * KeRemoveQueueDpc() - have a DPC not run
 * @Dpc: the DPC, which is initialised
 *
 * Does not wait: FALSE may mean that its routine runs right now. See KeFlushQueuedDpcs().
 *
 * Context: Any, but for NMIs.
 * Return: TRUE when it was queued, and is not any more; FALSE when it was not queued.
 */
BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc);

/**
 * KeFlushQueuedDpcs() - wait for the DPCs of all processors
 *
 * When it returns, each DPC of any driver that was queued, or whose routine ran, when it was
 * called has ended. A driver calls it when it inserts no more DPCs, before it frees what they
 * use, and in DriverUnload. It is allowed in callbacks. What a module that is removed has left
 * queued is dropped, and named in the log.
 *
 * Context: Process context; may sleep. Never from a DPC.
 */
VOID KeFlushQueuedDpcs(void);

#endif /* _DHP_WDM_DPC_H */
