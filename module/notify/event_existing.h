/* SPDX-License-Identifier: GPL-2.0-only */
/* The events that report what is there already. */
#ifndef _DHP_NOTIFY_EVENT_EXISTING_H
#define _DHP_NOTIFY_EVENT_EXISTING_H

#include <linux/cpumask.h>

#include "dhp.h"

int dhp_event_existing_processors(const struct cpumask *cpus, struct dhp_event **events);
int dhp_event_existing_memory(struct dhp_event **events);

#endif /* _DHP_NOTIFY_EVENT_EXISTING_H */
