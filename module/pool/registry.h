/* SPDX-License-Identifier: GPL-2.0-only */
/* All pools. */
#ifndef _DHP_POOL_REGISTRY_H
#define _DHP_POOL_REGISTRY_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "types.h"

/**
 * struct dhp_registry - all pools; a name is in use as long as its pool is here
 * @mutex: held by all but dhp_registry_find(); a suspend waits for items with it held
 * @pools: changes under @mutex and a spinlock
 * @quiesced: a suspend is near; a new pool is quiesced, too
 * @hibernating: a hibernation is near; the chunks of a new pool are not marked either
 */
struct dhp_registry {
	struct mutex mutex; /* the list, and what holds for all pools */
	struct list_head pools;
	bool quiesced;
	bool hibernating;
};

extern struct dhp_registry dhp_registry;

int dhp_registry_add(struct dhp_pool *pool);
void dhp_registry_del(struct dhp_pool *pool);
struct dhp_pool *dhp_registry_find(struct module *owner);

#endif /* _DHP_POOL_REGISTRY_H */
