// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CPUs have been started since the system booted. The kernel keeps this for itself
 * (cpus_booted_once_mask is not exported), so it is recorded here from load on. For the time
 * before, the kernel's accounting tells: a CPU that has run has spent ticks somehow. One that
 * was online for less than a tick before dhp was loaded, and offline then, is missed.
 */
#include <linux/cpumask.h>
#include <linux/kernel_stat.h>
#include <linux/slab.h>

#include "notify.h"
#include "started.h"

static cpumask_var_t started;	/* they have been online */
static cpumask_var_t starting;	/* START begun, neither online nor failed yet */

/**
 * dhp_started_begin() - a CPU is about to be started
 * @cpu: the CPU
 *
 * Context: In a turn, or under the CPU hotplug lock.
 */
void dhp_started_begin(unsigned int cpu)
{
	cpumask_set_cpu(cpu, starting);
}

/**
 * dhp_started_online() - a CPU is online
 * @cpu: the CPU
 *
 * Context: In a turn, or under the CPU hotplug lock.
 */
void dhp_started_online(unsigned int cpu)
{
	cpumask_set_cpu(cpu, started);
	/* A CPU is in one mask at least. Pairs with smp_rmb() in dhp_processor_started(). */
	smp_wmb();
	cpumask_clear_cpu(cpu, starting);
}

/**
 * dhp_started_failed() - starting a CPU has failed
 * @cpu: the CPU, which may have been online before
 *
 * Context: In a turn, or under the CPU hotplug lock.
 */
void dhp_started_failed(unsigned int cpu)
{
	cpumask_clear_cpu(cpu, starting);
}

/**
 * dhp_processor_started() - has a CPU been started?
 * @cpu: any number
 *
 * Context: Any.
 * Return: whether it is online, has been online at some time since the system booted, or is
 * being started.
 */
bool dhp_processor_started(unsigned int cpu)
{
	if (cpu >= nr_cpu_ids)
		return false;
	if (cpumask_test_cpu(cpu, starting))
		return true;
	/* It may just have left that mask. Pairs with smp_wmb() in dhp_started_online(). */
	smp_rmb();
	return cpumask_test_cpu(cpu, started);
}

static bool has_spent_ticks(unsigned int cpu)
{
	int kind;

	for (kind = 0; kind < NR_STATS; kind++)
		if (kcpustat_cpu(cpu).cpustat[kind])
			return true;
	return false;
}

/* CPUs that are online now are recorded by processor.c, which follows them from now on. */
int dhp_started_init(void)
{
	unsigned int cpu;

	if (!zalloc_cpumask_var(&started, GFP_KERNEL))
		return -ENOMEM;
	if (!zalloc_cpumask_var(&starting, GFP_KERNEL)) {
		free_cpumask_var(started);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu)
		if (has_spent_ticks(cpu))
			dhp_started_online(cpu);
	return 0;
}

void dhp_started_exit(void)
{
	free_cpumask_var(starting);
	free_cpumask_var(started);
}
