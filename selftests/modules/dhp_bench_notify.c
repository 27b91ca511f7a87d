// SPDX-License-Identifier: GPL-2.0-only
/*
 * What clients add to taking a processor offline and online again, and what that itself takes.
 *
 * The whole varies by more than dhp can add to it, so dhp's part is also measured by itself,
 * and that of raw cpuhp states in the same way:
 *
 * steps	from the kernel entering one of their steps of the hotplug machine to its leaving
 *		it. This is what makes the operation longer.
 * later	the time for which work items of theirs had a processor. dhp tells COMPLETE and
 *		delivers events from work items, after the operation. Their sleep is left out,
 *		because it is the wait for the end of the operation.
 *
 * Whose a function is, is told by the module that it is in.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <trace/events/cpuhp.h>
#include <trace/events/sched.h>
#include <trace/events/workqueue.h>

#include "dhp.h"
#include "dhp_bench.h"

#define MANY 1000

/* The processor that comes and goes. */
#define MOVED_CPU 1

/* ---- The time of steps and work items ------------------------------------ */

enum owner { OTHERS, OF_DHP, OF_BENCH, NR_OWNERS };

/* Whose a function is; looking a symbol up takes long, so it is remembered. */
struct known {
	void *fn;
	enum owner owner;
};

/* A work item of dhp's that runs. */
struct running {
	struct task_struct *task;
	u64 since_ns;
};

struct part {
	u64 steps_ns;
	u64 later_ns;
};

static DEFINE_RAW_SPINLOCK(watch_lock);
static struct known known[256];
static unsigned int nr_known;
static struct running running[8];
static unsigned int nr_running;
static struct part parts[NR_OWNERS];
static enum owner step_owner;
static u64 step_began_ns;
static bool watching;

static enum owner look_up(void *fn)
{
	char name[KSYM_SYMBOL_LEN];

	snprintf(name, sizeof(name), "%ps", fn);
	if (strstr(name, "[dhp]"))
		return OF_DHP;
	if (strstr(name, "[" KBUILD_MODNAME "]"))
		return OF_BENCH;
	return OTHERS;
}

static enum owner owner_of(void *fn)
{
	unsigned int i;

	for (i = 0; i < nr_known; i++)
		if (known[i].fn == fn)
			return known[i].owner;
	if (nr_known == ARRAY_SIZE(known))
		nr_known = 0;
	known[nr_known].fn = fn;
	known[nr_known].owner = look_up(fn);
	return known[nr_known++].owner;
}

/* One step at a time: the machine serialises them, across processors too. */
static void step_enter(void *data, unsigned int cpu, int target, int step,
		       int (*fn)(unsigned int cpu))
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	step_owner = owner_of(fn);
	raw_spin_unlock_irqrestore(&watch_lock, flags);
	step_began_ns = ktime_get_ns();
}

static void step_exit(void *data, unsigned int cpu, int state, int step, int ret)
{
	u64 now = ktime_get_ns();

	parts[step_owner].steps_ns += now - step_began_ns;
	step_owner = OTHERS;
}

static struct running *find_running(struct task_struct *task)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i].task == task)
			return &running[i];
	return NULL;
}

