// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for memory clients. It records each call that a client gets, and compares it with the
 * earlier calls of this client and with the calls of the other clients.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "torture_count.h"
#include "torture_oracle_call.h"
#include "torture_oracle_memory.h"

/* Protects the clients' states and the list. Callbacks take it inside dhp's locks. */
static DEFINE_SPINLOCK(oracle_lock);
static LIST_HEAD(memories);	/* in the order of registration */

static atomic_t running;

bool oracle_memories_empty(void)
{
	return list_empty(&memories);
}

/* The caller serialises registrations, so the list is in the order of registration. */
void oracle_memory_begin(struct oracle_memory *o)
{
	spin_lock(&oracle_lock);
	list_add_tail(&o->node, &memories);
	spin_unlock(&oracle_lock);
}

void oracle_memory_registered(struct oracle_memory *o)
{
	spin_lock(&oracle_lock);
	o->certain = true;
	spin_unlock(&oracle_lock);
}

/* From now on, dhp need not call the client any more. */
void oracle_memory_unregisters(struct oracle_memory *o)
{
	spin_lock(&oracle_lock);
	o->certain = false;
	spin_unlock(&oracle_lock);
}

void oracle_memory_unregistered(struct oracle_memory *o)
{
	spin_lock(&oracle_lock);
	list_del_init(&o->node);
	spin_unlock(&oracle_lock);
}

static bool same_range(const struct oracle_memory *o, const struct dhp_memory_change *change)
{
	return o->start_pfn == change->start_pfn && o->nr_pages == change->nr_pages;
}

/*
 * No client is skipped: START and COMPLETE come in the order of registration, FAILURE in reverse.
 * So the clients on one side of @o have got this call, and those on the other side have not.
 */
static void check_memory_order(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	bool opens = change->state == DHP_MEMORY_REMOVE_START;
	bool called = change->state != DHP_MEMORY_REMOVE_FAILURE;
	struct oracle_memory *other;

	list_for_each_entry(other, &memories, node) {
		if (other == o)
			called = !called;
		if (other == o || !other->certain)
			continue;
		if (other->open != (called ? opens : !opens))
			torture_err("E4: memory state %d for pfn %#lx, and a client that is called %s %s an outcome",
				    change->state, change->start_pfn, called ? "before" : "after",
				    other->open ? "waits for" : "does not wait for");
		if (other->open && !same_range(other, change))
			torture_err("E4: memory state %d for pfn %#lx while %#lx is being removed",
				    change->state, change->start_pfn, other->start_pfn);
	}
}

void oracle_memory_enter(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	bool start = change->state == DHP_MEMORY_REMOVE_START;

	count_up(MEMORY_CALLS);
	oracle_call_begin(&running, "a memory callback");
	if (!change->nr_pages)
		torture_err("E4: a memory callback for 0 pages");
	if (change->nid != pfn_to_nid(change->start_pfn))
		torture_err("E4: memory state %d for pfn %#lx says node %d, it is %d",
			    change->state, change->start_pfn, change->nid,
			    pfn_to_nid(change->start_pfn));

	spin_lock(&oracle_lock);
	if (o->open == start)
		torture_err("E4: memory state %d for pfn %#lx to a client that %s", change->state,
			    change->start_pfn, start ? "waits for an outcome" : "waits for none");
	else if (!start && !same_range(o, change))
		torture_err("E4: memory state %d for pfn %#lx+%#lx, REMOVE_START had %#lx+%#lx",
			    change->state, change->start_pfn, change->nr_pages, o->start_pfn,
			    o->nr_pages);
	check_memory_order(o, change);
	o->open = start;
	o->start_pfn = change->start_pfn;
	o->nr_pages = change->nr_pages;
	spin_unlock(&oracle_lock);
}

void oracle_memory_leave(void)
{
	oracle_call_end(&running);
}
