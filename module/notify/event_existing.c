// SPDX-License-Identifier: GPL-2.0-only
/* The events that report what is there already, for a client's replay. event.c delivers them. */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "event_existing.h"
#include "online.h"

static struct dhp_event existing_event(enum dhp_category category, int nid)
{
	return (struct dhp_event) {
		.time = ktime_get(),
		.action = DHP_EVENT_ARRIVAL,
		.category = category,
		.nid = nid,
		.existing = true,
	};
}

/**
 * dhp_event_existing_processors() - an ARRIVAL for each of some CPUs
 * @cpus: which
 * @events: receives an array, the caller's to kvfree()
 *
 * Return: the number of events, or -ENOMEM.
 */
int dhp_event_existing_processors(const struct cpumask *cpus, struct dhp_event **events)
{
	unsigned int cpu;
	int nr = 0;

	*events = kvcalloc(cpumask_weight(cpus), sizeof(**events), GFP_KERNEL);
	if (!*events)
		return -ENOMEM;
	for_each_cpu(cpu, cpus) {
		(*events)[nr] = existing_event(DHP_PROCESSOR, cpu_to_node(cpu));
		(*events)[nr++].cpu = cpu;
	}
	return nr;
}

/**
 * dhp_event_existing_memory() - an ARRIVAL for each range of memory that is online
 * @events: receives an array, the caller's to kvfree()
 *
 * Context: With dhp_online_mutex held.
 * Return: the number of events, or -ENOMEM.
 */
int dhp_event_existing_memory(struct dhp_event **events)
{
	struct dhp_range *ranges;
	int i, nr = dhp_online_ranges(&ranges);

	if (nr < 0)
		return nr;
	*events = kvcalloc(nr, sizeof(**events), GFP_KERNEL);
	if (!*events)
		nr = -ENOMEM;
	for (i = 0; i < nr; i++) {
		(*events)[i] = existing_event(DHP_MEMORY, ranges[i].nid);
		(*events)[i].start = ranges[i].start;
		(*events)[i].size = ranges[i].size;
	}
	kvfree(ranges);
	return nr;
}
