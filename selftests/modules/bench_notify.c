// SPDX-License-Identifier: GPL-2.0-only
/*
 * What clients add to taking a CPU offline and online again, and what that takes without them.
 *
 * The duration of an operation varies by more than dhp can add to it, so bench_watch.c also
 * measures the time of dhp itself, and that of raw CPU hotplug states.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/notifier.h>

#include "bench_notify.h"
#include "bench_result.h"
#include "bench_watch.h"
#include "dhp.h"

#define MANY 1000

/* The CPU that is taken offline and online. */
#define MOVED_CPU 1

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

/* dhp notifies a client of a removal only if the client holds the CPU. */
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

	/* In reverse order, so that each insertion is at the front of the chain. */
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

static int no_client_begin(void)
{
	return 0;
}

static void no_client_end(void)
{
}

/* ---- Offline and online --------------------------------------------------- */

static const struct notified {
	const char *name;
	int (*begin)(void);
	void (*end)(void);
} notified[] = {
	{ "nobody", no_client_begin, no_client_end },
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

/* One operation, and everything that dhp does because of it. */
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
	err = watch_settle();
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
	err = watch_settle();
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
	watch_end();
	return err;
}
