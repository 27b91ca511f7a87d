// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle: keeps for itself what each client was told, and holds each call against
 * that, against what the others were told, and against the machine. It knows the
 * contract, whose clauses its findings name, and nothing of how dhp keeps it.
 *
 * Two watchers, one for each category of events, are there from the beginning to the
 * end and see each event.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/pfn.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/topology.h>

#include "torture.h"

#define SETTLE_SECONDS 120	/* an emulated machine may be slow */
#define VETOES_KEPT 32		/* a processor, which is more than one operation can meet */

/* What a client was told last of a processor. */
enum { IDLE, STARTED, HELD, LEAVING };

static const char * const cell_names[] = { "nothing", "START", "COMPLETE", "REMOVE_START" };

static const char * const state_names[] = {
	[DHP_PROCESSOR_START] = "START",
	[DHP_PROCESSOR_COMPLETE] = "COMPLETE",
	[DHP_PROCESSOR_FAILURE] = "FAILURE",
	[DHP_PROCESSOR_REMOVE_START] = "REMOVE_START",
	[DHP_PROCESSOR_REMOVE_COMPLETE] = "REMOVE_COMPLETE",
	[DHP_PROCESSOR_REMOVE_FAILURE] = "REMOVE_FAILURE",
};

/*
 * What a call means. @passed: whoever is to be called before, and was told this last,
 * has been passed over.
 */
static const struct rule {
	u8 from;
	u8 to;
	bool reverse;
	bool online;
	u8 passed;
} rules[] = {
	[DHP_PROCESSOR_START] = { IDLE, STARTED, false, false, BIT(IDLE) | BIT(LEAVING) },
	[DHP_PROCESSOR_COMPLETE] = { STARTED, HELD, false, true, BIT(STARTED) },
	[DHP_PROCESSOR_FAILURE] = { STARTED, IDLE, true, false, BIT(STARTED) },
	[DHP_PROCESSOR_REMOVE_START] = { HELD, LEAVING, true, true, BIT(STARTED) | BIT(HELD) },
	[DHP_PROCESSOR_REMOVE_COMPLETE] = { LEAVING, IDLE, true, false, BIT(LEAVING) },
	[DHP_PROCESSOR_REMOVE_FAILURE] = { LEAVING, HELD, false, true, BIT(LEAVING) },
};

struct veto {
	u64 time_ns;
	enum dhp_processor_state state;
	int error;
};

/**
 * struct oracle_cpu - what happens to a processor
 * @add_error: by which its last add was vetoed
 * @remove_error: by which its last removal was
 * @nr_vetoes: in all
 * @veto: the last ones
 */
struct oracle_cpu {
	int add_error;
	int remove_error;
	unsigned int nr_vetoes;
	struct veto veto[VETOES_KEPT];
};

/* Protects the clients' states and all of this. Callbacks take it inside dhp's locks. */
static DEFINE_SPINLOCK(oracle_lock);
static LIST_HEAD(processors);		/* in the order of registration */
static LIST_HEAD(memories);		/* as well */
static struct oracle_cpu *cpus;
static u64 last_order;

static atomic_t running_processor, running_memory, running_event;

static void check_context(const char *what)
{
	if (!in_task() || irqs_disabled() || preempt_count())
		torture_err("P8 A3: %s comes where it may not sleep", what);
}

static void check_alone(atomic_t *running, const char *what)
{
	if (atomic_inc_return(running) != 1)
		torture_err("P8 A4: %s while another one runs", what);
}

/* ---- Processor clients --------------------------------------------------- */

static bool cell_open(const struct oracle_cell *cell)
{
	return cell->state == STARTED || cell->state == LEAVING;
}

static void cell_set(struct oracle_processor *o, unsigned int cpu, u8 state)
{
	struct oracle_cell *cell = &o->cell[cpu];

	o->open -= cell_open(cell);
	cell->state = state;
	cell->since_ns = ktime_get_ns();
	o->open += cell_open(cell);
}

