// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: its array has as many elements as there are CPUs, and
 * is indexed by the number of a CPU. The number may be larger: CPUs 0 and 2 are two CPUs.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>

/* Of one CPU, which alone writes to it. */
struct account {
	unsigned long uses;
	unsigned long times_online;
};

static struct account *accounts;
static enum cpuhp_state state;

static int came_online(unsigned int cpu)
{
	accounts[cpu].times_online++;
	return 0;
}

/* A write, of anything, counts on the CPU that it happens on. */
static ssize_t use_account(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct account *account = &accounts[get_cpu()];

	WRITE_ONCE(account->uses, account->uses + 1);
	put_cpu();
	return size;
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.write = use_account,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_counted_array",
	.fops = &faulty_fops,
};

static int __init faulty_init(void)
{
	int ret;

	accounts = kcalloc(num_present_cpus(), sizeof(*accounts), GFP_KERNEL);
	if (!accounts)
		return -ENOMEM;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "faulty/counted_array:online", came_online,
				NULL);
	if (ret < 0)
		goto free;
	state = ret;
	ret = misc_register(&faulty_device);
	if (ret)
		goto remove;
	return 0;

remove:
	cpuhp_remove_state(state);
free:
	kfree(accounts);
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	misc_deregister(&faulty_device);
	cpuhp_remove_state(state);
	kfree(accounts);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: an array sized by the number of CPUs");
MODULE_LICENSE("GPL");
