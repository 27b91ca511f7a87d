// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous delivery: one queue of what has happened, one work item that
 * tells the clients, one event at a time, in the order of the queue.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"

/* How long a run of memory blocks waits for the next one that borders on it. */
#define RUN_WINDOW (HZ / 2)

/*
 * How long a run lasts at most, from its first block on, also while a block is in transit:
 * offline_pages() tries for as long as nobody sends it a signal. No event waits for more
 * than five seconds, and on a slow machine delivery takes its part of them.
 */
#define RUN_LIMIT (4 * HZ)

/*
 * How many events wait for a callback that is slow: an ARRIVAL and a REMOVAL for each CPU
 * of a large machine, in 64 KiB. Further ones are merged.
 */
#define QUEUE_MAX 512

/* How long a callback runs before the log names it. */
#define SLOW_CALLBACK (10 * HZ)

/**
 * struct event_item - something to deliver
 * @node: in the queue; empty while not queued
 * @stamp: its place in time: clients that registered later do not get it
 * @open: a memory item at the end of the queue, which waits for further blocks
 * @due: in jiffies: when it closes, unless a further block is added or in transit
 * @deadline: in jiffies: when it closes in any case
 * @client: NULL, or the client whose existing events are due
 * @event: what happened, without its number, which delivery gives
 */
struct event_item {
	struct list_head node;
	u64 stamp;
	bool open;
	unsigned long due;
	unsigned long deadline;
	struct dhp_event_client *client;
	struct dhp_event event;
};

/**
 * struct dhp_event_client - one registration
 * @info: name and counts
 * @node: in event_clients
 * @category: what it wants to hear of
 * @fn: its callback
 * @context: the callback's
 * @since: stamp of the last item before it registered
 * @gone: no more calls
 * @orphaned: unregistered from its own callback; delivery frees it
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
	bool orphaned;
	struct event_item replay;
	struct dhp_event *existing;
	unsigned int nr_existing;
	unsigned int nr_replayed;
};

struct workqueue_struct *dhp_freezable_wq;

static void event_deliver(struct work_struct *work);
static void event_watch_fn(struct work_struct *work);

/* Protects everything below. */
static DEFINE_MUTEX(event_lock);
static LIST_HEAD(event_queue);
static unsigned int event_nr_queued;	/* without the replays, of which a client has one */
static LIST_HEAD(event_clients);
static cpumask_var_t event_cpus;	/* whose last event was an ARRIVAL */
static u64 event_stamp;
static u64 event_seq;
static bool event_run_held;		/* a memory block is in transit */
static struct task_struct *event_task;	/* who delivers */
static struct dhp_event_client *event_current;	/* to whom, right now */
static struct module *event_owner;	/* and whose that one is */
static unsigned long event_called;	/* since when, in jiffies */
static bool event_named;		/* the log has named it */

/*
 * The event that is being delivered, its stamp, and in event_clients the client that is
 * notified next, or now; NULL when none is being delivered.
 */
static struct dhp_event event_now;
static u64 event_now_stamp;
static struct list_head *event_next;
static bool event_notified;		/* any client of it */

/* For when memory is short or the queue is full: one a category is enough, the rest is merged. */
static struct event_item event_reserve[] = {
	[DHP_PROCESSOR] = { LIST_HEAD_INIT(event_reserve[DHP_PROCESSOR].node) },
	[DHP_MEMORY] = { LIST_HEAD_INIT(event_reserve[DHP_MEMORY].node) },
};

static DECLARE_DELAYED_WORK(event_work, event_deliver);
static DECLARE_DELAYED_WORK(event_watch, event_watch_fn);
static DECLARE_WAIT_QUEUE_HEAD(event_wait);

/* ---- Filling the queue -------------------------------------------------- */

static struct event_item *event_last(void)
{
	return list_empty(&event_queue) ? NULL :
		list_last_entry(&event_queue, struct event_item, node);
}

static void event_kick(void)
{
	mod_delayed_work(dhp_freezable_wq, &event_work, 0);
}

/* Ends the run of blocks at the end of the queue, if there is one. */
static void event_close_run(void)
{
	struct event_item *last = event_last();

	lockdep_assert_held(&event_lock);
	if (last && last->open) {
		last->open = false;
		event_kick();
	}
}

static void event_extend(struct dhp_event *into, const struct dhp_event *by)
{
	phys_addr_t end = max(into->start + into->size, by->start + by->size);

	into->start = min(into->start, by->start);
	into->size = end - into->start;
}

