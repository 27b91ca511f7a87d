// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows' DPCs: a queue for each CPU, and a tasklet that runs what is in it.
 *
 * A DPC runs at DISPATCH_LEVEL on a CPU that the driver chooses. In Linux' terms that is softirq
 * context, and the only softirq that a module can have is a tasklet. Tasklets run where they are
 * scheduled, so an inter-processor interrupt schedules that of the target's queue there. On kernels
 * from 6.9 on, a BH workqueue would do as well, but 6.1 has none.
 *
 * The interrupt's function may also be called by the idle task or the CPU stopper, which look for
 * such calls. With PREEMPT_RT, the kernel warns of a softirq that is raised there, so the function
 * makes a hard interrupt by irq_work, which may raise one.
 *
 * A DPC is not a tasklet itself: a tasklet is used after its function has returned, and the
 * routine of a DPC may free the DPC. Here nothing of a DPC is used once its routine is called.
 *
 * No hotplug callback is needed. DPCs are sent to CPUs that are active only; those that are not
 * active yet, or not any more, have no ksoftirqd. A CPU is still online for a grace period after it
 * has become inactive, and handles what was sent to it. When it is dead, the kernel gives its
 * tasklets to another CPU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "names.h"
#include "wdm.h"

/**
 * struct dhp_dpc_queue - the DPCs of one CPU
 * @lock: guards what is marked L. A raw one, as DPCs are inserted by hard interrupts.
 * @waiting: L, DPCs that were inserted, in the order in which they are to run
 * @batch: L, those of them that the tasklet has begun with
 * @kicked: L, the tasklet has been sent for or runs. The one that sets it sends for it: there is
 *	one at a time that uses @csd.
 * @running: L, the routine that runs, or NULL
 * @cpu: the CPU
 * @tasklet: runs the DPCs
 * @csd: schedules @tasklet on @cpu, with PREEMPT_RT through @irq_work
 * @irq_work: schedules @tasklet
 */
struct dhp_dpc_queue {
	raw_spinlock_t lock;
	struct list_head waiting;
	struct list_head batch;
	bool kicked;
	PKDEFERRED_ROUTINE running;
	unsigned int cpu;
	struct tasklet_struct tasklet;
	call_single_data_t csd;
	struct irq_work irq_work;
};

static DEFINE_PER_CPU(struct dhp_dpc_queue, dhp_dpc_queues);

/*
 * The module whose DPCs are being dropped: no queue takes one of them any more. The lock of a
 * queue orders this: what is inserted after the queue was searched is refused.
 */
static struct module *dhp_dpc_going;
static PKDEFERRED_ROUTINE dhp_dpc_refused;	/* one that was inserted since then */
static DEFINE_MUTEX(dhp_dpc_going_mutex);

static void dhp_dpc_interrupt(struct irq_work *work)
{
	struct dhp_dpc_queue *queue = container_of(work, struct dhp_dpc_queue, irq_work);

	tasklet_schedule(&queue->tasklet);
}

static void dhp_dpc_schedule(void *data)
{
	struct dhp_dpc_queue *queue = data;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		irq_work_queue(&queue->irq_work);
	else
		tasklet_schedule(&queue->tasklet);
}

/* For the one that has set @queue->kicked, and for its tasklet. */
static void dhp_dpc_kick(struct dhp_dpc_queue *queue)
{
	/* It fails if the CPU is offline, as for what it had before. */
	if (smp_call_function_single_async(queue->cpu, &queue->csd))
		tasklet_schedule(&queue->tasklet);
}

/* Take @dpc, which is in one of @queue's lists, out of it. */
static void dhp_dpc_unlink(struct dhp_dpc_queue *queue, PRKDPC dpc)
{
	lockdep_assert_held(&queue->lock);
	list_del(&dpc->node);
	/*
	 * Another CPU may insert it into another queue now, whose lock orders nothing with
	 * this one. Pairs with the cmpxchg() in dhp_dpc_insert().
	 */
	smp_store_release(&dpc->queue, NULL);
}

static void dhp_dpc_call_first(struct dhp_dpc_queue *queue, unsigned long *flags)
	__must_hold(&queue->lock)
{
	PRKDPC dpc = list_first_entry(&queue->batch, KDPC, node);
	PKDEFERRED_ROUTINE routine = dpc->routine;
	PVOID context = dpc->context;
	PVOID argument1 = dpc->argument1;
	PVOID argument2 = dpc->argument2;

	dhp_dpc_unlink(queue, dpc);
	queue->running = routine;
	raw_spin_unlock_irqrestore(&queue->lock, *flags);
	/*
	 * A caller that still finds it queued relies on this run; the partner is in
	 * dhp_dpc_insert(). From here on it may be freed.
	 */
	smp_mb();
	routine(dpc, context, argument1, argument2);
	raw_spin_lock_irqsave(&queue->lock, *flags);
	queue->running = NULL;
}

/*
 * Runs what is there when it begins. What is inserted meanwhile is for the next run, so that a
 * routine that inserts its DPC again does not keep the CPU from its other softirqs.
 */
