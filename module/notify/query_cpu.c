// SPDX-License-Identifier: GPL-2.0-only
/*
 * May a CPU come or go? What the kernel is known to refuse, and then the clients, in a turn between
 * operations, so that they stand where an operation would find them.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/numa.h>
#include <linux/topology.h>

#include "asking.h"
#include "common.h"
#include "compat.h"
#include "processor.h"
#include "processor_clients.h"
#include "query_cpu.h"
#include "turn.h"

/*
 * Asks in the order in which the kernel refuses. What it does not show to modules, or decides only
 * in a step of an operation, is named.
 */
static struct dhp_answer kernel_answer(const struct dhp_query *query, struct device *dev)
{
	if (!cpu_present(query->cpu) || !dev)
		return dhp_kernel_answer(DHP_ANSWER_NO, -ENODEV,
				"the CPU is not present; plug it first");
	if (dhp_processor_halfway(query->cpu))
		return dhp_kernel_answer(DHP_ANSWER_UNKNOWN, 0,
			"cpuN/hotplug/target has left the CPU between online and offline");
	if (query->change == DHP_QUERY_ADD) {
		if (cpu_to_node(query->cpu) == NUMA_NO_NODE)
			return dhp_kernel_answer(DHP_ANSWER_NO, -ENODEV,
					"the CPU has no node");
	} else if (dev_offline_disabled(dev)) {
		return dhp_kernel_answer(DHP_ANSWER_NO, -EPERM,
				"the CPU cannot be taken offline on this machine");
	}
	if (dhp_processor_suspended())
		return dhp_kernel_answer(DHP_ANSWER_NO, -EBUSY,
				"the machine is being suspended");
	if (query->change == DHP_QUERY_REMOVE && num_online_cpus() == 1)
		return dhp_kernel_answer(DHP_ANSWER_NO, -EBUSY,
				"it is the last CPU that is online");
	if (query->change == DHP_QUERY_REMOVE)
		return dhp_kernel_answer(DHP_ANSWER_YES, 0,
			"but CPU hotplug may be disabled, others may need the CPU (isolation, deadline tasks), and a step of the CPU hotplug state machine may fail");
	return dhp_kernel_answer(DHP_ANSWER_YES, 0,
		"but CPU hotplug or SMT may be disabled, memory may be short, and a step of the CPU hotplug state machine may fail");
}

/* Says so if there is. */
static bool nothing_to_do(struct dhp_asking *asking)
{
	bool add = asking->query.change == DHP_QUERY_ADD;
	struct dhp_answer answer;

	if (!cpu_present(asking->query.cpu) || dhp_processor_halfway(asking->query.cpu) ||
	    cpu_online(asking->query.cpu) != add)
		return false;
	answer = dhp_kernel_answer(DHP_ANSWER_YES, 0, add ? "nothing to do: the CPU is online" :
				   "nothing to do: the CPU is offline");
	dhp_asking_answer(asking, &answer);
	return true;
}

void dhp_query_cpu(struct dhp_asking *asking)
{
	struct dhp_answer kernel;

	asking->query.nid = cpu_to_node(asking->query.cpu);
	dhp_processor_turn_begin();
	dhp_context_enter(DHP_IN_PROCESSOR);
	if (!nothing_to_do(asking)) {
		kernel = kernel_answer(&asking->query, get_cpu_device(asking->query.cpu));
		dhp_asking_answer(asking, &kernel);
		dhp_processor_clients_ask(asking);
	}
	dhp_context_leave(DHP_IN_PROCESSOR);
	dhp_processor_turn_end();
}

int dhp_processor_set_query(struct dhp_processor_client *client, dhp_query_fn fn)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_in(DHP_IN_PROCESSOR)) {
		dhp_processor_client_set_query(client, fn);
		return 0;
	}
	if (dhp_refuse_inside("answering questions about CPUs"))
		return -EDEADLK;

	dhp_turn_begin();
	dhp_processor_client_set_query(client, fn);
	dhp_turn_end();
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_processor_set_query);
