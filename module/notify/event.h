/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of notification hand over for asynchronous delivery. */
#ifndef _DHP_NOTIFY_EVENT_H
#define _DHP_NOTIFY_EVENT_H

#include "dhp.h"
#include "online.h"

struct workqueue_struct;

/*
 * What calls clients from a work item queues it here: it does not run while tasks are
 * frozen for a suspend or a hibernation. It exists from dhp_event_init() to
 * dhp_event_exit(), that is, for longer than the sources of events. A task must not wait
 * uninterruptibly for such a work item: when the item is frozen, the task cannot be, and
 * the suspend fails.
 */
extern struct workqueue_struct *dhp_freezable_wq;

void dhp_event_processor(enum dhp_event_action action, unsigned int cpu);
void dhp_event_processor_known(unsigned int cpu);
void dhp_event_memory(enum dhp_event_action action, const struct dhp_range *range);
void dhp_event_hold_run(enum dhp_event_action action, const struct dhp_range *range);
void dhp_event_release_run(void);

/* For what comes after events. */
void dhp_event_follow(void (*fn)(void));
bool dhp_event_caught_up(u64 *seq);

#endif /* _DHP_NOTIFY_EVENT_H */
