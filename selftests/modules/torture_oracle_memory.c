// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for memory clients. It records each call that a client gets, and compares it with the
 * earlier calls of this client, with the calls of the other clients, and with the machine.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "dhp_names.h"
#include "torture_count.h"
#include "torture_oracle_call.h"
#include "torture_oracle_memory.h"

/* Where the calls of one client for one section of memory stand. */
enum { NONE, STARTED, ONLINE, REMOVING };

/**
 * struct rule - what is special about a state
 * @from: where the calls of the client stand
 * @to: where they stand afterwards
 * @before: clients that registered earlier still wait for an outcome, or wait already; the later
 *	ones do not. Otherwise it is the other way round.
 * @online: the machine has the range online
 * @flag: the client must have this flag
 */
struct rule {
	u8 from;
	u8 to;
	bool before;
	bool online;
	unsigned int flag;
};

static const struct rule rules[] = {
	[DHP_MEMORY_START]	     = { NONE, STARTED, true, false, DHP_MEMORY_ADDS },
	[DHP_MEMORY_COMPLETE]	     = { STARTED, ONLINE, false, true, DHP_MEMORY_ADDS },
	[DHP_MEMORY_FAILURE]	     = { STARTED, NONE, true, false, DHP_MEMORY_ADDS },
	[DHP_MEMORY_REMOVE_START]    = { ONLINE, REMOVING, false, true, DHP_MEMORY_REMOVALS },
	[DHP_MEMORY_REMOVE_COMPLETE] = { REMOVING, NONE, true, false, DHP_MEMORY_REMOVALS },
	[DHP_MEMORY_REMOVE_FAILURE]  = { REMOVING, ONLINE, false, true, DHP_MEMORY_REMOVALS },
};

