// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: the kernel's notifier in front; behind it, the clients that are called before a
 * block goes offline, and events. Which memory is online is in online.c.
 */
#include <linux/export.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "client.h"
#include "common.h"
#include "dhp.h"
#include "event.h"
#include "log.h"
#include "notify.h"
#include "online.h"

/**
 * struct dhp_memory_client - one registration
 * @info: name and counts
 * @node: in memory_clients
 * @fn: its callback
 * @context: the callback's
 * @gone: unregistered from inside a callback: not called any more, and freed when the mutex
 *	is released
 */
struct dhp_memory_client {
	struct dhp_client_info info;
	struct list_head node;
	dhp_memory_fn fn;
	void *context;
	bool gone;
};

/* dhp_online_mutex protects all of this, and serialises the callbacks. */
static LIST_HEAD(memory_clients);
static bool clients_gone;			/* there are some in the list */
static struct dhp_memory_change removal;	/* of the block on its way offline */

static void memory_lock(void)
{
	mutex_lock(&dhp_online_mutex);
}

static void free_gone(void)
{
	struct dhp_memory_client *client, *next;

	lockdep_assert_held(&dhp_online_mutex);

	list_for_each_entry_safe(client, next, &memory_clients, node) {
		if (!client->gone)
			continue;
		list_del(&client->node);
		dhp_client_del(&client->info);
		kfree(client);
	}
	clients_gone = false;
}

static void memory_unlock(void)
{
	if (clients_gone)
		free_gone();
	mutex_unlock(&dhp_online_mutex);
}

/* ---- Calling clients ----------------------------------------------------- */

static void memory_call(struct dhp_memory_client *client, enum dhp_memory_state state)
{
	struct dhp_memory_change change = removal;
	u64 start, end;

	lockdep_assert_held(&dhp_online_mutex);

	if (client->gone)
		return;
	change.state = state;
	dhp_context_enter(DHP_IN_MEMORY);
	start = ktime_get_ns();
	client->fn(client->context, &change);
	end = dhp_client_called(&client->info, start);
	dhp_context_leave(DHP_IN_MEMORY);
	dhp_log_memory(client->info.name, &change, start, end);
}

static void all_remove_start(void)
{
	struct dhp_memory_client *client;

	list_for_each_entry(client, &memory_clients, node)
		memory_call(client, DHP_MEMORY_REMOVE_START);
}

static void all_remove_complete(void)
{
	struct dhp_memory_client *client;

	list_for_each_entry(client, &memory_clients, node)
		memory_call(client, DHP_MEMORY_REMOVE_COMPLETE);
}

static void all_remove_failure(void)
{
	struct dhp_memory_client *client;

	list_for_each_entry_reverse(client, &memory_clients, node)
		memory_call(client, DHP_MEMORY_REMOVE_FAILURE);
}

/* ---- The kernel's notifier ----------------------------------------------- */

/* An event is about whole blocks; the kernel may keep the first pages of one for itself. */
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

static void going_offline(const struct memory_notify *arg, const struct dhp_range *range)
{
	dhp_online_transit_begin(DHP_TRANSIT_OFFLINE, arg->start_pfn, arg->nr_pages);
	removal = (struct dhp_memory_change) {
		.start_pfn = arg->start_pfn,
		.nr_pages = arg->nr_pages,
		.nid = range->nid,
	};
	dhp_event_hold_run(DHP_EVENT_REMOVAL, range);
	all_remove_start();
}

static int memory_notifier(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct memory_notify *arg = data;
	struct dhp_range range;

	/* 6.9 and newer have more actions, before there are struct pages and after. */
	if (action > MEM_CANCEL_OFFLINE)
		return NOTIFY_DONE;
	range = memory_range(arg);
	memory_lock();
	switch (action) {
	case MEM_GOING_ONLINE:
		dhp_online_transit_begin(DHP_TRANSIT_ONLINE, arg->start_pfn, arg->nr_pages);
		dhp_event_hold_run(DHP_EVENT_ARRIVAL, &range);
		break;
	case MEM_ONLINE:
		dhp_online_transit_end(DHP_TRANSIT_ONLINE, arg->start_pfn);
		dhp_event_memory(DHP_EVENT_ARRIVAL, &range);
		break;
	case MEM_CANCEL_ONLINE:
		dhp_online_transit_end(DHP_TRANSIT_ONLINE, arg->start_pfn);
		break;
	case MEM_GOING_OFFLINE:
		going_offline(arg, &range);
		break;
	case MEM_CANCEL_OFFLINE:
		if (dhp_online_transit_end(DHP_TRANSIT_OFFLINE, arg->start_pfn))
			all_remove_failure();
		break;
	case MEM_OFFLINE:
		if (dhp_online_transit_end(DHP_TRANSIT_OFFLINE, arg->start_pfn))
			all_remove_complete();
		dhp_event_memory(DHP_EVENT_REMOVAL, &range);
		break;
	}
	if (dhp_online_transit() == DHP_TRANSIT_NONE)
		dhp_event_release_run();
	memory_unlock();
	return NOTIFY_OK;
}

static struct notifier_block memory_nb = {
	.notifier_call = memory_notifier,
};

/* ---- Clients ------------------------------------------------------------- */

struct dhp_memory_client *
__dhp_register_memory_callback(dhp_memory_fn fn, void *context,
			       struct module *owner)
{
	struct dhp_memory_client *client;

	if (!fn)
		return ERR_PTR(-EINVAL);
	if (dhp_refuse_in(DHP_IN_MEMORY, "registering a memory callback"))
		return ERR_PTR(-EDEADLK);
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->fn = fn;
	client->context = context;

	memory_lock();
	/* A client that registers during a removal has nothing there, and gets its outcome. */
	dhp_client_add(&client->info, fn, "memory", owner);
	list_add_tail(&client->node, &memory_clients);
	if (dhp_online_transit() == DHP_TRANSIT_OFFLINE)
		memory_call(client, DHP_MEMORY_REMOVE_START);
	memory_unlock();
	return client;
}
EXPORT_SYMBOL_GPL(__dhp_register_memory_callback);

/* Other callbacks of this change may follow. */
static void client_go(struct dhp_memory_client *client)
{
	lockdep_assert_held(&dhp_online_mutex);

	client->gone = true;
	clients_gone = true;
}

int dhp_unregister_memory_callback(struct dhp_memory_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_in(DHP_IN_MEMORY)) {
		client_go(client);
		return 0;
	}
	memory_lock();
	client_go(client);
	memory_unlock();
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_memory_callback);

/**
 * dhp_memory_release_owner() - drop what a module that is being removed has left behind
 * @owner: the module
 */
void dhp_memory_release_owner(struct module *owner)
{
	struct dhp_memory_client *client;

	if (!dhp_client_of_owner(owner))
		return;
	memory_lock();
	list_for_each_entry(client, &memory_clients, node) {
		if (client->info.owner != owner || client->gone)
			continue;
		dhp_client_warn_left(&client->info, "memory");
		client_go(client);
	}
	memory_unlock();
}

int dhp_memory_init(void)
{
	return register_memory_notifier(&memory_nb);
}

void dhp_memory_exit(void)
{
	unregister_memory_notifier(&memory_nb);
}
