// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that register and unregister clients of every kind, and the callbacks of these clients.
 * A callback consults the oracle. Now and then it does something that a client may do there, or
 * something that dhp must refuse.
 *
 * A client belongs to the thread that has registered it, to the task that takes it from there to
 * unregister it, or to its own call in which it unregisters itself. An unregistered client is kept
 * for a while, so that a late call is a finding and not a crash.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "dhp.h"
#include "torture_clients.h"
#include "torture_count.h"
#include "torture_onoff.h"
#include "torture_oracle_event.h"
#include "torture_oracle_memory.h"
#include "torture_oracle_processor.h"
#include "torture_oracle_rebalance.h"
#include "torture_random.h"
#include "torture_thread.h"

#define SLOTS 8		/* clients of a thread */
#define KEPT 256	/* unregistered clients */

unsigned int torture_veto_permille = 8;
module_param_named(veto_permille, torture_veto_permille, uint, 0444);
MODULE_PARM_DESC(veto_permille, "how many of a thousand STARTs and REMOVE_STARTs a client vetoes (8); of memory, twelve times as many");

enum kind { PROCESSOR, EVENT, MEMORY, REBALANCE, NR_KINDS };

/**
 * struct torture_client - a registration
 * @kind: selects the member of the union
 * @handle: dhp's handle; NULL while it is being registered
 * @random: random numbers of its callbacks, which are serialised
 * @replay_veto: permille of the CPUs or ranges of its replay that it vetoes
 * @claimed: bit 0: it is being unregistered
 * @gone: it was unregistered
 * @refs: one of the thread, one of the call in which it unregisters itself
 */
struct torture_client {
	enum kind kind;
	void *handle;
	struct rnd_state random;
	u32 replay_veto;
	unsigned long claimed;
	bool gone;
	refcount_t refs;
	union {
		struct oracle_processor processor;
		struct oracle_event event;
		struct oracle_memory memory;
		struct oracle_rebalance rebalance;
	};
};

/*
 * Serialises registrations, so that the oracle knows their order. Callbacks of processor clients
 * must not take it; callbacks of events may.
 */
static DEFINE_MUTEX(register_mutex);

/* Not EBUSY: newer kernels repeat the operation then. */
static const int veto_errors[] = {
	-EPERM, -EIO, -ENOMEM, -EACCES, -EXDEV, -ENODEV, -ENOSPC, -EDOM, -ERANGE, -ENODATA
};

/* With any other errno, newer kernels warn when virtio-mem removes a block. */
static const int memory_veto_errors[] = { -EBUSY, -ENOMEM };

/* ---- Unregistered clients ------------------------------------------------ */

static DEFINE_SPINLOCK(kept_lock);
static struct torture_client *kept[KEPT];
static unsigned int nr_kept;

static void free_client(struct torture_client *c)
{
	if (!c)
		return;
	switch (c->kind) {
	case PROCESSOR:
		oracle_processor_free(&c->processor);
		break;
	case EVENT:
		oracle_event_free(&c->event);
		break;
	case MEMORY:
		oracle_memory_free(&c->memory);
		break;
	case REBALANCE:		/* its oracle holds nothing */
	case NR_KINDS:
		break;
	}
	kfree(c);
}

static void put_client(struct torture_client *c)
{
	struct torture_client *oldest;

	if (!refcount_dec_and_test(&c->refs))
		return;
	spin_lock(&kept_lock);
	oldest = kept[nr_kept % KEPT];
	kept[nr_kept++ % KEPT] = c;
	spin_unlock(&kept_lock);
	free_client(oldest);
}

void torture_clients_exit(void)
{
	unsigned int i;

	for (i = 0; i < KEPT; i++)
		free_client(kept[i]);
}

/* Did this call begin, or does it still run, after the client was unregistered? */
static bool too_late(struct torture_client *c, const char *what)
{
	if (!READ_ONCE(c->gone))
		return false;
	torture_err("R5 A7: %s of a client that was unregistered", what);
	return true;
}

/* ---- Registering and unregistering --------------------------------------- */

static void on_processor(void *context, const struct dhp_processor_change *change, int *status);
static void on_event(void *context, const struct dhp_event *event);
static void on_memory(void *context, const struct dhp_memory_change *change, int *status);
static int on_query_stop(void *context);
static void on_stop(void *context);
static void on_start(void *context, const struct dhp_machine *machine);

