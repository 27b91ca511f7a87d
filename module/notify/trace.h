/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints dhp:*, one for each kind of notification. That of pools is in pool/trace.h. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dhp

#if !defined(_DHP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DHP_TRACE_H

#include <linux/tracepoint.h>

#include "client.h"
#include "dhp_names.h"
#include "refusal_types.h"
#include "rebalance_call.h"

/*
 * The names of the numbers, for programs that read the format of a tracepoint: without
 * them, they would see the names of the enum.
 */
#define DEFINE_PROCESSOR(state) TRACE_DEFINE_ENUM(DHP_PROCESSOR_##state);
#define DEFINE_MEMORY(state) TRACE_DEFINE_ENUM(DHP_MEMORY_##state);
#define DEFINE_ACTION(action) TRACE_DEFINE_ENUM(DHP_EVENT_##action);
#define DEFINE_REBALANCE(state) TRACE_DEFINE_ENUM(DHP_REBALANCE_##state);
DHP_PROCESSOR_STATES(DEFINE_PROCESSOR)
DHP_MEMORY_STATES(DEFINE_MEMORY)
DHP_EVENT_ACTIONS(DEFINE_ACTION)
DHP_REBALANCE_STATES(DEFINE_REBALANCE)
TRACE_DEFINE_ENUM(DHP_PROCESSOR);
TRACE_DEFINE_ENUM(DHP_MEMORY);
TRACE_DEFINE_ENUM(DHP_BY_KERNEL);
TRACE_DEFINE_ENUM(DHP_BY_CLIENT);
TRACE_DEFINE_ENUM(DHP_BY_STEP);
TRACE_DEFINE_ENUM(DHP_BY_NOTIFIER);
#undef DEFINE_PROCESSOR
#undef DEFINE_MEMORY
#undef DEFINE_ACTION
#undef DEFINE_REBALANCE

#define SHOW_PROCESSOR(state) { DHP_PROCESSOR_##state, #state },
#define SHOW_MEMORY(state) { DHP_MEMORY_##state, #state },
#define SHOW_ACTION(action) { DHP_EVENT_##action, #action },
#define SHOW_REBALANCE(state) { DHP_REBALANCE_##state, #state },
#define UNKNOWN { -1, "?" }	/* the lists end with a comma */

TRACE_EVENT(dhp_processor,
	TP_PROTO(const char *client, const struct dhp_processor_change *change,
		 int status, u64 duration_ns),
	TP_ARGS(client, change, status, duration_ns),
	TP_STRUCT__entry(
		__array(char, client, DHP_NAME_LEN)
		__field(int, state)
		__field(unsigned int, cpu)
		__field(int, nid)
		__field(int, status)
		__field(u64, duration_ns)
	),
	TP_fast_assign(
		strscpy(__entry->client, client, DHP_NAME_LEN);
		__entry->state = change->state;
		__entry->cpu = change->cpu;
		__entry->nid = change->nid;
		__entry->status = status;
		__entry->duration_ns = duration_ns;
	),
	TP_printk("client=%s state=%s cpu=%u nid=%d status=%d duration_ns=%llu",
		  __entry->client,
		  __print_symbolic(__entry->state, DHP_PROCESSOR_STATES(SHOW_PROCESSOR) UNKNOWN),
		  __entry->cpu, __entry->nid, __entry->status,
		  __entry->duration_ns)
);

TRACE_EVENT(dhp_memory,
	TP_PROTO(const char *client, const struct dhp_memory_change *change,
		 int status, u64 duration_ns),
	TP_ARGS(client, change, status, duration_ns),
	TP_STRUCT__entry(
		__array(char, client, DHP_NAME_LEN)
		__field(int, state)
		__field(unsigned long, start_pfn)
		__field(unsigned long, nr_pages)
		__field(int, nid)
		__field(int, status)
		__field(u64, duration_ns)
	),
	TP_fast_assign(
		strscpy(__entry->client, client, DHP_NAME_LEN);
		__entry->state = change->state;
		__entry->start_pfn = change->start_pfn;
		__entry->nr_pages = change->nr_pages;
		__entry->nid = change->nid;
		__entry->status = status;
		__entry->duration_ns = duration_ns;
	),
	TP_printk("client=%s state=%s start_pfn=%#lx nr_pages=%lu nid=%d status=%d duration_ns=%llu",
		  __entry->client,
		  __print_symbolic(__entry->state, DHP_MEMORY_STATES(SHOW_MEMORY) UNKNOWN),
		  __entry->start_pfn, __entry->nr_pages, __entry->nid,
		  __entry->status, __entry->duration_ns)
);

