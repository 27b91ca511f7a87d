/* SPDX-License-Identifier: GPL-2.0-only */
/* What is said of each notification: an entry in the log and a tracepoint. */
#ifndef _DHP_NOTIFY_LOG_H
#define _DHP_NOTIFY_LOG_H

#include "dhp.h"
#include "refusal_types.h"

struct dhp_rebalance_call;

const char *dhp_processor_state_name(enum dhp_processor_state state);
const char *dhp_memory_state_name(enum dhp_memory_state state);
const char *dhp_event_action_name(enum dhp_event_action action);
const char *dhp_refusal_by_name(enum dhp_refusal_by by);

/* @client: its name, in DHP_NAME_LEN bytes */
void dhp_log_processor(const char *client, const struct dhp_processor_change *change,
		       int status, u64 start_ns, u64 end_ns);
void dhp_log_memory(const char *client, const struct dhp_memory_change *change,
		    int status, u64 start_ns, u64 end_ns);
void dhp_log_event(const char *client, const struct dhp_event *event, u64 start_ns,
		   u64 end_ns);
void dhp_log_refusal(const struct dhp_refusal *refusal);

void dhp_log_rebalance(const char *client, const struct dhp_rebalance_call *call,
		       u64 start_ns, u64 end_ns);

#endif /* _DHP_NOTIFY_LOG_H */
