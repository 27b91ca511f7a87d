// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processor clients: they log their calls and run the scripts.
 *
 * A call is logged with what it finds wrong behind a '!', so that the comparison with the expected
 * log fails: a call during another call, a CPU that is in the wrong state, and so on.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "dhp.h"
#include "test_client.h"
#include "test_command.h"
#include "test_log.h"
#include "test_probe.h"
#include "test_processor_client.h"
#include "test_script.h"

static atomic_t running;

/* ---- Calls ---------------------------------------------------------------- */

/* A CPU may come as soon as the replay has ended, before the registration has returned. */
static bool replaying(struct client *c)
{
	return READ_ONCE(c->registrant) == current;
}

static const char *wrong_processor(struct client *c, const struct dhp_processor_change *change,
				   int *status)
{
	unsigned int cpu = change->cpu;

	if (!may_sleep())
		return " !atomic";
	if (!status)
		return " !no_status";
	if (*status)
		return " !status";
	if (change->nid != NUMA_NO_NODE && change->nid != cpu_to_node(cpu))
		return " !node";

	switch (change->state) {
	case DHP_PROCESSOR_START:
		return cpu_online(cpu) == replaying(c) ? "" : " !online";
	case DHP_PROCESSOR_COMPLETE:
	case DHP_PROCESSOR_REMOVE_FAILURE:
		if (c->probe && !cpu_active(cpu))
			return " !inactive";
		return c->probe ? probe_start(&c->probes, cpu, c->removals) : "";
	case DHP_PROCESSOR_REMOVE_START:
		if (!cpu_online(cpu))
			return " !offline";
		return c->probe ? probe_end(&c->probes, cpu) : "";
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		return cpu_online(cpu) ? " !online" : "";
	default:
		return "";
	}
}

static void on_processor(void *context, const struct dhp_processor_change *change, int *status)
{
	bool alone = atomic_inc_return(&running) == 1;
	struct client *c = context;
	const char *wrong;

	wrong = alone ? "" : " !overlap";
	if (alone)
		wrong = wrong_processor(c, change, status);
	log_line("%s %s %u %d%s", c->name, state_name(change->state), change->cpu,
		 change->status, wrong);
	scripts_run(c, change->state, change->cpu, status);
	atomic_dec(&running);
	if (c->left)
		client_drop(c);
}

/* ---- Registering ---------------------------------------------------------- */

int processor_client_register(const char *name, unsigned int flags, bool none, bool probe)
{
	struct client *c = client_new(name, PROCESSOR);

	if (IS_ERR(c))
		return PTR_ERR(c);
	c->probe = probe;
	c->removals = flags & DHP_PROCESSOR_REMOVALS;
	WRITE_ONCE(c->registrant, flags & DHP_PROCESSOR_ADD_EXISTING ? current : NULL);
	return client_registered(c, dhp_register_processor_callback(none ? NULL : on_processor, c,
								    flags));
}

static const struct flag known_flags[] = {
	{ "existing", DHP_PROCESSOR_ADD_EXISTING }, { "removals", DHP_PROCESSOR_REMOVALS }, { }
};

int processor_client(const struct command *command)
{
	unsigned int flags = 0;
	long probe = 0;
	bool none;
	int err;

	err = flags_option(command, known_flags, &flags);
	if (!err)
		err = fn_option(command, &none);
	if (!err)
		err = number_option(command, "probe", &probe);
	return err ? err : processor_client_register(command->name, flags, none, probe);
}

int processor_client_bulk(const struct command *command)
{
	unsigned int flags = 0;
	long i, count = 0;
	char name[80];
	int err;

	err = flags_option(command, known_flags, &flags);
	if (!err)
		err = number_option(command, "count", &count);
	if (err)
		return err;
	if (count < 1 || strlen(command->name) > 40)
		return complain(-EINVAL, "bulk: count must be above 0, and the prefix short");
	for (i = 1; i <= count && !err; i++) {
		snprintf(name, sizeof(name), "%s%ld", command->name, i);
		err = processor_client_register(name, flags, false, false);
	}
	return err;
}
