// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: each file that is opened counts its writes on each
 * CPU, and closing the file does not free the counters.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/percpu.h>

static int open_session(struct inode *inode, struct file *file)
{
	file->private_data = (__force void *)alloc_percpu(unsigned long);
	return file->private_data ? 0 : -ENOMEM;
}

static ssize_t count_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	this_cpu_inc(*(unsigned long __percpu *)(__force unsigned long)file->private_data);
	return size;
}

static ssize_t show_writes(struct file *file, char __user *to, size_t size, loff_t *at)
{
	unsigned long __percpu *writes = (__force void __percpu *)file->private_data;
	unsigned long sum = 0;
	unsigned int cpu;
	char text[24];
	int length;

	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(writes, cpu);
	length = scnprintf(text, sizeof(text), "%lu\n", sum);
	return simple_read_from_buffer(to, size, at, text, length);
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.open = open_session,
	.read = show_writes,
	.write = count_write,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_percpu_left",
	.fops = &faulty_fops,
};

static int __init faulty_init(void)
{
	return misc_register(&faulty_device);
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	misc_deregister(&faulty_device);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: leaves per-CPU memory behind");
MODULE_LICENSE("GPL");
