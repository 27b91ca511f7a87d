/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rest of the module may use of notification: starting and stopping it, and what
 * its views show. Clients use dhp.h.
 *
 * Lock order, outermost first:
 *
 *	CPU hotplug lock > memory hotplug lock > dhp_online_mutex > event_lock
 *	CPU hotplug lock > dhp_turn_mutex > dhp_online_mutex
 *	event_lock > rebalance_lock
 *	any of them > client_mutex, log_lock, refusal_lock, step_lock, the locks of a pool
 *
 * dhp_turn_mutex is also taken without the CPU hotplug lock, and never waited for by a task
 * that holds that lock for reading: see turn.c.
 *
 * No lock is held while an asynchronous client runs.
 */
#ifndef _DHP_NOTIFY_H
#define _DHP_NOTIFY_H

#include <linux/types.h>

#include "dhp.h"

struct module;
struct seq_file;

/* client.c: who is registered */
bool dhp_client_of_owner(struct module *owner);
unsigned int dhp_client_count(void);
void dhp_client_show(struct seq_file *m);

/* log.c: the last notifications */
void dhp_log_show(struct seq_file *m);

/* event.c: asynchronous delivery */
int dhp_event_init(void);
void dhp_event_exit(void);
int dhp_event_settle(bool *idle, u64 *seq);
u64 dhp_event_sequence(void);
void dhp_event_release_owner(struct module *owner);
struct dhp_event_client *
dhp_register_event_adapter(enum dhp_category category, dhp_event_fn fn, void *context,
			   unsigned int flags, struct module *owner, void *named);

/* rebalance.c: stop and start when changes are over */
int dhp_rebalance_init(void);
void dhp_rebalance_exit(void);
int dhp_rebalance_settle(bool *idle);
void dhp_rebalance_release_owner(struct module *owner);

/* memory.c: memory notification */
int dhp_memory_init(void);
void dhp_memory_exit(void);
void dhp_memory_release_owner(struct module *owner);

/* processor.c: synchronous CPU notification */
int dhp_processor_init(void);
void dhp_processor_exit(void);
int dhp_processor_settle(void);
void dhp_processor_release_owner(struct module *owner);
struct dhp_processor_client *
dhp_register_processor_adapter(dhp_processor_fn fn, void *context, unsigned int flags,
			       struct module *owner, void *named);
int dhp_unregister_processor_adapter(struct dhp_processor_client *client);

/* started.c: which CPUs have been started since the system booted */
int dhp_started_init(void);
void dhp_started_exit(void);
bool dhp_processor_started(unsigned int cpu);

/* refusal.c: the last refusals */
void dhp_refusal_exit(void);
ssize_t dhp_refusal_show(char *page);

/* request.c: requests to the device core */
int dhp_request_init(void);
void dhp_request_exit(void);

/* cpu_step.c: steps of the CPU hotplug state machine that fail */
int dhp_cpu_step_init(void);
void dhp_cpu_step_exit(void);

/* query_text.c: questions as text */
int dhp_query_store(const char *text);
ssize_t dhp_query_show(char *page);

/* present.c: CPUs that become present */
int dhp_present_init(void);
void dhp_present_exit(void);
int dhp_present_settle(void);

#endif /* _DHP_NOTIFY_H */
