// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: its CPU callback holds a spinlock while it allocates
 * memory in a way that may sleep.
 */
#include <linux/cpuhotplug.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/* One for each CPU that has come online since the driver was loaded. */
struct record {
	struct list_head node;
	unsigned int cpu;
	unsigned int times_online;
};

/* Protects records, and what is in them. */
static DEFINE_SPINLOCK(lock);
static LIST_HEAD(records);
static enum cpuhp_state state;

static struct record *find_record(unsigned int cpu)
{
	struct record *record;

	lockdep_assert_held(&lock);
	list_for_each_entry(record, &records, node)
		if (record->cpu == cpu)
			return record;
	return NULL;
}

static int came_online(unsigned int cpu)
{
	struct record *record;
	int ret = 0;

	spin_lock(&lock);
	record = find_record(cpu);
	if (!record) {
		record = kzalloc(sizeof(*record), GFP_KERNEL);
		if (!record) {
			ret = -ENOMEM;
			goto unlock;
		}
		record->cpu = cpu;
		list_add_tail(&record->node, &records);
	}
	record->times_online++;
unlock:
	spin_unlock(&lock);
	return ret;
}

static int __init faulty_init(void)
{
	int ret;

	/* A CPU that is online already has not come since. */
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "faulty/sleeps:online", came_online,
					NULL);
	if (ret < 0)
		return ret;
	state = ret;
	return 0;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	struct record *record, *next;

	cpuhp_remove_state_nocalls(state);
	list_for_each_entry_safe(record, next, &records, node)
		kfree(record);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: sleeps in a CPU callback, under a spinlock");
MODULE_LICENSE("GPL");
