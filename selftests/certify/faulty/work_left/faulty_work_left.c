// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: half a minute after its first use, a work item takes
 * what has gathered, and unloading does not cancel the work item.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/workqueue.h>

static atomic_long_t gathered;
static atomic_long_t flushed;

static void flush(struct work_struct *work)
{
	atomic_long_add(atomic_long_xchg(&gathered, 0), &flushed);
}

static DECLARE_DELAYED_WORK(flushing, flush);

static ssize_t gather(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	atomic_long_add(size, &gathered);
	schedule_delayed_work(&flushing, 30 * HZ);
	return size;
}

static ssize_t show_bytes(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char text[48];
	int length;

	length = scnprintf(text, sizeof(text), "%ld %ld\n", atomic_long_read(&gathered),
			   atomic_long_read(&flushed));
	return simple_read_from_buffer(to, size, at, text, length);
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.read = show_bytes,
	.write = gather,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_work_left",
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

MODULE_DESCRIPTION("A driver with a fault: leaves a work item behind");
MODULE_LICENSE("GPL");
