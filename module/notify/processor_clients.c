// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clients of CPU notification, and the rules by which they are notified: the table
 * below. When there is something to notify them of is in processor.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "asking.h"
#include "client.h"
#include "common.h"
#include "log.h"
#include "processor_clients.h"
#include "refusal.h"
#include "turn.h"

/* Where the notifications of one client about one CPU stand. */
enum stage { IDLE, STARTED, HELD, REMOVING };

/**
 * struct dhp_processor_client - one registration
 * @info: name and counts
 * @node: in processor_clients
 * @fn: its callback
 * @query: its answer to questions, or NULL
 * @context: of both
 * @flags: what it asked for
 * @skip: a bit for each state of which it is not notified: those that it has not asked for,
 *	and all when it has unregistered, maybe from inside a callback
 * @left: unregistered; freed at the end of the turn
 * @rcu: for readers of the name of the client that is being called
 * @stage: per possible CPU, an enum stage
 */
struct dhp_processor_client {
	struct dhp_client_info info;
	struct list_head node;
	dhp_processor_fn fn;
	dhp_query_fn query;
	void *context;
	unsigned int flags;
	u8 skip;
	bool left;
	struct rcu_head rcu;
	u8 stage[];
};

/**
 * struct rule - what distinguishes one state from the others
 * @from: clients at this stage are notified
 * @to: the stage that this brings them to
 * @vetoed: the stage of a client whose veto is ignored
 * @may_veto: it can refuse
 * @reverse: in the reverse order of registration
 * @flags: only clients that have asked for this
 */
struct rule {
	u8 from;
	u8 to;
	u8 vetoed;
	bool may_veto;
	bool reverse;
	unsigned int flags;
};

static const struct rule rules[] = {
	[DHP_PROCESSOR_START]		= { IDLE,     STARTED,  IDLE,	  .may_veto = true },
	[DHP_PROCESSOR_COMPLETE]	= { STARTED,  HELD },
	[DHP_PROCESSOR_FAILURE]		= { STARTED,  IDLE,	.reverse = true },
	[DHP_PROCESSOR_REMOVE_START]	= { HELD,     REMOVING, REMOVING, .may_veto = true,
					    .reverse = true, .flags = DHP_PROCESSOR_REMOVALS },
	[DHP_PROCESSOR_REMOVE_COMPLETE] = { REMOVING, IDLE,	.reverse = true },
	[DHP_PROCESSOR_REMOVE_FAILURE]	= { REMOVING, HELD },
};

/* dhp_turn_mutex protects all of this. */
static LIST_HEAD(processor_clients);
static bool clients_left;	/* some in the list have unregistered */

/* ---- Calling ------------------------------------------------------------- */

/**
 * struct notice - what one client after the other is notified of
 * @change: that
 * @answer: what the client that is being called writes
 * @clock_ns: when the last call ended; the next one begins then, so that the clock is read
 *	once for each
 */
struct notice {
	struct dhp_processor_change change;
	int answer;
	u64 clock_ns;
};

static struct notice notice(enum dhp_processor_state state, unsigned int cpu, int status)
{
	return (struct notice) {
		.change = {
			.state = state,
			.cpu = cpu,
			.nid = cpu_to_node(cpu),
			.status = status,
		},
		.clock_ns = ktime_get_ns(),
	};
}

/* A client has written a status. Returns 0 unless it is a veto. */
static noinline int check_answer(struct dhp_processor_client *client,
				 const struct dhp_processor_change *change, int answer)
{
	char what[16];

	snprintf(what, sizeof(what), "CPU%u", change->cpu);
	return dhp_client_answer(&client->info, answer, rules[change->state].may_veto,
				 dhp_processor_state_name(change->state), what);
}

