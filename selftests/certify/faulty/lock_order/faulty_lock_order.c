// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: before the machine suspends, it takes its own lock
 * first and the CPU hotplug lock second. Its CPU callback has them in the other order.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/suspend.h>

/* Protects what is per CPU here. */
static DEFINE_MUTEX(lock);
static DEFINE_PER_CPU(bool, awake);
static enum cpuhp_state state;

static int came_online(unsigned int cpu)
{
	mutex_lock(&lock);
	per_cpu(awake, cpu) = true;
	mutex_unlock(&lock);
	return 0;
}

static int went_offline(unsigned int cpu)
{
	mutex_lock(&lock);
	per_cpu(awake, cpu) = false;
	mutex_unlock(&lock);
	return 0;
}

static int power_changed(struct notifier_block *nb, unsigned long action, void *data)
{
	bool to = action == PM_POST_SUSPEND || action == PM_POST_HIBERNATION;
	unsigned int cpu;

	if (!to && action != PM_SUSPEND_PREPARE && action != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;
	mutex_lock(&lock);
	cpus_read_lock();
	for_each_online_cpu(cpu)
		per_cpu(awake, cpu) = to;
	cpus_read_unlock();
	mutex_unlock(&lock);
	return NOTIFY_OK;
}

static struct notifier_block faulty_notifier = {
	.notifier_call = power_changed,
};

static int __init faulty_init(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "faulty/lock_order:online", came_online,
				went_offline);
	if (ret < 0)
		return ret;
	state = ret;
	ret = register_pm_notifier(&faulty_notifier);
	if (ret)
		cpuhp_remove_state(state);
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	unregister_pm_notifier(&faulty_notifier);
	cpuhp_remove_state(state);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: takes its lock in the wrong order");
MODULE_LICENSE("GPL");
