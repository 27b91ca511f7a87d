// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clients of memory notification. The table below has the rules by which they are notified.
 * memory.c decides when, and of what.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/slab.h>

#include "asking.h"
#include "client.h"
#include "common.h"
#include "log.h"
#include "memory_clients.h"
#include "online.h"
#include "refusal.h"

/**
 * struct dhp_memory_client - one registration
 * @info: name and counts
 * @node: in memory_clients
 * @fn: its callback
 * @query: its answer to questions, or NULL
 * @context: of both
 * @flags: what it asked for
 * @waiting: it has been notified that the block in transit begins to change, and not yet of
 *	the outcome. There is one block in transit at a time.
 * @left: unregistered, maybe from inside a callback: not called any more, and freed before
 *	the mutex is released
 */
struct dhp_memory_client {
	struct dhp_client_info info;
	struct list_head node;
	dhp_memory_fn fn;
	dhp_query_fn query;
	void *context;
	unsigned int flags;
	bool waiting;
	bool left;
};

/**
 * struct rule - what distinguishes one state from the others
 * @begins: a change, which the client can refuse; then it waits for the outcome. The other
 *	states are outcomes, for the clients that wait for one.
 * @reverse: in the reverse order of registration
 * @flags: only clients that have asked for this
 */
struct rule {
	bool begins;
	bool reverse;
	unsigned int flags;
};

static const struct rule rules[] = {
	[DHP_MEMORY_START]	     = { .begins = true, .flags = DHP_MEMORY_ADDS },
	[DHP_MEMORY_COMPLETE]	     = { },
	[DHP_MEMORY_FAILURE]	     = { .reverse = true },
	[DHP_MEMORY_REMOVE_START]    = { .begins = true, .reverse = true,
					 .flags = DHP_MEMORY_REMOVALS },
	[DHP_MEMORY_REMOVE_COMPLETE] = { .reverse = true },
	[DHP_MEMORY_REMOVE_FAILURE]  = { },
};

/* dhp_online_mutex protects all of this, and serialises the callbacks. */
static LIST_HEAD(memory_clients);
static bool clients_left;	/* some in the list have unregistered */

/* ---- Calling ------------------------------------------------------------- */

/* A client has written a status. Returns 0 unless it is a veto. */
static int check_answer(struct dhp_memory_client *client,
			const struct dhp_memory_change *change, int answer, bool may_veto)
{
	u64 start = PFN_PHYS(change->start_pfn);
	char what[48];

	snprintf(what, sizeof(what), "[mem %#llx-%#llx]", start,
		 start + PFN_PHYS(change->nr_pages) - 1);
	return dhp_client_answer(&client->info, answer, may_veto,
				 dhp_memory_state_name(change->state), what);
}

/* With @refusable, a veto is returned. */
static int memory_call(struct dhp_memory_client *client,
		       const struct dhp_memory_change *change, bool refusable)
{
	u64 start, end;
	int answer = 0;

	lockdep_assert_held(&dhp_online_mutex);

	dhp_context_enter(DHP_IN_MEMORY);
	start = ktime_get_ns();
	client->fn(client->context, change, &answer);
	end = dhp_client_called(&client->info, start);
	dhp_context_leave(DHP_IN_MEMORY);
	if (answer)
		answer = check_answer(client, change, answer,
				      refusable && rules[change->state].begins);
	dhp_log_memory(client->info.name, change, answer, start, end);
	return answer;
}

/* Notifies one client if the rule applies to it. With @refusable, a veto is returned. */
static int client_notify(struct dhp_memory_client *client,
			 const struct dhp_memory_change *change, bool refusable)
{
	const struct rule *rule = &rules[change->state];
	int veto;

	if (client->left || client->waiting == rule->begins || rule->flags & ~client->flags)
		return 0;
	veto = memory_call(client, change, refusable);
	if (!veto)
		client->waiting = rule->begins;
	return veto;
}

/* A client has ended a change. */
static int refused(const struct dhp_memory_client *client,
		   const struct dhp_memory_change *change, int veto)
{
	struct dhp_attempt attempt = {
		.category = DHP_MEMORY,
		.add = change->state == DHP_MEMORY_START,
		.start_pfn = change->start_pfn,
		.nr_pages = change->nr_pages,
	};

	dhp_refusal_client(&attempt, client->info.name, veto);
	return veto;
}

/**
 * dhp_memory_notify() - notify all clients of one change
 * @change: what is happening
 * @refusable: a veto ends it; otherwise vetoes are ignored
 *
 * The caller notifies those that were called before a veto of what becomes of it.
 *
 * Return: 0, or the errno of a veto.
 */
int dhp_memory_notify(const struct dhp_memory_change *change, bool refusable)
{
	struct dhp_memory_client *client;
	int veto;

	lockdep_assert_held(&dhp_online_mutex);

	if (rules[change->state].reverse) {
		list_for_each_entry_reverse(client, &memory_clients, node) {
			veto = client_notify(client, change, refusable);
			if (veto)
				return refused(client, change, veto);
		}
	} else {
		list_for_each_entry(client, &memory_clients, node) {
			veto = client_notify(client, change, refusable);
			if (veto)
				return refused(client, change, veto);
		}
	}
	return 0;
}

