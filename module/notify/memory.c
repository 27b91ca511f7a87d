// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: the notifier, the synchronous callbacks before a block goes offline,
 * and what is online when a client asks. Events go to event.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"

struct dhp_memory_client {
	struct dhp_client_info info;
	struct list_head node;
	dhp_memory_fn fn;
	void *context;
	bool gone;	/* unregistered from inside a callback: not called any more */
};

/* Protects everything below; serialises the callbacks. */
static DEFINE_MUTEX(memory_mutex);
static LIST_HEAD(memory_clients);
static bool clients_gone;		/* there are some in the list */
static struct task_struct *memory_task;	/* who runs a callback */

/*
 * The block in transit. The memory hotplug lock allows only one. Until its
 * outcome is known it counts as what it was before, because its event, if any,
 * is still to come.
 */
static enum { TRANSIT_NONE, TRANSIT_ONLINE, TRANSIT_OFFLINE } transit;
static struct dhp_memory_change transit_block;

static void memory_call(struct dhp_memory_client *client,
			enum dhp_memory_state state)
{
	struct dhp_memory_change change = transit_block;
	u64 start, end;

	if (client->gone)
		return;
	change.state = state;
	WRITE_ONCE(memory_task, current);
	start = ktime_get_ns();
	client->fn(client->context, &change);
	end = ktime_get_ns();
	WRITE_ONCE(memory_task, NULL);
	dhp_client_called(&client->info, end - start);
	dhp_log_memory(client->info.name, &change, start, end);
}

static void free_gone(void)
{
	struct dhp_memory_client *client, *next;

	lockdep_assert_held(&memory_mutex);

	list_for_each_entry_safe(client, next, &memory_clients, node) {
		if (!client->gone)
			continue;
		list_del(&client->node);
		dhp_client_del(&client->info);
		kfree(client);
	}
	clients_gone = false;
}

static void memory_transit_begin(int direction, const struct memory_notify *arg)
{
	transit = direction;
	transit_block.start_pfn = arg->start_pfn;
	transit_block.nr_pages = arg->nr_pages;
	transit_block.nid = pfn_to_nid(arg->start_pfn);
}

/*
 * Is this the outcome of what we were told? CANCEL goes to those, too, who were not,
 * and so does success to who was loaded in between.
 */
static bool memory_transit_end(int direction, const struct memory_notify *arg)
{
	if (transit != direction || transit_block.start_pfn != arg->start_pfn)
		return false;
	transit = TRANSIT_NONE;
	return true;
}

/* An event speaks of whole blocks; the kernel may keep the head for its own. */
static struct dhp_range memory_range(const struct memory_notify *arg)
{
	u64 block = memory_block_size_bytes();
	u64 start = PFN_PHYS(arg->start_pfn);
	u64 end = start + PFN_PHYS(arg->nr_pages);
	struct dhp_range range = {
		.start = round_down(start, block),
		.nid = pfn_to_nid(arg->start_pfn),
	};

	range.size = round_up(end, block) - range.start;
	return range;
}

static int memory_notifier(struct notifier_block *nb, unsigned long action,
			   void *data)
{
	const struct memory_notify *arg = data;
	struct dhp_memory_client *client;
	struct dhp_range range;

	/* 6.9 and newer have more actions, before there are struct pages and after. */
	if (action > MEM_CANCEL_OFFLINE)
		return NOTIFY_DONE;
	range = memory_range(arg);
	dhp_memory_freeze();
	switch (action) {
	case MEM_GOING_ONLINE:
		memory_transit_begin(TRANSIT_ONLINE, arg);
		dhp_event_hold_run(DHP_EVENT_ARRIVAL, &range);
		break;
	case MEM_ONLINE:
		memory_transit_end(TRANSIT_ONLINE, arg);
		dhp_event_memory(DHP_EVENT_ARRIVAL, &range);
		break;
	case MEM_CANCEL_ONLINE:
		memory_transit_end(TRANSIT_ONLINE, arg);
		break;
	case MEM_GOING_OFFLINE:
		memory_transit_begin(TRANSIT_OFFLINE, arg);
		dhp_event_hold_run(DHP_EVENT_REMOVAL, &range);
		list_for_each_entry(client, &memory_clients, node)
			memory_call(client, DHP_MEMORY_REMOVE_START);
		break;
	case MEM_CANCEL_OFFLINE:
		if (!memory_transit_end(TRANSIT_OFFLINE, arg))
			break;
		list_for_each_entry_reverse(client, &memory_clients, node)
			memory_call(client, DHP_MEMORY_REMOVE_FAILURE);
		break;
	case MEM_OFFLINE:
		if (memory_transit_end(TRANSIT_OFFLINE, arg))
			list_for_each_entry(client, &memory_clients, node)
				memory_call(client, DHP_MEMORY_REMOVE_COMPLETE);
		dhp_event_memory(DHP_EVENT_REMOVAL, &range);
		break;
	}
	if (transit == TRANSIT_NONE)
		dhp_event_release_run();
	dhp_memory_thaw();
	return NOTIFY_OK;
}

static struct notifier_block memory_nb = {
	.notifier_call = memory_notifier,
};

/* ---- What is online ----------------------------------------------------- */

/* Is the caller a synchronous memory callback? */
bool dhp_memory_calling(void)
{
	return READ_ONCE(memory_task) == current;
}

/**
 * dhp_memory_freeze() - keep memory events from happening
 */
