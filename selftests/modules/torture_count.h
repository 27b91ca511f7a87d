/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of attempts and outcomes, and findings: what is not as the contract says. */
#ifndef _TORTURE_COUNT_H
#define _TORTURE_COUNT_H

#include <linux/compiler.h>

enum torture_count {
	ONLINE_ATTEMPTS, ONLINE_SUCCESSES, ONLINE_VETOED,
	OFFLINE_ATTEMPTS, OFFLINE_SUCCESSES, OFFLINE_VETOED,
	PROCESSOR_EVENTS, MEMORY_EVENTS, MERGED_EVENTS,
	CLIENT_ATTEMPTS, CLIENT_SUCCESSES, CLIENT_VETOED, CLIENTS_LEFT, CLIENTS_LEFT_INSIDE,
	PROCESSOR_CALLS, MEMORY_CALLS, EVENT_CALLS,
	REBALANCE_CALLS, REBALANCE_PUT_OFF, REBALANCE_TRIPLES,
	START_VETOES, REMOVE_VETOES, REPLAY_VETOES, MEMORY_VETOES, MEMORY_REPLAY_VETOES,
	POOL_ATTEMPTS, POOL_SUCCESSES, POOLS_DESTROYED,
	ITEMS_ACCEPTED, ITEMS_REFUSED, ITEMS_RAN, ITEMS_CANCELLED,
	BUFFERS_TAKEN, BUFFERS_PUT, BUFFERS_NONE,
	AUDITS,
	NR_COUNTS
};

struct seq_file;

/* Reports a finding. The text begins with the clauses of the contract that are violated. */
__printf(1, 2) void torture_err(const char *fmt, ...);
long torture_findings(void);

void count_up(enum torture_count count);
void count_add(enum torture_count count, long nr);
long counted(enum torture_count count);
long count_transitions(void);
void counts_print(struct seq_file *m);
void counts_check(void);

#endif /* _TORTURE_COUNT_H */
