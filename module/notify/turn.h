/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose turn it is to call CPU clients. */
#ifndef _DHP_NOTIFY_TURN_H
#define _DHP_NOTIFY_TURN_H

#include <linux/cpumask.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>

#include "common.h"

struct completion;
struct dhp_client_info;

int dhp_turn_init(void);
void dhp_turn_exit(void);
void dhp_turn_begin(void);
void dhp_turn_begin_between_operations(void);
int dhp_turn_begin_in_operation(unsigned int cpu);
int dhp_turn_await(unsigned int cpu, struct completion *done);
void dhp_turn_end(void);

/* Held during a turn. */
extern struct mutex dhp_turn_mutex;

/* In a call, too: a client may be called in another task than the one that has the turn. */
static inline void dhp_turn_assert(void)
{
	lockdep_assert(lockdep_is_held(&dhp_turn_mutex) || dhp_in(DHP_IN_PROCESSOR));
}

/* In a turn: CPUs that are online and not in use, as seen when the turn began. */
extern cpumask_var_t dhp_turn_halfway;
void dhp_turn_look_for_halfway(void);

/**
 * struct dhp_turn_call - the call that is being made
 * @nr: how many have begun so far
 * @client: whose it is; NULL between calls; readers use RCU
 */
struct dhp_turn_call {
	unsigned long nr;
	const struct dhp_client_info *client;
};

extern struct dhp_turn_call dhp_turn_call;

static inline void dhp_turn_call_begin(const struct dhp_client_info *client)
{
	dhp_turn_assert();
	WRITE_ONCE(dhp_turn_call.nr, dhp_turn_call.nr + 1);
	WRITE_ONCE(dhp_turn_call.client, client);
}

static inline void dhp_turn_call_end(void)
{
	WRITE_ONCE(dhp_turn_call.client, NULL);
}

#endif /* _DHP_NOTIFY_TURN_H */