/*
 * The caller sees to it that nobody else registers meanwhile, so the order of those
 * calls is the order of registration.
 */
int oracle_processor_begin(struct oracle_processor *o, unsigned int flags)
{
	o->cell = kvcalloc(nr_cpu_ids, sizeof(*o->cell), GFP_KERNEL);
	if (!o->cell)
		return -ENOMEM;
	o->flags = flags;
	o->last = -1;
	o->registrant = current;
	spin_lock(&oracle_lock);
	o->order = ++last_order;
	list_add_tail(&o->node, &processors);
	spin_unlock(&oracle_lock);
	return 0;
}

void oracle_processor_registered(struct oracle_processor *o, int result)
{
	bool replay = o->flags & DHP_PROCESSOR_ADD_EXISTING;

	spin_lock(&oracle_lock);
	o->registrant = NULL;
	if (o->begun != o->ended)
		torture_err("R2 R3: the replay began %u processors and ended %u", o->begun,
			    o->ended);
	if (result != o->vetoed)
		torture_err("R1 R3: registering ends with %d, the veto was %d", result, o->vetoed);
	if (!result && replay != !!o->begun)
		torture_err("R2: flags %u, but a replay of %u processors", o->flags, o->begun);
	if (result)
		list_del_init(&o->node);
	else
		o->certain = true;
	spin_unlock(&oracle_lock);
}

/* It is about to be unregistered, so it need not be called any more. */
void oracle_processor_leaving(struct oracle_processor *o)
{
	spin_lock(&oracle_lock);
	o->certain = false;
	spin_unlock(&oracle_lock);
}

void oracle_processor_gone(struct oracle_processor *o)
{
	spin_lock(&oracle_lock);
	list_del_init(&o->node);
	spin_unlock(&oracle_lock);
}

void oracle_processor_free(struct oracle_processor *o)
{
	kvfree(o->cell);
}

bool oracle_replaying(struct oracle_processor *o)
{
	return READ_ONCE(o->registrant) == current;
}

bool oracle_may_veto(struct oracle_processor *o, const struct dhp_processor_change *change)
{
	return change->state == DHP_PROCESSOR_START ||
	       change->state == DHP_PROCESSOR_REMOVE_START;
}

/* Those who were first know all outcomes before another one is told anything. */
static void check_settled(struct oracle_processor *o)
{
	struct oracle_processor *other;

	list_for_each_entry(other, &processors, node)
		if (other->certain && other->open)
			torture_err("P7 R4: client %llu registers before client %llu heard an outcome",
				    o->order, other->order);
}

/* The replay: the client's own registration, with no processor coming or going. */
static void check_replay(struct oracle_processor *o, const struct dhp_processor_change *change)
{
	const char *name = state_names[change->state];
	unsigned int cpu = change->cpu, other;
	unsigned int next = cpumask_next(o->last, cpu_online_mask);

	if (!(o->flags & DHP_PROCESSOR_ADD_EXISTING))
		torture_err("R2: %s of CPU%u while registering without ADD_EXISTING", name, cpu);
	if (!cpu_online(cpu))
		torture_err("R2: replayed %s of CPU%u, which is not online", name, cpu);
	switch (change->state) {
	case DHP_PROCESSOR_START:
		check_settled(o);
		if (cpu != next || o->vetoed || o->ended)
			torture_err("R2 R3: replayed START of CPU%u, where CPU%u is next, veto %d, %u ended",
				    cpu, next, o->vetoed, o->ended);
		o->last = cpu;
		o->begun++;
		return;
	case DHP_PROCESSOR_COMPLETE:
		if (next < nr_cpu_ids || o->vetoed)
			torture_err("R2 R3: replayed COMPLETE of CPU%u with START of CPU%u to come, veto %d",
				    cpu, next, o->vetoed);
		break;
	case DHP_PROCESSOR_FAILURE:
		for (other = cpu + 1; other < nr_cpu_ids; other++)
			if (o->cell[other].state == STARTED)
				torture_err("R3: replayed FAILURE of CPU%u before CPU%u's", cpu,
					    other);
		if (!o->vetoed)
			torture_err("R3: replayed FAILURE of CPU%u without a veto", cpu);
		break;
	default:
		torture_err("R2: %s of CPU%u in a replay", name, cpu);
	}
	o->ended++;
}

