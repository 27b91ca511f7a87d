// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous delivery: a work item takes what has happened out of the queue and notifies
 * the clients, one event at a time. What waits in the queue is in event_queue.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "client.h"
#include "common.h"
#include "compat.h"
#include "dhp.h"
#include "event.h"
#include "event_existing.h"
#include "event_queue.h"
#include "log.h"
#include "notify.h"
#include "uevent.h"

/* How long a callback runs before the log names it. */
#define SLOW_CALLBACK (10 * HZ)

/**
 * struct dhp_event_client - one registration
 * @info: name and counts
 * @node: in event_clients
 * @category: what it follows
 * @fn: its callback
 * @context: the callback's
 * @since: stamp of the last item before it registered
 * @gone: no more calls
 * @left: unregistered from its own callback; delivery frees it
 * @replay: its place in the queue when it has existing events
 * @existing: these
 * @nr_existing: their number
 * @nr_replayed: how many of them it has been notified of
 */
struct dhp_event_client {
	struct dhp_client_info info;
	struct list_head node;
	enum dhp_category category;
	dhp_event_fn fn;
	void *context;
	u64 since;
	bool gone;
	bool left;
	struct dhp_queue_item replay;
	struct dhp_event *existing;
	unsigned int nr_existing;
	unsigned int nr_replayed;
};

struct workqueue_struct *dhp_freezable_wq;

static void event_deliver(struct work_struct *work);
static void event_watch_fn(struct work_struct *work);

/* Protects everything below, and the queue. */
static DEFINE_MUTEX(event_lock);
static LIST_HEAD(event_clients);
static cpumask_var_t event_cpus;	/* whose last event was an ARRIVAL */
static u64 event_seq;
static bool event_delivering;		/* the work item runs */
static struct dhp_event_client *event_current;	/* the client that it is calling */
static struct module *event_owner;	/* and that client's module */
static unsigned long event_called;	/* since when, in jiffies */
static bool event_named;		/* the log has named it */

/*
 * The event that is being delivered, its stamp, and in event_clients the client that is
 * notified next, or now; NULL when no event is being delivered.
 */
static struct dhp_event event_now;
static u64 event_now_stamp;
static struct list_head *event_next;
static bool event_notified;		/* any client of it */

static void (*event_follower)(void);	/* called for each change, or NULL */

static DECLARE_DELAYED_WORK(event_work, event_deliver);
static DECLARE_DELAYED_WORK(event_watch, event_watch_fn);
static DECLARE_WAIT_QUEUE_HEAD(event_wait);

/* ---- Filling the queue -------------------------------------------------- */

static void event_kick(void)
{
	mod_delayed_work(dhp_freezable_wq, &event_work, 0);
}

static void event_close_run(void)
{
	lockdep_assert_held(&event_lock);

	if (dhp_queue_close_run())
		event_kick();
}

static void event_add(const struct dhp_event *event)
{
	lockdep_assert_held(&event_lock);

	dhp_queue_add(event);
	event_kick();
	if (event_follower)
		event_follower();
}

/**
 * dhp_event_processor() - queue the arrival or removal of a CPU
 * @action: which
 * @cpu: its number
 *
 * Only real changes count: an arrival of a CPU that has arrived, or a removal of one that
 * has not, is not an event.
 */