/*
 * Folds @event into the newest queued one of its category. That one moves to the
 * end, so that it is told neither too early nor to too few.
 */
static void event_merge(const struct dhp_event *event)
{
	struct event_item *item;

	list_for_each_entry_reverse(item, &event_queue, node) {
		if (item->client || item->event.category != event->category)
			continue;
		event_extend(&item->event, event);
		item->event.action = event->action;
		item->event.cpu = event->cpu;
		item->event.nid = event->nid;
		item->event.time = event->time;
		item->event.merged++;
		item->stamp = ++event_stamp;
		list_move_tail(&item->node, &event_queue);
		return;
	}
}

/* With @open it begins a run. */
static void event_add(const struct dhp_event *event, bool open)
{
	struct event_item *item = NULL;

	lockdep_assert_held(&event_lock);
	event_close_run();

	if (event_nr_queued < QUEUE_MAX)
		item = kmalloc(sizeof(*item), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!item && list_empty(&event_reserve[event->category].node))
		item = &event_reserve[event->category];
	if (item) {
		item->stamp = ++event_stamp;
		item->open = open;
		item->due = jiffies + RUN_WINDOW;
		item->deadline = jiffies + RUN_LIMIT;
		item->client = NULL;
		item->event = *event;
		list_add_tail(&item->node, &event_queue);
		event_nr_queued++;
	} else {
		/* The reserve is in the queue, so there is one to merge into. */
		event_merge(event);
	}
	event_kick();
}

/**
 * dhp_event_processor() - queue the arrival or removal of a processor
 * @action: which
 * @cpu: its number
 *
 * Only real changes count: an arrival of a processor that has arrived, or a
 * removal of one that has not, is nothing.
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
		event_add(&event, false);
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_processor_known() - note a processor that was there before dhp
 * @cpu: its number
 */
void dhp_event_processor_known(unsigned int cpu)
{
	mutex_lock(&event_lock);
	cpumask_set_cpu(cpu, event_cpus);
	mutex_unlock(&event_lock);
}

/* Does a block border on the run at the end of the queue, if there is one? */
static bool event_in_run(const struct event_item *last, enum dhp_event_action action,
			 const struct dhp_range *range)
{
	const struct dhp_event *run;

	if (!last || !last->open || time_after_eq(jiffies, last->deadline))
		return false;
	run = &last->event;
	return run->action == action && run->nid == range->nid &&
	       (run->start + run->size == range->start ||
		range->start + range->size == run->start);
}

/**
 * dhp_event_memory() - queue the arrival or removal of a memory block
 * @action: which
 * @range: the block
 *
 * A block that borders on the run at the end of the queue extends it, but not its
 * deadline.
 */
void dhp_event_memory(enum dhp_event_action action, const struct dhp_range *range)
{
	struct dhp_event event = {
		.action = action,
		.category = DHP_MEMORY,
		.start = range->start,
		.size = range->size,
		.nid = range->nid,
	};
	struct event_item *last;

	mutex_lock(&event_lock);
	event.time = ktime_get();
	last = event_last();
	if (event_in_run(last, action, range)) {
		event_extend(&last->event, &event);
		last->event.time = event.time;
		last->due = jiffies + RUN_WINDOW;
	} else {
		event_add(&event, true);
	}
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_hold_run() - wait for the outcome of a memory block in transit
 * @action: what it is to become
 * @range: the block
 *
 * On a slow machine a block of the run may take longer than the window. The run's
 * deadline stays.
 */
void dhp_event_hold_run(enum dhp_event_action action, const struct dhp_range *range)
{
	mutex_lock(&event_lock);
	event_run_held = event_in_run(event_last(), action, range);
	mutex_unlock(&event_lock);
}

/**
 * dhp_event_release_run() - the outcome of the memory block is known
 */
void dhp_event_release_run(void)
{
	mutex_lock(&event_lock);
	event_run_held = false;
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
	start = ktime_get_ns();
	client->fn(client->context, event);
	end = ktime_get_ns();
	mutex_lock(&event_lock);
	dhp_client_called(&client->info, end - start);
	dhp_log_event(client->info.name, event, start, end);
	WRITE_ONCE(event_current, NULL);
	WRITE_ONCE(event_owner, NULL);
}

/* It was queued when some call began, which may have ended long since. */
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

static void event_uevent(const struct dhp_event *event)
{
	char action[32], category[32], what[40], size[40], node[24], seq[40];
	char *env[7] = { action, category, what, node, seq };

	snprintf(action, sizeof(action), "DHP_ACTION=%s",
		 event->action == DHP_EVENT_ARRIVAL ? "ARRIVAL" : "REMOVAL");
	snprintf(node, sizeof(node), "DHP_NODE=%d", event->nid);
	snprintf(seq, sizeof(seq), "DHP_SEQUENCE=%llu", event->seq);
	if (event->category == DHP_PROCESSOR) {
		strscpy(category, "DHP_CATEGORY=processor", sizeof(category));
		snprintf(what, sizeof(what), "DHP_CPU=%u", event->cpu);
	} else {
		strscpy(category, "DHP_CATEGORY=memory", sizeof(category));
		snprintf(what, sizeof(what), "DHP_START=%#llx", (u64)event->start);
		snprintf(size, sizeof(size), "DHP_SIZE=%#llx", (u64)event->size);
		env[5] = size;
	}
	kobject_uevent_env(&THIS_MODULE->mkobj.kobj, KOBJ_CHANGE, env);
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
		if (client->orphaned)
			event_free_client(client);
		return;
	}
	WRITE_ONCE(event_next, NULL);
	mutex_unlock(&event_lock);
	if (!event_notified) {
		now = ktime_get_ns();
		dhp_log_event(NULL, &event_now, now, now);
	}
	event_uevent(&event_now);
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
	if (client->orphaned) {
		event_free_client(client);
	} else if (!client->gone && client->nr_replayed == client->nr_existing) {
		list_del_init(&client->replay.node);
		kvfree(client->existing);
		client->existing = NULL;
	}
}

