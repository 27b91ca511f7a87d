// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: a client of dhp, with a
 * buffer for each CPU that is in use.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dhp.h"

/* Of one CPU, which alone writes to it. */
struct buffer {
	unsigned long uses;
	char last[64];
};

static DEFINE_PER_CPU(struct buffer *, buffer);
/* Keeps the buffers of other CPUs from being freed. */
static DEFINE_MUTEX(lock);
static struct dhp_processor_client *client;

static void free_buffer(unsigned int cpu)
{
	mutex_lock(&lock);
	kfree(per_cpu(buffer, cpu));
	per_cpu(buffer, cpu) = NULL;
	mutex_unlock(&lock);
}

static void changed(void *context, const struct dhp_processor_change *change, int *status)
{
	struct buffer *new;

	switch (change->state) {
	case DHP_PROCESSOR_START:
		new = kzalloc_node(sizeof(*new), GFP_KERNEL, change->nid);
		if (!new) {
			*status = -ENOMEM;
			break;
		}
		mutex_lock(&lock);
		per_cpu(buffer, change->cpu) = new;
		mutex_unlock(&lock);
		break;
	case DHP_PROCESSOR_FAILURE:
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		/* Nothing runs on the CPU any more. */
		free_buffer(change->cpu);
		break;
	default:
		break;
	}
}

/* The last text of the CPU that the write happens on. */
static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	ssize_t ret = -EAGAIN;
	struct buffer *its;
	char text[sizeof(its->last)] = "";

	if (size >= sizeof(text))
		return -EFBIG;
	if (copy_from_user(text, from, size))
		return -EFAULT;
	its = get_cpu_var(buffer);
	if (its) {
		memcpy(its->last, text, sizeof(text));
		WRITE_ONCE(its->uses, its->uses + 1);
		ret = size;
	}
	put_cpu_var(buffer);
	return ret;
}

/* A line for each CPU in use: its number and its uses since it came. */
static int clean_show(struct seq_file *seq, void *unused)
{
	unsigned int cpu;

	mutex_lock(&lock);
	for_each_possible_cpu(cpu)
		if (per_cpu(buffer, cpu))
			seq_printf(seq, "%u %lu\n", cpu, READ_ONCE(per_cpu(buffer, cpu)->uses));
	mutex_unlock(&lock);
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
	.name = "clean_dhp_client",
	.fops = &clean_fops,
};

static void leave(void)
{
	unsigned int cpu;

	dhp_unregister_processor_callback(client);
	for_each_possible_cpu(cpu)
		free_buffer(cpu);
}

static int __init clean_init(void)
{
	int ret;

	client = dhp_register_processor_callback(changed, NULL, DHP_PROCESSOR_ADD_EXISTING |
						 DHP_PROCESSOR_REMOVALS);
	if (IS_ERR(client))
		return PTR_ERR(client);
	ret = misc_register(&clean_device);
	if (ret)
		leave();
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	misc_deregister(&clean_device);
	leave();
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: a client of dhp");
MODULE_LICENSE("GPL");
