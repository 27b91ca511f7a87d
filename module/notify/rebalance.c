// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rebalance: when a burst of changes is over, each client is asked, stopped, and started with
 * the machine as it is then. A work item looks whether there is something to do, and when to
 * look again; it makes at most one triple each time. What changes is reported in event.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "client.h"
#include "common.h"
#include "dhp_rebalance.h"
#include "event.h"
#include "log.h"
#include "notify.h"
#include "online.h"
#include "rebalance_call.h"

/*
 * A burst is over when nothing has changed for this long. CPUs and DIMMs that are plugged one
 * after the other come a second apart.
 */
#define QUIET (2 * HZ)

/* How long a burst keeps a triple waiting. */
#define BURST_LIMIT (30 * HZ)

/* How often to look for the end of an operation when nothing else is waited for. */
#define LOOK_AGAIN (HZ / 20)

/* When a client that has put its stop off is asked again: the first time, and at most. */
#define RETRY_FIRST HZ
#define RETRY_LAST (30 * HZ)

/* After how many times in a row the log names it. */
#define NAMED_AFTER 4

#define NEVER ULONG_MAX

/**
 * struct dhp_rebalance_client - one registration
 * @info: name and counts
 * @node: in clients
 * @ops: its callbacks
 * @context: the callbacks'
 * @started: it has had its first start
 * @seq: the last event behind its last start
 * @put_off: how often in a row it has put its stop off
 * @retry: in jiffies: when it is asked again
 * @gone: it is being unregistered: no triple begins
 * @left: unregistered from inside its own callback; the work item frees it
 */
struct dhp_rebalance_client {
	struct dhp_client_info info;
	struct list_head node;
	const struct dhp_rebalance_ops *ops;
	void *context;
	bool started;
	u64 seq;
	unsigned int put_off;
	unsigned long retry;
	bool gone;
	bool left;
};

static void rebalance_fn(struct work_struct *work);

/* Protects all of this. Inside event_lock; not held during a call. */
static DEFINE_MUTEX(rebalance_lock);
static LIST_HEAD(clients);
static bool burst;			/* something has changed since the last burst was over */
static unsigned long burst_begin;	/* when the first thing changed, in jiffies */
static unsigned long burst_last;	/* and the last thing */
static unsigned long nr_changes;
static unsigned int nr_settling;	/* tasks that wait in dhp_rebalance_settle() */
static bool busy;			/* there may be something to do other than to ask again */
static struct dhp_rebalance_client *current_client;	/* whose triple it is */
static struct module *current_owner;			/* and that client's module */

/* What START shows. The work item's. */
static cpumask_var_t machine_cpus;
static nodemask_t machine_nodes;

static DECLARE_DELAYED_WORK(rebalance_work, rebalance_fn);
static DECLARE_WAIT_QUEUE_HEAD(rebalance_wait);

static void look_now(void)
{
	mod_delayed_work(dhp_freezable_wq, &rebalance_work, 0);
}

/* ---- Bursts --------------------------------------------------------------- */

static void burst_grows(void)
{
	lockdep_assert_held(&rebalance_lock);

	burst_last = jiffies;
	if (!burst)
		burst_begin = burst_last;
	burst = true;
	nr_changes++;
	WRITE_ONCE(busy, true);
}

/*
 * A CPU or memory has come or gone. Delivery calls it with event_lock held. A client that registers
 * at this moment finds the event waiting.
 */
static void on_change(void)
{
	if (list_empty(&clients))
		return;
	mutex_lock(&rebalance_lock);
	burst_grows();
	look_now();
	mutex_unlock(&rebalance_lock);
}

/* Does the end of the burst wait for nothing but the end of what is in progress? */
static bool burst_urgent(void)
{
	return nr_settling || time_after_eq(jiffies, burst_begin + BURST_LIMIT);
}

