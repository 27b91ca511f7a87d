// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of the last notifications with their durations, and the tracepoints. The names of
 * states that both show are in dhp_names.h.
 */
#include <linux/math64.h>
#include <linux/pfn.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "client.h"
#include "dhp_names.h"
#include "log.h"
#include "notify.h"
#include "rebalance_call.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define LOG_LEN 1024

enum log_kind { LOG_PROCESSOR, LOG_MEMORY, LOG_EVENT, LOG_REBALANCE };

struct log_entry {
	u64 time_ns;
	u64 duration_ns;
	enum log_kind kind;
	int status;
	char client[DHP_NAME_LEN];
	union {
		struct dhp_processor_change processor;
		struct dhp_memory_change memory;
		struct dhp_event event;
		struct dhp_rebalance_call rebalance;
	};
};

static DEFINE_SPINLOCK(log_lock);
static struct log_entry log_ring[LOG_LEN];
static u64 log_count;

#define PROCESSOR_NAME(state) \
	[DHP_PROCESSOR_##state] = #state,
#define MEMORY_NAME(state) \
	[DHP_MEMORY_##state] = #state,
#define ACTION_NAME(action) \
	[DHP_EVENT_##action] = #action,
#define REBALANCE_NAME(state) \
	[DHP_REBALANCE_##state] = #state,

static const char * const processor_states[] = { DHP_PROCESSOR_STATES(PROCESSOR_NAME) };
static const char * const memory_states[] = { DHP_MEMORY_STATES(MEMORY_NAME) };
static const char * const event_actions[] = { DHP_EVENT_ACTIONS(ACTION_NAME) };
static const char * const rebalance_states[] = { DHP_REBALANCE_STATES(REBALANCE_NAME) };
static const char * const refusers[] = {
	[DHP_BY_KERNEL] = "kernel",
	[DHP_BY_CLIENT] = "client",
	[DHP_BY_STEP] = "step",
	[DHP_BY_NOTIFIER] = "notifier",
};

const char *dhp_processor_state_name(enum dhp_processor_state state)
{
	return processor_states[state];
}

const char *dhp_memory_state_name(enum dhp_memory_state state)
{
	return memory_states[state];
}

const char *dhp_event_action_name(enum dhp_event_action action)
{
	return event_actions[action];
}

const char *dhp_refusal_by_name(enum dhp_refusal_by by)
{
	return refusers[by];
}

/*
 * Returns the entry to fill, with log_lock held. With a thousand clients this is a
 * good part of what their calls cost. @client has DHP_NAME_LEN bytes.
 */
static __always_inline struct log_entry *log_begin(const char *client, enum log_kind kind,
						   u64 start_ns, u64 end_ns)
{
	struct log_entry *entry;

	spin_lock(&log_lock);
	entry = &log_ring[log_count++ % LOG_LEN];
	entry->time_ns = start_ns;
	entry->duration_ns = end_ns - start_ns;
	entry->kind = kind;
	memcpy(entry->client, client, sizeof(entry->client));
	return entry;
}

void dhp_log_processor(const char *client, const struct dhp_processor_change *change,
		       int status, u64 start_ns, u64 end_ns)
{
	struct log_entry *entry;

	status = status ?: change->status;
	entry = log_begin(client, LOG_PROCESSOR, start_ns, end_ns);
	entry->processor = *change;
	entry->status = status;
	spin_unlock(&log_lock);
	trace_dhp_processor(client, change, status, end_ns - start_ns);
}

void dhp_log_memory(const char *client, const struct dhp_memory_change *change,
		    int status, u64 start_ns, u64 end_ns)
{
	struct log_entry *entry;

	status = status ?: change->status;
	entry = log_begin(client, LOG_MEMORY, start_ns, end_ns);
	entry->memory = *change;
	entry->status = status;
	spin_unlock(&log_lock);
	trace_dhp_memory(client, change, status, end_ns - start_ns);
}

/* @client is NULL for an event that no client was notified of. */
void dhp_log_event(const char *client, const struct dhp_event *event, u64 start_ns,
		   u64 end_ns)
{
	static const char no_client[DHP_NAME_LEN] = "none";
	struct log_entry *entry;

	client = client ?: no_client;
	entry = log_begin(client, LOG_EVENT, start_ns, end_ns);
	entry->event = *event;
	spin_unlock(&log_lock);
	trace_dhp_event(client, event, end_ns - start_ns);
}

/* The last refusals have a file of their own. */
void dhp_log_refusal(const struct dhp_refusal *refusal)
{
	trace_dhp_refusal(refusal);
}

void dhp_log_rebalance(const char *client, const struct dhp_rebalance_call *call,
		       u64 start_ns, u64 end_ns)
{
	struct log_entry *entry = log_begin(client, LOG_REBALANCE, start_ns, end_ns);

	entry->rebalance = *call;
	spin_unlock(&log_lock);
	trace_dhp_rebalance(client, call, end_ns - start_ns);
}

static void log_show_entry(struct seq_file *m, const struct log_entry *entry)
{
	u32 ns;
	u64 seconds = div_u64_rem(entry->time_ns, NSEC_PER_SEC, &ns);
	phys_addr_t start;

	seq_printf(m, "%llu.%06u ", seconds, ns / (u32)NSEC_PER_USEC);
	switch (entry->kind) {
	case LOG_PROCESSOR:
		seq_printf(m, "%s cpu=%u node=%d client=%s result=%d",
			   processor_states[entry->processor.state],
			   entry->processor.cpu, entry->processor.nid,
			   entry->client, entry->status);
		break;
	case LOG_MEMORY:
		start = PFN_PHYS(entry->memory.start_pfn);
		seq_printf(m, "%s mem=%#llx-%#llx node=%d client=%s result=%d",
			   memory_states[entry->memory.state], (u64)start,
			   (u64)(start + PFN_PHYS(entry->memory.nr_pages) - 1),
			   entry->memory.nid, entry->client, entry->status);
		break;
	case LOG_EVENT:
		seq_puts(m, event_actions[entry->event.action]);
		if (entry->event.category == DHP_PROCESSOR)
			seq_printf(m, " cpu=%u", entry->event.cpu);
		else
			seq_printf(m, " mem=%#llx-%#llx",
				   (u64)entry->event.start,
				   (u64)(entry->event.start +
					 entry->event.size - 1));
		seq_printf(m, " node=%d seq=%llu%s client=%s",
			   entry->event.nid, entry->event.seq,
			   entry->event.existing ? " existing" : "",
			   entry->client);
		if (entry->event.merged)
			seq_printf(m, " merged=%u", entry->event.merged);
		break;
	case LOG_REBALANCE:
		seq_puts(m, rebalance_states[entry->rebalance.state]);
		if (entry->rebalance.state == DHP_REBALANCE_START)
			seq_printf(m, " cpus=%u nodes=%u mem=%#llx seq=%llu",
				   entry->rebalance.nr_cpus, entry->rebalance.nr_nodes,
				   entry->rebalance.memory_bytes, entry->rebalance.seq);
		seq_printf(m, " client=%s", entry->client);
		if (entry->rebalance.state == DHP_REBALANCE_QUERY_STOP)
			seq_printf(m, " result=%d", entry->rebalance.status);
		break;
	}
	seq_printf(m, " took=%lluus\n",
		   div_u64(entry->duration_ns, NSEC_PER_USEC));
}

/* Copies entry @number, or the oldest one that is left if it is not; returns which. */
static u64 log_read(u64 number, struct log_entry *entry)
{
	spin_lock(&log_lock);
	if (log_count > LOG_LEN)
		number = max(number, log_count - LOG_LEN);
	*entry = log_ring[number % LOG_LEN];
	spin_unlock(&log_lock);
	return number;
}

static u64 log_end(void)
{
	u64 end;

	spin_lock(&log_lock);
	end = log_count;
	spin_unlock(&log_lock);
	return end;
}

/* A notification must not wait for a reader: it locks the log for one entry at a time. */
void dhp_log_show(struct seq_file *m)
{
	struct log_entry entry;
	u64 number, end = log_end();

	for (number = 0; number < end; number++) {
		number = log_read(number, &entry);
		if (number < end)
			log_show_entry(m, &entry);
	}
}