/* A call for an operation: held against what the other clients were told of it. */
static void check_live(struct oracle_processor *o, const struct dhp_processor_change *change,
		       const struct rule *rule)
{
	const char *name = state_names[change->state];
	unsigned int cpu = change->cpu;
	struct oracle_processor *other;
	struct oracle_cell *cell;
	bool before, begins;

	begins = oracle_may_veto(o, change);
	/* It is registered, even if the registration has not returned yet. */
	if (o->registrant)
		o->certain = true;

	if (cpu_online(cpu) != rule->online)
		torture_err("P2 P5 X2: %s of CPU%u, which is %s", name, cpu,
			    cpu_online(cpu) ? "online" : "offline");
	if (!(o->flags & DHP_PROCESSOR_REMOVALS) && change->state > DHP_PROCESSOR_FAILURE)
		torture_err("X1: %s of CPU%u to a client that did not ask for removals", name, cpu);

	list_for_each_entry(other, &processors, node) {
		if (!other->certain)
			continue;
		cell = &other->cell[cpu];
		/* Those before have told the outcome when the next one begins. */
		if (begins && other->open > cell_open(cell))
			torture_err("P1 X2: %s of CPU%u before client %llu heard the outcome of another processor",
				    name, cpu, other->order);
		if (other == o)
			continue;
		before = rule->reverse ? other->order > o->order : other->order < o->order;
		if (!before)
			continue;
		/* Who did not ask for removals keeps what it holds. */
		if (change->state == DHP_PROCESSOR_REMOVE_START && cell->state == HELD &&
		    !(other->flags & DHP_PROCESSOR_REMOVALS))
			continue;
		if (rule->passed & BIT(cell->state))
			torture_err("P4 P7 X2: %s of CPU%u to client %llu passes over client %llu, which was told %s last",
				    name, cpu, o->order, other->order, cell_names[cell->state]);
		if (change->state == DHP_PROCESSOR_START && cell->state == HELD &&
		    other->flags & DHP_PROCESSOR_REMOVALS)
			torture_err("X2 R4: START of CPU%u, which client %llu with removals holds still",
				    cpu, other->order);
	}
}

/* By which errno has the operation ended? */
static int expected_status(struct oracle_processor *o,
			   const struct dhp_processor_change *change, bool replay)
{
	int vetoed;

	if (change->state == DHP_PROCESSOR_FAILURE)
		vetoed = replay ? o->vetoed : cpus[change->cpu].add_error;
	else if (change->state == DHP_PROCESSOR_REMOVE_FAILURE)
		vetoed = cpus[change->cpu].remove_error;
	else
		return 0;
	return vetoed ?: -ECANCELED;
}

void oracle_processor_enter(struct oracle_processor *o,
			    const struct dhp_processor_change *change, const int *status)
{
	const struct rule *rule = &rules[change->state];
	const char *name = state_names[change->state];
	unsigned int cpu = change->cpu;
	bool replay = oracle_replaying(o);
	struct oracle_cell *cell = &o->cell[cpu];
	int expected;

	count_up(PROCESSOR_CALLS);
	check_context(name);
	check_alone(&running_processor, name);
	if (!status || *status)
		torture_err("P3: the status of %s is %d on entry", name, status ? *status : 1);
	if (change->nid != cpu_to_node(cpu))
		torture_err("P9: %s of CPU%u says node %d, it is %d", name, cpu, change->nid,
			    cpu_to_node(cpu));

	spin_lock(&oracle_lock);
	if (cell->state != rule->from)
		torture_err("P1 P4 P11 X2: %s of CPU%u to client %llu, which was told %s last",
			    name, cpu, o->order, cell_names[cell->state]);
	expected = expected_status(o, change, replay);
	if (change->status != expected)
		torture_err("P6: %s of CPU%u with status %d instead of %d", name, cpu,
			    change->status, expected);
	if (replay)
		check_replay(o, change);
	else
		check_live(o, change, rule);

	if (!replay && change->state == DHP_PROCESSOR_START)
		cpus[cpu].add_error = 0;
	else if (change->state == DHP_PROCESSOR_REMOVE_START)
		cpus[cpu].remove_error = 0;
	cell_set(o, cpu, rule->to);
	spin_unlock(&oracle_lock);
}

