// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: a work item for each CPU
 * that is online, which queues itself again. It is started when the CPU comes, and cancelled when
 * it goes. A write lets all of them run at once, and waits for them.
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
#include <linux/smp.h>
#include <linux/workqueue.h>

struct round {
	struct delayed_work work;
	unsigned int cpu;
	unsigned long runs;
	unsigned long elsewhere; /* runs on another CPU: none */
};

static DEFINE_PER_CPU(struct round, round);
/* The CPUs whose items are started; changes with the CPU hotplug lock held. */
static struct cpumask started;
static enum cpuhp_state state;

static void make_round(struct work_struct *work)
{
	struct round *its = container_of(to_delayed_work(work), struct round, work);

	if (raw_smp_processor_id() != its->cpu)
		WRITE_ONCE(its->elsewhere, its->elsewhere + 1);
	WRITE_ONCE(its->runs, its->runs + 1);
	schedule_delayed_work_on(its->cpu, &its->work, HZ / 10);
}

static int start_round(unsigned int cpu)
{
	schedule_delayed_work_on(cpu, per_cpu_ptr(&round.work, cpu), HZ / 10);
	cpumask_set_cpu(cpu, &started);
	return 0;
}

static int cancel_round(unsigned int cpu)
{
	cpumask_clear_cpu(cpu, &started);
	cancel_delayed_work_sync(per_cpu_ptr(&round.work, cpu));
	return 0;
}

static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned int cpu;

	cpus_read_lock();
	for_each_cpu(cpu, &started) {
		/* Ends a run that had begun before this write; starts another one. */
		flush_delayed_work(per_cpu_ptr(&round.work, cpu));
		flush_delayed_work(per_cpu_ptr(&round.work, cpu));
	}
	cpus_read_unlock();
	return size;
}

/* A line for each CPU that was online: its number, its runs, and those that were elsewhere. */
static int clean_show(struct seq_file *seq, void *unused)
{
	struct round *its;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		its = per_cpu_ptr(&round, cpu);
		if (READ_ONCE(its->runs))
			seq_printf(seq, "%u %lu %lu\n", cpu, READ_ONCE(its->runs),
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
	.name = "clean_workqueue",
	.fops = &clean_fops,
};

static int __init clean_init(void)
{
	unsigned int cpu;
	int ret;

	for_each_possible_cpu(cpu) {
		INIT_DELAYED_WORK(per_cpu_ptr(&round.work, cpu), make_round);
		per_cpu(round.cpu, cpu) = cpu;
	}
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "clean/workqueue:online", start_round,
				cancel_round);
	if (ret < 0)
		return ret;
	state = ret;
	ret = misc_register(&clean_device);
	if (ret)
		cpuhp_remove_state(state);
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	misc_deregister(&clean_device);
	cpuhp_remove_state(state);
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: a work item for each CPU");
MODULE_LICENSE("GPL");
