// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that answer questions: with the veto that they are about to give. They log nothing, but
 * for what is wrong, since a question must leave no trace. Also the questions of this module.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/numa.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "compat.h"
#include "dhp.h"
#include "dhp_query.h"
#include "test_client.h"
#include "test_command.h"
#include "test_log.h"
#include "test_query.h"
#include "test_script.h"

static atomic_t running[2];	/* one for each category */

static const char *wrong_query(const struct dhp_query *query)
{
	if (!may_sleep())
		return "atomic";
	if (query->category == DHP_PROCESSOR && query->nid != cpu_to_node(query->cpu))
		return "node";
	return NULL;
}

static int on_query(void *context, const struct dhp_query *query)
{
	bool alone = atomic_inc_return(&running[query->category]) == 1;
	bool cpu = query->category == DHP_PROCESSOR;
	long what = cpu ? query->cpu : query->start;
	struct client *c = context;
	const char *wrong;
	int status;

	wrong = alone ? wrong_query(query) : "overlap";
	if (wrong)
		log_line("%s query !%s", c->name, wrong);
	status = scripts_foresee(c, query->change == DHP_QUERY_ADD ? DHP_PROCESSOR_START :
				 DHP_PROCESSOR_REMOVE_START, what);
	scripts_run(c, QUERY, what, &status);
	atomic_dec(&running[query->category]);
	if (c->left)
		client_drop(c);
	return status;
}

int query_answers(const struct command *command)
{
	struct client *c;
	long on = 1;
	int err;

	err = number_option(command, "on", &on);
	if (err)
		return err;
	c = client_claim(command->name);
	if (IS_ERR(c))
		return PTR_ERR(c);
	if (c->kind == PROCESSOR)
		err = dhp_processor_set_query(c->handle, on ? on_query : NULL);
	else if (c->kind == MEMORY)
		err = dhp_memory_set_query(c->handle, on ? on_query : NULL);
	else
		err = -EINVAL;
	client_unclaim(c);
	return err ? complain(err, "dhp's answer") : 0;
}

int query_ask_cpu(unsigned int cpu)
{
	const struct dhp_query query = {
		.category = DHP_PROCESSOR, .change = DHP_QUERY_REMOVE, .cpu = cpu
	};

	return dhp_query(&query, NULL, NULL);
}

/* Asks about a CPU as if the machine did not need it. */
static int ask_removable(const struct dhp_query *query)
{
	struct device *dev = get_cpu_device(query->cpu);
	bool disabled;
	int err;

	if (!dev)
		return -ENODEV;
	disabled = dev_offline_disabled(dev);
	dev_assign_offline_disabled(dev, false);
	err = dhp_query(query, NULL, NULL);
	dev_assign_offline_disabled(dev, disabled);
	return err;
}

/* The errno of the command is dhp's answer. */
int query_ask(const struct command *command)
{
	const char *word = option(command, "change") ?: "remove";
	struct dhp_query query = { .change = DHP_QUERY_REMOVE, .nid = NUMA_NO_NODE };
	const char *start = option(command, "start") ?: "0";
	const char *size = option(command, "size") ?: "0";
	long cpu = -1, removable = 0;
	int err;

	if (!strcmp(word, "add"))
		query.change = DHP_QUERY_ADD;
	else if (strcmp(word, "remove"))
		return complain(-EINVAL, "change=%.40s is neither add nor remove", word);
	err = number_option(command, "cpu", &cpu);
	if (!err)
		err = number_option(command, "removable", &removable);
	if (err)
		return err;
	if (kstrtou64(start, 0, &query.start) || kstrtou64(size, 0, &query.size))
		return complain(-EINVAL, "ask: start=ADDRESS and size=BYTES must be numbers");
	query.category = cpu < 0 ? DHP_MEMORY : DHP_PROCESSOR;
	query.cpu = cpu;
	err = removable ? ask_removable(&query) : dhp_query(&query, NULL, NULL);
	return err ? complain(err, "dhp's answer") : 0;
}
