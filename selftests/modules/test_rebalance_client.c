// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rebalance clients: they log their calls and run the scripts.
 *
 * A call is logged with what it finds wrong behind a '!', so that the comparison with the expected
 * log fails: a call during another call, one out of order, a machine that contradicts itself.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/nodemask.h>
#include <linux/string.h>

#include "dhp_rebalance.h"
#include "test_client.h"
#include "test_command.h"
#include "test_log.h"
#include "test_rebalance_client.h"
#include "test_script.h"

static atomic_t running;

/* Begins a call; returns what is wrong with it. */
static const char *begin(struct client *c, unsigned int state)
{
	bool alone = atomic_inc_return(&running) == 1;
	bool stopped = c->stopped;

	if (state != QUERY_STOP)
		c->stopped = state == STOP;
	if (!may_sleep())
		return " !atomic";
	if (!alone)
		return " !overlap";
	return stopped == (state == START) ? "" : " !order";
}

static void end(struct client *c)
{
	atomic_dec(&running);
	if (c->left)
		client_drop(c);
}

static int on_query_stop(void *context)
{
	struct client *c = context;
	const char *wrong = begin(c, QUERY_STOP);
	int status = 0;

	log_line("%s QUERY_STOP%s", c->name, wrong);
	scripts_run(c, QUERY_STOP, -1, &status);
	end(c);
	return status;
}

static void on_stop(void *context)
{
	struct client *c = context;
	const char *wrong = begin(c, STOP);

	log_line("%s STOP%s", c->name, wrong);
	scripts_run(c, STOP, -1, NULL);
	end(c);
}

static void on_start(void *context, const struct dhp_machine *machine)
{
	struct client *c = context;
	const char *wrong = begin(c, START);

	if (machine->nr_cpus != cpumask_weight(machine->cpus) ||
	    machine->nr_nodes != nodes_weight(*machine->nodes))
		wrong = " !machine";
	log_line("%s START cpus %*pbl nodes %*pbl mem %llu seq %llu%s", c->name,
		 cpumask_pr_args(machine->cpus), nodemask_pr_args(machine->nodes),
		 machine->memory_bytes, machine->seq, wrong);
	scripts_run(c, START, -1, NULL);
	end(c);
}

static const struct dhp_rebalance_ops all_three = {
	.query_stop = on_query_stop,
	.stop = on_stop,
	.start = on_start,
};

static const struct dhp_rebalance_ops without_query = {
	.stop = on_stop,
	.start = on_start,
};

static const struct dhp_rebalance_ops without_stop = {
	.query_stop = on_query_stop,
	.start = on_start,
};

static const struct dhp_rebalance_ops without_start = {
	.query_stop = on_query_stop,
	.stop = on_stop,
};

static const struct {
	const char *lacks;
	const struct dhp_rebalance_ops *ops;
} variants[] = {
	{ "", &all_three },
	{ "query_stop", &without_query },
	{ "stop", &without_stop },
	{ "start", &without_start },
	{ "all", NULL },
};

int rebalance_client_register(const char *name, const char *lacks)
{
	struct client *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(variants); i++)
		if (!strcmp(variants[i].lacks, lacks ?: ""))
			break;
	if (i == ARRAY_SIZE(variants))
		return complain(-EINVAL, "lacks=%.40s must be query_stop, stop, start or all",
				lacks);
	c = client_new(name, REBALANCE);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->stopped = true;
	return client_registered(c, dhp_register_rebalance(variants[i].ops, c));
}

int rebalance_client(const struct command *command)
{
	return rebalance_client_register(command->name, option(command, "lacks"));
}
