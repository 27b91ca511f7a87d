// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: it has no code for hotplug,
 * and needs none. It counts in per-CPU memory, which every possible CPU has, and a timer adds it
 * up.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/timer.h>

static unsigned long __percpu *uses;
/* The sum of the uses when the timer last ran. */
static unsigned long total;

static void add_up(struct timer_list *timer)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(uses, cpu));
	WRITE_ONCE(total, sum);
	mod_timer(timer, jiffies + HZ / 10);
}

static DEFINE_TIMER(adder, add_up);

/* A write, of anything, counts on the CPU that it happens on. */
static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned long *its = get_cpu_ptr(uses);

	WRITE_ONCE(*its, *its + 1);
	put_cpu_ptr(uses);
	return size;
}

/* A line for each CPU that was used: its number and its uses; and the total. */
static int clean_show(struct seq_file *seq, void *unused)
{
	unsigned long its;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		its = READ_ONCE(*per_cpu_ptr(uses, cpu));
		if (its)
			seq_printf(seq, "%u %lu\n", cpu, its);
	}
	seq_printf(seq, "total %lu\n", READ_ONCE(total));
	return 0;
}

static int clean_open(struct inode *inode, struct file *file)
{
	/* misc_open() has set it, and single_open() is going to. */
	file->private_data = NULL;
	return single_open(file, clean_show, NULL);
}

static const struct file_operations clean_fops = {
	.owner = THIS_MODULE,
	.open = clean_open,
	.read = seq_read,
	.write = clean_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static struct miscdevice clean_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "clean_plain",
	.fops = &clean_fops,
};

static int __init clean_init(void)
{
	int ret;

	uses = alloc_percpu(unsigned long);
	if (!uses)
		return -ENOMEM;
	mod_timer(&adder, jiffies + HZ / 10);
	ret = misc_register(&clean_device);
	if (ret) {
		timer_shutdown_sync(&adder);
		free_percpu(uses);
	}
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	misc_deregister(&clean_device);
	timer_shutdown_sync(&adder);
	free_percpu(uses);
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: per-CPU counters and a timer");
MODULE_LICENSE("GPL");
