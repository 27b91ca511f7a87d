/* SPDX-License-Identifier: GPL-2.0-only */
/* One call of a rebalance client, as the log and the tracepoint show it. */
#ifndef _DHP_NOTIFY_REBALANCE_CALL_H
#define _DHP_NOTIFY_REBALANCE_CALL_H

#include "dhp_rebalance.h"

/**
 * struct dhp_rebalance_call - one call
 * @state: which callback
 * @status: what QUERY_STOP has returned
 * @nr_cpus: for START, of the machine, as are the following
 * @nr_nodes: its nodes
 * @memory_bytes: its memory
 * @seq: the last event behind it
 */
struct dhp_rebalance_call {
	enum dhp_rebalance_state state;
	int status;
	unsigned int nr_cpus;
	unsigned int nr_nodes;
	u64 memory_bytes;
	u64 seq;
};

#endif /* _DHP_NOTIFY_REBALANCE_CALL_H */
