/* SPDX-License-Identifier: GPL-2.0-only */
/* What waits for delivery. */
#ifndef _DHP_NOTIFY_EVENT_QUEUE_H
#define _DHP_NOTIFY_EVENT_QUEUE_H

#include <linux/list.h>
#include <linux/types.h>

#include "dhp.h"

/**
 * struct dhp_queue_item - something to deliver
 * @node: in the queue; empty while not queued
 * @stamp: its place in time: clients that registered later do not get it
 * @open: a memory item at the end of the queue, which waits for further blocks
 * @due: in jiffies: when it closes, unless a further block is added or in transit
 * @deadline: in jiffies: when it closes in any case
 * @client: NULL, or the client whose existing events are due
 * @event: what happened, without its number, which delivery gives
 */
struct dhp_queue_item {
	struct list_head node;
	u64 stamp;
	bool open;
	unsigned long due;
	unsigned long deadline;
	struct dhp_event_client *client;
	struct dhp_event event;
};

bool dhp_queue_empty(void);
u64 dhp_queue_stamp(void);
void dhp_queue_add(const struct dhp_event *event);
void dhp_queue_add_replay(struct dhp_queue_item *item, struct dhp_event_client *client);
void dhp_queue_hold_run(const struct dhp_event *block);
void dhp_queue_release_run(void);
bool dhp_queue_close_run(void);
struct dhp_queue_item *dhp_queue_first(void);
unsigned long dhp_queue_delay(const struct dhp_queue_item *item);
void dhp_queue_take(struct dhp_queue_item *item, struct dhp_event *event, u64 *stamp);
void dhp_queue_free(void);

#endif /* _DHP_NOTIFY_EVENT_QUEUE_H */
