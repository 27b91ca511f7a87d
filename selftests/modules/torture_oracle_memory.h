/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle for memory clients: is this call allowed here? */
#ifndef _TORTURE_ORACLE_MEMORY_H
#define _TORTURE_ORACLE_MEMORY_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "dhp.h"

struct task_struct;

/**
 * struct oracle_memory - what the oracle knows of a memory client
 * @node: in the list of the clients that are registered or being registered, in that order
 * @flags: those that it registered with
 * @registrant: the task that is registering it; calls in this task are part of the registration
 * @vetoed: errno of its veto during the registration
 * @certain: it is registered and not being unregistered
 * @waiting: it waits for the outcome of @start_pfn
 * @start_pfn: the range that began to change last
 * @nr_pages: length of the range
 * @known: by section of memory, where its calls stand; no entry: it has none, or does not know
 */
struct oracle_memory {
	struct list_head node;
	unsigned int flags;
	struct task_struct *registrant;
	int vetoed;
	bool certain;
	bool waiting;
	unsigned long start_pfn;
	unsigned long nr_pages;
	struct xarray known;
};

bool oracle_memories_empty(void);
bool oracle_section_online(unsigned long section);
void oracle_memory_begin(struct oracle_memory *o, unsigned int flags);
void oracle_memory_registered(struct oracle_memory *o, int result);
void oracle_memory_unregisters(struct oracle_memory *o);
void oracle_memory_unregistered(struct oracle_memory *o);
void oracle_memory_free(struct oracle_memory *o);
bool oracle_memory_registering(struct oracle_memory *o);
bool oracle_memory_may_veto(struct oracle_memory *o, const struct dhp_memory_change *change);
void oracle_memory_enter(struct oracle_memory *o, const struct dhp_memory_change *change,
			 const int *status);
void oracle_memory_leave(struct oracle_memory *o, const struct dhp_memory_change *change,
			 int answer);

#endif /* _TORTURE_ORACLE_MEMORY_H */