/* Takes the first item, an event, out of the queue. */
static void event_begin(struct event_item *item)
{
	event_now = item->event;
	event_now_stamp = item->stamp;
	event_notified = false;
	/* Before the item leaves the queue: event_idle() is read without the lock. */
	WRITE_ONCE(event_next, event_clients.next);
	list_del_init(&item->node);
	event_nr_queued--;
	if (item != &event_reserve[event_now.category])
		kfree(item);
	WRITE_ONCE(event_seq, event_seq + 1);
	event_now.seq = event_seq;
}

/* Returns whether there is more to do now. */
static bool event_step(void)
{
	struct event_item *item;
	unsigned long due;

	if (event_next) {
		event_notify_next();
		return true;
	}
	item = list_first_entry_or_null(&event_queue, struct event_item, node);
	if (!item)
		return false;
	if (item->client) {
		event_replay_next(item->client);
		return true;
	}
	/* An open item is the last. Until it closes, nothing is due. */
	if (item->open) {
		due = item->due;
		if (event_run_held || time_after(due, item->deadline))
			due = item->deadline;
		if (time_before(jiffies, due)) {
			queue_delayed_work(dhp_freezable_wq, &event_work, due - jiffies);
			return false;
		}
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
	WRITE_ONCE(event_task, current);
	if (event_step())
		event_kick();
	WRITE_ONCE(event_task, NULL);
	wake_up_all(&event_wait);
	mutex_unlock(&event_lock);
}

static bool event_idle(void)
{
	return list_empty(&event_queue) && !READ_ONCE(event_next) && !READ_ONCE(event_task);
}

/**
 * dhp_event_settle() - wait until nothing is pending
 * @seq: receives the number of the last event
 *
 * Return: 0; -ERESTARTSYS when a signal came; -EDEADLK from an event callback.
 */
int dhp_event_settle(u64 *seq)
{
	bool idle;
	int ret;

	if (READ_ONCE(event_task) == current)
		return -EDEADLK;
	for (;;) {
		ret = dhp_processor_settle();
		if (ret)
			return ret;
		mutex_lock(&event_lock);
		event_close_run();
		idle = event_idle();
		*seq = event_seq;
		mutex_unlock(&event_lock);
		if (idle)
			return 0;
		/* Without the lock, true is only a hint. */
		ret = wait_event_interruptible(event_wait, event_idle());
		if (ret)
			return ret;
	}
}

u64 dhp_event_sequence(void)
{
	return READ_ONCE(event_seq);
}

/* ---- Clients ------------------------------------------------------------ */

static int event_existing_processors(struct dhp_event_client *client)
{
	struct dhp_event *existing;
	unsigned int cpu;

	existing = kvcalloc(cpumask_weight(event_cpus), sizeof(*existing), GFP_KERNEL);
	if (!existing)
		return -ENOMEM;
	client->existing = existing;
	for_each_cpu(cpu, event_cpus) {
		existing->cpu = cpu;
		existing->nid = cpu_to_node(cpu);
		existing++;
		client->nr_existing++;
	}
	return 0;
}

static int event_existing_memory(struct dhp_event_client *client,
				 const struct dhp_range *ranges, int nr)
{
	int i;

	client->existing = kvcalloc(nr, sizeof(*client->existing), GFP_KERNEL);
	if (!client->existing)
		return -ENOMEM;
	client->nr_existing = nr;
	for (i = 0; i < nr; i++) {
		client->existing[i].start = ranges[i].start;
		client->existing[i].size = ranges[i].size;
		client->existing[i].nid = ranges[i].nid;
	}
	return 0;
}

/* Enters the client, and its replay into the queue, in one step. */
static int event_enter(struct dhp_event_client *client, bool existing,
		       const struct dhp_range *ranges, int nr)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&event_lock);
	event_close_run();
	client->since = event_stamp;
	if (existing) {
		if (client->category == DHP_PROCESSOR)
			ret = event_existing_processors(client);
		else
			ret = event_existing_memory(client, ranges, nr);
		if (ret)
			goto unlock;
		for (i = 0; i < client->nr_existing; i++) {
			client->existing[i].time = ktime_get();
			client->existing[i].action = DHP_EVENT_ARRIVAL;
			client->existing[i].category = client->category;
			client->existing[i].existing = true;
		}
		client->replay.client = client;
		client->replay.stamp = ++event_stamp;
		client->since = event_stamp;
		list_add_tail(&client->replay.node, &event_queue);
		event_kick();
	}
	list_add_tail(&client->node, &event_clients);
