// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits for delivery, in the order in which it happened. Neighbouring memory blocks
 * become one event here, a *run*, which is open at the end of the queue until it is due.
 * The queue is bounded; when it is full, or memory is short, events are merged.
 *
 * event.c calls all of this with its event_lock held, but for dhp_queue_empty(), and for
 * dhp_queue_free() at the end.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "event_queue.h"

/* How long a run of memory blocks waits for the next one that borders on it. */
#define RUN_WINDOW (HZ / 2)

/*
 * How long a run lasts at most, from its first block on, also while a block is in transit:
 * offline_pages() tries until it gets a signal. No event waits for more than five seconds,
 * and on a slow machine delivery takes its part of them.
 */
#define RUN_LIMIT (4 * HZ)

/*
 * How many events wait for a callback that is slow: an ARRIVAL and a REMOVAL for each CPU
 * of a large machine, in 64 KiB. Further ones are merged.
 */
#define QUEUE_MAX 512

static LIST_HEAD(queue);
static unsigned int nr_queued;	/* without the replays, of which a client has one */
static u64 last_stamp;
static bool run_held;		/* a memory block is in transit */

/* For when memory is short or the queue is full: one a category is enough, the rest is merged. */
static struct dhp_queue_item reserve[] = {
	[DHP_PROCESSOR] = { LIST_HEAD_INIT(reserve[DHP_PROCESSOR].node) },
	[DHP_MEMORY] = { LIST_HEAD_INIT(reserve[DHP_MEMORY].node) },
};

/* Without the lock, it is only a hint. */
bool dhp_queue_empty(void)
{
	return list_empty(&queue);
}

/* Of what was queued last. */
u64 dhp_queue_stamp(void)
{
	return last_stamp;
}

/* ---- Runs of memory blocks ----------------------------------------------- */

/* The item at the end of the queue if it is an open run; or NULL. */
static struct dhp_queue_item *open_run(void)
{
	struct dhp_queue_item *last;

	if (list_empty(&queue))
		return NULL;
	last = list_last_entry(&queue, struct dhp_queue_item, node);
	return last->open ? last : NULL;
}

/* Ends the run of blocks at the end of the queue; false if there is none. */
bool dhp_queue_close_run(void)
{
	struct dhp_queue_item *run = open_run();

	if (!run)
		return false;
	run->open = false;
	return true;
}

/* Does a block border on the run? */
static bool in_run(const struct dhp_queue_item *run, const struct dhp_event *block)
{
	const struct dhp_event *event;

	if (!run || time_after_eq(jiffies, run->deadline))
		return false;
	event = &run->event;
	return event->action == block->action && event->nid == block->nid &&
	       (event->start + event->size == block->start ||
		block->start + block->size == event->start);
}

static void extend(struct dhp_event *into, const struct dhp_event *by)
{
	phys_addr_t end = max(into->start + into->size, by->start + by->size);

	into->start = min(into->start, by->start);
	into->size = end - into->start;
}

/* A run gets a further block, but no later deadline. */
static void extend_run(struct dhp_queue_item *run, const struct dhp_event *block)
{
	extend(&run->event, block);
	run->event.time = block->time;
	run->due = jiffies + RUN_WINDOW;
}

/*
 * @block is in transit. On a slow machine this may take longer than the window; a run that
 * it borders on stays open, at most until its deadline.
 */
void dhp_queue_hold_run(const struct dhp_event *block)
{
	run_held = in_run(open_run(), block);
}

/* No block is in transit any more. */
void dhp_queue_release_run(void)
{
	run_held = false;
}

/* ---- Filling ------------------------------------------------------------- */

/*
 * Folds @event into the newest queued one of its category. That one moves to the end of
 * the queue, so that it is delivered neither too early nor to too few.
 */
static void merge(const struct dhp_event *event)
{
	struct dhp_queue_item *item;

	list_for_each_entry_reverse(item, &queue, node) {
		if (item->client || item->event.category != event->category)
			continue;
		extend(&item->event, event);
		item->event.action = event->action;
		item->event.cpu = event->cpu;
		item->event.nid = event->nid;
		item->event.time = event->time;
		item->event.merged++;
		item->stamp = ++last_stamp;
		list_move_tail(&item->node, &queue);
		return;
	}
}

static struct dhp_queue_item *item_get(enum dhp_category category)
{
	struct dhp_queue_item *item = NULL;

	if (nr_queued < QUEUE_MAX)
		item = kmalloc(sizeof(*item), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!item && list_empty(&reserve[category].node))
		item = &reserve[category];
	return item;
}

static void item_put(struct dhp_queue_item *item)
{
	if (item != &reserve[item->event.category])
		kfree(item);
}

/* Memory begins a run, or extends the one that is open. */
void dhp_queue_add(const struct dhp_event *event)
{
	struct dhp_queue_item *run = open_run(), *item;
	bool memory = event->category == DHP_MEMORY;

	if (memory && in_run(run, event)) {
		extend_run(run, event);
		return;
	}
	dhp_queue_close_run();
	item = item_get(event->category);
	if (!item) {
		/* The reserve is in the queue, so there is one to merge into. */
		merge(event);
		return;
	}
	item->stamp = ++last_stamp;
	item->open = memory;
	item->due = jiffies + RUN_WINDOW;
	item->deadline = jiffies + RUN_LIMIT;
	item->client = NULL;
	item->event = *event;
	list_add_tail(&item->node, &queue);
	nr_queued++;
}

/* Queues what exists for @client. The item is the client's, and leaves by list_del_init(). */
void dhp_queue_add_replay(struct dhp_queue_item *item, struct dhp_event_client *client)
{
	item->client = client;
	item->stamp = ++last_stamp;
	list_add_tail(&item->node, &queue);
}

/* ---- Emptying ------------------------------------------------------------ */

struct dhp_queue_item *dhp_queue_first(void)
{
	return list_first_entry_or_null(&queue, struct dhp_queue_item, node);
}

/* How long the first item still waits, in jiffies. An open run is the last item, too. */
unsigned long dhp_queue_delay(const struct dhp_queue_item *item)
{
	unsigned long due = item->due, now = jiffies;

	if (!item->open)
		return 0;
	if (run_held || time_after(due, item->deadline))
		due = item->deadline;
	return time_before(now, due) ? due - now : 0;
}

/* Takes an event out of the queue. */
void dhp_queue_take(struct dhp_queue_item *item, struct dhp_event *event, u64 *stamp)
{
	*event = item->event;
	*stamp = item->stamp;
	list_del_init(&item->node);
	nr_queued--;
	item_put(item);
}

/* Drops what was not delivered; no client is left. */
void dhp_queue_free(void)
{
	struct dhp_queue_item *item, *next;

	list_for_each_entry_safe(item, next, &queue, node)
		item_put(item);
}
