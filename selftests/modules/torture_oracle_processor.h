/* SPDX-License-Identifier: GPL-2.0-only */
/* The oracle for processor clients: is this call allowed here? */
#ifndef _TORTURE_ORACLE_PROCESSOR_H
#define _TORTURE_ORACLE_PROCESSOR_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "dhp.h"

/**
 * struct oracle_cell - the last call that a client got for a CPU
 * @state: IDLE and so on, in torture_oracle_processor.c
 * @since_ns: time of the call
 */
struct oracle_cell {
	u8 state;
	u64 since_ns;
};

/**
 * struct oracle_processor - what the oracle knows of a processor client
 * @node: in the list of the clients that are registered or being registered, in that order
 * @order: its place in that order
 * @flags: the flags that it registers with
 * @certain: it is registered and not being unregistered
 * @registrant: the task that is registering it; calls in this task are the replay
 * @open: number of CPUs for which it waits for an outcome
 * @last: the last CPU of the replay's first pass
 * @begun: number of STARTs of the replay
 * @ended: number of outcomes of the replay
 * @vetoed: errno with which it vetoed the replay
 * @cell: for each possible CPU
 */
struct oracle_processor {
	struct list_head node;
	u64 order;
	unsigned int flags;
	bool certain;
	struct task_struct *registrant;
	unsigned int open;
	int last;
	unsigned int begun;
	unsigned int ended;
	int vetoed;
	struct oracle_cell *cell;
};

struct torture_thread;

bool oracle_processors_empty(void);

int oracle_processor_begin(struct oracle_processor *o, unsigned int flags);
void oracle_processor_registered(struct oracle_processor *o, int result);
void oracle_processor_unregisters(struct oracle_processor *o);
void oracle_processor_unregistered(struct oracle_processor *o);
void oracle_processor_free(struct oracle_processor *o);
void oracle_processor_enter(struct oracle_processor *o,
			    const struct dhp_processor_change *change, const int *status);
void oracle_processor_leave(struct oracle_processor *o,
			    const struct dhp_processor_change *change, int answer);
bool oracle_may_veto(const struct dhp_processor_change *change);
bool oracle_replaying(struct oracle_processor *o);
void oracle_processor_check_event(const struct dhp_event *event);

void oracle_audit(struct torture_thread *thread);

#endif /* _TORTURE_ORACLE_PROCESSOR_H */
