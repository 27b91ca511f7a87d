// SPDX-License-Identifier: GPL-2.0-only
/* All pools: their names are unique, and each has an owner. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "depot.h"
#include "registry.h"

/*
 * For dhp_registry_find(), which must not wait for the mutex: a suspend waits for items
 * with it held.
 */
static DEFINE_SPINLOCK(pools_lock);

struct dhp_registry dhp_registry = {
	.mutex = __MUTEX_INITIALIZER(dhp_registry.mutex),
	.pools = LIST_HEAD_INIT(dhp_registry.pools),
};

/* Takes the pool's name; -EEXIST if it is in use. */
int dhp_registry_add(struct dhp_pool *pool)
{
	struct dhp_pool *other;
	int err = 0;

	mutex_lock(&dhp_registry.mutex);
	list_for_each_entry(other, &dhp_registry.pools, node)
		if (!strcmp(other->name, pool->name))
			err = -EEXIST;
	if (!err) {
		pool->quiesced = dhp_registry.quiesced;
		dhp_depots_mark(&pool->buffers, !dhp_registry.hibernating);
		spin_lock(&pools_lock);
		list_add_tail(&pool->node, &dhp_registry.pools);
		spin_unlock(&pools_lock);
	}
	mutex_unlock(&dhp_registry.mutex);
	if (err)
		pr_err("pool name %s is in use already: choose another one\n",
		       pool->name);
	return err;
}

void dhp_registry_del(struct dhp_pool *pool)
{
	mutex_lock(&dhp_registry.mutex);
	spin_lock(&pools_lock);
	list_del(&pool->node);
	spin_unlock(&pools_lock);
	mutex_unlock(&dhp_registry.mutex);
}

/* A pool of this module's; NULL when there is none. */
struct dhp_pool *dhp_registry_find(struct module *owner)
{
	struct dhp_pool *pool, *found = NULL;

	spin_lock(&pools_lock);
	list_for_each_entry(pool, &dhp_registry.pools, node)
		if (pool->owner == owner)
			found = pool;
	spin_unlock(&pools_lock);
	return found;
}