/* How long to wait until the burst may be over, in jiffies. */
static unsigned long burst_delay(void)
{
	unsigned long now = jiffies, due = burst_last + QUIET;

	lockdep_assert_held(&rebalance_lock);

	if (!burst || burst_urgent() || time_after_eq(now, due))
		return 0;
	return min(due, burst_begin + BURST_LIMIT) - now;
}

/*
 * Is nothing in progress, and has everything that has happened been delivered? It does not
 * wait for a lock that is held during an operation. @seq receives the number of the last event.
 */
static bool nothing_in_progress(u64 *seq)
{
	bool nothing = false;

	if (!cpus_read_trylock())
		return false;
	if (mutex_trylock(&dhp_online_mutex)) {
		nothing = dhp_online_transit() == DHP_TRANSIT_NONE && dhp_event_caught_up(seq);
		mutex_unlock(&dhp_online_mutex);
	}
	cpus_read_unlock();
	return nothing;
}

/*
 * Returns whether triples may begin. If not, @delay receives when to look again. May drop the
 * lock.
 */
static bool burst_over(u64 *seq, unsigned long *delay)
{
	unsigned long seen = nr_changes;
	bool nothing;

	lockdep_assert_held(&rebalance_lock);

	*delay = burst_delay();
	if (*delay)
		return false;
	mutex_unlock(&rebalance_lock);
	nothing = nothing_in_progress(seq);
	mutex_lock(&rebalance_lock);
	if (nothing && seen == nr_changes) {
		burst = false;
		return true;
	}
	/* What is in progress is a part of the burst, whether or not an event comes of it. */
	if (seen == nr_changes)
		burst_grows();
	*delay = burst_urgent() ? LOOK_AGAIN : burst_delay();
	return false;
}

/* ---- Calling a client ------------------------------------------------------ */

static void look_at_machine(struct dhp_machine *machine, u64 seq)
{
	int nid;

	*machine = (struct dhp_machine) {
		.cpus = machine_cpus,
		.nodes = &machine_nodes,
		.seq = seq,
	};
	cpus_read_lock();
	cpumask_copy(machine_cpus, cpu_active_mask);
	cpus_read_unlock();
	machine->nr_cpus = cpumask_weight(machine_cpus);

	mutex_lock(&dhp_online_mutex);
	machine_nodes = node_states[N_ONLINE];
	/* A block in transit may change it meanwhile. That is a change which has its own triple. */
	for_each_node_mask(nid, machine_nodes)
		machine->memory_bytes += (u64)READ_ONCE(node_present_pages(nid)) << PAGE_SHIFT;
	mutex_unlock(&dhp_online_mutex);
	machine->nr_nodes = nodes_weight(machine_nodes);
}

/* Drops rebalance_lock for the call; returns what QUERY_STOP has returned. */
static int rebalance_call(struct dhp_rebalance_client *client, enum dhp_rebalance_state state)
{
	struct dhp_rebalance_call call = { .state = state };
	const struct dhp_rebalance_ops *ops = client->ops;
	struct dhp_machine machine;
	u64 start, end;

	lockdep_assert_held(&rebalance_lock);
	mutex_unlock(&rebalance_lock);
	if (state == DHP_REBALANCE_START) {
		look_at_machine(&machine, client->seq);
		call.nr_cpus = machine.nr_cpus;
		call.nr_nodes = machine.nr_nodes;
		call.memory_bytes = machine.memory_bytes;
		call.seq = machine.seq;
	}

	dhp_context_enter(DHP_IN_REBALANCE);
	start = ktime_get_ns();
	switch (state) {
	case DHP_REBALANCE_QUERY_STOP:
		call.status = min(ops->query_stop(client->context), 0);
		break;
	case DHP_REBALANCE_STOP:
		ops->stop(client->context);
		break;
	case DHP_REBALANCE_START:
		ops->start(client->context, &machine);
		break;
	}
	end = dhp_client_called(&client->info, start);
	dhp_context_leave(DHP_IN_REBALANCE);
	dhp_log_rebalance(client->info.name, &call, start, end);
	mutex_lock(&rebalance_lock);
	return call.status;
}