unlock:
	mutex_unlock(&event_lock);
	return ret;
}

struct dhp_event_client *
__dhp_register_event_callback(enum dhp_category category, dhp_event_fn fn,
			      void *context, unsigned int flags,
			      struct module *owner)
{
	bool existing = flags & DHP_EVENT_INCLUDE_EXISTING;
	struct dhp_event_client *client;
	struct dhp_range *ranges = NULL;
	int ret, nr = 0;

	if (!fn || (category != DHP_PROCESSOR && category != DHP_MEMORY))
		return ERR_PTR(-EINVAL);
	if (flags & ~DHP_EVENT_INCLUDE_EXISTING)
		return ERR_PTR(-EOPNOTSUPP);
	if (dhp_memory_inside("registering an event callback"))
		return ERR_PTR(-EDEADLK);

	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&client->replay.node);
	client->category = category;
	client->fn = fn;
	client->context = context;

	/* No memory event may slip in between looking and entering. */
	if (category == DHP_MEMORY) {
		dhp_memory_freeze();
		if (existing) {
			nr = dhp_memory_ranges(&ranges);
			if (nr < 0) {
				ret = nr;
				goto thaw;
			}
		}
	}
	dhp_client_add(&client->info, fn,
		       category == DHP_PROCESSOR ? "processor-event" : "memory-event",
		       owner);
	ret = event_enter(client, existing, ranges, nr);
	if (ret)
		dhp_client_del(&client->info);
thaw:
	if (category == DHP_MEMORY)
		dhp_memory_thaw();
	kvfree(ranges);
	if (ret) {
		kvfree(client->existing);
		kfree(client);
		return ERR_PTR(ret);
	}
	return client;
}
EXPORT_SYMBOL_GPL(__dhp_register_event_callback);

/* May drop event_lock to wait for a running callback. */
static void event_drop(struct dhp_event_client *client)
{
	client->gone = true;
	list_del_init(&client->replay.node);
	if (event_current == client && event_task == current) {
		client->orphaned = true;
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
	if (dhp_inside("unregistering an event callback"))
		return -EDEADLK;

	mutex_lock(&event_lock);
	event_drop(client);
	mutex_unlock(&event_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_event_callback);

/**
 * dhp_event_forget() - drop what a module that is leaving has left behind
 * @owner: the module
 */
void dhp_event_forget(struct module *owner)
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
			pr_err("%s leaves without unregistering event callback %s; dropped\n",
			       module_name(owner), client->info.name);
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
	struct event_item *item, *next;

	cancel_delayed_work_sync(&event_work);
	cancel_delayed_work_sync(&event_watch);
	destroy_workqueue(dhp_freezable_wq);
	list_for_each_entry_safe(item, next, &event_queue, node)
		if (item != &event_reserve[item->event.category])
			kfree(item);
	free_cpumask_var(event_cpus);
}
