/* SPDX-License-Identifier: GPL-2.0-only */
/* The clients of CPU notification, and the rules by which they are notified. */
#ifndef _DHP_NOTIFY_PROCESSOR_CLIENTS_H
#define _DHP_NOTIFY_PROCESSOR_CLIENTS_H

#include "dhp.h"
#include "dhp_query.h"

struct cpumask;
struct dhp_asking;
struct module;

struct dhp_processor_client *dhp_processor_client_new(dhp_processor_fn fn, void *context,
						      unsigned int flags);
void dhp_processor_client_free(struct dhp_processor_client *client);

/* In a turn. */
int dhp_processor_notify(enum dhp_processor_state state, unsigned int cpu, int status,
			 bool refusable);
int dhp_processor_client_enter(struct dhp_processor_client *client, void *named,
			       struct module *owner, const struct cpumask *adding);
void dhp_processor_client_set_query(struct dhp_processor_client *client, dhp_query_fn fn);
void dhp_processor_clients_ask(struct dhp_asking *asking);
void dhp_processor_client_fail(struct dhp_processor_client *client, const struct cpumask *cpus,
			       int status);
void dhp_processor_client_leave(struct dhp_processor_client *client);
void dhp_processor_clients_release_owner(struct module *owner);
void dhp_processor_clients_free_left(void);

#endif /* _DHP_NOTIFY_PROCESSOR_CLIENTS_H */