static void work_start(void *data, struct work_struct *work)
{
	struct running *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	if (owner_of(work->func) == OF_DHP) {
		entry = find_running(NULL);
		if (!WARN_ON_ONCE(!entry)) {
			WRITE_ONCE(nr_running, nr_running + 1);
			entry->task = current;
			entry->since_ns = ktime_get_ns();
		}
	}
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static void work_end(void *data, struct work_struct *work, work_func_t fn)
{
	u64 now = ktime_get_ns();
	struct running *entry;
	unsigned long flags;

	if (!READ_ONCE(nr_running))
		return;
	raw_spin_lock_irqsave(&watch_lock, flags);
	entry = find_running(current);
	if (entry) {
		parts[OF_DHP].later_ns += now - entry->since_ns;
		entry->task = NULL;
		WRITE_ONCE(nr_running, nr_running - 1);
	}
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static void task_switch(void *data, bool preempt, struct task_struct *prev,
			struct task_struct *next, unsigned int prev_state)
{
	struct running *entry;
	unsigned long flags;
	u64 now;

	if (!READ_ONCE(nr_running))
		return;
	now = ktime_get_ns();
	raw_spin_lock_irqsave(&watch_lock, flags);
	entry = find_running(prev);
	if (entry)
		parts[OF_DHP].later_ns += now - entry->since_ns;
	entry = find_running(next);
	if (entry)
		entry->since_ns = now;
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static struct bench_probe watch_probes[] = {
	{ .name = "cpuhp_enter", .fn = step_enter },
	{ .name = "cpuhp_exit", .fn = step_exit },
	{ .name = "workqueue_execute_start", .fn = work_start },
	{ .name = "workqueue_execute_end", .fn = work_end },
	{ .name = "sched_switch", .fn = task_switch },
};

/* Tracepoints found by name take any function: at least let the compiler compare. */
static void __maybe_unused check_types(void)
{
	check_trace_callback_type_cpuhp_enter(step_enter);
	check_trace_callback_type_cpuhp_exit(step_exit);
	check_trace_callback_type_workqueue_execute_start(work_start);
	check_trace_callback_type_workqueue_execute_end(work_end);
	check_trace_callback_type_sched_switch(task_switch);
}

static void watch_reset(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	memset(parts, 0, sizeof(parts));
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static struct part watch_part(enum owner owner)
{
	unsigned long flags;
	struct part part;

	raw_spin_lock_irqsave(&watch_lock, flags);
	part = parts[owner];
	raw_spin_unlock_irqrestore(&watch_lock, flags);
	return part;
}

static int watch_begin(void)
{
	int err;

	if (watching)
		return 0;
	err = bench_probes_add(watch_probes, ARRAY_SIZE(watch_probes));
	watching = !err;
	return err;
}

void bench_watch_end(void)
{
	if (watching)
		bench_probes_del(watch_probes, ARRAY_SIZE(watch_probes));
	watching = false;
}

/* From here on, dhp's part in what the guest does is summed up ... */
int bench_watch(unsigned int unused)
{
	int err = watch_begin();

	if (!err)
		watch_reset();
	return err;
}

/* ... until here, when nothing of dhp's is pending any more. */
int bench_watched(unsigned int unused)
{
	struct part part;
	int err;

	err = bench_settle();
	if (err)
		return err;
	part = watch_part(OF_DHP);
	err = bench_record("watched", "steps", 1, part.steps_ns);
	return err ?: bench_record("watched", "later", 1, part.later_ns);
}

/* ---- Who is notified ------------------------------------------------------ */

static struct dhp_processor_client *clients[MANY];
static struct notifier_block blocks[MANY];
static BLOCKING_NOTIFIER_HEAD(chain);
static int raw_prepare_state, raw_online_state;

static void client_fn(void *context, const struct dhp_processor_change *change, int *status)
{
}

static void clients_end(void)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		if (!IS_ERR_OR_NULL(clients[i]))
			dhp_unregister_processor_callback(clients[i]);
		clients[i] = NULL;
	}
}

/* Only a client that has a processor is told that it goes. */
static int clients_begin(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		clients[i] = dhp_register_processor_callback(client_fn, NULL,
							     DHP_PROCESSOR_ADD_EXISTING |
							     DHP_PROCESSOR_REMOVALS);
		if (IS_ERR(clients[i])) {
			int err = PTR_ERR(clients[i]);

			clients_end();
			return err;
		}
	}
	return 0;
}

static int clients_begin_one(void)
{
	return clients_begin(1);
}

static int clients_begin_many(void)
{
	return clients_begin(MANY);
}

static int states_begin(int (*up)(unsigned int cpu), int (*down)(unsigned int cpu))
{
	raw_prepare_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "dhp_bench:prepare",
						      up, down);
	if (raw_prepare_state < 0)
		return raw_prepare_state;
	raw_online_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "dhp_bench:online",
						     up, down);
	if (raw_online_state < 0)
		cpuhp_remove_state_nocalls(raw_prepare_state);
	return raw_online_state < 0 ? raw_online_state : 0;
}

