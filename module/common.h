/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every part of dhp may use of the whole: its directory in sysfs, a type of parameter,
 * and the record of who runs a callback. A part that is a client, as the pool is, needs
 * nothing else of dhp but its public headers.
 */
#ifndef _DHP_COMMON_H
#define _DHP_COMMON_H

#include <linux/moduleparam.h>
#include <linux/sched.h>

struct kobject;

/* /sys/kernel/dhp, from dhp_common_init() to dhp_common_exit(). */
extern struct kobject *dhp_root;

int dhp_common_init(void);
void dhp_common_exit(void);

/* param.c: a type for module_param() */
extern const struct kernel_param_ops param_ops_dhp_bool;
#define param_check_dhp_bool param_check_bool

/**
 * enum dhp_context - what runs the code of a client
 * @DHP_IN_PROCESSOR: a synchronous CPU callback
 * @DHP_IN_MEMORY: a synchronous memory callback
 * @DHP_IN_EVENT: the delivery of events
 * @DHP_IN_REBALANCE: a rebalance callback
 * @DHP_IN_ITEM: a thread that runs work items
 * @DHP_NR_CONTEXTS: how many there are
 */
enum dhp_context {
	DHP_IN_PROCESSOR, DHP_IN_MEMORY, DHP_IN_EVENT, DHP_IN_REBALANCE, DHP_IN_ITEM,
	DHP_NR_CONTEXTS
};

/* Of DHP_IN_ITEM there are many at a time, which have their thread function in common. */
extern struct task_struct *dhp_context_task[DHP_IN_ITEM];
void dhp_context_set_items(int (*thread_fn)(void *data));

/* Around the calls of clients. The caller sees to it that there is one at a time. */
static inline void dhp_context_enter(enum dhp_context context)
{
	WRITE_ONCE(dhp_context_task[context], current);
}

static inline void dhp_context_leave(enum dhp_context context)
{
	WRITE_ONCE(dhp_context_task[context], NULL);
}

bool dhp_in(enum dhp_context context);
bool dhp_refuse_in(enum dhp_context context, const char *what);
bool dhp_refuse_inside(const char *what);

#endif /* _DHP_COMMON_H */
