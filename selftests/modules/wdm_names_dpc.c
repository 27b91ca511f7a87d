// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of Windows' DPCs. Most keep softirqs from this CPU for a moment, so that a DPC stays
 * queued while they look.
 */
#include <linux/bottom_half.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "wdm_names.h"

/* ---- One DPC ------------------------------------------------------------ */

static struct {
	unsigned int runs;
	unsigned int cpu;
	bool softirq;
	bool can_sleep;
	bool irqs_off;
	PKDPC dpc;
	PVOID argument1;
	PVOID argument2;
} seen;

static KDPC one;

static VOID note(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
	EXPECT(DeferredContext == &seen);
	seen.runs++;
	seen.cpu = KeGetCurrentProcessorNumberEx(NULL);
	seen.softirq = in_serving_softirq();
	seen.can_sleep = preemptible();
	seen.irqs_off = irqs_disabled();
	seen.dpc = Dpc;
	seen.argument1 = SystemArgument1;
	seen.argument2 = SystemArgument2;
}

static NTSTATUS target(PRKDPC dpc, unsigned int cpu)
{
	PROCESSOR_NUMBER number = { .Group = cpu / 64, .Number = cpu % 64 };

	return KeSetTargetProcessorDpcEx(dpc, &number);
}

static void hard_interrupt(struct irq_work *work)
{
	EXPECT(in_hardirq());
	EXPECT(KeInsertQueueDpc(&one, (PVOID)5, (PVOID)6));
}

static struct irq_work interrupt = IRQ_WORK_INIT_HARD(hard_interrupt);

void check_dpc(void)
{
	unsigned int cpu;

	memset(&seen, 0, sizeof(seen));
	KeInitializeDpc(&one, note, &seen);
	EXPECT(!KeRemoveQueueDpc(&one));

	/* While it is queued it cannot be queued again, and keeps its arguments. */
	local_bh_disable();
	cpu = smp_processor_id();
	EXPECT(KeInsertQueueDpc(&one, (PVOID)1, (PVOID)2) == TRUE);
	EXPECT(KeInsertQueueDpc(&one, (PVOID)3, (PVOID)4) == FALSE);
	EXPECT(!READ_ONCE(seen.runs));
	local_bh_enable();
	KeFlushQueuedDpcs();
	EXPECT_WITH(seen.runs, seen.runs == 1);
	EXPECT_WITH(seen.cpu, seen.cpu == cpu);
	EXPECT(seen.dpc == &one && seen.argument1 == (PVOID)1 && seen.argument2 == (PVOID)2);
	EXPECT(seen.softirq && !seen.irqs_off);
	EXPECT(!seen.can_sleep || IS_ENABLED(CONFIG_PREEMPT_RT));

	/* What is removed does not run. */
	local_bh_disable();
	EXPECT(KeInsertQueueDpc(&one, NULL, NULL));
	EXPECT(KeRemoveQueueDpc(&one) == TRUE);
	EXPECT(KeRemoveQueueDpc(&one) == FALSE);
	local_bh_enable();
	KeFlushQueuedDpcs();
	EXPECT_WITH(seen.runs, seen.runs == 1);

	irq_work_queue(&interrupt);
	irq_work_sync(&interrupt);
	KeFlushQueuedDpcs();
	EXPECT_WITH(seen.runs, seen.runs == 2);
	EXPECT(seen.argument1 == (PVOID)5 && seen.argument2 == (PVOID)6 && !seen.irqs_off);
	EXPECT(!KeRemoveQueueDpc(&one));
}

/* ---- Order -------------------------------------------------------------- */

static char order[8];

static VOID append(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
	order[strlen(order)] = (char)(unsigned long)SystemArgument1;
}

void check_dpc_order(void)
{
	static const KDPC_IMPORTANCE importance[] = {
		MediumImportance, LowImportance, MediumHighImportance, HighImportance,
		HighImportance, MediumImportance,
	};
	KDPC dpcs[ARRAY_SIZE(importance)];
	unsigned int i;

	memset(order, 0, sizeof(order));
	local_bh_disable();
	for (i = 0; i < ARRAY_SIZE(importance); i++) {
		KeInitializeDpc(&dpcs[i], append, NULL);
		KeSetImportanceDpc(&dpcs[i], importance[i]);
		KeSetImportanceDpc(&dpcs[i], MediumHighImportance + 1);
		KeInsertQueueDpc(&dpcs[i], (PVOID)(unsigned long)('a' + i), NULL);
	}
	local_bh_enable();
	KeFlushQueuedDpcs();
	if (strcmp(order, "edabcf")) {
		pr_err("order is %s\n", order);
		EXPECT(!"the order");
	}
}

/* ---- Targets ------------------------------------------------------------ */

static VOID slow(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
	mdelay(20);
	WRITE_ONCE(*(bool *)DeferredContext, true);
}

