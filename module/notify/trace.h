/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints dhp:*, one for each kind of notification. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dhp

#if !defined(_DHP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DHP_TRACE_H

#include <linux/tracepoint.h>

#include "internal.h"

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
		  __print_symbolic(__entry->state, { 0, "START" },
				   { 1, "COMPLETE" }, { 2, "FAILURE" },
				   { 3, "REMOVE_START" },
				   { 4, "REMOVE_COMPLETE" },
				   { 5, "REMOVE_FAILURE" }),
		  __entry->cpu, __entry->nid, __entry->status,
		  __entry->duration_ns)
);

TRACE_EVENT(dhp_memory,
	TP_PROTO(const char *client, const struct dhp_memory_change *change,
		 u64 duration_ns),
	TP_ARGS(client, change, duration_ns),
	TP_STRUCT__entry(
		__array(char, client, DHP_NAME_LEN)
		__field(int, state)
		__field(unsigned long, start_pfn)
		__field(unsigned long, nr_pages)
		__field(u64, duration_ns)
	),
	TP_fast_assign(
		strscpy(__entry->client, client, DHP_NAME_LEN);
		__entry->state = change->state;
		__entry->start_pfn = change->start_pfn;
		__entry->nr_pages = change->nr_pages;
		__entry->duration_ns = duration_ns;
	),
	TP_printk("client=%s state=%s start_pfn=%#lx nr_pages=%lu duration_ns=%llu",
		  __entry->client,
		  __print_symbolic(__entry->state, { 0, "REMOVE_START" },
				   { 1, "REMOVE_COMPLETE" },
				   { 2, "REMOVE_FAILURE" }),
		  __entry->start_pfn, __entry->nr_pages, __entry->duration_ns)
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
		  __print_symbolic(__entry->category, { 0, "processor" },
				   { 1, "memory" }),
		  __print_symbolic(__entry->action, { 0, "ARRIVAL" },
				   { 1, "REMOVAL" }),
		  __entry->cpu, __entry->start, __entry->size, __entry->nid,
		  __entry->merged, __entry->existing, __entry->duration_ns)
);

#endif /* _DHP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
