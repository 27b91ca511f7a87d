/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle for event clients: is this event allowed here? */
#ifndef _TORTURE_ORACLE_EVENT_H
#define _TORTURE_ORACLE_EVENT_H

#include <linux/types.h>
#include <linux/xarray.h>

#include "dhp.h"

/**
 * struct oracle_event - what the oracle knows of an event client
 * @order: its place in the order of registration
 * @category: the category that it registers for
 * @existing: it registers with INCLUDE_EXISTING, and no merged event has come since
 * @watcher: it is registered as long as the module is loaded
 * @live: it has got an event that was not a replay
 * @seq: number of its last event
 * @known: the last event of each CPU, or section of memory: arrived or removed
 */
struct oracle_event {
	u64 order;
	enum dhp_category category;
	bool existing;
	bool watcher;
	bool live;
	u64 seq;
	struct xarray known;
};

void oracle_event_begin(struct oracle_event *o, enum dhp_category category, bool existing);
void oracle_event_free(struct oracle_event *o);
void oracle_event_watch(u64 seq);
void oracle_event_enter(struct oracle_event *o, const struct dhp_event *event);
void oracle_event_check_delivered(u64 seq);
void oracle_event_leave(void);
bool oracle_event_arrived(struct oracle_event *o, unsigned long what);

#endif /* _TORTURE_ORACLE_EVENT_H */