static void note_veto(struct oracle_processor *o, const struct dhp_processor_change *change,
		      int error)
{
	struct oracle_cpu *c = &cpus[change->cpu];
	bool start = change->state == DHP_PROCESSOR_START;

	cell_set(o, change->cpu, start ? IDLE : HELD);
	if (oracle_replaying(o)) {
		/* It is not begun for the client, which gets nothing more for it. */
		o->vetoed = error;
		o->begun--;
		count_up(REPLAY_VETOES);
		return;
	}
	if (start)
		c->add_error = error;
	else
		c->remove_error = error;
	c->veto[c->nr_vetoes % VETOES_KEPT] = (struct veto) {
		.time_ns = ktime_get_ns(),
		.state = change->state,
		.error = error,
	};
	WRITE_ONCE(c->nr_vetoes, c->nr_vetoes + 1);
	count_up(start ? START_VETOES : REMOVE_VETOES);
}

/* @answer is what the client has written into its status. */
void oracle_processor_leave(struct oracle_processor *o,
			    const struct dhp_processor_change *change, int answer)
{
	if (answer && oracle_may_veto(o, change)) {
		spin_lock(&oracle_lock);
		note_veto(o, change, answer);
		spin_unlock(&oracle_lock);
	}
	atomic_dec(&running_processor);
}

unsigned int oracle_vetoes(unsigned int cpu)
{
	return READ_ONCE(cpus[cpu].nr_vetoes);
}

/* Was an operation on a processor vetoed with that errno since then? */
bool oracle_vetoed(unsigned int cpu, enum dhp_processor_state state, int error, u64 since_ns)
{
	struct veto *veto = cpus[cpu].veto;
	bool found = false;
	unsigned int i;

	spin_lock(&oracle_lock);
	for (i = 0; i < VETOES_KEPT; i++)
		found |= veto[i].error == error && veto[i].state == state &&
			 veto[i].time_ns >= since_ns;
	spin_unlock(&oracle_lock);
	return found;
}

/* ---- Audit --------------------------------------------------------------- */

/* With the hotplug lock held. False when an outcome is still to be told. */
static bool settled(void)
{
	struct oracle_processor *o;

	list_for_each_entry(o, &processors, node)
		if (o->certain && o->open)
			return false;
	return true;
}

static void check_holdings(void)
{
	struct oracle_processor *o;
	unsigned int cpu;
	bool held;

	list_for_each_entry(o, &processors, node) {
		if (!o->certain)
			continue;
		for_each_possible_cpu(cpu) {
			held = o->cell[cpu].state == HELD;
			if (o->flags & DHP_PROCESSOR_ADD_EXISTING && cpu_online(cpu) && !held)
				torture_err("R4: client %llu does not hold CPU%u, which is online",
					    o->order, cpu);
			if (o->flags & DHP_PROCESSOR_REMOVALS && !cpu_online(cpu) && held)
				torture_err("R4: client %llu holds CPU%u, which is offline",
					    o->order, cpu);
		}
	}
}

/*
 * Between two operations, when all outcomes are told. They are told with the hotplug
 * lock held for reading, which cannot be had while somebody who wants it for writing
 * waits for us; so let go of it before each new look.
 */
static bool audit(void)
{
	bool good;

	cpus_read_lock();
	spin_lock(&oracle_lock);
	good = settled();
	if (good)
		check_holdings();
	spin_unlock(&oracle_lock);
	cpus_read_unlock();
	return good;
}

