// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for processor clients. It records each call that a client gets, and compares it with
 * the earlier calls of this client, with the calls of the other clients, and with the machine. It
 * knows the contract, whose clauses its findings name, and nothing of how dhp works.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/topology.h>

#include "dhp_names.h"
#include "torture_count.h"
#include "torture_oracle_call.h"
#include "torture_oracle_processor.h"
#include "torture_thread.h"
#include "torture_veto.h"

#define SETTLE_SECONDS 120	/* an emulated machine may be slow */

/* The last call that a client got for a CPU: none or an end, START, COMPLETE, REMOVE_START. */
enum { IDLE, STARTED, HELD, REMOVING };

static const char * const cell_names[] = { "nothing", "START", "COMPLETE", "REMOVE_START" };

#define STATE_NAME(state) \
	[DHP_PROCESSOR_##state] = #state,

static const char * const state_names[] = { DHP_PROCESSOR_STATES(STATE_NAME) };

/*
 * What a call means: the client's cell changes @from one state @to another. @reverse: clients are
 * called in reverse order. @online: the CPU is online. @passed: the cells of a client which should
 * have been called before, and was not.
 */
static const struct rule {
	u8 from;
	u8 to;
	bool reverse;
	bool online;
	u8 passed;
} rules[] = {
	[DHP_PROCESSOR_START] = { IDLE, STARTED, false, false, BIT(IDLE) | BIT(REMOVING) },
	[DHP_PROCESSOR_COMPLETE] = { STARTED, HELD, false, true, BIT(STARTED) },
	[DHP_PROCESSOR_FAILURE] = { STARTED, IDLE, true, false, BIT(STARTED) },
	[DHP_PROCESSOR_REMOVE_START] = { HELD, REMOVING, true, true, BIT(STARTED) | BIT(HELD) },
	[DHP_PROCESSOR_REMOVE_COMPLETE] = { REMOVING, IDLE, true, false, BIT(REMOVING) },
	[DHP_PROCESSOR_REMOVE_FAILURE] = { REMOVING, HELD, false, true, BIT(REMOVING) },
};

/* Protects the list and the clients' states. Callbacks take it inside dhp's locks. */
static DEFINE_SPINLOCK(oracle_lock);
static LIST_HEAD(processors);		/* in the order of registration */
static u64 last_order;

static atomic_t running;

bool oracle_processors_empty(void)
{
	return list_empty(&processors);
}

/* ---- Registering and unregistering ----------------------------------------- */

static bool cell_open(const struct oracle_cell *cell)
{
	return cell->state == STARTED || cell->state == REMOVING;
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
 * The caller serialises registrations, so the order of these calls is the order of registration.
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
		torture_err("R2 R3: the replay began %u CPUs and ended %u", o->begun,
			    o->ended);
	if (result != o->vetoed)
		torture_err("R1 R3: registering ends with %d, the veto was %d", result, o->vetoed);
	if (!result && replay != !!o->begun)
		torture_err("R2: flags %u, but a replay of %u CPUs", o->flags, o->begun);
	if (result)
		list_del_init(&o->node);
	else
		o->certain = true;
	spin_unlock(&oracle_lock);
}

/* From now on, dhp need not call the client any more. */
void oracle_processor_unregisters(struct oracle_processor *o)
{
	spin_lock(&oracle_lock);
	o->certain = false;
	spin_unlock(&oracle_lock);
}

void oracle_processor_unregistered(struct oracle_processor *o)
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

bool oracle_may_veto(const struct dhp_processor_change *change)
{
	return change->state == DHP_PROCESSOR_START ||
	       change->state == DHP_PROCESSOR_REMOVE_START;
}

/* ---- Calls ---------------------------------------------------------------- */

/* The earlier clients get all outcomes before a new client gets its first call. */
static void check_settled(struct oracle_processor *o)
{
	struct oracle_processor *other;

	list_for_each_entry(other, &processors, node)
		if (other->certain && other->open)
			torture_err("P7 R4: client %llu registers before client %llu gets an outcome",
				    o->order, other->order);
}

/* A call of the replay, which belongs to the client's own registration. */
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
			torture_err("R2 R3: replayed COMPLETE of CPU%u before START of CPU%u, veto %d",
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

/* A call of an operation, compared with the calls that the other clients got. */
static void check_live(struct oracle_processor *o, const struct dhp_processor_change *change,
		       const struct rule *rule)
{
	const char *name = state_names[change->state];
	unsigned int cpu = change->cpu;
	struct oracle_processor *other;
	struct oracle_cell *cell;
	bool before, begins;

	begins = oracle_may_veto(change);
	/* The client is registered, even if the registration has not returned yet. */
	if (o->registrant)
		o->certain = true;

	if (cpu_online(cpu) != rule->online)
		torture_err("P2 P5 X2: %s of CPU%u, which is %s", name, cpu,
			    cpu_online(cpu) ? "online" : "offline");
	if (!(o->flags & DHP_PROCESSOR_REMOVALS) && change->state > DHP_PROCESSOR_FAILURE)
		torture_err("X1: %s of CPU%u to a client without REMOVALS", name, cpu);

	list_for_each_entry(other, &processors, node) {
		if (!other->certain)
			continue;
		cell = &other->cell[cpu];
		/* The outcome of an operation comes before the next operation begins. */
		if (begins && other->open > cell_open(cell))
			torture_err("P1 X2: %s of CPU%u before client %llu gets the outcome of another CPU",
				    name, cpu, other->order);
		if (other == o)
			continue;
		before = rule->reverse ? other->order > o->order : other->order < o->order;
		if (!before)
			continue;
		/* A client without REMOVALS gets no REMOVE_START, and keeps the CPU. */
		if (change->state == DHP_PROCESSOR_REMOVE_START && cell->state == HELD &&
		    !(other->flags & DHP_PROCESSOR_REMOVALS))
			continue;
		if (rule->passed & BIT(cell->state))
			torture_err("P4 P7 X2: %s of CPU%u to client %llu skips client %llu, whose last call is %s",
				    name, cpu, o->order, other->order, cell_names[cell->state]);
		if (change->state == DHP_PROCESSOR_START && cell->state == HELD &&
		    other->flags & DHP_PROCESSOR_REMOVALS)
			torture_err("X2 R4: START of CPU%u, which client %llu with REMOVALS still holds",
				    cpu, other->order);
	}
}

/*
 * The status that this call must have. What no client has vetoed has failed at a step that was
 * armed; without kprobes, that is not known.
 */
static int expected_status(struct oracle_processor *o,
			   const struct dhp_processor_change *change, bool replay)
{
	int vetoed;

	if (change->state == DHP_PROCESSOR_FAILURE)
		vetoed = replay ? o->vetoed :
				  torture_veto_of(change->cpu, DHP_PROCESSOR_START);
	else if (change->state == DHP_PROCESSOR_REMOVE_FAILURE)
		vetoed = torture_veto_of(change->cpu, DHP_PROCESSOR_REMOVE_START);
	else
		return 0;
	if (!vetoed && change->status == -EAGAIN)
		return -EAGAIN;
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
	oracle_call_begin(&running, name);
	if (!status || *status)
		torture_err("P3: the status of %s is %d on entry", name, status ? *status : 1);
	if (change->nid != cpu_to_node(cpu))
		torture_err("P9: %s of CPU%u says node %d, it is %d", name, cpu, change->nid,
			    cpu_to_node(cpu));

	spin_lock(&oracle_lock);
	if (cell->state != rule->from)
		torture_err("P1 P4 P11 X2: %s of CPU%u to client %llu, whose last call is %s",
			    name, cpu, o->order, cell_names[cell->state]);
	expected = expected_status(o, change, replay);
	if (change->status != expected)
		torture_err("P6: %s of CPU%u with status %d instead of %d", name, cpu,
			    change->status, expected);
	if (replay)
		check_replay(o, change);
	else
		check_live(o, change, rule);

	if (oracle_may_veto(change) && !(replay && change->state == DHP_PROCESSOR_START))
		torture_veto_begin(cpu, change->state);
	cell_set(o, cpu, rule->to);
	spin_unlock(&oracle_lock);
}

static void note_veto(struct oracle_processor *o, const struct dhp_processor_change *change,
		      int error)
{
	bool start = change->state == DHP_PROCESSOR_START;

	cell_set(o, change->cpu, start ? IDLE : HELD);
	if (oracle_replaying(o)) {
		/* The client gets no further call for this CPU. */
		o->vetoed = error;
		o->begun--;
		count_up(REPLAY_VETOES);
		return;
	}
	torture_veto_record(change->cpu, change->state, error);
	count_up(start ? START_VETOES : REMOVE_VETOES);
}

/* @answer is what the client has written into @status. */
void oracle_processor_leave(struct oracle_processor *o,
			    const struct dhp_processor_change *change, int answer)
{
	if (answer && oracle_may_veto(change)) {
		spin_lock(&oracle_lock);
		note_veto(o, change, answer);
		spin_unlock(&oracle_lock);
	}
	oracle_call_end(&running);
}

/* ---- Events --------------------------------------------------------------- */

/*
 * A2: an event of a CPU comes after the outcome. A client that was called before the event
 * happened must have got the outcome by now.
 */
void oracle_processor_check_event(const struct dhp_event *event)
{
	struct oracle_processor *o;
	struct oracle_cell *cell;

	spin_lock(&oracle_lock);
	list_for_each_entry(o, &processors, node) {
		cell = &o->cell[event->cpu];
		if (o->certain && cell_open(cell) && cell->since_ns < ktime_to_ns(event->time))
			torture_err("A2: event %llu of CPU%u comes while the last call of client %llu is %s",
				    event->seq, event->cpu, o->order, cell_names[cell->state]);
	}
	spin_unlock(&oracle_lock);
}

/* ---- Audit --------------------------------------------------------------- */

/* With the CPU hotplug lock held. False if a client still waits for an outcome. */
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
 * Compares what the clients hold with the online CPUs, between two operations and with all outcomes
 * delivered. dhp delivers outcomes with the CPU hotplug lock held for reading, and it cannot get
 * that lock while a writer waits for this reader. So each attempt releases the lock.
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
			torture_err("P1 X2: for %u seconds, an outcome was always missing",
				    SETTLE_SECONDS);
			since = jiffies;
		} else {
			torture_pause(thread, 5);
		}
	}
}