static int register_processor(struct torture_client *c, struct rnd_state *random)
{
	unsigned int flags = draw(random, 4);
	void *handle;
	int ret;

	/* Mostly no vetoes, as a veto ends the registration. */
	c->replay_veto = draw(random, 4) ? 0 : 200;
	mutex_lock(&register_mutex);
	ret = oracle_processor_begin(&c->processor, flags);
	if (ret)
		goto unlock;
	handle = dhp_register_processor_callback(on_processor, c, flags);
	ret = PTR_ERR_OR_ZERO(handle);
	oracle_processor_registered(&c->processor, ret);
	if (!ret)
		WRITE_ONCE(c->handle, handle);
unlock:
	mutex_unlock(&register_mutex);
	return ret;
}

static int register_event(struct torture_client *c, struct rnd_state *random)
{
	enum dhp_category category = draw(random, 2) ? DHP_PROCESSOR : DHP_MEMORY;
	bool existing = draw(random, 2);
	void *handle;
	int ret;

	mutex_lock(&register_mutex);
	oracle_event_begin(&c->event, category, existing);
	handle = dhp_register_event_callback(category, on_event, c,
					     existing ? DHP_EVENT_INCLUDE_EXISTING : 0);
	ret = PTR_ERR_OR_ZERO(handle);
	if (!ret)
		WRITE_ONCE(c->handle, handle);
	mutex_unlock(&register_mutex);
	return ret;
}

static int register_memory(struct torture_client *c, struct rnd_state *random)
{
	static const unsigned int choices[] = {
		DHP_MEMORY_ADDS,
		DHP_MEMORY_REMOVALS,
		DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS,
		DHP_MEMORY_ADDS | DHP_MEMORY_ADD_EXISTING,
		DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS | DHP_MEMORY_ADD_EXISTING,
		DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS | DHP_MEMORY_ADD_EXISTING,
	};
	unsigned int flags = choices[draw(random, ARRAY_SIZE(choices))];
	void *handle;
	int ret;

	c->replay_veto = draw(random, 4) ? 0 : 200;
	mutex_lock(&register_mutex);
	oracle_memory_begin(&c->memory, flags);
	handle = dhp_register_memory_callback(on_memory, c, flags);
	ret = PTR_ERR_OR_ZERO(handle);
	oracle_memory_registered(&c->memory, ret);
	if (!ret)
		WRITE_ONCE(c->handle, handle);
	mutex_unlock(&register_mutex);
	return ret;
}

static int register_rebalance(struct torture_client *c)
{
	static const struct dhp_rebalance_ops ops = {
		.query_stop = on_query_stop,
		.stop = on_stop,
		.start = on_start,
	};
	void *handle = dhp_register_rebalance(&ops, c);
	int ret = PTR_ERR_OR_ZERO(handle);

	if (!ret)
		WRITE_ONCE(c->handle, handle);
	return ret;
}

/* Returns NULL if the registration fails, for example because the client vetoes its replay. */
static struct torture_client *open_client(struct rnd_state *random, enum kind kind)
{
	struct torture_client *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int ret;

	if (!c)
		return NULL;
	c->kind = kind;
	refcount_set(&c->refs, 1);
	prandom_seed_state(&c->random, prandom_u32_state(random));

	count_up(CLIENT_ATTEMPTS);
	if (kind == PROCESSOR)
		ret = register_processor(c, random);
	else if (kind == EVENT)
		ret = register_event(c, random);
	else if (kind == REBALANCE)
		ret = register_rebalance(c);
	else
		ret = register_memory(c, random);
	if (!ret) {
		count_up(CLIENT_SUCCESSES);
		return c;
	}
	/* counts_check() reports any other errno. */
	if ((kind == PROCESSOR && c->processor.vetoed == ret) ||
	    (kind == MEMORY && c->memory.vetoed == ret))
		count_up(CLIENT_VETOED);
	WRITE_ONCE(c->gone, true);
	put_client(c);
	return NULL;
}

/* The caller has claimed the client. */
static void unregister_client(struct torture_client *c)
{
	int ret;

	if (c->kind == PROCESSOR) {
		oracle_processor_unregisters(&c->processor);
		ret = dhp_unregister_processor_callback(c->handle);
		oracle_processor_unregistered(&c->processor);
	} else if (c->kind == EVENT) {
		ret = dhp_unregister_event_callback(c->handle);
	} else if (c->kind == REBALANCE) {
		ret = dhp_unregister_rebalance(c->handle);
	} else {
		oracle_memory_unregisters(&c->memory);
		ret = dhp_unregister_memory_callback(c->handle);
		oracle_memory_unregistered(&c->memory);
	}
	if (ret)
		torture_err("R5 A7: unregistering fails with %d", ret);
	WRITE_ONCE(c->gone, true);
}