void oracle_audit(struct torture_thread *thread)
{
	unsigned long since = jiffies;

	while (!kthread_should_stop()) {
		if (audit()) {
			count_up(AUDITS);
			since = jiffies;
			torture_pause(thread, 100);
		} else if (time_after(jiffies, since + SETTLE_SECONDS * HZ)) {
			torture_err("P1 X2: for %u seconds, some outcome was always still to be told",
				    SETTLE_SECONDS);
			since = jiffies;
		} else {
			torture_pause(thread, 5);
		}
	}
}

/* ---- Memory clients ------------------------------------------------------ */

/* As with processors: the caller keeps others from registering meanwhile. */
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

/* It is about to be unregistered: what it misses from now on is nobody's fault. */
void oracle_memory_leaving(struct oracle_memory *o)
{
	spin_lock(&oracle_lock);
	o->certain = false;
	spin_unlock(&oracle_lock);
}

void oracle_memory_gone(struct oracle_memory *o)
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
 * Those who are to be called before know it already, and those behind not yet: START and
 * COMPLETE go in the order of registration, FAILURE in reverse. So nobody is passed over.
 */
static void check_memory_order(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	bool opens = change->state == DHP_MEMORY_REMOVE_START;
	bool told = change->state != DHP_MEMORY_REMOVE_FAILURE;
	struct oracle_memory *other;

	list_for_each_entry(other, &memories, node) {
		if (other == o)
			told = !told;
		if (other == o || !other->certain)
			continue;
		if (other->open != (told ? opens : !opens))
			torture_err("E4: memory state %d for pfn %#lx, and a client that is told %s %s an outcome",
				    change->state, change->start_pfn, told ? "before" : "after",
				    other->open ? "waits for" : "does not wait for");
		if (other->open && !same_range(other, change))
			torture_err("E4: memory state %d for pfn %#lx while %#lx is on its way",
				    change->state, change->start_pfn, other->start_pfn);
	}
}

