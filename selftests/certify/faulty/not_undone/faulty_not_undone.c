// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: when an add is rolled back, the teardown takes the
 * area of a CPU that never got online for one that is not there. The area stays in the list, and
 * the next add makes another one. All of them are freed when the driver is unloaded.
 */
#include <linux/cpuhotplug.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/types.h>

#define AREA_BYTES 512

struct area {
	struct list_head entry;
	unsigned int cpu;
	bool ready; /* its CPU has been online */
	u8 bytes[AREA_BYTES];
};

/* The newest comes first. Changed by the callbacks, of which there is one at a time. */
static LIST_HEAD(areas);
static enum cpuhp_state prepare_state;
static enum cpuhp_state online_state;

static struct area *area_of(unsigned int cpu)
{
	struct area *area;

	list_for_each_entry(area, &areas, entry)
		if (area->cpu == cpu)
			return area;
	return NULL;
}

/* On another CPU, before this one comes. */
static int prepare(unsigned int cpu)
{
	struct area *area = kzalloc_node(sizeof(*area), GFP_KERNEL, cpu_to_node(cpu));

	if (!area)
		return -ENOMEM;
	area->cpu = cpu;
	list_add(&area->entry, &areas);
	return 0;
}

/* On another CPU, when this one has gone, or has not come. */
static int unprepare(unsigned int cpu)
{
	struct area *area = area_of(cpu);

	if (area && area->ready) {
		list_del(&area->entry);
		kfree(area);
	}
	return 0;
}

static int came_online(unsigned int cpu)
{
	area_of(cpu)->ready = true;
	return 0;
}

static void free_areas(void)
{
	struct area *area, *next;

	list_for_each_entry_safe(area, next, &areas, entry)
		kfree(area);
}

static int __init faulty_init(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "faulty/not_undone:prepare", prepare,
				unprepare);
	if (ret < 0)
		goto free;
	prepare_state = ret;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "faulty/not_undone:online", came_online,
				NULL);
	if (ret < 0)
		goto remove;
	online_state = ret;
	return 0;

remove:
	cpuhp_remove_state(prepare_state);
free:
	free_areas();
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	cpuhp_remove_state(online_state);
	cpuhp_remove_state(prepare_state);
	free_areas();
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: keeps what it has made for adds that are rolled back");
MODULE_LICENSE("GPL");
