// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: writers on several CPUs add to the same counters
 * without a lock, and lose what another adds at the same time.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static unsigned long writes;
static unsigned long bytes;

static ssize_t count_bytes(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	writes++;
	bytes += size;
	return size;
}

static ssize_t show_counts(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char text[48];
	int length;

	length = scnprintf(text, sizeof(text), "%lu %lu\n", READ_ONCE(writes), READ_ONCE(bytes));
	return simple_read_from_buffer(to, size, at, text, length);
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.read = show_counts,
	.write = count_bytes,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_races",
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

MODULE_DESCRIPTION("A driver with a fault: a data race on its counters");
MODULE_LICENSE("GPL");
