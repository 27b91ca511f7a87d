// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: two devices, each an
 * instance of two states of the CPU hotplug state machine. One allocates a CPU's buffer before the
 * CPU comes, and frees it when the CPU has gone. The other opens the buffer for use while the CPU
 * is online.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/uaccess.h>

/* Of one CPU, which alone writes to it. */
struct buffer {
	unsigned long uses;
	char last[64];
};

struct slot {
	struct buffer *buffer;
};

struct instance {
	struct hlist_node prepare_node;
	struct hlist_node online_node;
	struct slot __percpu *slots;
	/* The CPUs whose buffers may be used. */
	struct cpumask open;
	struct miscdevice device;
};

static struct instance instances[2] = {
	{ .device.name = "clean_multi_instance0" },
	{ .device.name = "clean_multi_instance1" },
};

static enum cpuhp_state prepare_state;
static enum cpuhp_state online_state;

static int prepare_buffer(unsigned int cpu, struct hlist_node *node)
{
	struct instance *instance = hlist_entry(node, struct instance, prepare_node);
	struct buffer *buffer = kzalloc_node(sizeof(*buffer), GFP_KERNEL, cpu_to_node(cpu));

	if (!buffer)
		return -ENOMEM;
	per_cpu_ptr(instance->slots, cpu)->buffer = buffer;
	return 0;
}

static int free_buffer(unsigned int cpu, struct hlist_node *node)
{
	struct instance *instance = hlist_entry(node, struct instance, prepare_node);
	struct slot *slot = per_cpu_ptr(instance->slots, cpu);

	kfree(slot->buffer);
	slot->buffer = NULL;
	return 0;
}

static int open_buffer(unsigned int cpu, struct hlist_node *node)
{
	cpumask_set_cpu(cpu, &hlist_entry(node, struct instance, online_node)->open);
	return 0;
}

static int close_buffer(unsigned int cpu, struct hlist_node *node)
{
	cpumask_clear_cpu(cpu, &hlist_entry(node, struct instance, online_node)->open);
	return 0;
}

/* clean_open() hands the device over. */
static struct instance *to_instance(struct seq_file *seq)
{
	return container_of((struct miscdevice *)seq->private, struct instance, device);
}

/* The CPU's last text. A CPU frees its buffer only when it runs no task any more. */
static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct instance *instance = to_instance(file->private_data);
	ssize_t ret = -EAGAIN;
	struct buffer *buffer;
	char text[sizeof(buffer->last)] = "";
	unsigned int cpu;

	if (size >= sizeof(text))
		return -EFBIG;
	if (copy_from_user(text, from, size))
		return -EFAULT;
	cpu = get_cpu();
	if (cpumask_test_cpu(cpu, &instance->open)) {
		buffer = per_cpu_ptr(instance->slots, cpu)->buffer;
		memcpy(buffer->last, text, sizeof(text));
		WRITE_ONCE(buffer->uses, buffer->uses + 1);
		ret = size;
	}
	put_cpu();
	return ret;
}

/* A line for each CPU: its number and its uses since it came online. */
static int clean_show(struct seq_file *seq, void *unused)
{
	struct instance *instance = to_instance(seq);
	unsigned int cpu;

	cpus_read_lock();
	for_each_cpu(cpu, &instance->open)
		seq_printf(seq, "%u %lu\n", cpu,
			   READ_ONCE(per_cpu_ptr(instance->slots, cpu)->buffer->uses));
	cpus_read_unlock();
	return 0;
}

static int clean_open(struct inode *inode, struct file *file)
{
	struct miscdevice *device = file->private_data;

	/* misc_open() has set it, and single_open() is going to. */
	file->private_data = NULL;
	return single_open(file, clean_show, device);
}

static const struct file_operations clean_fops = {
	.owner = THIS_MODULE,
	.open = clean_open,
	.read = seq_read,
	.write = clean_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int add_instance(struct instance *instance)
{
	int ret;

	instance->slots = alloc_percpu(struct slot);
	if (!instance->slots)
		return -ENOMEM;
	ret = cpuhp_state_add_instance(prepare_state, &instance->prepare_node);
	if (ret)
		goto free;
	ret = cpuhp_state_add_instance(online_state, &instance->online_node);
	if (ret)
		goto remove_prepare;
	instance->device.minor = MISC_DYNAMIC_MINOR;
	instance->device.fops = &clean_fops;
	ret = misc_register(&instance->device);
	if (ret)
		goto remove_online;
	return 0;

remove_online:
	cpuhp_state_remove_instance(online_state, &instance->online_node);
remove_prepare:
	cpuhp_state_remove_instance(prepare_state, &instance->prepare_node);
free:
	free_percpu(instance->slots);
	return ret;
}

static void remove_instance(struct instance *instance)
{
	misc_deregister(&instance->device);
	cpuhp_state_remove_instance(online_state, &instance->online_node);
	cpuhp_state_remove_instance(prepare_state, &instance->prepare_node);
	free_percpu(instance->slots);
}

static int __init clean_init(void)
{
	int ret;

	ret = cpuhp_setup_state_multi(CPUHP_BP_PREPARE_DYN, "clean/multi_instance:prepare",
				      prepare_buffer, free_buffer);
	if (ret < 0)
		return ret;
	prepare_state = ret;
	ret = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "clean/multi_instance:online",
				      open_buffer, close_buffer);
	if (ret < 0)
		goto remove_prepare;
	online_state = ret;
	ret = add_instance(&instances[0]);
	if (ret)
		goto remove_online;
	ret = add_instance(&instances[1]);
	if (ret)
		goto remove_first;
	return 0;

remove_first:
	remove_instance(&instances[0]);
remove_online:
	cpuhp_remove_multi_state(online_state);
remove_prepare:
	cpuhp_remove_multi_state(prepare_state);
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	remove_instance(&instances[1]);
	remove_instance(&instances[0]);
	cpuhp_remove_multi_state(online_state);
	cpuhp_remove_multi_state(prepare_state);
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: two instances of multi-instance states");
MODULE_LICENSE("GPL");