static int processor_call(struct dhp_processor_client *client, struct notice *notice)
{
	u64 start = notice->clock_ns;

	notice->answer = 0;
	dhp_turn_call_begin(&client->info);
	dhp_context_enter(DHP_IN_PROCESSOR);
	client->fn(client->context, &notice->change, &notice->answer);
	dhp_context_leave(DHP_IN_PROCESSOR);
	dhp_turn_call_end();
	/* What the console takes for that is the client's time, not the next one's. */
	if (unlikely(notice->answer))
		notice->answer = check_answer(client, &notice->change, notice->answer);
	notice->clock_ns = dhp_client_called(&client->info, start);
	dhp_log_processor(client->info.name, &notice->change, notice->answer, start,
			  notice->clock_ns);
	return notice->answer;
}

/*
 * Notifies one client if the rule applies to it. With @refusable, a veto is returned. The
 * rule is handed over by value, so that a loop over a thousand clients has it in registers.
 */
static __always_inline int client_notify(struct dhp_processor_client *client, unsigned int cpu,
					 const struct rule rule, u8 state_bit,
					 struct notice *notice, bool refusable)
{
	int veto;

	if (client->stage[cpu] != rule.from || client->skip & state_bit)
		return 0;
	veto = processor_call(client, notice);
	if (likely(!veto)) {
		client->stage[cpu] = rule.to;
		return 0;
	}
	if (refusable)
		return veto;
	client->stage[cpu] = rule.vetoed;
	return 0;
}

/* A client has ended an operation. */
static int refused(const struct dhp_processor_client *client,
		   const struct dhp_processor_change *change, int veto)
{
	struct dhp_attempt attempt = {
		.category = DHP_PROCESSOR,
		.add = change->state == DHP_PROCESSOR_START,
		.cpu = change->cpu,
	};

	dhp_refusal_client(&attempt, client->info.name, veto);
	return veto;
}

/**
 * dhp_processor_notify() - notify all clients of one change
 * @state: what is happening
 * @cpu: to which CPU
 * @status: the errno that ended the operation, or 0
 * @refusable: a veto ends it; otherwise vetoes are ignored
 *
 * The caller notifies those that were called before a veto of what becomes of it.
 *
 * Return: 0, or the errno of a veto.
 */
int dhp_processor_notify(enum dhp_processor_state state, unsigned int cpu, int status,
			 bool refusable)
{
	const struct rule rule = rules[state];
	struct notice all = notice(state, cpu, status);
	struct dhp_processor_client *client;
	int veto;

	dhp_turn_assert();

	if (rule.reverse) {
		list_for_each_entry_reverse(client, &processor_clients, node) {
			veto = client_notify(client, cpu, rule, BIT(state), &all, refusable);
			if (veto)
				return refused(client, &all.change, veto);
		}
	} else {
		list_for_each_entry(client, &processor_clients, node) {
			veto = client_notify(client, cpu, rule, BIT(state), &all, refusable);
			if (veto)
				return refused(client, &all.change, veto);
		}
	}
	return 0;
}

/* ---- Asking -------------------------------------------------------------- */

/* Asks one client if a change would notify it. */
static void client_ask(struct dhp_processor_client *client, struct dhp_asking *asking,
		       enum dhp_processor_state state)
{
	if (client->stage[asking->query.cpu] != rules[state].from || client->skip & BIT(state))
		return;
	dhp_turn_call_begin(&client->info);
	dhp_asking_client(asking, &client->info, client->query, client->context);
	dhp_turn_call_end();
}

/* Asks the clients that the change would notify, in that order. */
void dhp_processor_clients_ask(struct dhp_asking *asking)
{
	struct dhp_processor_client *client;

	dhp_turn_assert();

	if (asking->query.change == DHP_QUERY_ADD) {
		list_for_each_entry(client, &processor_clients, node)
			client_ask(client, asking, DHP_PROCESSOR_START);
	} else {
		list_for_each_entry_reverse(client, &processor_clients, node)
			client_ask(client, asking, DHP_PROCESSOR_REMOVE_START);
	}
}

void dhp_processor_client_set_query(struct dhp_processor_client *client, dhp_query_fn fn)
{
	dhp_turn_assert();

	client->query = fn;
}

/* ---- The list of clients ------------------------------------------------- */

