// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory notification: the kernel's notifier in front, the clients (memory_clients.c) and
 * asynchronous events behind. Which memory is online is in online.c.
 */
#include <linux/cpu.h>
#include <linux/export.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/notifier.h>

#include "client.h"
#include "common.h"
#include "dhp.h"
#include "event.h"
#include "memory_clients.h"
#include "notify.h"
#include "online.h"
#include "refusal.h"

/**
 * struct change_states - what clients are notified of when a block changes in one direction
 * @start: the change begins
 * @complete: it has succeeded
 * @failure: it has failed
 * @event: the asynchronous event of a success
 */
struct change_states {
	enum dhp_memory_state start;
	enum dhp_memory_state complete;
	enum dhp_memory_state failure;
	enum dhp_event_action event;
};

static const struct change_states states[] = {
	[DHP_TRANSIT_ONLINE]  = { DHP_MEMORY_START, DHP_MEMORY_COMPLETE, DHP_MEMORY_FAILURE,
				  DHP_EVENT_ARRIVAL },
	[DHP_TRANSIT_OFFLINE] = { DHP_MEMORY_REMOVE_START, DHP_MEMORY_REMOVE_COMPLETE,
				  DHP_MEMORY_REMOVE_FAILURE, DHP_EVENT_REMOVAL },
};

/*
 * What clients were notified of when the last change began. Protected by dhp_online_mutex.
 * While that block is in transit, a new client is notified of it too.
 */
static struct dhp_memory_change last_start;
static bool first_asked;	/* the first notifier was asked about the block in transit */
static bool all_asked;	/* so was the last one: no notifier has refused it */
static bool vetoed;	/* a client has */

static void memory_lock(void)
{
	mutex_lock(&dhp_online_mutex);
}

static void memory_unlock(void)
{
	dhp_memory_clients_free_left();
	mutex_unlock(&dhp_online_mutex);
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

/* With @refusable, a veto is returned. */
static int all_start(enum dhp_transit direction, const struct memory_notify *arg,
		     bool refusable)
{
	last_start = (struct dhp_memory_change) {
		.state = states[direction].start,
		.start_pfn = arg->start_pfn,
		.nr_pages = arg->nr_pages,
		.nid = pfn_to_nid(arg->start_pfn),
	};
	return dhp_memory_notify(&last_start, refusable);
}

static void all_outcome(enum dhp_memory_state outcome, int status)
{
	struct dhp_memory_change change = last_start;

	change.state = outcome;
	change.status = status;
	dhp_memory_notify(&change, false);
}

/* Returns the errno of a veto. No client is notified of the kernel's CANCEL, which follows. */
static int change_begins(enum dhp_transit direction, const struct memory_notify *arg,
			 const struct dhp_range *range)
{
	int veto;

	dhp_online_transit_begin(direction, arg->start_pfn, arg->nr_pages);
	dhp_event_hold_run(states[direction].event, range);
	all_asked = false;
	veto = all_start(direction, arg, true);
	vetoed = veto;
	if (veto) {
		dhp_online_transit_end(direction, arg->start_pfn);
		all_outcome(states[direction].failure, veto);
	}
	return veto;
}

static void change_succeeded(enum dhp_transit direction, const struct memory_notify *arg,
			     const struct dhp_range *range)
{
	/* It began before our notifier was registered. */
	if (!dhp_online_transit_end(direction, arg->start_pfn))
		all_start(direction, arg, false);
	all_outcome(states[direction].complete, 0);
	dhp_event_memory(states[direction].event, range);
}

/*
 * Who has refused? When dhp was not asked, a notifier before it has; when the last one was not
 * asked, one behind it; else the kernel itself, as when not even the first one was asked: then the
 * change began before dhp was loaded. A veto is listed already.
 */
static void list_refusal(enum dhp_transit direction, const struct dhp_range *range, bool asked)
{
	struct dhp_attempt attempt = {
		.category = DHP_MEMORY,
		.add = direction == DHP_TRANSIT_ONLINE,
		.start_pfn = PHYS_PFN(range->start),
		.nr_pages = PHYS_PFN(range->size),
	};
	const char *where = NULL;

	if (first_asked && !asked)
		where = "before";
	else if (first_asked && !all_asked)
		where = "behind";
	if (!vetoed)
		dhp_refusal_canceled(&attempt, where);
	vetoed = false;
}

/* By another notifier or the kernel itself, which do not say why; or after a veto. */
static void change_cancelled(enum dhp_transit direction, const struct memory_notify *arg,
			     const struct dhp_range *range)
{
	bool asked = dhp_online_transit_end(direction, arg->start_pfn);

	list_refusal(direction, range, asked);
	if (asked)
		all_outcome(states[direction].failure, -ECANCELED);
}

static int memory_notifier(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct memory_notify *arg = data;
	struct dhp_range range;
	int veto = 0;

	/* 6.9 and newer have more actions, before there are struct pages and after. */
	if (action > MEM_CANCEL_OFFLINE)
		return NOTIFY_DONE;
	range = memory_range(arg);
	memory_lock();
	switch (action) {
	case MEM_GOING_ONLINE:
		veto = change_begins(DHP_TRANSIT_ONLINE, arg, &range);
		break;
	case MEM_ONLINE:
		change_succeeded(DHP_TRANSIT_ONLINE, arg, &range);
		break;
	case MEM_CANCEL_ONLINE:
		change_cancelled(DHP_TRANSIT_ONLINE, arg, &range);
		break;
	case MEM_GOING_OFFLINE:
		veto = change_begins(DHP_TRANSIT_OFFLINE, arg, &range);
		break;
	case MEM_OFFLINE:
		change_succeeded(DHP_TRANSIT_OFFLINE, arg, &range);
		break;
	case MEM_CANCEL_OFFLINE:
		change_cancelled(DHP_TRANSIT_OFFLINE, arg, &range);
		break;
	}
	if (dhp_online_transit() == DHP_TRANSIT_NONE)
		dhp_event_release_run();
	if (action != MEM_GOING_ONLINE && action != MEM_GOING_OFFLINE)
		first_asked = false;
	memory_unlock();
	return notifier_from_errno(veto);
}

static struct notifier_block memory_nb = {
	.notifier_call = memory_notifier,
};

static int last_notifier(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == MEM_GOING_ONLINE || action == MEM_GOING_OFFLINE) {
		memory_lock();
		all_asked = true;
		memory_unlock();
	}
	return NOTIFY_DONE;
}

