// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for event clients. It compares each event with the earlier events of this client, and
 * with the last event that any client got.
 */
#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/mmzone.h>
#include <linux/pfn.h>

#include "torture_count.h"
#include "torture_oracle_call.h"
#include "torture_oracle_event.h"
#include "torture_oracle_processor.h"

enum { ARRIVED = 1, REMOVED };	/* no entry: unknown */

static atomic64_t last_order;

/* Event callbacks write these. They are serialised. */
static u64 last_seq, last_seq_order;
static ktime_t last_time;
static bool watching;	/* the watchers have got every event up to last_seq */

static atomic_t running;

/* The caller serialises registrations, so the order of these calls is the order of registration. */
void oracle_event_begin(struct oracle_event *o, enum dhp_category category, bool existing)
{
	o->category = category;
	o->existing = existing;
	xa_init(&o->known);
	o->order = atomic64_inc_return(&last_order);
}

void oracle_event_free(struct oracle_event *o)
{
	xa_destroy(&o->known);
}

/* From now on, the watchers get every event. @seq is the last one before. */
void oracle_event_watch(u64 seq)
{
	if (watching)
		return;
	last_seq = seq;
	watching = true;
}

bool oracle_event_arrived(struct oracle_event *o, unsigned long what)
{
	return xa_load(&o->known, what) == xa_mk_value(ARRIVED);
}

/*
 * Arrivals and removals of a CPU or section alternate. A client that got all existing ones also
 * knows which ones do not exist.
 */
static void check_alternation(struct oracle_event *o, const struct dhp_event *event,
			      unsigned long what)
{
	bool arrives = event->action == DHP_EVENT_ARRIVAL;
	unsigned long known = xa_to_value(xa_load(&o->known, what) ?: xa_mk_value(0));

	if (!known && o->existing)
		known = REMOVED;
	if (known == (arrives ? ARRIVED : REMOVED))
		torture_err("A6 A10: %s of %s %lu, which %s before; sequence number %llu%s",
			    arrives ? "ARRIVAL" : "REMOVAL",
			    o->category == DHP_PROCESSOR ? "CPU" : "section of memory", what,
			    arrives ? "arrived" : "was removed or was never there", event->seq,
			    event->existing ? ", existing" : "");
	xa_store(&o->known, what, xa_mk_value(arrives ? ARRIVED : REMOVED), GFP_KERNEL);
}

/* A merged event stands for several, so no earlier state is certain any more. */
static void drop_known(struct oracle_event *o)
{
	xa_destroy(&o->known);
	o->existing = false;
}

static void check_what(struct oracle_event *o, const struct dhp_event *event)
{
	unsigned long section = PHYS_PFN(event->start) >> PFN_SECTION_SHIFT;
	unsigned long end = PHYS_PFN(event->start + event->size) >> PFN_SECTION_SHIFT;

	if (event->merged) {
		drop_known(o);
		return;
	}
	if (event->category == DHP_PROCESSOR) {
		check_alternation(o, event, event->cpu);
		return;
	}
	if (!event->size || !IS_ALIGNED(PHYS_PFN(event->start | event->size), PAGES_PER_SECTION))
		torture_err("A8: an event of memory %#llx+%#llx", (u64)event->start,
			    (u64)event->size);
	for (; section < end; section++)
		check_alternation(o, event, section);
}

static void check_replayed(struct oracle_event *o, const struct dhp_event *event)
{
	if (!o->existing || o->live || event->action != DHP_EVENT_ARRIVAL || event->merged)
		torture_err("A6: an existing one that the client did not register for, or that comes late or is not an arrival");
	if (watching && event->seq != last_seq)
		torture_err("A8: an existing one has sequence number %llu, the last event had %llu",
			    event->seq, last_seq);
}

static void check_new(struct oracle_event *o, const struct dhp_event *event)
{
	/* The watchers registered first, so they see each new number first. */
	if (event->seq <= o->seq)
		torture_err("A8: sequence number %llu after %llu", event->seq, o->seq);
	if (event->seq == last_seq && o->order < last_seq_order)
		torture_err("A4: event %llu is not delivered in the order of registration",
			    event->seq);
	if (watching && event->seq != last_seq + o->watcher)
		torture_err("A8: sequence number %llu, where %llu is next", event->seq,
			    last_seq + o->watcher);
	if (ktime_before(event->time, last_time))
		torture_err("A4: event %llu is older than the event before it", event->seq);
	if (event->category == DHP_PROCESSOR && !event->merged)
		oracle_processor_check_event(event);
	o->live = true;
	WRITE_ONCE(last_seq, event->seq);
	last_seq_order = o->order;
	last_time = event->time;
}

static void count_event(const struct dhp_event *event)
{
	count_up(event->category == DHP_PROCESSOR ? PROCESSOR_EVENTS : MEMORY_EVENTS);
	count_add(MERGED_EVENTS, event->merged);
}

void oracle_event_enter(struct oracle_event *o, const struct dhp_event *event)
{
	count_up(EVENT_CALLS);
	oracle_call_begin(&running, "an event");
	if (event->category != o->category)
		torture_err("A1: an event of category %d to a client of %d", event->category,
			    o->category);
	if (ktime_after(event->time, ktime_get()))
		torture_err("A8: an event whose time is in the future");
	if (event->existing)
		check_replayed(o, event);
	else
		check_new(o, event);
	o->seq = event->seq;
	check_what(o, event);
	if (o->watcher && !event->existing)
		count_event(event);
}

/* For who comes after events: the watchers have got this one. */
void oracle_event_check_delivered(u64 seq)
{
	u64 last = READ_ONCE(last_seq);

	if (READ_ONCE(watching) && seq > last)
		torture_err("B3: a start behind event %llu, but the last one that was delivered is %llu",
			    seq, last);
}

void oracle_event_leave(void)
{
	oracle_call_end(&running);
}
