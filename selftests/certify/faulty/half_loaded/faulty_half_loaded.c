// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: without memory for the account of a CPU, the driver
 * loads nevertheless, and refuses what that CPU writes later.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>

struct account {
	unsigned long writes;
};

static DEFINE_PER_CPU(struct account *, account);
static enum cpuhp_state state;

/* On another CPU, before this one comes. */
static int prepare(unsigned int cpu)
{
	if (!per_cpu(account, cpu))
		per_cpu(account, cpu) = kzalloc_node(sizeof(struct account), GFP_KERNEL,
						     cpu_to_node(cpu));
	return 0;
}

static ssize_t count_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct account *mine = per_cpu(account, get_cpu());

	if (mine)
		mine->writes++;
	put_cpu();
	return mine ? size : -ENXIO;
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.write = count_write,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_half_loaded",
	.fops = &faulty_fops,
};

static void free_accounts(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(account, cpu));
}

static int __init faulty_init(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "faulty/half_loaded:prepare", prepare, NULL);
	if (ret < 0)
		return ret;
	state = ret;
	ret = misc_register(&faulty_device);
	if (ret) {
		cpuhp_remove_state(state);
		free_accounts();
	}
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	misc_deregister(&faulty_device);
	cpuhp_remove_state(state);
	free_accounts();
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: loads without all of its memory, and does not work then");
MODULE_LICENSE("GPL");
