// SPDX-License-Identifier: GPL-2.0-only
/* Checks of processor groups, and of moving the current thread. */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/workqueue.h>

#include "wdm_names.h"

static GROUP_AFFINITY only(unsigned int cpu)
{
	return (GROUP_AFFINITY){ .Group = cpu / 64, .Mask = BIT_ULL(cpu % 64) };
}

static bool zero(const GROUP_AFFINITY *affinity)
{
	return !memchr_inv(affinity, 0, sizeof(*affinity));
}

static bool equal(const GROUP_AFFINITY *a, const GROUP_AFFINITY *b)
{
	return a->Group == b->Group && a->Mask == b->Mask;
}

static void check_groups(void)
{
	ULONG group, sum = 0, cpu;
	PROCESSOR_NUMBER number = { .Reserved = 1 };

	EXPECT(KeQueryMaximumGroupCount() == DIV_ROUND_UP(nr_cpu_ids, 64));
	EXPECT(KeQueryActiveGroupCount() >= 1);
	EXPECT(KeQueryActiveGroupCount() <= KeQueryMaximumGroupCount());
	for (group = 0; group < KeQueryActiveGroupCount(); group++)
		sum += hweight64(KeQueryGroupAffinity(group));
	EXPECT(sum == num_online_cpus());
	EXPECT(KeQueryGroupAffinity(0) == KeQueryActiveProcessors());
	EXPECT(KeQueryGroupAffinity(KeQueryActiveGroupCount() - 1));
	EXPECT(KeNumberProcessors == KeQueryActiveProcessorCount(NULL));

	preempt_disable();
	cpu = KeGetCurrentProcessorNumberEx(&number);
	EXPECT(cpu == smp_processor_id());
	EXPECT(KeGetCurrentProcessorNumberEx(NULL) == cpu);
	EXPECT(KeGetCurrentProcessorNumber() == cpu % 64);
	EXPECT(KeGetProcessorIndexFromNumber(&number) == cpu && !number.Reserved);
	preempt_enable();
}

/* A loop over all indexes, as drivers have it. */
static void check_each_cpu(const struct cpumask *first)
{
	GROUP_AFFINITY affinity, previous;
	ULONG index, visited = 0;

	for (index = 0; index < KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS); index++) {
		if (!cpu_online(index))
			continue;
		affinity = only(index);
		memset(&previous, 0xff, sizeof(previous));
		KeSetSystemGroupAffinityThread(&affinity, &previous);
		EXPECT_WITH(index, zero(&previous));
		EXPECT_WITH(index, KeGetCurrentProcessorNumberEx(NULL) == index);
		EXPECT_WITH(index, cpumask_equal(&current->cpus_mask, cpumask_of(index)));
		KeRevertToUserGroupAffinityThread(&previous);
		EXPECT_WITH(index, cpumask_equal(&current->cpus_mask, first));
		visited++;
	}
	EXPECT(visited == num_online_cpus());
}

