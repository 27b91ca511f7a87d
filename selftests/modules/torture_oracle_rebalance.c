// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle for rebalance clients, and two watchers that are registered as long as the module is
 * loaded; the second one puts many of its stops off. At the end, the machine must be what they were
 * started with last.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "torture_count.h"
#include "torture_oracle_call.h"
#include "torture_oracle_event.h"
#include "torture_oracle_rebalance.h"
#include "torture_random.h"

#define WATCHERS 2
#define SETTLE_SECONDS 120	/* a stop may be put off for 30 of them */
#define PUT_OFF_PERMILLE 500

static atomic_t running;

static u64 online_bytes(void)
{
	u64 pages = 0;
	int nid;

	for_each_online_node(nid)
		pages += node_present_pages(nid);
	return pages << PAGE_SHIFT;
}

/* ---- Each call ------------------------------------------------------------ */

static void enter(void)
{
	count_up(REBALANCE_CALLS);
	oracle_call_begin(&running, "a rebalance client");
}

void oracle_rebalance_leave(void)
{
	oracle_call_end(&running);
}

void oracle_query_stop_enter(struct oracle_rebalance *o)
{
	enter();
	if (!o->started || o->agreed)
		torture_err("B1: query_stop of a client that %s",
			    o->started ? "has agreed" : "is stopped");
}

void oracle_query_stop_leave(struct oracle_rebalance *o, int status)
{
	o->agreed = !status;
	if (status)
		count_up(REBALANCE_PUT_OFF);
	oracle_rebalance_leave();
}

void oracle_stop_enter(struct oracle_rebalance *o)
{
	enter();
	if (!o->started || !o->agreed)
		torture_err("B1 B2: stop of a client that %s",
			    o->started ? "was not asked" : "is stopped");
	o->started = false;
	o->agreed = false;
}

static void check_machine(const struct dhp_machine *machine)
{
	if (!machine->nr_cpus || machine->nr_cpus != cpumask_weight(machine->cpus) ||
	    !cpumask_subset(machine->cpus, cpu_present_mask))
		torture_err("B1: a machine with %u CPUs, which are %*pbl", machine->nr_cpus,
			    cpumask_pr_args(machine->cpus));
	if (!machine->nr_nodes || machine->nr_nodes != nodes_weight(*machine->nodes))
		torture_err("B1: a machine with %u nodes, which are %*pbl", machine->nr_nodes,
			    nodemask_pr_args(machine->nodes));
	if (!machine->memory_bytes)
		torture_err("B1: a machine without memory");
}

void oracle_start_enter(struct oracle_rebalance *o, const struct dhp_machine *machine)
{
	enter();
	if (o->started)
		torture_err("B2: start of a client that was not stopped");
	if (o->starts && machine->seq <= o->seq)
		torture_err("B2: started again at event %llu, last at %llu: nothing has changed",
			    machine->seq, o->seq);
	check_machine(machine);
	if (o->starts) {
		oracle_event_check_delivered(machine->seq);
		count_up(REBALANCE_TRIPLES);
	}
	o->starts++;
	o->started = true;
	o->seq = machine->seq;
}

/* ---- Watchers -------------------------------------------------------------- */

static struct watcher {
	struct oracle_rebalance oracle;
	struct dhp_rebalance_client *client;
	struct rnd_state random;
	u32 put_off_permille;
	cpumask_var_t cpus;	/* of the last start */
	u64 memory_bytes;
} watchers[WATCHERS];

static int watch_query_stop(void *context)
{
	struct watcher *w = context;
	int status;

	oracle_query_stop_enter(&w->oracle);
	status = chance(&w->random, READ_ONCE(w->put_off_permille)) ? -EBUSY : 0;
	oracle_query_stop_leave(&w->oracle, status);
	return status;
}

static void watch_stop(void *context)
{
	struct watcher *w = context;

	oracle_stop_enter(&w->oracle);
	oracle_rebalance_leave();
}

static void watch_start(void *context, const struct dhp_machine *machine)
{
	struct watcher *w = context;

	oracle_start_enter(&w->oracle, machine);
	cpumask_copy(w->cpus, machine->cpus);
	WRITE_ONCE(w->memory_bytes, machine->memory_bytes);
	oracle_rebalance_leave();
}

static const struct dhp_rebalance_ops watch_ops = {
	.query_stop = watch_query_stop,
	.stop = watch_stop,
	.start = watch_start,
};

int oracle_rebalance_init(void)
{
	struct watcher *w;
	int ret;

	for (w = watchers; w < watchers + WATCHERS; w++) {
		if (!zalloc_cpumask_var(&w->cpus, GFP_KERNEL)) {
			ret = -ENOMEM;
			goto exit;
		}
		torture_seed(&w->random, 1000 + (w - watchers));
		w->put_off_permille = w == watchers ? 0 : PUT_OFF_PERMILLE;
		w->client = dhp_register_rebalance(&watch_ops, w);
		if (IS_ERR(w->client)) {
			ret = PTR_ERR(w->client);
			goto exit;
		}
	}
	return 0;

exit:
	pr_err("the watchers of rebalance cannot be registered: %pe\n", ERR_PTR(ret));
	oracle_rebalance_exit();
	return ret;
}

void oracle_rebalance_exit(void)
{
	struct watcher *w;

	for (w = watchers; w < watchers + WATCHERS; w++) {
		dhp_unregister_rebalance(w->client);
		free_cpumask_var(w->cpus);
	}
}

/* Was it last started with the machine as it is? */
static bool up_to_date(struct watcher *w)
{
	bool same;

	cpus_read_lock();
	same = cpumask_equal(w->cpus, cpu_online_mask);
	cpus_read_unlock();
	return same && READ_ONCE(w->memory_bytes) == online_bytes();
}

/* Nothing changes any more, and no stop is put off any more. */
void oracle_rebalance_check_end(void)
{
	unsigned long deadline = jiffies + SETTLE_SECONDS * HZ;
	struct watcher *w;

	for (w = watchers; w < watchers + WATCHERS; w++)
		WRITE_ONCE(w->put_off_permille, 0);
	for (w = watchers; w < watchers + WATCHERS; w++) {
		while (!up_to_date(w) && time_before(jiffies, deadline))
			msleep(100);
		if (!up_to_date(w))
			torture_err("B1: started %u times, last with CPUs %*pbl and %llu bytes; now there are %*pbl and %llu",
				    w->oracle.starts, cpumask_pr_args(w->cpus), w->memory_bytes,
				    cpumask_pr_args(cpu_online_mask), online_bytes());
	}
}