/* Behind all others. */
static struct notifier_block last_nb = {
	.notifier_call = last_notifier,
	.priority = INT_MIN,
};

static int first_notifier(struct notifier_block *nb, unsigned long action, void *data)
{
	/* Only notifiers use it, which the memory hotplug lock serialises. */
	if (action == MEM_GOING_ONLINE || action == MEM_GOING_OFFLINE)
		first_asked = true;
	return NOTIFY_DONE;
}

/* Before all others. */
static struct notifier_block first_nb = {
	.notifier_call = first_notifier,
	.priority = INT_MAX,
};

/* ---- Clients ------------------------------------------------------------- */

struct dhp_memory_client *
__dhp_register_memory_callback(dhp_memory_fn fn, void *context, unsigned int flags,
			       struct module *owner)
{
	const unsigned int both = DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS;
	const struct dhp_memory_change *transit;
	struct dhp_memory_client *client;
	int ret;

	if (!fn)
		return ERR_PTR(-EINVAL);
	if (flags & ~(both | DHP_MEMORY_ADD_EXISTING))
		return ERR_PTR(-EOPNOTSUPP);
	if (!(flags & both) || (flags & (DHP_MEMORY_ADD_EXISTING | DHP_MEMORY_ADDS)) ==
			       DHP_MEMORY_ADD_EXISTING)
		return ERR_PTR(-EINVAL);
	if (dhp_refuse_in(DHP_IN_MEMORY, "registering a memory callback"))
		return ERR_PTR(-EDEADLK);
	client = dhp_memory_client_new(fn, context, flags);
	if (!client)
		return ERR_PTR(-ENOMEM);

	memory_lock();
	transit = dhp_online_transit() == DHP_TRANSIT_NONE ? NULL : &last_start;
	ret = dhp_memory_client_enter(client, owner, transit);
	memory_unlock();

	if (ret) {
		dhp_memory_client_free(client);
		return ERR_PTR(ret);
	}
	return client;
}
EXPORT_SYMBOL_GPL(__dhp_register_memory_callback);

int dhp_unregister_memory_callback(struct dhp_memory_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_in(DHP_IN_MEMORY)) {
		dhp_memory_client_leave(client);
		return 0;
	}
	memory_lock();
	dhp_memory_client_leave(client);
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
	if (!dhp_client_of_owner(owner))
		return;
	memory_lock();
	dhp_memory_clients_release_owner(owner);
	memory_unlock();
}

int dhp_memory_init(void)
{
	int err;

	/*
	 * lockdep learns the order before the first block changes, and can complain of the first
	 * callback that takes the CPU hotplug lock in a replay.
	 */
	cpus_read_lock();
	memory_lock();
	memory_unlock();
	cpus_read_unlock();
	/* A change that begins meanwhile must not look as if one of them had not been asked. */
	err = register_memory_notifier(&last_nb);
	if (err)
		return err;
	err = register_memory_notifier(&memory_nb);
	if (err)
		goto unregister_last;
	err = register_memory_notifier(&first_nb);
	if (err)
		goto unregister_memory;
	return 0;

unregister_memory:
	unregister_memory_notifier(&memory_nb);
unregister_last:
	unregister_memory_notifier(&last_nb);
	return err;
}

void dhp_memory_exit(void)
{
	unregister_memory_notifier(&first_nb);
	unregister_memory_notifier(&memory_nb);
	unregister_memory_notifier(&last_nb);
}
