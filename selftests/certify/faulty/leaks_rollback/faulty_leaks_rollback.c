// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: what it allocates before a CPU comes online is freed
 * when the CPU goes offline, and by nothing if the CPU never gets online.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/topology.h>

#define BUFFER_BYTES 512

static DEFINE_PER_CPU(void *, buffer);
static DEFINE_PER_CPU(bool, ready);
static enum cpuhp_state prepare_state;
static enum cpuhp_state online_state;

/* On another CPU, before this one comes. */
static int prepare(unsigned int cpu)
{
	void *memory = kzalloc_node(BUFFER_BYTES, GFP_KERNEL, cpu_to_node(cpu));

	if (!memory)
		return -ENOMEM;
	per_cpu(buffer, cpu) = memory;
	return 0;
}

static int came_online(unsigned int cpu)
{
	per_cpu(ready, cpu) = true;
	return 0;
}

static int went_offline(unsigned int cpu)
{
	per_cpu(ready, cpu) = false;
	kfree(per_cpu(buffer, cpu));
	per_cpu(buffer, cpu) = NULL;
	return 0;
}

/* Of CPUs that were prepared, and are not ready. */
static void free_buffers(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(buffer, cpu));
}

static int __init faulty_init(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "faulty/leaks_rollback:prepare", prepare,
				NULL);
	if (ret < 0)
		goto free;
	prepare_state = ret;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "faulty/leaks_rollback:online", came_online,
				went_offline);
	if (ret < 0)
		goto remove;
	online_state = ret;
	return 0;

remove:
	cpuhp_remove_state(prepare_state);
free:
	free_buffers();
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	cpuhp_remove_state(online_state);
	cpuhp_remove_state(prepare_state);
	free_buffers();
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: frees nothing when an add is rolled back");
MODULE_LICENSE("GPL");