#define STATE_NAME(state) \
	[DHP_MEMORY_##state] = #state,

static const char * const state_names[] = { DHP_MEMORY_STATES(STATE_NAME) };

static const char *name_of(const struct dhp_memory_change *change)
{
	return state_names[change->state];
}

/* Protects the clients' states and the list. Callbacks take it inside dhp's locks. */
static DEFINE_SPINLOCK(oracle_lock);
static LIST_HEAD(memories);	/* in the order of registration */
static int last_veto;		/* of the block in transit, or of the last one */

static atomic_t running;

bool oracle_memories_empty(void)
{
	return list_empty(&memories);
}

/* A section may begin with a hole; the kernel tracks holes by subsection. */
bool oracle_section_online(unsigned long section)
{
	unsigned long pfn = section << PFN_SECTION_SHIFT;
	unsigned long end = pfn + PAGES_PER_SECTION;

	for (; pfn < end; pfn += PAGES_PER_SUBSECTION)
		if (pfn_to_online_page(pfn))
			return true;
	return false;
}

/* ---- Registering --------------------------------------------------------- */

/* The caller serialises registrations, so the list is in the order of registration. */
void oracle_memory_begin(struct oracle_memory *o, unsigned int flags)
{
	xa_init(&o->known);
	o->flags = flags;
	o->registrant = current;
	spin_lock(&oracle_lock);
	list_add_tail(&o->node, &memories);
	spin_unlock(&oracle_lock);
}

void oracle_memory_registered(struct oracle_memory *o, int result)
{
	spin_lock(&oracle_lock);
	o->registrant = NULL;
	if (result != o->vetoed)
		torture_err("M2 M4: registering ends with %d, the veto was %d", result, o->vetoed);
	if (result && !xa_empty(&o->known))
		torture_err("M4: a registration that is vetoed leaves ranges behind");
	if (result)
		list_del_init(&o->node);
	else
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

void oracle_memory_free(struct oracle_memory *o)
{
	xa_destroy(&o->known);
}

bool oracle_memory_registering(struct oracle_memory *o)
{
	return READ_ONCE(o->registrant) == current;
}

/* A removal that had begun before the client registered cannot be refused any more. */
bool oracle_memory_may_veto(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	return change->state == DHP_MEMORY_START ||
	       (change->state == DHP_MEMORY_REMOVE_START && !oracle_memory_registering(o));
}

/* ---- One client ----------------------------------------------------------- */

static unsigned long first_section(const struct dhp_memory_change *change)
{
	return change->start_pfn >> PFN_SECTION_SHIFT;
}

static unsigned long last_section(const struct dhp_memory_change *change)
{
	return (change->start_pfn + change->nr_pages - 1) >> PFN_SECTION_SHIFT;
}

static void set_known(struct oracle_memory *o, const struct dhp_memory_change *change, u8 to)
{
	unsigned long section;

	for (section = first_section(change); section <= last_section(change); section++)
		if (to == NONE)
			xa_erase(&o->known, section);
		else
			xa_store(&o->known, section, xa_mk_value(to), GFP_KERNEL);
}

static u8 known(struct oracle_memory *o, unsigned long section)
{
	void *entry = xa_load(&o->known, section);

	return entry ? xa_to_value(entry) : NONE;
}

/* Does it follow all memory, from the beginning to the end? */
static bool knows_all(const struct oracle_memory *o)
{
	return o->flags & DHP_MEMORY_REMOVALS && o->flags & DHP_MEMORY_ADD_EXISTING;
}

/* Memory that is removed may be older than the client. */
static u8 needed_from(const struct oracle_memory *o, const struct dhp_memory_change *change,
		      u8 is)
{
	if (change->state == DHP_MEMORY_REMOVE_START && is == NONE && !knows_all(o))
		return NONE;
	return rules[change->state].from;
}

static void check_known(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	unsigned long section;
	u8 is;

	for (section = first_section(change); section <= last_section(change); section++) {
		is = known(o, section);
		if (is != needed_from(o, change, is))
			torture_err("M1 M4: %s of section %lu to a client with flags %u whose calls stand at %u",
				    name_of(change), section, o->flags, is);
	}
}

/* The memory that the client knows is the memory that there is, but for the block in transit. */
static void check_machine(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	unsigned long section, end = 0;
	bool online;
	int nid;

	for_each_online_node(nid)
		end = max(end, node_end_pfn(nid) >> PFN_SECTION_SHIFT);
	for (section = 0; section < end; section++) {
		if (section >= first_section(change) && section <= last_section(change))
			continue;
		online = oracle_section_online(section);
		if ((known(o, section) == ONLINE) != online)
			torture_err("M4: the calls for section %lu stand at %u, and it is %s",
				    section, known(o, section), online ? "online" : "offline");
	}
}

/* A client without REMOVALS does not know how long memory stays. */
static u8 next_known(const struct oracle_memory *o, const struct dhp_memory_change *change)
{
	if (change->state == DHP_MEMORY_COMPLETE && !(o->flags & DHP_MEMORY_REMOVALS))
		return NONE;
	return rules[change->state].to;
}

/* ---- All clients ---------------------------------------------------------- */

static bool same_range(const struct oracle_memory *o, const struct dhp_memory_change *change)
{
	return o->start_pfn == change->start_pfn && o->nr_pages == change->nr_pages;
}

/*
 * The clients on one side of @o in the order of registration have got this call, or are to get it,
 * and those on the other side are not.
 */
static void check_order(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	const struct rule *rule = &rules[change->state];
	bool waits = rule->before;
	struct oracle_memory *other;

	list_for_each_entry(other, &memories, node) {
		if (other == o)
			waits = !waits;
		if (other == o || !other->certain)
			continue;
		if (other->waiting != (waits && other->flags & rule->flag))
			torture_err("M1 M2 M3: %s for pfn %#lx, and a client with flags %u that registered %s %s",
				    name_of(change), change->start_pfn, other->flags,
				    waits == rule->before ? "earlier" : "later",
				    other->waiting ? "waits for an outcome" : "waits for none");
		if (other->waiting && !same_range(other, change))
			torture_err("M1: %s for pfn %#lx while %#lx is in transit",
				    name_of(change), change->start_pfn, other->start_pfn);
	}
}

static int expected_status(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	if (change->state != DHP_MEMORY_FAILURE && change->state != DHP_MEMORY_REMOVE_FAILURE)
		return 0;
	if (oracle_memory_registering(o))
		return o->vetoed ?: -ECANCELED;
	return last_veto ?: -ECANCELED;
}

static void check_live(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	const struct rule *rule = &rules[change->state];
	bool begins = oracle_memory_may_veto(o, change);

	/* The client is registered, even if the registration has not returned yet. */
	if (o->registrant)
		o->certain = true;
	if (!!pfn_to_online_page(change->start_pfn) != rule->online)
		torture_err("M1: %s for pfn %#lx, which is %s", name_of(change),
			    change->start_pfn, rule->online ? "offline" : "online");
	if (change->nid != pfn_to_nid(change->start_pfn))
		torture_err("M1: %s for pfn %#lx says node %d, it is %d", name_of(change),
			    change->start_pfn, change->nid, pfn_to_nid(change->start_pfn));
	if (o->waiting == begins || (!begins && !same_range(o, change)))
		torture_err("M1: %s for pfn %#lx to a client that waits for %s%#lx",
			    name_of(change), change->start_pfn,
			    o->waiting ? "" : "none, the last was ", o->start_pfn);
	check_order(o, change);
}

static void check_registering(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	if (change->state == DHP_MEMORY_REMOVE_COMPLETE ||
	    change->state == DHP_MEMORY_REMOVE_FAILURE)
		torture_err("M4: %s in a registration", name_of(change));
	if (o->vetoed && change->state != DHP_MEMORY_FAILURE)
		torture_err("M4: %s in a registration that was vetoed", name_of(change));
}

void oracle_memory_enter(struct oracle_memory *o, const struct dhp_memory_change *change,
			 const int *status)
{
	bool registering = oracle_memory_registering(o);
	int expected;

	count_up(MEMORY_CALLS);
	oracle_call_begin(&running, "a memory callback");
	if (!change->nr_pages)
		torture_err("M1: a memory callback for 0 pages");
	if (!status || *status)
		torture_err("M2: the status of %s is %d on entry", name_of(change),
			    status ? *status : 1);
	if (!(o->flags & rules[change->state].flag))
		torture_err("M1: %s to a client with flags %u", name_of(change), o->flags);
	check_known(o, change);
	if (knows_all(o) && !registering)
		check_machine(o, change);

	spin_lock(&oracle_lock);
	if (registering)
		check_registering(o, change);
	else
		check_live(o, change);
	expected = expected_status(o, change);
	if (change->status != expected)
		torture_err("M2 M3: %s for pfn %#lx with status %d instead of %d",
			    name_of(change), change->start_pfn, change->status, expected);
	if (change->state == DHP_MEMORY_START || change->state == DHP_MEMORY_REMOVE_START) {
		o->waiting = true;
		o->start_pfn = change->start_pfn;
		o->nr_pages = change->nr_pages;
		if (!registering)
			last_veto = 0;
	} else if (same_range(o, change)) {
		o->waiting = false;
	}
	spin_unlock(&oracle_lock);
	set_known(o, change, next_known(o, change));
}

/* @answer is what the client has written into @status. */
void oracle_memory_leave(struct oracle_memory *o, const struct dhp_memory_change *change,
			 int answer)
{
	bool start = change->state == DHP_MEMORY_START;

	if (answer && oracle_memory_may_veto(o, change)) {
		/* The client gets no further call for this range. */
		set_known(o, change, start ? NONE : ONLINE);
		spin_lock(&oracle_lock);
		o->waiting = false;
		if (oracle_memory_registering(o))
			o->vetoed = answer;
		else
			last_veto = answer;
		spin_unlock(&oracle_lock);
		count_up(oracle_memory_registering(o) ? MEMORY_REPLAY_VETOES : MEMORY_VETOES);
	}
	oracle_call_end(&running);
}