static void close_client(struct torture_client *c)
{
	if (c && !test_and_set_bit(0, &c->claimed)) {
		unregister_client(c);
		count_up(CLIENTS_LEFT);
	}
	if (c)
		put_client(c);
}

/* A client of each kind that any callback may take, to unregister it. */
static struct torture_client *offered[NR_KINDS];

static struct torture_client *offer(struct torture_client *c)
{
	return c ? xchg(&offered[c->kind], c) : NULL;
}

static struct torture_client *take(enum kind kind)
{
	return xchg(&offered[kind], NULL);
}

/* Bad arguments are refused, each with its errno, and nothing stays registered. */
static void register_badly(void)
{
	struct dhp_processor_client *processor;
	struct dhp_memory_client *memory;
	struct dhp_event_client *event;

	memory = dhp_register_memory_callback(on_memory, NULL, DHP_MEMORY_ADD_EXISTING);
	if (memory != ERR_PTR(-EINVAL))
		torture_err("R1 M1: a memory client that wants no changes gives %ld",
			    PTR_ERR(memory));
	processor = dhp_register_processor_callback(NULL, NULL, 0);
	if (processor != ERR_PTR(-EINVAL))
		torture_err("R1: a processor client without a callback gives %ld",
			    PTR_ERR(processor));
	processor = dhp_register_processor_callback(on_processor, NULL, BIT(9));
	if (processor != ERR_PTR(-EOPNOTSUPP))
		torture_err("R1: unknown flags of a processor client give %ld", PTR_ERR(processor));
	event = dhp_register_event_callback(DHP_MEMORY + 1, on_event, NULL, 0);
	if (event != ERR_PTR(-EINVAL))
		torture_err("R1: an unknown category of events gives %ld", PTR_ERR(event));
}

/* ---- Callbacks ----------------------------------------------------------- */

static void doze(struct rnd_state *random, u32 max_us)
{
	u32 us = draw(random, max_us) + 1;

	usleep_range(us, us + 50);
}

/*
 * Unregisters the client in its own callback, unless its handle is not known yet. If this returns
 * true, end_call() must put the client.
 */
static bool unregister_self(struct torture_client *c)
{
	if (!READ_ONCE(c->handle) || test_and_set_bit(0, &c->claimed))
		return false;
	refcount_inc(&c->refs);
	unregister_client(c);
	count_up(CLIENTS_LEFT_INSIDE);
	return true;
}

/* Ends a callback. @left: it has unregistered its own client. */
static void end_call(struct torture_client *c, bool left, const char *what)
{
	if (left)
		put_client(c);
	else
		too_late(c, what);
}

/* Unregisters an offered client of the same kind, which can be the one that is called. */
static bool unregister_offered(struct torture_client *c)
{
	struct torture_client *other = take(c->kind);
	bool left = other == c && unregister_self(c);

	close_client(other);
	return left;
}

/* A synchronous callback may unregister its own client, and another client of its kind. */
static bool maybe_unregister(struct torture_client *c)
{
	if (chance(&c->random, 2))
		return unregister_self(c);
	if (chance(&c->random, 4))
		return unregister_offered(c);
	return false;
}

/* dhp must refuse what would be a self-deadlock in a synchronous callback. */
static void misbehave(struct torture_client *c)
{
	struct dhp_processor_client *other;

	other = dhp_register_processor_callback(on_processor, c, 0);
	if (other != ERR_PTR(-EDEADLK))
		torture_err("R6: registering from inside a callback gives %ld", PTR_ERR(other));
}

/* Returns the value for the status argument. */
static int answer(struct torture_client *c, bool may_veto, u32 veto_permille)
{
	if (!may_veto)
		return chance(&c->random, 1) ? -EINVAL : 0;	/* dhp ignores it (P6) */
	if (!chance(&c->random, veto_permille))
		return 0;
	if (c->kind == MEMORY)
		return memory_veto_errors[draw(&c->random, ARRAY_SIZE(memory_veto_errors))];
	return veto_errors[draw(&c->random, ARRAY_SIZE(veto_errors))];
}