static void check_nesting(const struct cpumask *first)
{
	GROUP_AFFINITY all = { .Mask = KeQueryGroupAffinity(0) };
	GROUP_AFFINITY a = only(cpumask_first(cpu_online_mask));
	GROUP_AFFINITY b = only(cpumask_last(cpu_online_mask));
	GROUP_AFFINITY before_a, before_b, before_all, none = { };

	KeSetSystemGroupAffinityThread(&a, &before_a);
	KeSetSystemGroupAffinityThread(&b, &before_b);
	EXPECT(KeGetCurrentProcessorNumberEx(NULL) == cpumask_last(cpu_online_mask));
	KeSetSystemGroupAffinityThread(&all, &before_all);
	EXPECT(zero(&before_a) && equal(&before_b, &a) && equal(&before_all, &b));

	KeRevertToUserGroupAffinityThread(&before_all);
	EXPECT(cpumask_equal(&current->cpus_mask,
			     cpumask_of(cpumask_last(cpu_online_mask))));
	KeRevertToUserGroupAffinityThread(&before_b);
	EXPECT(KeGetCurrentProcessorNumberEx(NULL) == cpumask_first(cpu_online_mask));
	KeRevertToUserGroupAffinityThread(&before_a);
	EXPECT(cpumask_equal(&current->cpus_mask, first));

	/* It is undone: nothing is left to undo. */
	KeRevertToUserGroupAffinityThread(&b);
	EXPECT(cpumask_equal(&current->cpus_mask, first));

	/* Zeroes lead back from any depth, and the previous affinity may not be asked for. */
	KeSetSystemGroupAffinityThread(&a, NULL);
	KeSetSystemGroupAffinityThread(&b, NULL);
	KeRevertToUserGroupAffinityThread(&none);
	EXPECT(cpumask_equal(&current->cpus_mask, first));

	/* One structure for both. */
	KeSetSystemGroupAffinityThread(&b, &b);
	EXPECT(zero(&b));
	EXPECT(KeGetCurrentProcessorNumberEx(NULL) == cpumask_last(cpu_online_mask));
	KeRevertToUserGroupAffinityThread(&b);
	EXPECT(cpumask_equal(&current->cpus_mask, first));
}

/* Neither moves the thread, nor forgets that it has moved. */
static void check_refused(const struct cpumask *first)
{
	unsigned int last = cpumask_last(cpu_online_mask);
	unsigned int groups = KeQueryMaximumGroupCount();
	GROUP_AFFINITY home = only(last);
	GROUP_AFFINITY previous, none = { };
	const GROUP_AFFINITY bad[] = {
		{ },
		{ .Group = groups, .Mask = 1 },
		{ .Group = 0xffff, .Mask = 1 },
		{ .Group = (nr_cpu_ids - 1) / 64, .Mask = ~0ULL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		GROUP_AFFINITY affinity = bad[i];

		/* All 64 bits can be right. */
		if (affinity.Mask == ~0ULL && !(nr_cpu_ids % 64))
			continue;
		previous.Mask = 1;
		KeSetSystemGroupAffinityThread(&affinity, &previous);
		EXPECT_WITH(i, zero(&previous));
		EXPECT_WITH(i, cpumask_equal(&current->cpus_mask, first));

		KeSetSystemGroupAffinityThread(&home, NULL);
		KeSetSystemGroupAffinityThread(&affinity, &previous);
		EXPECT_WITH(i, equal(&previous, &home));
		EXPECT_WITH(i, cpumask_equal(&current->cpus_mask, cpumask_of(last)));
		if (affinity.Mask)
			KeRevertToUserGroupAffinityThread(&affinity);
		KeRevertToUserGroupAffinityThread(NULL);
		EXPECT_WITH(i, cpumask_equal(&current->cpus_mask, cpumask_of(last)));
		KeRevertToUserGroupAffinityThread(&none);
		EXPECT_WITH(i, cpumask_equal(&current->cpus_mask, first));
	}
	KeSetSystemGroupAffinityThread(NULL, NULL);
	EXPECT(cpumask_equal(&current->cpus_mask, first));
}

void check_affinity(void)
{
	cpumask_var_t first;

	if (!alloc_cpumask_var(&first, GFP_KERNEL)) {
		EXPECT(!"memory");
		return;
	}
	cpumask_copy(first, &current->cpus_mask);
	check_groups();
	check_each_cpu(first);
	check_nesting(first);
	check_refused(first);
	free_cpumask_var(first);
}

/* Its first affinity is one CPU. */
static int affinity_thread(void *data)
{
	EXPECT(!set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask))));
	check_affinity();
	complete(data);
	return 0;
}

/* Ends without undoing it; what dhp keeps of it goes later. */
static int careless_thread(void *data)
{
	GROUP_AFFINITY affinity = only(cpumask_last(cpu_online_mask));

	KeSetSystemGroupAffinityThread(&affinity, NULL);
	complete(data);
	return 0;
}

