// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: when there is no memory for its buffer or its device,
 * loading fails, and the state that was set up before is not removed.
 */
#include <linux/atomic.h>
#include <linux/cpuhotplug.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define BUFFER_BYTES 256

static char *buffer;
/* Protects what is in the buffer. */
static DEFINE_MUTEX(lock);
static atomic_t times_online;
static enum cpuhp_state state;

static int came_online(unsigned int cpu)
{
	atomic_inc(&times_online);
	return 0;
}

static ssize_t read_note(struct file *file, char __user *to, size_t size, loff_t *at)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_read_from_buffer(to, size, at, buffer, strnlen(buffer, BUFFER_BYTES));
	mutex_unlock(&lock);
	return done;
}

static ssize_t write_note(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_write_to_buffer(buffer, BUFFER_BYTES, at, from, size);
	mutex_unlock(&lock);
	return done;
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.read = read_note,
	.write = write_note,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_state_left",
	.fops = &faulty_fops,
};

static int __init faulty_init(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "faulty/state_left:online", came_online, NULL);
	if (ret < 0)
		return ret;
	state = ret;
	buffer = kzalloc(BUFFER_BYTES, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	ret = misc_register(&faulty_device);
	if (ret)
		kfree(buffer);
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	misc_deregister(&faulty_device);
	kfree(buffer);
	cpuhp_remove_state(state);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: leaves a state behind when loading fails");
MODULE_LICENSE("GPL");
