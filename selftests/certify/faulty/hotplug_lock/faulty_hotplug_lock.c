// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: its CPU callback calls a function that takes the CPU
 * hotplug lock, which is held already while callbacks run.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

/* Protects budget and shares; taken after the CPU hotplug lock. */
static DEFINE_MUTEX(lock);
static unsigned int budget = 1000;
static DEFINE_PER_CPU(unsigned int, share);
static enum cpuhp_state state;

/* Divides the budget among the CPUs that are online. */
static noinline void rebalance(void)
{
	unsigned int cpu;

	cpus_read_lock();
	mutex_lock(&lock);
	for_each_online_cpu(cpu)
		per_cpu(share, cpu) = budget / num_online_cpus();
	mutex_unlock(&lock);
	cpus_read_unlock();
}

static int came_online(unsigned int cpu)
{
	rebalance();
	return 0;
}

static ssize_t set_budget(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned int value;
	int ret;

	ret = kstrtouint_from_user(from, size, 10, &value);
	if (ret)
		return ret;
	mutex_lock(&lock);
	budget = value;
	mutex_unlock(&lock);
	rebalance();
	return size;
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.write = set_budget,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_hotplug_lock",
	.fops = &faulty_fops,
};

static int __init faulty_init(void)
{
	int ret;

	/* rebalance() is for all CPUs, so it need not be called for each. */
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "faulty/hotplug_lock:online",
					came_online, NULL);
	if (ret < 0)
		return ret;
	state = ret;
	rebalance();
	ret = misc_register(&faulty_device);
	if (ret)
		cpuhp_remove_state_nocalls(state);
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	misc_deregister(&faulty_device);
	cpuhp_remove_state_nocalls(state);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: takes the CPU hotplug lock in a CPU callback");
MODULE_LICENSE("GPL");