static void run_thread(int (*fn)(void *data))
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *thread = kthread_run(fn, &done, "wdm_names");

	if (IS_ERR(thread))
		EXPECT(!"a thread");
	else
		wait_for_completion(&done);
}

void check_affinity_thread(void)
{
	unsigned int i;

	run_thread(affinity_thread);
	for (i = 0; i < 100; i++)
		run_thread(careless_thread);
	run_thread(affinity_thread);
}

/* A worker's affinity is its workqueue's. */
static void in_worker(struct work_struct *work)
{
	GROUP_AFFINITY affinity = only(cpumask_last(cpu_online_mask));
	GROUP_AFFINITY previous = { .Mask = 1 };
	cpumask_var_t first;

	if (!alloc_cpumask_var(&first, GFP_KERNEL)) {
		EXPECT(!"memory");
		return;
	}
	cpumask_copy(first, &current->cpus_mask);
	KeSetSystemGroupAffinityThread(&affinity, &previous);
	EXPECT(zero(&previous));
	EXPECT(cpumask_equal(&current->cpus_mask, first));
	KeRevertToUserGroupAffinityThread(&previous);
	EXPECT(cpumask_equal(&current->cpus_mask, first));
	free_cpumask_var(first);
}

static DECLARE_WORK(affinity_work, in_worker);

void check_affinity_worker(void)
{
	schedule_work_on(cpumask_first(cpu_online_mask), &affinity_work);
	flush_work(&affinity_work);
}

void check_affinity_offline(void)
{
	unsigned int cpu = wdm_other_cpu();
	GROUP_AFFINITY there = only(cpu), both, previous, none = { };
	cpumask_var_t first;

	if (cpu >= nr_cpu_ids || !alloc_cpumask_var(&first, GFP_KERNEL)) {
		EXPECT(!"a second CPU and memory");
		return;
	}
	cpumask_copy(first, &current->cpus_mask);

	/* It is on the CPU when that goes: Linux moves it, and lets it run anywhere. */
	KeSetSystemGroupAffinityThread(&there, &previous);
	EXPECT(KeGetCurrentProcessorNumberEx(NULL) == cpu);
	EXPECT(!remove_cpu(cpu));
	EXPECT(KeGetCurrentProcessorNumberEx(NULL) != cpu);
	KeRevertToUserGroupAffinityThread(&previous);
	EXPECT(cpumask_equal(&current->cpus_mask, first));

	/* Offline: not alone, and not besides. */
	KeSetSystemGroupAffinityThread(&there, &previous);
	EXPECT(zero(&previous) && cpumask_equal(&current->cpus_mask, first));
	both = only(0);
	both.Mask |= there.Mask;
	KeSetSystemGroupAffinityThread(&both, NULL);
	EXPECT(cpumask_equal(&current->cpus_mask, cpumask_of(0)));
	EXPECT(!add_cpu(cpu));
	EXPECT(cpumask_equal(&current->cpus_mask, cpumask_of(0)));
	KeRevertToUserGroupAffinityThread(&none);
	EXPECT(cpumask_equal(&current->cpus_mask, first));
	free_cpumask_var(first);
}

/* -ENOMEM when the thread is where it was. */
int try_affinity(void)
{
	unsigned int cpu = cpumask_last(cpu_online_mask);
	GROUP_AFFINITY affinity = only(cpu), previous;
	bool moved;

	KeSetSystemGroupAffinityThread(&affinity, &previous);
	moved = cpumask_equal(&current->cpus_mask, cpumask_of(cpu));
	if (!zero(&previous))
		return -EIO;
	KeRevertToUserGroupAffinityThread(&previous);
	if (cpumask_equal(&current->cpus_mask, cpumask_of(cpu)))
		return -EIO;
	return moved ? 0 : -ENOMEM;
}