static void states_end(void)
{
	cpuhp_remove_state_nocalls(raw_online_state);
	cpuhp_remove_state_nocalls(raw_prepare_state);
}

static int raw_up(unsigned int cpu)
{
	return 0;
}

static int raw_down(unsigned int cpu)
{
	return 0;
}

static int raw_begin(void)
{
	return states_begin(raw_up, raw_down);
}

static int block_fn(struct notifier_block *nb, unsigned long event, void *data)
{
	return NOTIFY_OK;
}

static int chain_up(unsigned int cpu)
{
	return notifier_to_errno(blocking_notifier_call_chain(&chain, 1, &cpu));
}

static int chain_down(unsigned int cpu)
{
	return notifier_to_errno(blocking_notifier_call_chain(&chain, 0, &cpu));
}

static void chain_empty(void)
{
	unsigned int i;

	for (i = 0; i < MANY; i++)
		blocking_notifier_chain_unregister(&chain, &blocks[i]);
}

static int chain_begin(void)
{
	unsigned int i;
	int err;

	/* From the last: each finds its place at the front. */
	for (i = MANY; i--;) {
		blocks[i].notifier_call = block_fn;
		blocks[i].priority = MANY - i;
		blocking_notifier_chain_register(&chain, &blocks[i]);
	}
	err = states_begin(chain_up, chain_down);
	if (err)
		chain_empty();
	return err;
}

static void chain_end(void)
{
	states_end();
	chain_empty();
}

static int nobody_begin(void)
{
	return 0;
}

static void nobody_end(void)
{
}

/* ---- Offline and online --------------------------------------------------- */

static const struct notified {
	const char *name;
	int (*begin)(void);
	void (*end)(void);
} notified[] = {
	{ "nobody", nobody_begin, nobody_end },
	{ "dhp", clients_begin_one, clients_end },
	{ "raw", raw_begin, states_end },
	{ "dhp1000", clients_begin_many, clients_end },
	{ "chain1000", chain_begin, chain_end },
};

static int record(const char *what, const char *who, u64 total_ns)
{
	const struct {
		const char *name;
		u64 ns;
	} values[] = {
		{ "total", total_ns },
		{ "dhp_steps", watch_part(OF_DHP).steps_ns },
		{ "dhp_later", watch_part(OF_DHP).later_ns },
		{ "raw_steps", watch_part(OF_BENCH).steps_ns },
	};
	char name[40];
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(values) && !err; i++) {
		snprintf(name, sizeof(name), "notify/%s/%s", what, values[i].name);
		err = bench_record(name, who, 1, values[i].ns);
	}
	return err;
}

/* One operation, and all that dhp does because of it. */
static int move(const char *what, int (*fn)(unsigned int cpu), const char *who, bool counts)
{
	u64 start, total_ns;
	int err;

	watch_reset();
	start = ktime_get_ns();
	err = fn(MOVED_CPU);
	total_ns = ktime_get_ns() - start;
	if (err)
		return err;
	err = bench_settle();
	if (err || !counts)
		return err;
	return record(what, who, total_ns);
}

static int notify_side(const struct notified *side, bool counts)
{
	int err;

	err = side->begin();
	if (err)
		return err;
	err = bench_settle();
	if (!err)
		err = move("offline", remove_cpu, side->name, counts);
	if (!err)
		err = move("online", add_cpu, side->name, counts);
	side->end();
	return err;
}

int bench_notify(unsigned int rounds)
{
	unsigned int round, side;
	int err;

	if (!cpu_online(MOVED_CPU))
		return -ENODEV;
	err = watch_begin();
	for (round = 0; round < 1 + rounds && !err; round++)
		for (side = 0; side < ARRAY_SIZE(notified) && !err; side++)
			err = notify_side(&notified[side], round);
	bench_watch_end();
	return err;
}
