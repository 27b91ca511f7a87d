/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoint dhp:dhp_pool. Those of notifications are in notify/trace.h. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dhp

#if !defined(_DHP_POOL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DHP_POOL_TRACE_H

#include <linux/tracepoint.h>

#include "types.h"

TRACE_EVENT(dhp_pool,
	TP_PROTO(const char *pool, const struct dhp_pool_size *size),
	TP_ARGS(pool, size),
	TP_STRUCT__entry(
		__array(char, pool, DHP_POOL_NAME_MAX + 1)
		__field(unsigned int, workers)
		__field(unsigned long, buffers)
	),
	TP_fast_assign(
		strscpy(__entry->pool, pool, DHP_POOL_NAME_MAX + 1);
		__entry->workers = size->workers;
		__entry->buffers = size->buffers;
	),
	TP_printk("pool=%s workers=%u buffers=%lu",
		  __entry->pool, __entry->workers, __entry->buffers)
);

#endif /* _DHP_POOL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