void dhp_event_processor(enum dhp_event_action action, unsigned int cpu)
{
	struct dhp_event event = {
		.action = action,
		.category = DHP_PROCESSOR,
		.cpu = cpu,
		.nid = cpu_to_node(cpu),
	};
	bool changed;

	mutex_lock(&event_lock);
	if (action == DHP_EVENT_ARRIVAL)
		changed = !cpumask_test_and_set_cpu(cpu, event_cpus);
	else
		changed = cpumask_test_and_clear_cpu(cpu, event_cpus);
	/* Under the lock, so that times have the order of the queue. */
	event.time = ktime_get();
	if (changed)
		event_add(&event);
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_processor_known() - note a CPU that was there before dhp
 * @cpu: its number
 */
void dhp_event_processor_known(unsigned int cpu)
{
	mutex_lock(&event_lock);
	cpumask_set_cpu(cpu, event_cpus);
	mutex_unlock(&event_lock);
}

static struct dhp_event memory_event(enum dhp_event_action action,
				     const struct dhp_range *range)
{
	return (struct dhp_event) {
		.action = action,
		.category = DHP_MEMORY,
		.start = range->start,
		.size = range->size,
		.nid = range->nid,
	};
}

/**
 * dhp_event_memory() - queue the arrival or removal of a memory block
 * @action: which
 * @range: the block
 */
void dhp_event_memory(enum dhp_event_action action, const struct dhp_range *range)
{
	struct dhp_event event = memory_event(action, range);

	mutex_lock(&event_lock);
	event.time = ktime_get();
	event_add(&event);
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_hold_run() - wait for the outcome of a memory block in transit
 * @action: what it is to become
 * @range: the block
 */
void dhp_event_hold_run(enum dhp_event_action action, const struct dhp_range *range)
{
	struct dhp_event event = memory_event(action, range);

	mutex_lock(&event_lock);
	dhp_queue_hold_run(&event);
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_release_run() - the outcome of the memory block is known
 */
void dhp_event_release_run(void)
{
	mutex_lock(&event_lock);
	dhp_queue_release_run();
	event_kick();
	mutex_unlock(&event_lock);
}

/* ---- Delivering --------------------------------------------------------- */

static void event_free_client(struct dhp_event_client *client)
{
	if (event_next == &client->node)
		WRITE_ONCE(event_next, client->node.next);
	list_del(&client->node);
	dhp_client_del(&client->info);
	kvfree(client->existing);
	kfree(client);
}

/* Drops event_lock for the call. The client stays in the list meanwhile. */
static void event_call(struct dhp_event_client *client,
		       const struct dhp_event *event)
{
	u64 start, end;

	WRITE_ONCE(event_current, client);
	WRITE_ONCE(event_owner, client->info.owner);
	event_called = jiffies;
	event_named = false;
	queue_delayed_work(system_dfl_wq, &event_watch, SLOW_CALLBACK);
	mutex_unlock(&event_lock);
	dhp_context_enter(DHP_IN_EVENT);
	start = ktime_get_ns();
	client->fn(client->context, event);
	end = dhp_client_called(&client->info, start);
	dhp_context_leave(DHP_IN_EVENT);
	mutex_lock(&event_lock);
	dhp_log_event(client->info.name, event, start, end);
	WRITE_ONCE(event_current, NULL);
	WRITE_ONCE(event_owner, NULL);
}

/* It was queued when some call began, which may have ended long ago. */
static void event_watch_fn(struct work_struct *work)
{
	unsigned long due;

	mutex_lock(&event_lock);
	due = event_called + SLOW_CALLBACK;
	if (!event_current || event_named)
		goto unlock;
	if (time_before(jiffies, due)) {
		queue_delayed_work(system_dfl_wq, &event_watch, due - jiffies);
		goto unlock;
	}
	event_named = true;
	pr_warn("event callback %s has been running for %lu s; no other event is delivered until it returns\n",
		event_current->info.name, (jiffies - event_called) / HZ);
unlock:
	mutex_unlock(&event_lock);
}

/* Notifies one client of event_now, or ends it when all have been. */
static void event_notify_next(void)
{
	struct dhp_event_client *client;
	u64 now;

	while (event_next != &event_clients) {
		client = list_entry(event_next, struct dhp_event_client, node);
		if (client->gone || client->category != event_now.category ||
		    client->since >= event_now_stamp) {
			WRITE_ONCE(event_next, client->node.next);
			continue;
		}
		event_notified = true;
		event_call(client, &event_now);
		WRITE_ONCE(event_next, client->node.next);
		if (client->left)
			event_free_client(client);
		return;
	}
	WRITE_ONCE(event_next, NULL);
	mutex_unlock(&event_lock);
	if (!event_notified) {
		now = ktime_get_ns();
		dhp_log_event(NULL, &event_now, now, now);
	}
	dhp_uevent(&event_now);
	mutex_lock(&event_lock);
}

/* Notifies a client, whose replay is the first item, of the next thing that exists. */
static void event_replay_next(struct dhp_event_client *client)
{
	struct dhp_event *event;

	if (client->nr_replayed < client->nr_existing) {
		event = &client->existing[client->nr_replayed++];
		event->seq = event_seq;
		event_call(client, event);
	}
	if (client->left) {
		event_free_client(client);
	} else if (!client->gone && client->nr_replayed == client->nr_existing) {
		list_del_init(&client->replay.node);
		kvfree(client->existing);
		client->existing = NULL;
	}
}

/* Takes the first item, an event, out of the queue. */
static void event_begin(struct dhp_queue_item *item)
{
	event_notified = false;
	/* Before the item leaves the queue: event_idle() is read without the lock. */
	WRITE_ONCE(event_next, event_clients.next);
	dhp_queue_take(item, &event_now, &event_now_stamp);
	WRITE_ONCE(event_seq, event_seq + 1);
	event_now.seq = event_seq;
}

/* Returns whether there is more to do now. */
static bool event_step(void)
{
	struct dhp_queue_item *item;
	unsigned long delay;

	if (event_next) {
		event_notify_next();
		return true;
	}
	item = dhp_queue_first();
	if (!item)
		return false;
	if (item->client) {
		event_replay_next(item->client);
		return true;
	}
	delay = dhp_queue_delay(item);
	if (delay) {
		queue_delayed_work(dhp_freezable_wq, &event_work, delay);
		return false;
	}
	event_begin(item);
	return true;
}

/*
 * One call at a time: freezing waits for the end of a work item that runs, and then does
 * not let the next one begin.
 */
static void event_deliver(struct work_struct *work)
{
	mutex_lock(&event_lock);
	WRITE_ONCE(event_delivering, true);
	if (event_step())
		event_kick();
	WRITE_ONCE(event_delivering, false);
	wake_up_all(&event_wait);
	mutex_unlock(&event_lock);
}

static bool event_idle(void)
{
	return dhp_queue_empty() && !READ_ONCE(event_next) && !READ_ONCE(event_delivering);
}

/**
 * dhp_event_settle() - wait until no event is pending
 * @idle: receives whether that was so from the beginning; then nothing has been waited for
 * @seq: receives the number of the last event
 *
 * Return: 0, or -ERESTARTSYS when a signal came.
 */
int dhp_event_settle(bool *idle, u64 *seq)
{
	mutex_lock(&event_lock);
	event_close_run();
	*idle = event_idle();
	*seq = event_seq;
	mutex_unlock(&event_lock);
	/* Without the lock, true is only a hint. */
	return *idle ? 0 : wait_event_interruptible(event_wait, event_idle());
}

u64 dhp_event_sequence(void)
{
	return READ_ONCE(event_seq);
}

/* ---- What happens after events -------------------------------------------- */

/**
 * dhp_event_follow() - have each change reported when it is queued
 * @fn: called with event_lock held, long before the event is delivered; NULL ends it
 */
void dhp_event_follow(void (*fn)(void))
{
	mutex_lock(&event_lock);
	event_follower = fn;
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_caught_up() - has everything that has happened been delivered?
 * @seq: receives the number of the last event
 *
 * Without an operation in progress, the ARRIVAL of a CPU can still be due, since it is queued a
 * moment after the operation has ended: the CPU is active then. A REMOVAL is queued inside its
 * operation. A CPU that cpuN/hotplug/target has left half-way is not active, whether online or
 * offline, and has no event to come before it is moved on.
 *
 * Context: With the CPU hotplug lock and dhp_online_mutex held.
 */
bool dhp_event_caught_up(u64 *seq)
{
	bool caught_up;

	mutex_lock(&event_lock);
	caught_up = event_idle() && cpumask_subset(cpu_active_mask, event_cpus);
	*seq = event_seq;
	mutex_unlock(&event_lock);
	return caught_up;
}

/* ---- Clients ------------------------------------------------------------ */

/* Enters the client, and its replay into the queue, in one step. */
static int event_enter(struct dhp_event_client *client, bool existing)
{
	int ret = 0;

	mutex_lock(&event_lock);
	event_close_run();
	client->since = dhp_queue_stamp();
	if (existing) {
		if (client->category == DHP_PROCESSOR)
			ret = dhp_event_existing_processors(event_cpus, &client->existing);
		else
			ret = dhp_event_existing_memory(&client->existing);
		if (ret < 0)
			goto unlock;
		client->nr_existing = ret;
		ret = 0;
		dhp_queue_add_replay(&client->replay, client);
		client->since = client->replay.stamp;
		event_kick();
	}
	list_add_tail(&client->node, &event_clients);
unlock:
	mutex_unlock(&event_lock);
	return ret;
}

/**
 * dhp_register_event_adapter() - register a callback that stands for another one
 * @category: as for dhp_register_event_callback()
 * @fn: the callback
 * @context: handed to it
 * @flags: as for dhp_register_event_callback()
 * @owner: the client's module
 * @named: the function of the client's, whose name the log and the list of clients show
 *
 * Context, Return: as for dhp_register_event_callback().
 */
struct dhp_event_client *
dhp_register_event_adapter(enum dhp_category category, dhp_event_fn fn, void *context,
			   unsigned int flags, struct module *owner, void *named)
{
	bool existing = flags & DHP_EVENT_INCLUDE_EXISTING;
	struct dhp_event_client *client;
	int ret;

	if (!fn || (category != DHP_PROCESSOR && category != DHP_MEMORY))
		return ERR_PTR(-EINVAL);
	if (flags & ~DHP_EVENT_INCLUDE_EXISTING)
		return ERR_PTR(-EOPNOTSUPP);
	if (dhp_refuse_in(DHP_IN_MEMORY, "registering an event callback"))
		return ERR_PTR(-EDEADLK);

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&client->replay.node);
	client->category = category;
	client->fn = fn;
	client->context = context;

	/* No memory event may slip in between looking and entering. */
	if (category == DHP_MEMORY)
		mutex_lock(&dhp_online_mutex);
	dhp_client_add(&client->info, named,
		       category == DHP_PROCESSOR ? "processor-event" : "memory-event",
		       owner);
	ret = event_enter(client, existing);
	if (ret)
		dhp_client_del(&client->info);
	if (category == DHP_MEMORY)
		mutex_unlock(&dhp_online_mutex);
	if (ret) {
		kvfree(client->existing);
		kfree(client);
		return ERR_PTR(ret);
	}
	return client;
}

struct dhp_event_client *
__dhp_register_event_callback(enum dhp_category category, dhp_event_fn fn,
			      void *context, unsigned int flags,
			      struct module *owner)
{
	return dhp_register_event_adapter(category, fn, context, flags, owner, fn);
}
EXPORT_SYMBOL_GPL(__dhp_register_event_callback);

/* May drop event_lock to wait for a running callback. */
static void event_drop(struct dhp_event_client *client)
{
	client->gone = true;
	list_del_init(&client->replay.node);
	if (event_current == client && dhp_in(DHP_IN_EVENT)) {
		client->left = true;
		return;
	}
	while (event_current == client) {
		mutex_unlock(&event_lock);
		wait_event(event_wait, READ_ONCE(event_current) != client);
		mutex_lock(&event_lock);
	}
	event_free_client(client);
}

int dhp_unregister_event_callback(struct dhp_event_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	/* The callback that it waits for may be waiting for the hotplug lock. */
	if (dhp_refuse_inside("unregistering an event callback"))
		return -EDEADLK;

	mutex_lock(&event_lock);
	event_drop(client);
	mutex_unlock(&event_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_event_callback);

/**
 * dhp_event_release_owner() - drop what a module that is being removed has left behind
 * @owner: the module
 */
void dhp_event_release_owner(struct module *owner)
{
	struct dhp_event_client *client;
	bool found;

	mutex_lock(&event_lock);
	do {
		found = false;
		list_for_each_entry(client, &event_clients, node) {
			if (client->info.owner != owner || client->gone)
				continue;
			found = true;
			dhp_client_warn_left(&client->info, "event");
			event_drop(client);
			break;
		}
	} while (found);
	mutex_unlock(&event_lock);

	/* A callback that has unregistered itself may be running still. */
	wait_event(event_wait, READ_ONCE(event_owner) != owner);
}

int dhp_event_init(void)
{
	if (!zalloc_cpumask_var(&event_cpus, GFP_KERNEL))
		return -ENOMEM;
	dhp_freezable_wq = alloc_workqueue("dhp", WQ_FREEZABLE | WQ_UNBOUND, 0);
	if (!dhp_freezable_wq)
		goto free_cpus;
	return 0;

free_cpus:
	free_cpumask_var(event_cpus);
	return -ENOMEM;
}

void dhp_event_exit(void)
{
	cancel_delayed_work_sync(&event_work);
	cancel_delayed_work_sync(&event_watch);
	destroy_workqueue(dhp_freezable_wq);
	dhp_queue_free();
	free_cpumask_var(event_cpus);
}