TRACE_EVENT(dhp_event,
	TP_PROTO(const char *client, const struct dhp_event *event, u64 duration_ns),
	TP_ARGS(client, event, duration_ns),
	TP_STRUCT__entry(
		__array(char, client, DHP_NAME_LEN)
		__field(u64, seq)
		__field(int, action)
		__field(int, category)
		__field(unsigned int, cpu)
		__field(u64, start)
		__field(u64, size)
		__field(int, nid)
		__field(unsigned int, merged)
		__field(bool, existing)
		__field(u64, duration_ns)
	),
	TP_fast_assign(
		strscpy(__entry->client, client, DHP_NAME_LEN);
		__entry->seq = event->seq;
		__entry->action = event->action;
		__entry->category = event->category;
		__entry->cpu = event->cpu;
		__entry->start = event->start;
		__entry->size = event->size;
		__entry->nid = event->nid;
		__entry->merged = event->merged;
		__entry->existing = event->existing;
		__entry->duration_ns = duration_ns;
	),
	TP_printk("client=%s seq=%llu %s %s cpu=%u start=%#llx size=%#llx nid=%d merged=%u existing=%d duration_ns=%llu",
		  __entry->client, __entry->seq,
		  __print_symbolic(__entry->category, { DHP_PROCESSOR, "processor" },
				   { DHP_MEMORY, "memory" }),
		  __print_symbolic(__entry->action, DHP_EVENT_ACTIONS(SHOW_ACTION) UNKNOWN),
		  __entry->cpu, __entry->start, __entry->size, __entry->nid,
		  __entry->merged, __entry->existing, __entry->duration_ns)
);

TRACE_EVENT(dhp_refusal,
	TP_PROTO(const struct dhp_refusal *refusal),
	TP_ARGS(refusal),
	TP_STRUCT__entry(
		__field(u64, seq)
		__field(int, category)
		__field(unsigned int, cpu)
		__field(unsigned long, start_pfn)
		__field(unsigned long, nr_pages)
		__field(bool, add)
		__field(int, by)
		__field(int, step)
		__field(int, error)
		__array(char, name, DHP_NAME_LEN)
	),
	TP_fast_assign(
		__entry->seq = refusal->seq;
		__entry->category = refusal->attempt.category;
		__entry->cpu = refusal->attempt.cpu;
		__entry->start_pfn = refusal->attempt.start_pfn;
		__entry->nr_pages = refusal->attempt.nr_pages;
		__entry->add = refusal->attempt.add;
		__entry->by = refusal->by;
		__entry->step = refusal->step;
		__entry->error = refusal->err;
		strscpy(__entry->name, refusal->name, DHP_NAME_LEN);
	),
	TP_printk("seq=%llu %s cpu=%u start_pfn=%#lx nr_pages=%lu add=%d by=%s name=%s step=%d error=%d",
		  __entry->seq,
		  __print_symbolic(__entry->category, { DHP_PROCESSOR, "processor" },
				   { DHP_MEMORY, "memory" }),
		  __entry->cpu, __entry->start_pfn, __entry->nr_pages, __entry->add,
		  __print_symbolic(__entry->by, { DHP_BY_KERNEL, "kernel" },
				   { DHP_BY_CLIENT, "client" }, { DHP_BY_STEP, "step" },
				   { DHP_BY_NOTIFIER, "notifier" }),
		  __entry->name, __entry->step, __entry->error)
);

TRACE_EVENT(dhp_rebalance,
	TP_PROTO(const char *client, const struct dhp_rebalance_call *call, u64 duration_ns),
	TP_ARGS(client, call, duration_ns),
	TP_STRUCT__entry(
		__array(char, client, DHP_NAME_LEN)
		__field(int, state)
		__field(int, status)
		__field(unsigned int, nr_cpus)
		__field(unsigned int, nr_nodes)
		__field(u64, memory_bytes)
		__field(u64, seq)
		__field(u64, duration_ns)
	),
	TP_fast_assign(
		strscpy(__entry->client, client, DHP_NAME_LEN);
		__entry->state = call->state;
		__entry->status = call->status;
		__entry->nr_cpus = call->nr_cpus;
		__entry->nr_nodes = call->nr_nodes;
		__entry->memory_bytes = call->memory_bytes;
		__entry->seq = call->seq;
		__entry->duration_ns = duration_ns;
	),
	TP_printk("client=%s state=%s status=%d cpus=%u nodes=%u mem=%#llx seq=%llu duration_ns=%llu",
		  __entry->client,
		  __print_symbolic(__entry->state, DHP_REBALANCE_STATES(SHOW_REBALANCE) UNKNOWN),
		  __entry->status, __entry->nr_cpus, __entry->nr_nodes,
		  __entry->memory_bytes, __entry->seq, __entry->duration_ns)
);

#endif /* _DHP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