static void dhp_dpc_run(struct tasklet_struct *tasklet)
{
	struct dhp_dpc_queue *queue = from_tasklet(queue, tasklet, tasklet);
	unsigned long flags;
	bool again;

	raw_spin_lock_irqsave(&queue->lock, flags);
	/* Its CPU was offline, and has come back since: all that is queued is for that one. */
	if (queue->cpu != smp_processor_id() && cpu_active(queue->cpu)) {
		raw_spin_unlock_irqrestore(&queue->lock, flags);
		dhp_dpc_kick(queue);
		return;
	}
	list_splice_tail_init(&queue->waiting, &queue->batch);
	while (!list_empty(&queue->batch))
		dhp_dpc_call_first(queue, &flags);
	again = !list_empty(&queue->waiting);
	queue->kicked = again;
	raw_spin_unlock_irqrestore(&queue->lock, flags);
	if (again)
		tasklet_schedule(&queue->tasklet);
}

/* ---- What drivers call -------------------------------------------------- */

VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
	memset(Dpc, 0, sizeof(*Dpc));
	Dpc->routine = DeferredRoutine;
	Dpc->context = DeferredContext;
	Dpc->cpu = DHP_DPC_NO_TARGET;
	Dpc->importance = MediumImportance;
}
EXPORT_SYMBOL_GPL(KeInitializeDpc);

NTSTATUS KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
	ULONG cpu = KeGetProcessorIndexFromNumber(ProcNumber);

	if (cpu == INVALID_PROCESSOR_INDEX || !cpu_active(cpu))
		return STATUS_INVALID_PARAMETER;

	WRITE_ONCE(Dpc->cpu, cpu);
	return STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(KeSetTargetProcessorDpcEx);

VOID KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
	PROCESSOR_NUMBER number = { .Number = Number };

	KeSetTargetProcessorDpcEx(Dpc, &number);
}
EXPORT_SYMBOL_GPL(KeSetTargetProcessorDpc);

VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
	if (Importance <= MediumHighImportance)
		WRITE_ONCE(Dpc->importance, Importance);
}
EXPORT_SYMBOL_GPL(KeSetImportanceDpc);

/*
 * The CPU for a DPC with this target: this one if it has none, or if the target is not active;
 * another one if this one is not active either. Interrupts are disabled, so that the CPU stays
 * online for as long as they are.
 */
static unsigned int dhp_dpc_cpu(unsigned int target)
{
	if (target != DHP_DPC_NO_TARGET && cpu_active(target))
		return target;
	if (cpu_active(smp_processor_id()))
		return smp_processor_id();
	return cpumask_first(cpu_active_mask);
}

/* Is @dpc, or its routine, in this module, which may be NULL? */
static bool dhp_dpc_of(PRKDPC dpc, struct module *owner)
{
	return owner && (within_module((unsigned long)dpc->routine, owner) ||
			 within_module((unsigned long)dpc, owner));
}

/* With interrupts disabled. False if @dpc is queued already, or if its module is going. */
static bool dhp_dpc_insert(struct dhp_dpc_queue *queue, PRKDPC dpc, PVOID argument1,
			   PVOID argument2)
{
	bool inserted = false, kick = false;

	raw_spin_lock(&queue->lock);
	if (dhp_dpc_of(dpc, READ_ONCE(dhp_dpc_going))) {
		WRITE_ONCE(dhp_dpc_refused, dpc->routine);
		goto unlock;
	}
	/*
	 * If it is queued, the run to come sees what the caller has stored before. The partner
	 * is in dhp_dpc_call_first().
	 */
	smp_mb();
	/* It may be in the queue of another CPU, whose lock is not held. */
	inserted = !cmpxchg(&dpc->queue, NULL, queue);
	if (inserted) {
		dpc->argument1 = argument1;
		dpc->argument2 = argument2;
		if (READ_ONCE(dpc->importance) == HighImportance)
			list_add(&dpc->node, &queue->waiting);
		else
			list_add_tail(&dpc->node, &queue->waiting);
		kick = !queue->kicked;
		queue->kicked = true;
	}
unlock:
	raw_spin_unlock(&queue->lock);
	if (kick)
		dhp_dpc_kick(queue);
	return inserted;
}

BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
	struct dhp_dpc_queue *queue;
	unsigned long flags;
	bool inserted;

	if (!Dpc || !Dpc->routine) {
		pr_err_ratelimited("%s(%p) from %pS: not a DPC that KeInitializeDpc() made with a routine\n",
				   __func__, Dpc, __builtin_return_address(0));
		return FALSE;
	}

	local_irq_save(flags);
	queue = per_cpu_ptr(&dhp_dpc_queues, dhp_dpc_cpu(READ_ONCE(Dpc->cpu)));
	inserted = dhp_dpc_insert(queue, Dpc, SystemArgument1, SystemArgument2);
	local_irq_restore(flags);
	return inserted;
}
EXPORT_SYMBOL_GPL(KeInsertQueueDpc);

BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc)
{
	struct dhp_dpc_queue *queue;
	unsigned long flags;

	while ((queue = READ_ONCE(Dpc->queue))) {
		bool removed = false;

		raw_spin_lock_irqsave(&queue->lock, flags);
		/* It may have run, and have been inserted elsewhere. */
		if (READ_ONCE(Dpc->queue) == queue) {
			dhp_dpc_unlink(queue, Dpc);
			removed = true;
		}
		raw_spin_unlock_irqrestore(&queue->lock, flags);
		if (removed)
			return TRUE;
	}
	return FALSE;
}
EXPORT_SYMBOL_GPL(KeRemoveQueueDpc);

/* ---- Waiting for DPCs --------------------------------------------------- */

static VOID dhp_dpc_complete(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
			     PVOID SystemArgument2)
{
	complete(DeferredContext);
}

/* Wait until what is queued and what runs has ended: a DPC behind all of it has run. */
static void dhp_dpc_flush(struct dhp_dpc_queue *queue)
{
	DECLARE_COMPLETION_ONSTACK(done);
	bool busy;
	KDPC dpc;

	raw_spin_lock_irq(&queue->lock);
	busy = queue->kicked;
	raw_spin_unlock_irq(&queue->lock);
	if (!busy)
		return;

	KeInitializeDpc(&dpc, dhp_dpc_complete, &done);
	/* Into this very queue, though its CPU may not be active. */
	local_irq_disable();
	dhp_dpc_insert(queue, &dpc, NULL, NULL);
	local_irq_enable();
	wait_for_completion(&done);
}

VOID KeFlushQueuedDpcs(void)
{
	unsigned int cpu;

	might_sleep();
	/* The queue of a CPU that is offline may have DPCs, too. */
	for_each_possible_cpu(cpu)
		dhp_dpc_flush(per_cpu_ptr(&dhp_dpc_queues, cpu));
}
EXPORT_SYMBOL_GPL(KeFlushQueuedDpcs);

/* ---- A module that is removed ------------------------------------------- */

static void dhp_dpc_drop(struct dhp_dpc_queue *queue, struct list_head *list, struct module *owner)
{
	PRKDPC dpc, next;

	list_for_each_entry_safe(dpc, next, list, node) {
		if (!dhp_dpc_of(dpc, owner))
			continue;
		pr_err("%s is removed while its DPC %ps is queued; dropped\n", module_name(owner),
		       dpc->routine);
		dhp_dpc_unlink(queue, dpc);
	}
}

/**
 * dhp_dpc_free_owner() - drop the DPCs of a module that is being removed
 * @owner: the module, none of whose callbacks can run any more
 *
 * Does not return while one of its routines runs. A routine may insert its DPC again and again,
 * into the queues of all CPUs in turn.
 */
void dhp_dpc_free_owner(struct module *owner)
{
	PKDEFERRED_ROUTINE refused;
	unsigned int cpu;

	mutex_lock(&dhp_dpc_going_mutex);
	WRITE_ONCE(dhp_dpc_refused, NULL);
	WRITE_ONCE(dhp_dpc_going, owner);
	for_each_possible_cpu(cpu) {
		struct dhp_dpc_queue *queue = per_cpu_ptr(&dhp_dpc_queues, cpu);
		PKDEFERRED_ROUTINE running;

		raw_spin_lock_irq(&queue->lock);
		dhp_dpc_drop(queue, &queue->waiting, owner);
		dhp_dpc_drop(queue, &queue->batch, owner);
		running = queue->running;
		raw_spin_unlock_irq(&queue->lock);
		if (!within_module((unsigned long)running, owner))
			continue;
		pr_err("%s is removed while its DPC %ps runs; waiting for it\n",
		       module_name(owner), running);
		dhp_dpc_flush(queue);
	}
	refused = READ_ONCE(dhp_dpc_refused);
	if (refused)
		pr_err("%s is removed while its DPC %ps is inserted; refused\n",
		       module_name(owner), refused);
	WRITE_ONCE(dhp_dpc_going, NULL);
	mutex_unlock(&dhp_dpc_going_mutex);
}

int dhp_dpc_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct dhp_dpc_queue *queue = per_cpu_ptr(&dhp_dpc_queues, cpu);

		raw_spin_lock_init(&queue->lock);
		INIT_LIST_HEAD(&queue->waiting);
		INIT_LIST_HEAD(&queue->batch);
		queue->cpu = cpu;
		tasklet_setup(&queue->tasklet, dhp_dpc_run);
		INIT_CSD(&queue->csd, dhp_dpc_schedule, queue);
		queue->irq_work = IRQ_WORK_INIT_HARD(dhp_dpc_interrupt);
	}
	return 0;
}

/* No driver is left, and so no DPC; but a tasklet may be on its way. */
void dhp_dpc_exit(void)
{
	unsigned int cpu;

	KeFlushQueuedDpcs();
	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&dhp_dpc_queues, cpu)->tasklet);
}