void check_dpc_everywhere(void)
{
	unsigned int cpu, runs = 0;
	bool ended = false;
	KDPC dpc;

	memset(&seen, 0, sizeof(seen));
	KeInitializeDpc(&one, note, &seen);
	for_each_online_cpu(cpu) {
		EXPECT_WITH(cpu, target(&one, cpu) == STATUS_SUCCESS);
		EXPECT_WITH(cpu, KeInsertQueueDpc(&one, NULL, NULL));
		KeFlushQueuedDpcs();
		EXPECT_WITH(cpu, seen.runs == ++runs && seen.cpu == cpu);

		/* And without the group */
		if (cpu > S8_MAX)
			continue;
		KeInitializeDpc(&one, note, &seen);
		KeSetTargetProcessorDpc(&one, cpu);
		EXPECT_WITH(cpu, KeInsertQueueDpc(&one, NULL, NULL));
		KeFlushQueuedDpcs();
		EXPECT_WITH(cpu, seen.runs == ++runs && seen.cpu == cpu);
		/* Changes nothing. */
		KeSetTargetProcessorDpc(&one, -1);
		KeSetTargetProcessorDpc(&one, 64);
		EXPECT_WITH(cpu, one.cpu == cpu);
	}

	/* A flush waits for one that runs. */
	KeInitializeDpc(&dpc, slow, &ended);
	target(&dpc, cpumask_last(cpu_online_mask));
	EXPECT(KeInsertQueueDpc(&dpc, NULL, NULL));
	KeFlushQueuedDpcs();
	EXPECT(ended);
}

/* ---- A DPC that inserts itself, and one that frees itself ---------------- */

static atomic_t freed;

static VOID free_itself(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
			PVOID SystemArgument2)
{
	memset(Dpc, 0xa5, sizeof(*Dpc));
	ExFreePool(Dpc);
	atomic_inc(&freed);
}

static VOID insert_itself(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
			  PVOID SystemArgument2)
{
	unsigned long left = (unsigned long)SystemArgument1;

	seen.runs++;
	if (left) {
		EXPECT(KeInsertQueueDpc(Dpc, (PVOID)(left - 1), NULL) == TRUE);
		EXPECT(KeInsertQueueDpc(Dpc, NULL, NULL) == FALSE);
	}
}

void check_dpc_memory(void)
{
	unsigned int i, cpu = cpumask_first(cpu_online_mask);

	seen.runs = 0;
	KeInitializeDpc(&one, insert_itself, NULL);
	EXPECT(target(&one, cpumask_last(cpu_online_mask)) == STATUS_SUCCESS);
	EXPECT(KeInsertQueueDpc(&one, (PVOID)1000, NULL));
	AWAIT(READ_ONCE(seen.runs) == 1001);
	KeFlushQueuedDpcs();
	EXPECT_WITH(seen.runs, seen.runs == 1001);

	atomic_set(&freed, 0);
	for (i = 0; i < 1000; i++) {
		PKDPC dpc = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(KDPC), 0x74447043);

		if (!dpc)
			break;
		KeInitializeDpc(dpc, free_itself, NULL);
		target(dpc, cpu);
		EXPECT_WITH(i, KeInsertQueueDpc(dpc, NULL, NULL));
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	KeFlushQueuedDpcs();
	EXPECT(i == 1000);
	EXPECT_WITH(atomic_read(&freed), atomic_read(&freed) == 1000);
}

/* ---- Many at once ------------------------------------------------------- */

#define CROWD 32

static struct {
	KDPC dpcs[CROWD];
	atomic_t inserted;
	atomic_t removed;
	atomic_t ran;
	atomic_t elsewhere;
	atomic_t inside[NR_CPUS];
	bool stop;
} *crowd;

/* On each CPU one DPC at a time */
static VOID count_crowd(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
			PVOID SystemArgument2)
{
	unsigned int cpu = KeGetCurrentProcessorNumberEx(NULL);

	EXPECT_WITH(cpu, atomic_inc_return(&crowd->inside[cpu]) == 1);
	atomic_inc(&crowd->ran);
	if (cpu != Dpc->cpu)
		atomic_inc(&crowd->elsewhere);
	atomic_dec(&crowd->inside[cpu]);
}

