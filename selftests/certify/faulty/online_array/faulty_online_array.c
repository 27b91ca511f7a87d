// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: it allocates an account for each CPU that is online
 * when it is loaded, and uses the account of a CPU that came online later.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>

/* Of one CPU, which alone writes to it. */
struct account {
	unsigned long uses;
};

static struct account **accounts;

/* A write, of anything, counts on the CPU that it happens on. */
static ssize_t use_account(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct account *account = accounts[get_cpu()];

	WRITE_ONCE(account->uses, account->uses + 1);
	put_cpu();
	return size;
}

static ssize_t show_uses(struct file *file, char __user *to, size_t size, loff_t *at)
{
	unsigned long uses = 0;
	unsigned int cpu;
	char text[24];

	for_each_possible_cpu(cpu)
		if (accounts[cpu])
			uses += READ_ONCE(accounts[cpu]->uses);
	return simple_read_from_buffer(to, size, at, text,
				       scnprintf(text, sizeof(text), "%lu\n", uses));
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.read = show_uses,
	.write = use_account,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_online_array",
	.fops = &faulty_fops,
};

static void free_accounts(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kfree(accounts[cpu]);
	kfree(accounts);
}

static int alloc_accounts(void)
{
	unsigned int cpu;
	int ret = 0;

	accounts = kcalloc(nr_cpu_ids, sizeof(*accounts), GFP_KERNEL);
	if (!accounts)
		return -ENOMEM;
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		accounts[cpu] = kzalloc_node(sizeof(*accounts[cpu]), GFP_KERNEL, cpu_to_node(cpu));
		if (!accounts[cpu]) {
			ret = -ENOMEM;
			break;
		}
	}
	cpus_read_unlock();
	if (ret)
		free_accounts();
	return ret;
}

static int __init faulty_init(void)
{
	int ret;

	ret = alloc_accounts();
	if (ret)
		return ret;
	ret = misc_register(&faulty_device);
	if (ret)
		free_accounts();
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	misc_deregister(&faulty_device);
	free_accounts();
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: an array for the CPUs that were online at load");
MODULE_LICENSE("GPL");