static void ask_again_later(struct dhp_rebalance_client *client, int status)
{
	unsigned long delay = RETRY_FIRST << min(client->put_off, 8U);

	WRITE_ONCE(client->info.vetoes, client->info.vetoes + 1);
	client->retry = jiffies + min_t(unsigned long, delay, RETRY_LAST);
	if (++client->put_off == NAMED_AFTER)
		pr_warn("rebalance client %s has put its stop off %d times, the last time with %pe; it is asked again, every %d s at least\n",
			client->info.name, NAMED_AFTER, ERR_PTR(status), RETRY_LAST / HZ);
}

/* May the client be stopped? */
static bool query_stop(struct dhp_rebalance_client *client)
{
	int status = 0;

	if (client->ops->query_stop)
		status = rebalance_call(client, DHP_REBALANCE_QUERY_STOP);
	if (status) {
		ask_again_later(client, status);
		return false;
	}
	client->put_off = 0;
	return true;
}

/* @seq: the last event that the client need not be started for any more afterwards */
static void triple(struct dhp_rebalance_client *client, u64 seq)
{
	if (client->started) {
		if (!query_stop(client) || client->gone)
			return;
		rebalance_call(client, DHP_REBALANCE_STOP);
		/* Any other task that unregisters it waits for its start. */
		if (client->left)
			return;
	}
	client->started = true;
	client->seq = seq;
	rebalance_call(client, DHP_REBALANCE_START);
}

static void free_client(struct dhp_rebalance_client *client)
{
	lockdep_assert_held(&rebalance_lock);

	list_del(&client->node);
	dhp_client_del(&client->info);
	kfree(client);
}

static void serve(struct dhp_rebalance_client *client, u64 seq)
{
	current_client = client;
	WRITE_ONCE(current_owner, client->info.owner);
	triple(client, seq);
	WRITE_ONCE(current_client, NULL);
	if (client->left)
		free_client(client);
	WRITE_ONCE(current_owner, NULL);
}

/* ---- The work item --------------------------------------------------------- */

static struct dhp_rebalance_client *first_unstarted(void)
{
	struct dhp_rebalance_client *client;

	list_for_each_entry(client, &clients, node)
		if (!client->started && !client->gone)
			return client;
	return NULL;
}

/* If it is NULL, @delay receives when a client is to be asked again. */
static struct dhp_rebalance_client *first_due(u64 seq, unsigned long *delay)
{
	struct dhp_rebalance_client *client;
	unsigned long now = jiffies;

	*delay = NEVER;
	list_for_each_entry(client, &clients, node) {
		if (client->gone || client->seq == seq)
			continue;
		if (!client->put_off || time_after_eq(now, client->retry))
			return client;
		*delay = min(*delay, client->retry - now);
	}
	return NULL;
}

/* Makes one triple, or returns when to look again. May drop the lock. */
static unsigned long step(void)
{
	struct dhp_rebalance_client *client;
	unsigned long delay;
	u64 seq;

	lockdep_assert_held(&rebalance_lock);

	client = first_unstarted();
	if (client) {
		serve(client, dhp_event_sequence());
		return 0;
	}
	if (list_empty(&clients)) {
		burst = false;
		WRITE_ONCE(busy, false);
		return NEVER;
	}
	if (!burst_over(&seq, &delay))
		return delay;
	client = first_due(seq, &delay);
	if (client) {
		serve(client, seq);
		return 0;
	}
	WRITE_ONCE(busy, false);
	return delay;
}

/*
 * One triple at a time: freezing waits for the end of a work item that runs, and then does not
 * let the next one begin. A triple is not divided, so that a task that unregisters the client
 * need not wait for the end of a suspend.
 */