static int notify_one(struct dhp_processor_client *client, enum dhp_processor_state state,
		      unsigned int cpu, int status)
{
	struct notice one = notice(state, cpu, status);

	return client_notify(client, cpu, rules[state], BIT(state), &one, true);
}

static int replay(struct dhp_processor_client *client, const struct cpumask *adding)
{
	int cpu, last, ret;

	for_each_online_cpu(cpu) {
		ret = notify_one(client, DHP_PROCESSOR_START, cpu, 0);
		if (ret)
			goto fail_started;
	}
	for_each_online_cpu(cpu)
		if (!cpumask_test_cpu(cpu, adding))
			notify_one(client, DHP_PROCESSOR_COMPLETE, cpu, 0);
	return 0;

fail_started:
	for (last = cpu - 1; last >= 0; last--)
		notify_one(client, DHP_PROCESSOR_FAILURE, last, ret);
	return ret;
}

struct dhp_processor_client *dhp_processor_client_new(dhp_processor_fn fn, void *context,
						      unsigned int flags)
{
	struct dhp_processor_client *client;
	int state;

	client = kvzalloc(struct_size(client, stage, nr_cpu_ids), GFP_KERNEL);
	if (!client)
		return NULL;
	client->fn = fn;
	client->context = context;
	client->flags = flags;
	for (state = 0; state < ARRAY_SIZE(rules); state++)
		if (rules[state].flags & ~flags)
			client->skip |= BIT(state);
	return client;
}

/* Of one that is not in the list. */
void dhp_processor_client_free(struct dhp_processor_client *client)
{
	kvfree_rcu(client, rcu);
}

/**
 * dhp_processor_client_enter() - replay if asked for, and enter a client into the list
 * @client: the client
 * @named: the function whose name it gets
 * @owner: its module
 * @adding: CPUs that are half-way up: their outcome is due, to all clients at once
 *
 * In a turn that has begun between operations.
 *
 * Return: 0, or the errno of a veto.
 */
int dhp_processor_client_enter(struct dhp_processor_client *client, void *named,
			       struct module *owner, const struct cpumask *adding)
{
	int ret = 0;

	dhp_turn_assert();

	dhp_client_add(&client->info, named, "processor", owner);
	if (client->flags & DHP_PROCESSOR_ADD_EXISTING)
		ret = replay(client, adding);
	if (ret)
		dhp_client_del(&client->info);
	else
		list_add_tail(&client->node, &processor_clients);
	return ret;
}

/* Notifies one client that the adds of these CPUs have failed, in reverse. */
void dhp_processor_client_fail(struct dhp_processor_client *client, const struct cpumask *cpus,
			       int status)
{
	int cpu;

	dhp_turn_assert();

	for (cpu = nr_cpu_ids - 1; cpu >= 0; cpu--)
		if (cpumask_test_cpu(cpu, cpus))
			notify_one(client, DHP_PROCESSOR_FAILURE, cpu, status);
}

/* Other callbacks of the turn may follow the one that it is unregistered from. */
void dhp_processor_client_leave(struct dhp_processor_client *client)
{
	dhp_turn_assert();

	client->skip = U8_MAX;
	client->left = true;
	clients_left = true;
}

void dhp_processor_clients_release_owner(struct module *owner)
{
	struct dhp_processor_client *client;

	dhp_turn_assert();

	list_for_each_entry(client, &processor_clients, node) {
		if (client->info.owner != owner || client->left)
			continue;
		dhp_client_warn_left(&client->info, "CPU");
		dhp_processor_client_leave(client);
	}
}

/* At the end of a turn. */
void dhp_processor_clients_free_left(void)
{
	struct dhp_processor_client *client, *next;

	dhp_turn_assert();

	if (!clients_left)
		return;
	list_for_each_entry_safe(client, next, &processor_clients, node) {
		if (!client->left)
			continue;
		list_del(&client->node);
		dhp_client_del(&client->info);
		dhp_processor_client_free(client);
	}
	clients_left = false;
}