static void on_processor(void *context, const struct dhp_processor_change *change, int *status)
{
	struct torture_client *c = context;
	bool left;

	if (too_late(c, "a call"))
		return;
	oracle_processor_enter(&c->processor, change, status);
	if (chance(&c->random, 50))
		doze(&c->random, 2000);
	if (chance(&c->random, 1))
		misbehave(c);
	*status = answer(c, oracle_may_veto(change),
			 oracle_replaying(&c->processor) ? c->replay_veto : torture_veto_permille);
	left = maybe_unregister(c);
	oracle_processor_leave(&c->processor, change, *status);
	end_call(c, left, "a call that has not returned");
}

static void on_memory(void *context, const struct dhp_memory_change *change, int *status)
{
	struct torture_client *c = context;
	bool left;

	if (too_late(c, "a memory callback"))
		return;
	oracle_memory_enter(&c->memory, change, status);
	if (chance(&c->random, 100))
		doze(&c->random, 2000);
	/* Memory changes less often than CPUs, and has fewer clients. */
	*status = answer(c, oracle_memory_may_veto(&c->memory, change),
			 oracle_memory_registering(&c->memory) ? c->replay_veto :
								 torture_veto_permille * 12);
	left = maybe_unregister(c);
	oracle_memory_leave(&c->memory, change, *status);
	end_call(c, left, "a memory callback that has not returned");
}

/* The callback of an event may take the CPU hotplug lock. */
static void takes_locks(struct torture_client *c)
{
	cpus_read_lock();
	doze(&c->random, 300);
	cpus_read_unlock();
}

static void opens_client(struct torture_client *c)
{
	close_client(open_client(&c->random, draw(&c->random, NR_KINDS)));
}

/*
 * An asynchronous callback may do anything, unregistering its own client included. Returns whether
 * it has done that.
 */
static bool anything(struct torture_client *c)
{
	u32 what = draw(&c->random, 1000);

	if (what < 50)
		takes_locks(c);
	else if (what < 80)
		opens_client(c);
	else if (what < 90)
		torture_onoff(&c->random);
	else if (what < 110)
		return unregister_self(c);
	else if (what < 120)
		return unregister_offered(c);
	else if (what < 150)
		doze(&c->random, 2000);
	return false;
}

static void on_event(void *context, const struct dhp_event *event)
{
	struct torture_client *c = context;
	bool left;

	if (too_late(c, "an event"))
		return;
	oracle_event_enter(&c->event, event);
	left = anything(c);
	oracle_event_leave();
	end_call(c, left, "an event that has not returned");
}

static int on_query_stop(void *context)
{
	struct torture_client *c = context;
	int status;
	bool left;

	if (too_late(c, "a query_stop"))
		return 0;
	oracle_query_stop_enter(&c->rebalance);
	left = anything(c);
	status = chance(&c->random, 200) ? -EBUSY : 0;
	oracle_query_stop_leave(&c->rebalance, status);
	end_call(c, left, "a query_stop that has not returned");
	return status;
}

static void on_stop(void *context)
{
	struct torture_client *c = context;
	bool left;

	if (too_late(c, "a stop"))
		return;
	oracle_stop_enter(&c->rebalance);
	left = anything(c);
	oracle_rebalance_leave();
	end_call(c, left, "a stop that has not returned");
}

static void on_start(void *context, const struct dhp_machine *machine)
{
	struct torture_client *c = context;
	bool left;

	if (too_late(c, "a start"))
		return;
	oracle_start_enter(&c->rebalance, machine);
	left = anything(c);
	oracle_rebalance_leave();
	end_call(c, left, "a start that has not returned");
}

/* ---- Threads ------------------------------------------------------------- */

static enum kind draw_kind(struct rnd_state *random)
{
	static const enum kind kinds[] = {
		PROCESSOR, PROCESSOR, PROCESSOR, PROCESSOR, EVENT, EVENT, EVENT, MEMORY, REBALANCE
	};

	return kinds[draw(random, ARRAY_SIZE(kinds))];
}

void torture_clients_run(struct torture_thread *thread)
{
	struct torture_client *slots[SLOTS] = { };
	struct rnd_state *random = &thread->random;
	struct torture_client **slot;
	unsigned int i;

	while (!kthread_should_stop()) {
		slot = &slots[draw(random, SLOTS)];
		if (*slot) {
			close_client(*slot);
			*slot = NULL;
		} else {
			*slot = open_client(random, draw_kind(random));
			if (chance(random, 200))
				*slot = offer(*slot);
		}
		if (chance(random, 5))
			register_badly();
		torture_pause(thread, 50);
	}
	for (i = 0; i < SLOTS; i++)
		close_client(slots[i]);
	for (i = 0; i < NR_KINDS; i++)
		close_client(take(i));
}
