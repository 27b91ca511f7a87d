/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle for memory clients: is this call allowed here? */
#ifndef _TORTURE_ORACLE_MEMORY_H
#define _TORTURE_ORACLE_MEMORY_H

#include <linux/list.h>
#include <linux/types.h>

#include "dhp.h"

/**
 * struct oracle_memory - what the oracle knows of a memory client
 * @node: in the list of the clients that are registered or being registered, in that order
 * @certain: it is registered and not being unregistered
 * @open: it waits for the outcome of @start_pfn
 * @start_pfn: the range of its last call
 * @nr_pages: length of the range
 */
struct oracle_memory {
	struct list_head node;
	bool certain;
	bool open;
	unsigned long start_pfn;
	unsigned long nr_pages;
};

bool oracle_memories_empty(void);
void oracle_memory_begin(struct oracle_memory *o);
void oracle_memory_registered(struct oracle_memory *o);
void oracle_memory_unregisters(struct oracle_memory *o);
void oracle_memory_unregistered(struct oracle_memory *o);
void oracle_memory_enter(struct oracle_memory *o, const struct dhp_memory_change *change);
void oracle_memory_leave(void);

#endif /* _TORTURE_ORACLE_MEMORY_H */
