// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: a CPU that comes online gets half a second to settle,
 * in a work item, and unloading does not wait for the item.
 */
#include <linux/atomic.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

static DEFINE_PER_CPU(struct work_struct, settling);
static atomic_t settled;
static enum cpuhp_state state;

static void settle(struct work_struct *work)
{
	msleep(500);
	atomic_inc(&settled);
}

static int came_online(unsigned int cpu)
{
	schedule_work(per_cpu_ptr(&settling, cpu));
	return 0;
}

static int __init faulty_init(void)
{
	unsigned int cpu;
	int ret;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&settling, cpu), settle);
	/* CPUs that are online already have settled. */
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "faulty/late_callback:online",
					came_online, NULL);
	if (ret < 0)
		return ret;
	state = ret;
	return 0;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	cpuhp_remove_state_nocalls(state);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: a work item runs on when it has been unloaded");
MODULE_LICENSE("GPL");