void dhp_memory_freeze(void)
{
	mutex_lock(&memory_mutex);
}

void dhp_memory_thaw(void)
{
	if (clients_gone)
		free_gone();
	mutex_unlock(&memory_mutex);
}

struct memory_walk {
	struct dhp_range *ranges;	/* NULL on the pass that counts */
	int max;
	int nr;
	struct dhp_range last;
};

static void memory_walk_add(struct memory_walk *walk, phys_addr_t start, int nid)
{
	const phys_addr_t size = PFN_PHYS(PAGES_PER_SECTION);
	struct dhp_range *last = &walk->last;

	if (walk->nr && last->nid == nid && last->start + last->size == start) {
		last->size += size;
	} else {
		*last = (struct dhp_range){ start, size, nid };
		walk->nr++;
	}
	if (walk->nr <= walk->max)
		walk->ranges[walk->nr - 1] = *last;
}

/*
 * The node of the section that begins at @pfn, NUMA_NO_NODE if nothing of it is online.
 * Firmware may leave a hole anywhere in memory that is there at boot, so the first page
 * does not stand for the section. What the kernel knows of holes it knows for each
 * subsection.
 */
static int memory_section_nid(unsigned long pfn)
{
	unsigned long end = pfn + PAGES_PER_SECTION;

	/*
	 * The block in transit counts as what it was before. Any other section
	 * stays what it is: to change, it would have to pass our notifier.
	 */
	if (transit != TRANSIT_NONE && end > transit_block.start_pfn &&
	    pfn < transit_block.start_pfn + transit_block.nr_pages)
		return transit == TRANSIT_OFFLINE ? transit_block.nid : NUMA_NO_NODE;
	/* Most of a sparse node's span, at one look each. */
	if (!online_section_nr(pfn_to_section_nr(pfn)))
		return NUMA_NO_NODE;
	for (; pfn < end; pfn += PAGES_PER_SUBSECTION)
		if (pfn_to_online_page(pfn))
			return pfn_to_nid(pfn);
	return NUMA_NO_NODE;
}

static void memory_walk(struct memory_walk *walk)
{
	unsigned long pfn;
	int nid;

	walk->nr = 0;
	for_each_online_node(nid) {
		pfn = ALIGN_DOWN(node_start_pfn(nid), PAGES_PER_SECTION);
		for (; pfn < node_end_pfn(nid); pfn += PAGES_PER_SECTION)
			if (memory_section_nid(pfn) == nid)
				memory_walk_add(walk, PFN_PHYS(pfn), nid);
	}
}

/**
 * dhp_memory_ranges() - what memory is online, in whole sections
 * @ranges: receives an array, the caller's to kvfree()
 *
 * Context: between dhp_memory_freeze() and dhp_memory_thaw().
 * Return: the number of ranges, or -ENOMEM.
 */
int dhp_memory_ranges(struct dhp_range **ranges)
{
	struct memory_walk walk = { };

	lockdep_assert_held(&memory_mutex);
	memory_walk(&walk);
	walk.max = walk.nr;
	walk.ranges = kvcalloc(walk.max, sizeof(*walk.ranges), GFP_KERNEL);
	if (!walk.ranges)
		return -ENOMEM;
	memory_walk(&walk);
	*ranges = walk.ranges;
	/* A node's span is the kernel's, and may have grown meanwhile. */
	return min(walk.nr, walk.max);
}

/* ---- Clients ------------------------------------------------------------ */

struct dhp_memory_client *
__dhp_register_memory_callback(dhp_memory_fn fn, void *context,
			       struct module *owner)
{
	struct dhp_memory_client *client;

	if (!fn)
		return ERR_PTR(-EINVAL);
	if (dhp_memory_inside("registering a memory callback"))
		return ERR_PTR(-EDEADLK);
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->fn = fn;
	client->context = context;

	dhp_memory_freeze();
	/* One that comes in mid-removal has nothing in the range, and is told the outcome. */
	dhp_client_add(&client->info, fn, "memory", owner);
	list_add_tail(&client->node, &memory_clients);
	if (transit == TRANSIT_OFFLINE)
		memory_call(client, DHP_MEMORY_REMOVE_START);
	dhp_memory_thaw();
	return client;
}
EXPORT_SYMBOL_GPL(__dhp_register_memory_callback);

/* With memory events kept from happening. Other callbacks of this change may follow. */
static void client_go(struct dhp_memory_client *client)
{
	lockdep_assert_held(&memory_mutex);

	client->gone = true;
	clients_gone = true;
}

int dhp_unregister_memory_callback(struct dhp_memory_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_memory_calling()) {
		client_go(client);
		return 0;
	}
	dhp_memory_freeze();
	client_go(client);
	dhp_memory_thaw();
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_memory_callback);

/**
 * dhp_memory_forget() - drop what a module that is leaving has left behind
 * @owner: the module
 */
void dhp_memory_forget(struct module *owner)
{
	struct dhp_memory_client *client;

	dhp_memory_freeze();
	list_for_each_entry(client, &memory_clients, node) {
		if (client->info.owner != owner || client->gone)
			continue;
		pr_err("%s leaves without unregistering memory callback %s; dropped\n",
		       module_name(owner), client->info.name);
		client_go(client);
	}
	dhp_memory_thaw();
}

int dhp_memory_init(void)
{
	return register_memory_notifier(&memory_nb);
}

void dhp_memory_exit(void)
{
	unregister_memory_notifier(&memory_nb);
}
