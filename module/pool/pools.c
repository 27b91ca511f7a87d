// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool as a part of dhp: what it offers to the rest of the module, and the module's own
 * pool, named dhp, which all drivers share. The list of pools is in registry.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "attributes.h"
#include "buffer_resize.h"
#include "common.h"
#include "pool.h"
#include "registry.h"
#include "run.h"
#include "suspend.h"

#define DEFAULT_BUFFER_PERMILLE 4

static bool own_pool_enabled = true;
module_param_named(pool, own_pool_enabled, dhp_bool, 0444);
MODULE_PARM_DESC(pool, "make a pool of dhp's own, named dhp (default: 1)");

static unsigned int buffer_permille = DEFAULT_BUFFER_PERMILLE;
module_param(buffer_permille, uint, 0444);
MODULE_PARM_DESC(buffer_permille,
		 "thousandths of the online memory that is not movable for the buffers of pool dhp, 1 to 500 (default: 4)");

/*
 * Constant while there is a driver that can see it: drivers are linked to dhp after its init
 * function has run, and are unloaded before its exit function runs.
 */
static struct dhp_pool *own_pool;

struct dhp_pool *dhp_system_pool(void)
{
	return own_pool;
}
EXPORT_SYMBOL_GPL(dhp_system_pool);

/**
 * dhp_pools_settle() - wait for the pools
 *
 * Returns when every pool has tried to have its workers and its size.
 */
void dhp_pools_settle(void)
{
	struct dhp_pool *pool;

	mutex_lock(&dhp_registry.mutex);
	list_for_each_entry(pool, &dhp_registry.pools, node) {
		flush_delayed_work(&pool->retry);
		dhp_buffers_settle(pool);
	}
	mutex_unlock(&dhp_registry.mutex);
}

/**
 * dhp_pools_release_owner() - destroy the pools that a module has not destroyed
 * @owner: the module, which is being unloaded; its code is still there for the items that
 *	are left to run
 *
 * An item that submits itself again and again keeps this from returning; the log names its
 * module.
 */
void dhp_pools_release_owner(struct module *owner)
{
	struct dhp_pool *pool;

	while ((pool = dhp_registry_find(owner))) {
		pr_err("%s is removed without dhp_pool_destroy() for pool %s; destroyed\n",
		       module_name(owner), pool->name);
		dhp_pool_destroy(pool);
	}
}

static int own_pool_create(void)
{
	struct dhp_pool_config config = {
		.name = "dhp",
		.buffer_size = PAGE_SIZE,
		.buffer_permille = buffer_permille,
	};
	struct dhp_pool *pool;

	if (!own_pool_enabled)
		return 0;
	pool = dhp_pool_create(&config);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	own_pool = pool;
	return 0;
}

int dhp_pools_init(void)
{
	int err;

	if (buffer_permille < 1 || buffer_permille > 500) {
		pr_err("bad parameter buffer_permille=%u: it must be 1 to 500, in thousandths of the online memory that is not movable\n",
		       buffer_permille);
		return -EINVAL;
	}
	dhp_context_set_items(dhp_worker_main);
	err = dhp_attributes_init();
	if (err)
		return err;
	err = dhp_suspend_init();
	if (err)
		goto exit_attributes;
	err = own_pool_create();
	if (err)
		goto exit_suspend;
	return 0;

exit_suspend:
	dhp_suspend_exit();
exit_attributes:
	dhp_attributes_exit();
	return err;
}

void dhp_pools_exit(void)
{
	if (own_pool)
		dhp_pool_remove(own_pool);
	own_pool = NULL;
	dhp_suspend_exit();
	dhp_attributes_exit();
}
