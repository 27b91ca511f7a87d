// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: a thread for each CPU, which
 * smpboot creates, parks and binds. A write hands the thread of its CPU a job, and waits for it.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/smpboot.h>
#include <linux/wait.h>

struct desk {
	atomic_t asked;		/* jobs, since the driver was loaded */
	atomic_t done;		/* as many of them */
	unsigned long elsewhere; /* jobs that ran on another CPU: none */
};

static DEFINE_PER_CPU(struct task_struct *, clerk);
static DEFINE_PER_CPU(struct desk, desk);
static DECLARE_WAIT_QUEUE_HEAD(finished);

static int has_jobs(unsigned int cpu)
{
	struct desk *its = per_cpu_ptr(&desk, cpu);

	return atomic_read(&its->done) != atomic_read(&its->asked);
}

static void do_jobs(unsigned int cpu)
{
	struct desk *its = per_cpu_ptr(&desk, cpu);
	int asked = atomic_read(&its->asked);

	if (raw_smp_processor_id() != cpu)
		WRITE_ONCE(its->elsewhere, its->elsewhere + 1);
	/* Full barriers: a reader that sees the number sees what the jobs did. */
	atomic_xchg(&its->done, asked);
	wake_up_all(&finished);
}

/*
 * A thread is parked when its CPU can run no other tasks any more. What they asked for last is done
 * first, since they wait for it elsewhere.
 */
static struct smp_hotplug_thread clean_threads = {
	.store = &clerk,
	.thread_should_run = has_jobs,
	.thread_fn = do_jobs,
	.park = do_jobs,
	.thread_comm = "clean_smpboot/%u",
};

static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct desk *its;
	int mine;
	long left;

	its = per_cpu_ptr(&desk, get_cpu());
	mine = atomic_inc_return(&its->asked);
	wake_up_process(this_cpu_read(clerk));
	put_cpu();
	left = wait_event_killable_timeout(finished, atomic_read(&its->done) - mine >= 0, 60 * HZ);
	if (left < 0)
		return left;
	return left ? size : -ETIMEDOUT;
}

/* A line for each CPU that had a job: its number, its jobs, and those that ran elsewhere. */
static int clean_show(struct seq_file *seq, void *unused)
{
	struct desk *its;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		its = per_cpu_ptr(&desk, cpu);
		if (atomic_read(&its->asked))
			seq_printf(seq, "%u %d %lu\n", cpu, atomic_read(&its->done),
				   READ_ONCE(its->elsewhere));
	}
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
	.name = "clean_smpboot",
	.fops = &clean_fops,
};

static int __init clean_init(void)
{
	int ret;

	ret = smpboot_register_percpu_thread(&clean_threads);
	if (ret)
		return ret;
	ret = misc_register(&clean_device);
	if (ret)
		smpboot_unregister_percpu_thread(&clean_threads);
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	misc_deregister(&clean_device);
	smpboot_unregister_percpu_thread(&clean_threads);
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: a thread for each CPU, by smpboot");
MODULE_LICENSE("GPL");