static void rebalance_fn(struct work_struct *work)
{
	unsigned long delay;

	mutex_lock(&rebalance_lock);
	delay = step();
	if (delay != NEVER)
		queue_delayed_work(dhp_freezable_wq, &rebalance_work, delay);
	wake_up_all(&rebalance_wait);
	mutex_unlock(&rebalance_lock);
}

/**
 * dhp_rebalance_settle() - wait until no triple is due
 * @idle: receives whether that was so from the beginning; then nothing has been waited for
 *
 * Clients that have put their stop off are not waited for.
 *
 * Return: 0, or -ERESTARTSYS when a signal came.
 */
int dhp_rebalance_settle(bool *idle)
{
	int err;

	mutex_lock(&rebalance_lock);
	*idle = !busy;
	if (*idle) {
		mutex_unlock(&rebalance_lock);
		return 0;
	}
	nr_settling++;
	look_now();
	mutex_unlock(&rebalance_lock);

	err = wait_event_interruptible(rebalance_wait, !READ_ONCE(busy));

	mutex_lock(&rebalance_lock);
	nr_settling--;
	mutex_unlock(&rebalance_lock);
	return err;
}

/* ---- Clients --------------------------------------------------------------- */

struct dhp_rebalance_client *
__dhp_register_rebalance(const struct dhp_rebalance_ops *ops, void *context,
			 struct module *owner)
{
	struct dhp_rebalance_client *client;

	if (!ops || !ops->stop || !ops->start)
		return ERR_PTR(-EINVAL);
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->ops = ops;
	client->context = context;

	mutex_lock(&rebalance_lock);
	dhp_client_add(&client->info, ops->start, "rebalance", owner);
	list_add_tail(&client->node, &clients);
	WRITE_ONCE(busy, true);
	look_now();
	mutex_unlock(&rebalance_lock);
	return client;
}
EXPORT_SYMBOL_GPL(__dhp_register_rebalance);

/* May drop the lock to wait for a running triple. */
static void drop(struct dhp_rebalance_client *client)
{
	client->gone = true;
	if (current_client == client && dhp_in(DHP_IN_REBALANCE)) {
		client->left = true;
		return;
	}
	while (current_client == client) {
		mutex_unlock(&rebalance_lock);
		wait_event(rebalance_wait, READ_ONCE(current_client) != client);
		mutex_lock(&rebalance_lock);
	}
	free_client(client);
	/* What is left may be settled now. */
	look_now();
}

int dhp_unregister_rebalance(struct dhp_rebalance_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	/* The callback that it waits for may be waiting for the hotplug lock. */
	if (dhp_refuse_inside("unregistering a rebalance client"))
		return -EDEADLK;

	mutex_lock(&rebalance_lock);
	drop(client);
	mutex_unlock(&rebalance_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_rebalance);

/**
 * dhp_rebalance_release_owner() - drop what a module that is being removed has left behind
 * @owner: the module
 */
void dhp_rebalance_release_owner(struct module *owner)
{
	struct dhp_rebalance_client *client;
	bool found;

	mutex_lock(&rebalance_lock);
	do {
		found = false;
		list_for_each_entry(client, &clients, node) {
			if (client->info.owner != owner || client->gone)
				continue;
			found = true;
			dhp_client_warn_left(&client->info, "rebalance");
			drop(client);
			break;
		}
	} while (found);
	mutex_unlock(&rebalance_lock);

	/* A callback that has unregistered itself may be running still. */
	wait_event(rebalance_wait, READ_ONCE(current_owner) != owner);
}

int dhp_rebalance_init(void)
{
	if (!zalloc_cpumask_var(&machine_cpus, GFP_KERNEL))
		return -ENOMEM;
	dhp_event_follow(on_change);
	return 0;
}

void dhp_rebalance_exit(void)
{
	dhp_event_follow(NULL);
	cancel_delayed_work_sync(&rebalance_work);
	free_cpumask_var(machine_cpus);
}