/* ---- Asking -------------------------------------------------------------- */

/* Asks one client if a change would notify it. */
static void client_ask(struct dhp_memory_client *client, struct dhp_asking *asking,
		       enum dhp_memory_state state)
{
	if (client->left || rules[state].flags & ~client->flags)
		return;
	dhp_asking_client(asking, &client->info, client->query, client->context);
}

/* Asks the clients that the change would notify, in that order. */
void dhp_memory_clients_ask(struct dhp_asking *asking)
{
	struct dhp_memory_client *client;

	lockdep_assert_held(&dhp_online_mutex);

	if (asking->query.change == DHP_QUERY_ADD) {
		list_for_each_entry(client, &memory_clients, node)
			client_ask(client, asking, DHP_MEMORY_START);
	} else {
		list_for_each_entry_reverse(client, &memory_clients, node)
			client_ask(client, asking, DHP_MEMORY_REMOVE_START);
	}
}

void dhp_memory_client_set_query(struct dhp_memory_client *client, dhp_query_fn fn)
{
	lockdep_assert_held(&dhp_online_mutex);

	client->query = fn;
}

/* ---- The list of clients ------------------------------------------------- */

static int notify_range(struct dhp_memory_client *client, enum dhp_memory_state state,
			const struct dhp_range *range, int status)
{
	const struct dhp_memory_change change = {
		.state = state,
		.start_pfn = PHYS_PFN(range->start),
		.nr_pages = PHYS_PFN(range->size),
		.nid = range->nid,
		.status = status,
	};

	return memory_call(client, &change, true);
}

/*
 * The first pass begins with what is online; a block that is going online comes last, and its
 * outcome is not part of the second pass.
 */
static int replay(struct dhp_memory_client *client, const struct dhp_range *ranges, int nr,
		  const struct dhp_memory_change *transit)
{
	int i, ret = 0;

	for (i = 0; i < nr; i++) {
		ret = notify_range(client, DHP_MEMORY_START, &ranges[i], 0);
		if (ret)
			goto fail_started;
	}
	if (transit && transit->state == DHP_MEMORY_START)
		ret = client_notify(client, transit, true);
	if (ret)
		goto fail_started;
	for (i = 0; i < nr; i++)
		notify_range(client, DHP_MEMORY_COMPLETE, &ranges[i], 0);
	/* Too late for a veto: what the kernel has asked of the notifiers is answered. */
	if (transit && transit->state == DHP_MEMORY_REMOVE_START)
		client_notify(client, transit, false);
	return 0;

fail_started:
	while (i--)
		notify_range(client, DHP_MEMORY_FAILURE, &ranges[i], ret);
	return ret;
}

struct dhp_memory_client *dhp_memory_client_new(dhp_memory_fn fn, void *context,
						unsigned int flags)
{
	struct dhp_memory_client *client = kzalloc(sizeof(*client), GFP_KERNEL);

	if (!client)
		return NULL;
	client->fn = fn;
	client->context = context;
	client->flags = flags;
	return client;
}

/* Of one that is not in the list. */
void dhp_memory_client_free(struct dhp_memory_client *client)
{
	kfree(client);
}

/**
 * dhp_memory_client_enter() - replay if asked for, and enter a client into the list
 * @client: the client
 * @owner: its module
 * @transit: the beginning of the change of the block in transit, NULL if there is none
 *
 * Return: 0, -ENOMEM, or the errno of a veto.
 */
int dhp_memory_client_enter(struct dhp_memory_client *client, struct module *owner,
			    const struct dhp_memory_change *transit)
{
	struct dhp_range *ranges = NULL;
	int ret, nr = 0;

	lockdep_assert_held(&dhp_online_mutex);

	if (client->flags & DHP_MEMORY_ADD_EXISTING)
		nr = dhp_online_ranges(&ranges);
	if (nr < 0)
		return nr;
	dhp_client_add(&client->info, client->fn, "memory", owner);
	ret = replay(client, ranges, nr, transit);
	kvfree(ranges);
	if (ret)
		dhp_client_del(&client->info);
	else
		list_add_tail(&client->node, &memory_clients);
	return ret;
}

/* Other callbacks of this change may follow the one that it is unregistered from. */
void dhp_memory_client_leave(struct dhp_memory_client *client)
{
	lockdep_assert_held(&dhp_online_mutex);

	client->left = true;
	clients_left = true;
}

void dhp_memory_clients_release_owner(struct module *owner)
{
	struct dhp_memory_client *client;

	lockdep_assert_held(&dhp_online_mutex);

	list_for_each_entry(client, &memory_clients, node) {
		if (client->info.owner != owner || client->left)
			continue;
		dhp_client_warn_left(&client->info, "memory");
		dhp_memory_client_leave(client);
	}
}

/* Before the mutex is released. */
void dhp_memory_clients_free_left(void)
{
	struct dhp_memory_client *client, *next;

	lockdep_assert_held(&dhp_online_mutex);

	if (!clients_left)
		return;
	list_for_each_entry_safe(client, next, &memory_clients, node) {
		if (!client->left)
			continue;
		list_del(&client->node);
		dhp_client_del(&client->info);
		dhp_memory_client_free(client);
	}
	clients_left = false;
}