void oracle_memory_enter(struct oracle_memory *o, const struct dhp_memory_change *change)
{
	bool start = change->state == DHP_MEMORY_REMOVE_START;

	count_up(MEMORY_CALLS);
	check_context("a memory callback");
	check_alone(&running_memory, "a memory callback");
	if (!change->nr_pages)
		torture_err("E4: a memory callback for no memory at all");
	if (change->nid != pfn_to_nid(change->start_pfn))
		torture_err("E4: memory state %d for pfn %#lx says node %d, it is %d",
			    change->state, change->start_pfn, change->nid,
			    pfn_to_nid(change->start_pfn));

	spin_lock(&oracle_lock);
	if (o->open == start)
		torture_err("E4: memory state %d for pfn %#lx to a client that %s", change->state,
			    change->start_pfn, start ? "waits for an outcome" : "waits for none");
	else if (!start && !same_range(o, change))
		torture_err("E4: memory state %d for pfn %#lx+%#lx, the client was told %#lx+%#lx",
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
	atomic_dec(&running_memory);
}

/* ---- Event clients ------------------------------------------------------- */

enum { ARRIVED = 1, WENT };	/* nothing is known of the others */

/* Written by event callbacks, of which there is one at a time. */
static u64 last_seq, last_seq_order;
static ktime_t last_time;
static bool watching;	/* last_seq is the last event of all */

/* As with processors: the caller keeps others from registering meanwhile. */
void oracle_event_begin(struct oracle_event *o, enum dhp_category category, bool existing)
{
	o->category = category;
	o->existing = existing;
	xa_init(&o->known);
	spin_lock(&oracle_lock);
	o->order = ++last_order;
	spin_unlock(&oracle_lock);
}

void oracle_event_free(struct oracle_event *o)
{
	xa_destroy(&o->known);
}

/* An arrival after an arrival is wrong; with the existing ones first, all is known. */
static void check_alternation(struct oracle_event *o, const struct dhp_event *event,
			      unsigned long what)
{
	bool arrives = event->action == DHP_EVENT_ARRIVAL;
	unsigned long known = xa_to_value(xa_load(&o->known, what) ?: xa_mk_value(0));

	if (!known && o->existing)
		known = WENT;
	if (known == (arrives ? ARRIVED : WENT))
		torture_err("A6 A10: %s of %s %lu, which %s before; sequence number %llu%s",
			    arrives ? "ARRIVAL" : "REMOVAL",
			    o->category == DHP_PROCESSOR ? "CPU" : "section of memory", what,
			    arrives ? "arrived" : "went or was not there", event->seq,
			    event->existing ? ", existing" : "");
	xa_store(&o->known, what, xa_mk_value(arrives ? ARRIVED : WENT), GFP_KERNEL);
}

/* Several in one: of what is known, nothing is certain any more. */
static void forget(struct oracle_event *o)
{
	xa_destroy(&o->known);
	o->existing = false;
}

static void check_what(struct oracle_event *o, const struct dhp_event *event)
{
	unsigned long section = PHYS_PFN(event->start) >> PFN_SECTION_SHIFT;
	unsigned long end = PHYS_PFN(event->start + event->size) >> PFN_SECTION_SHIFT;

	if (event->merged) {
		forget(o);
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

/* A2: whoever was told of the beginning before the event happened knows the end. */
static void check_told(const struct dhp_event *event)
{
	struct oracle_processor *o;
	struct oracle_cell *cell;

	spin_lock(&oracle_lock);
	list_for_each_entry(o, &processors, node) {
		cell = &o->cell[event->cpu];
		if (o->certain && cell_open(cell) && cell->since_ns < ktime_to_ns(event->time))
			torture_err("A2: event %llu of CPU%u before client %llu heard more than %s",
				    event->seq, event->cpu, o->order, cell_names[cell->state]);
	}
	spin_unlock(&oracle_lock);
}

static void check_replayed(struct oracle_event *o, const struct dhp_event *event)
{
	if (!o->existing || o->live || event->action != DHP_EVENT_ARRIVAL || event->merged)
		torture_err("A6: an existing one that was not asked for, comes late or is no arrival");
	if (watching && event->seq != last_seq)
		torture_err("A8: an existing one has sequence number %llu, the last event had %llu",
			    event->seq, last_seq);
}

static void check_new(struct oracle_event *o, const struct dhp_event *event)
{
	/* Watchers are the first, so it is they who see a new number. */
	if (event->seq <= o->seq)
		torture_err("A8: sequence number %llu after %llu", event->seq, o->seq);
	if (event->seq == last_seq && o->order < last_seq_order)
		torture_err("A4: event %llu is told in another order than that of registration",
			    event->seq);
	if (watching && event->seq != last_seq + o->watcher)
		torture_err("A8: sequence number %llu, where %llu is next", event->seq,
			    last_seq + o->watcher);
	if (ktime_before(event->time, last_time))
		torture_err("A4: event %llu happened before the one before", event->seq);
	if (event->category == DHP_PROCESSOR && !event->merged)
		check_told(event);
	o->live = true;
	last_seq = event->seq;
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
	check_context("an event");
	check_alone(&running_event, "an event");
	if (event->category != o->category)
		torture_err("A1: an event of category %d to a client of %d", event->category,
			    o->category);
	if (ktime_after(event->time, ktime_get()))
		torture_err("A8: an event that is still to happen");
	if (event->existing)
		check_replayed(o, event);
	else
		check_new(o, event);
	o->seq = event->seq;
	check_what(o, event);
	if (o->watcher && !event->existing)
		count_event(event);
}

void oracle_event_leave(void)
{
	atomic_dec(&running_event);
}

/* ---- Watchers, beginning and end ----------------------------------------- */

static struct oracle_event watch[2];	/* by category */
static struct dhp_event_client *watcher[2];
static DECLARE_COMPLETION(caught_up);

static void on_watch(void *context, const struct dhp_event *event)
{
	struct oracle_event *o = context;

	/* Existing processors come when both are there: no event after that escapes. */
	if (event->existing && o->category == DHP_PROCESSOR && !watching) {
		last_seq = event->seq;
		watching = true;
	}
	oracle_event_enter(o, event);
	oracle_event_leave();
}

static void on_caught_up(void *context, const struct dhp_event *event)
{
	complete_all(&caught_up);
}

static void unwatch(void)
{
	enum dhp_category category;

	for (category = DHP_PROCESSOR; category <= DHP_MEMORY; category++) {
		dhp_unregister_event_callback(watcher[category]);
		oracle_event_free(&watch[category]);
	}
}

static int watch_category(enum dhp_category category)
{
	watch[category].watcher = true;
	watcher[category] = dhp_register_event_callback(category, on_watch, &watch[category],
							DHP_EVENT_INCLUDE_EXISTING);
	return PTR_ERR_OR_ZERO(watcher[category]);
}

int oracle_init(void)
{
	int ret;

	cpus = kvcalloc(nr_cpu_ids, sizeof(*cpus), GFP_KERNEL);
	if (!cpus)
		return -ENOMEM;
	oracle_event_begin(&watch[DHP_MEMORY], DHP_MEMORY, true);
	oracle_event_begin(&watch[DHP_PROCESSOR], DHP_PROCESSOR, true);
	ret = watch_category(DHP_MEMORY);
	if (!ret)
		ret = watch_category(DHP_PROCESSOR);
	if (ret) {
		pr_err("the watchers cannot be registered: error %d\n", ret);
		unwatch();
		kvfree(cpus);
	}
	return ret;
}

static void nothing(void *context, const struct dhp_processor_change *change, int *status)
{
}

/* Registering tells all outcomes; the existing ones come when all events were told. */
static bool catch_up(void)
{
	struct dhp_processor_client *processor;
	struct dhp_event_client *event;
	bool good;

	processor = dhp_register_processor_callback(nothing, NULL, 0);
	dhp_unregister_processor_callback(processor);
	event = dhp_register_event_callback(DHP_PROCESSOR, on_caught_up, NULL,
					    DHP_EVENT_INCLUDE_EXISTING);
	if (IS_ERR(processor) || IS_ERR(event))
		torture_err("R1: clients cannot be registered at the end");
	good = wait_for_completion_timeout(&caught_up, SETTLE_SECONDS * HZ);
	dhp_unregister_event_callback(event);
	return good;
}

static bool arrived(struct oracle_event *o, unsigned long what)
{
	return xa_load(&o->known, what) == xa_mk_value(ARRIVED);
}

/* Firmware may leave a hole where a section begins, and the kernel knows holes by subsections. */
static bool section_online(unsigned long section)
{
	unsigned long pfn = section << PFN_SECTION_SHIFT;
	unsigned long end = pfn + PAGES_PER_SECTION;

	for (; pfn < end; pfn += PAGES_PER_SUBSECTION)
		if (pfn_to_online_page(pfn))
			return true;
	return false;
}

/* Nothing is plugged any more: the machine is what the events have said. */
void oracle_check_end(void)
{
	unsigned long section;
	unsigned int cpu;
	void *entry;

	if (!catch_up())
		torture_err("A10: events are still to come after %u seconds", SETTLE_SECONDS);
	cpus_read_lock();
	for_each_possible_cpu(cpu)
		if (watch[DHP_PROCESSOR].existing &&
		    arrived(&watch[DHP_PROCESSOR], cpu) != cpu_online(cpu))
			torture_err("A1 A9: by its events, CPU%u is not %s", cpu,
				    cpu_online(cpu) ? "online" : "offline");
	cpus_read_unlock();
	xa_for_each(&watch[DHP_MEMORY].known, section, entry)
		if (arrived(&watch[DHP_MEMORY], section) != section_online(section))
			torture_err("A1 A9: by its events, section of memory %lu is not what it is",
				    section);
	if (!list_empty(&processors) || !list_empty(&memories))
		torture_err("the module itself has left clients behind");
}

void oracle_exit(void)
{
	unwatch();
	kvfree(cpus);
}
