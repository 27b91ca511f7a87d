/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle for rebalance clients: is this call allowed here? */
#ifndef _TORTURE_ORACLE_REBALANCE_H
#define _TORTURE_ORACLE_REBALANCE_H

#include <linux/types.h>

#include "dhp_rebalance.h"

/**
 * struct oracle_rebalance - what the oracle knows of a rebalance client
 * @started: it has been started and not stopped since
 * @agreed: its query_stop has agreed, and it was not stopped since
 * @starts: how often it was started
 * @seq: the last event behind its last start
 */
struct oracle_rebalance {
	bool started;
	bool agreed;
	unsigned int starts;
	u64 seq;
};

/* Around each call. @status: what query_stop returns. */
void oracle_query_stop_enter(struct oracle_rebalance *o);
void oracle_query_stop_leave(struct oracle_rebalance *o, int status);
void oracle_stop_enter(struct oracle_rebalance *o);
void oracle_start_enter(struct oracle_rebalance *o, const struct dhp_machine *machine);
void oracle_rebalance_leave(void);

/* Clients that are registered as long as the module is loaded. */
int oracle_rebalance_init(void);
void oracle_rebalance_check_end(void);
void oracle_rebalance_exit(void);

#endif /* _TORTURE_ORACLE_REBALANCE_H */
