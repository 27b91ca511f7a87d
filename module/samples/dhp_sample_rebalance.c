// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver that is rebalanced: a queue for every CPU, and a table that spreads packets over
 * the queues by their hash, as a network driver does. The table is made anew once when the machine
 * has changed, however many CPUs and DIMMs have come.
 *
 *	query_stop	is the device busy? (never, here)
 *	stop		take no new packets
 *	start		make queues and a table for the machine, take packets again
 *
 * The read-only parameters of the module show what it has made.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dhp_rebalance.h"

#define TABLE_SIZE 128	/* a power of two */

/* A packet finds its queue in two steps: its hash gives an entry of the table, that the queue. */
struct sample_queue {
	unsigned int cpu;
};

/*
 * What is arranged over the machine. It does not change once it is visible: readers use RCU, and
 * start replaces all of it.
 */
struct sample_layout {
	struct rcu_head rcu;
	unsigned int nr_queues;
	u16 table[TABLE_SIZE];
	struct sample_queue queues[];
};

static struct sample_layout __rcu *sample_layout;
static bool sample_running;	/* takes packets */
static struct dhp_rebalance_client *sample_client;

static unsigned int rebuilds;
module_param(rebuilds, uint, 0444);
MODULE_PARM_DESC(rebuilds, "how many times the table was made");

static unsigned int queues;
module_param(queues, uint, 0444);
MODULE_PARM_DESC(queues, "how many queues there are");

static unsigned long memory_mib;
module_param(memory_mib, ulong, 0444);
MODULE_PARM_DESC(memory_mib, "the memory that the machine had when the table was made");

static int sample_query_stop(void *context)
{
	/* A driver in the middle of a firmware update would return -EBUSY, and is asked again. */
	return 0;
}

/* Until start, packets are refused. Those that found their queue before are not lost. */
static void sample_stop(void *context)
{
	WRITE_ONCE(sample_running, false);
}

/* Only start and the exit function write the pointer, and they do not overlap. */
static void sample_set_layout(struct sample_layout *layout)
{
	struct sample_layout *old = rcu_replace_pointer(sample_layout, layout, true);

	if (old)
		kfree_rcu(old, rcu);
}

static struct sample_layout *sample_make_layout(const struct dhp_machine *machine)
{
	struct sample_layout *layout;
	unsigned int cpu, i;

	layout = kzalloc(struct_size(layout, queues, machine->nr_cpus), GFP_KERNEL);
	if (!layout)
		return NULL;
	for_each_cpu(cpu, machine->cpus)
		layout->queues[layout->nr_queues++].cpu = cpu;
	for (i = 0; i < TABLE_SIZE; i++)
		layout->table[i] = i % layout->nr_queues;
	return layout;
}

/* It cannot fail. Without memory for a new layout, the old one goes on: not ideal, but correct. */
static void sample_start(void *context, const struct dhp_machine *machine)
{
	struct sample_layout *layout = sample_make_layout(machine);

	if (layout) {
		sample_set_layout(layout);
		rebuilds++;
		queues = layout->nr_queues;
		memory_mib = machine->memory_bytes >> 20;
		pr_info("table made for %u CPUs and %lu MiB\n", queues, memory_mib);
	} else {
		pr_warn("no memory for a table over %u CPUs; the old one stays\n",
			machine->nr_cpus);
	}
	WRITE_ONCE(sample_running, true);
}

static const struct dhp_rebalance_ops sample_ops = {
	.query_stop = sample_query_stop,
	.stop = sample_stop,
	.start = sample_start,
};

/* The CPU that a packet with this hash goes to; -EAGAIN while the driver is stopped. */
static int sample_cpu_of(u32 hash)
{
	const struct sample_layout *layout;
	int cpu = -EAGAIN;

	rcu_read_lock();
	layout = rcu_dereference(sample_layout);
	if (layout && READ_ONCE(sample_running))
		cpu = layout->queues[layout->table[hash & (TABLE_SIZE - 1)]].cpu;
	rcu_read_unlock();
	return cpu;
}

/* spread: the CPU of each entry of the table */
static int spread_get(char *page, const struct kernel_param *param)
{
	int len = 0;
	u32 hash;

	for (hash = 0; hash < TABLE_SIZE; hash++)
		len += sysfs_emit_at(page, len, "%d%c", sample_cpu_of(hash),
				     hash < TABLE_SIZE - 1 ? ' ' : '\n');
	return len;
}

static const struct kernel_param_ops spread_ops = {
	.get = spread_get,
};
module_param_cb(spread, &spread_ops, NULL, 0444);
MODULE_PARM_DESC(spread, "the CPU of each entry of the table");

static int __init sample_init(void)
{
	/* Nothing is made here: the first start comes soon, with the machine as it is then. */
	sample_client = dhp_register_rebalance(&sample_ops, NULL);
	return PTR_ERR_OR_ZERO(sample_client);
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	dhp_unregister_rebalance(sample_client);
	/* The files of the parameters are still there, so there may be a reader. */
	sample_set_layout(NULL);
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample client of dhp: queues that are spread over all CPUs once a burst is over");
MODULE_LICENSE("GPL");