/* Inserts and sometimes removes: each TRUE is a run or a removal. */
static int insert_crowd(void *data)
{
	unsigned int i = (unsigned long)data;

	while (!READ_ONCE(crowd->stop)) {
		PRKDPC dpc = &crowd->dpcs[i++ % CROWD];

		if (KeInsertQueueDpc(dpc, NULL, NULL))
			atomic_inc(&crowd->inserted);
		if (i % 7 == 0 && KeRemoveQueueDpc(dpc))
			atomic_inc(&crowd->removed);
		if (i % 64 == 0)
			cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void run_crowd(unsigned int only_cpu, void (*meanwhile)(void))
{
	struct task_struct *threads[4];
	unsigned int i, cpu = cpumask_first(cpu_online_mask);
	int ran, expected;

	crowd = kvzalloc(sizeof(*crowd), GFP_KERNEL);
	if (!crowd) {
		EXPECT(!"memory");
		return;
	}
	for (i = 0; i < CROWD; i++) {
		KeInitializeDpc(&crowd->dpcs[i], count_crowd, NULL);
		target(&crowd->dpcs[i], only_cpu < nr_cpu_ids ? only_cpu : cpu);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		threads[i] = kthread_run(insert_crowd, (void *)(i * 8UL), "wdm_crowd/%u", i);
		EXPECT(!IS_ERR(threads[i]));
	}
	meanwhile();
	WRITE_ONCE(crowd->stop, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		if (!IS_ERR(threads[i]))
			kthread_stop(threads[i]);
	KeFlushQueuedDpcs();
	ran = atomic_read(&crowd->ran);
	expected = atomic_read(&crowd->inserted) - atomic_read(&crowd->removed);
	pr_info("%d DPCs ran, %d elsewhere, %d were removed\n", ran,
		atomic_read(&crowd->elsewhere), atomic_read(&crowd->removed));
	EXPECT_WITH(ran - expected, ran == expected && ran > 100);
}

static void one_second(void)
{
	schedule_timeout_uninterruptible(HZ);
}

void check_dpc_crowd(void)
{
	run_crowd(nr_cpu_ids, one_second);
	/* No CPU has gone. */
	EXPECT(!crowd || !atomic_read(&crowd->elsewhere));
	kvfree(crowd);
}

/* ---- CPUs that go ------------------------------------------------------- */

void check_dpc_offline(void)
{
	unsigned int cpu = wdm_other_cpu();

	if (cpu >= nr_cpu_ids) {
		EXPECT(!"a second CPU");
		return;
	}
	memset(&seen, 0, sizeof(seen));
	KeInitializeDpc(&one, note, &seen);
	EXPECT(target(&one, cpu) == STATUS_SUCCESS);
	EXPECT(!remove_cpu(cpu));

	/* It runs all the same, and another one cannot be sent there. */
	EXPECT(KeInsertQueueDpc(&one, (PVOID)1, NULL));
	KeFlushQueuedDpcs();
	EXPECT(seen.runs == 1 && seen.cpu != cpu && seen.argument1 == (PVOID)1);
	EXPECT(target(&one, cpu) == STATUS_INVALID_PARAMETER);
	EXPECT(one.cpu == cpu);

	EXPECT(!add_cpu(cpu));
	EXPECT(KeInsertQueueDpc(&one, NULL, NULL));
	KeFlushQueuedDpcs();
	EXPECT(seen.runs == 2 && seen.cpu == cpu);
}

static unsigned int churned;

static void churn(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		EXPECT(!remove_cpu(churned));
		EXPECT(!add_cpu(churned));
	}
}

void check_dpc_churn(void)
{
	churned = wdm_other_cpu();
	if (churned >= nr_cpu_ids) {
		EXPECT(!"a second CPU");
		return;
	}
	run_crowd(churned, churn);
	EXPECT(!crowd || atomic_read(&crowd->elsewhere));
	kvfree(crowd);
}

/* ---- Left behind -------------------------------------------------------- */

static VOID never_ends(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
		       PVOID SystemArgument2)
{
	KeInsertQueueDpc(Dpc, NULL, NULL);
}

/* It is queued when the module is removed. */
void leave_dpc(void)
{
	static KDPC left;

	KeInitializeDpc(&left, never_ends, NULL);
	target(&left, cpumask_last(cpu_online_mask));
	EXPECT(KeInsertQueueDpc(&left, NULL, NULL));
}

static bool lasting;

/*
 * Runs until the module is being removed, or again if that takes long, and for so much longer
 * that dhp finds it running: dhp looks when the exit function has returned.
 */
static VOID lasts(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
	unsigned int ms;

	WRITE_ONCE(lasting, true);
	for (ms = 0; ms < 2000 && module_is_live(THIS_MODULE); ms++)
		mdelay(1);
	mdelay(1000);
	KeInsertQueueDpc(Dpc, NULL, NULL);
}

/* It runs when the module is removed, and inserts itself again. */
void leave_running_dpc(void)
{
	static KDPC left;
	unsigned int ms;

	WRITE_ONCE(lasting, false);
	KeInitializeDpc(&left, lasts, NULL);
	target(&left, cpumask_last(cpu_online_mask));
	EXPECT(KeInsertQueueDpc(&left, NULL, NULL));
	for (ms = 0; ms < 5000 && !READ_ONCE(lasting); ms += 20)
		msleep(20);
	EXPECT(READ_ONCE(lasting));
}

static VOID hops(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
	unsigned int cpu = cpumask_next(smp_processor_id(), cpu_active_mask);

	if (cpu >= nr_cpu_ids)
		cpu = cpumask_first(cpu_active_mask);
	target(Dpc, cpu);
	KeInsertQueueDpc(Dpc, NULL, NULL);
}

/* Some that go from CPU to CPU while the module is removed. */
void leave_dpcs_hopping(void)
{
	static KDPC left[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(left); i++) {
		KeInitializeDpc(&left[i], hops, NULL);
		EXPECT(KeInsertQueueDpc(&left[i], NULL, NULL));
	}
}
