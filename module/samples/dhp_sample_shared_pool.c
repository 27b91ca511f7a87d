// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver that uses the pool that all drivers share. It has no pool of its own and
 * registers no callback: the pool follows CPUs and memory.
 *
 * Ten times a second it submits an item for each online CPU. The item uses a buffer of the pool.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "dhp_pool.h"

/*
 * An item that is submitted while its function runs can, when its CPU is being removed, run on
 * another one at the same time. Hence the counters are atomic.
 */
struct sample_processor {
	struct dhp_work work;
	unsigned int cpu;
	atomic_long_t rounds;		/* rounds of work on this CPU */
	atomic_long_t away;		/* rounds of work on other CPUs */
	atomic_long_t buffers;		/* rounds that got a buffer */
};

/* Without a lock: the items exist for all possible CPUs, for as long as the driver does. */
static DEFINE_PER_CPU(struct sample_processor, sample_processors);

static struct dhp_pool *pool;

static void sample_item(struct dhp_work *work)
{
	struct sample_processor *processor = container_of(work, struct sample_processor, work);
	void *buffer;

	if (get_cpu() == processor->cpu)
		atomic_long_inc(&processor->rounds);
	else
		atomic_long_inc(&processor->away);
	put_cpu();

	/* There may be none: the other drivers use them, too. */
	buffer = dhp_buffer_get(pool);
	if (!buffer)
		return;
	memset(buffer, 0, PAGE_SIZE);
	atomic_long_inc(&processor->buffers);
	dhp_buffer_put(pool, buffer);
}

static void sample_submit(struct work_struct *unused);
static DECLARE_DELAYED_WORK(sample_timer, sample_submit);

/*
 * A CPU that goes offline meanwhile does no harm: its item runs on another one. An item that is
 * still queued is not queued again.
 */
static void sample_submit(struct work_struct *unused)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		dhp_pool_submit_on(pool, cpu, &per_cpu(sample_processors, cpu).work);
	schedule_delayed_work(&sample_timer, HZ / 10);
}

static int __init sample_init(void)
{
	struct sample_processor *processor;
	unsigned int cpu;

	pool = dhp_system_pool();
	if (!pool) {
		pr_err("dhp has no pool: it was loaded with pool=0\n");
		return -ENODEV;
	}
	for_each_possible_cpu(cpu) {
		processor = &per_cpu(sample_processors, cpu);
		processor->cpu = cpu;
		dhp_work_init(&processor->work, sample_item);
	}
	sample_submit(NULL);
	return 0;
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	struct sample_processor *processor;
	unsigned int cpu;

	/* First what submits, then what was submitted. The pool stays, for the other drivers. */
	cancel_delayed_work_sync(&sample_timer);
	for_each_possible_cpu(cpu) {
		processor = &per_cpu(sample_processors, cpu);
		dhp_work_cancel(pool, &processor->work);
		if (atomic_long_read(&processor->rounds))
			pr_info("CPU %u: %ld rounds there and %ld on other CPUs, %ld with a buffer\n",
				cpu, atomic_long_read(&processor->rounds),
				atomic_long_read(&processor->away),
				atomic_long_read(&processor->buffers));
	}
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample client of dhp: an item for every CPU in the shared pool");
MODULE_LICENSE("GPL");
