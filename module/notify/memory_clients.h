/* SPDX-License-Identifier: GPL-2.0-only */
/* The clients of memory notification, and the rules by which they are notified. */
#ifndef _DHP_NOTIFY_MEMORY_CLIENTS_H
#define _DHP_NOTIFY_MEMORY_CLIENTS_H

#include "dhp.h"
#include "dhp_query.h"

struct dhp_asking;

struct dhp_memory_client *dhp_memory_client_new(dhp_memory_fn fn, void *context,
						unsigned int flags);
void dhp_memory_client_free(struct dhp_memory_client *client);

/* With dhp_online_mutex held. */
int dhp_memory_notify(const struct dhp_memory_change *change, bool refusable);
int dhp_memory_client_enter(struct dhp_memory_client *client, struct module *owner,
			    const struct dhp_memory_change *transit);
void dhp_memory_client_set_query(struct dhp_memory_client *client, dhp_query_fn fn);
void dhp_memory_clients_ask(struct dhp_asking *asking);
void dhp_memory_client_leave(struct dhp_memory_client *client);
void dhp_memory_clients_release_owner(struct module *owner);
void dhp_memory_clients_free_left(void);

#endif /* _DHP_NOTIFY_MEMORY_CLIENTS_H */
