// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pool: it is created, and destroyed, in the order of what needs what. What it does in
 * between is in cpu.c for its workers, in buffer_resize.c for its buffers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "attributes.h"
#include "buffer_resize.h"
#include "common.h"
#include "cpu.h"
#include "follow.h"
#include "pool.h"
#include "registry.h"
#include "size.h"
#include "wait.h"

static bool name_valid(const char *name)
{
	size_t len = strnlen(name, DHP_POOL_NAME_MAX + 1);
	size_t i;

	if (!len || len > DHP_POOL_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) ||
		    (!isalnum(name[i]) && name[i] != '-' && name[i] != '_'))
			return false;
	return true;
}

static int check_config(const struct dhp_pool_config *config)
{
	if (!config || !config->name) {
		pr_err("a pool needs a configuration with a name\n");
		return -EINVAL;
	}
	if (!name_valid(config->name)) {
		pr_err("bad pool name \"%*pE\": it must be 1 to %d letters, digits, '-' or '_'\n",
		       (int)strnlen(config->name, 32), config->name, DHP_POOL_NAME_MAX);
		return -EINVAL;
	}
	return 0;
}

static struct dhp_pool *pool_alloc(const struct dhp_pool_config *config)
{
	struct dhp_pool *pool;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;
	if (!zalloc_cpumask_var(&pool->in_use, GFP_KERNEL))
		goto free_pool;
	if (!zalloc_cpumask_var(&pool->open, GFP_KERNEL))
		goto free_in_use;
	pool->worker = kvcalloc(nr_cpu_ids, sizeof(*pool->worker), GFP_KERNEL);
	if (!pool->worker)
		goto free_open;

	pool->count = alloc_percpu(struct dhp_pool_count);
	if (!pool->count)
		goto free_worker;

	strscpy(pool->name, config->name, sizeof(pool->name));
	pool->stealing = config->stealing;
	mutex_init(&pool->mutex);
	mutex_init(&pool->flush_mutex);
	init_waitqueue_head(&pool->wait);
	dhp_size_init(pool);
	dhp_cpus_init(pool);
	return pool;

free_worker:
	kvfree(pool->worker);
free_open:
	free_cpumask_var(pool->open);
free_in_use:
	free_cpumask_var(pool->in_use);
free_pool:
	kfree(pool);
	return NULL;
}

static void pool_free(struct dhp_pool *pool)
{
	free_percpu(pool->count);
	kvfree(pool->worker);
	free_cpumask_var(pool->open);
	free_cpumask_var(pool->in_use);
	kfree(pool);
}

static void pool_free_workers(struct dhp_pool *pool)
{
	dhp_unfollow_cpus(pool);
	dhp_cpus_exit(pool);
}

/*
 * After the last notification of a CPU, and with no user left. Fine after a partial start.
 */
static void pool_free_buffers(struct dhp_pool *pool)
{
	dhp_buffers_stop(pool);
	dhp_unfollow_memory(pool);
	dhp_buffers_exit(pool);
}

struct dhp_pool *__dhp_pool_create(const struct dhp_pool_config *config,
				   struct module *owner)
{
	struct dhp_pool *pool;
	int err;

	/* Before any lock of ours: its holder may wait for the callback. */
	if (dhp_refuse_inside("creating a pool"))
		return ERR_PTR(-EDEADLK);
	err = check_config(config);
	if (err)
		return ERR_PTR(err);
	pool = pool_alloc(config);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->owner = owner;
	err = dhp_buffers_init(pool, config);
	if (err)
		goto free_pool;
	err = dhp_registry_add(pool);
	if (err)
		goto free_buffers;
	err = dhp_follow_cpus(pool);
	if (err)
		goto unregister;
	err = dhp_follow_memory(pool);
	if (err)
		goto free_workers;
	err = dhp_buffers_start(pool);
	if (err)
		goto free_workers;
	err = dhp_attributes_add(pool);
	if (err)
		goto free_workers;
	return pool;

free_workers:
	pool_free_workers(pool);
unregister:
	dhp_registry_del(pool);
free_buffers:
	pool_free_buffers(pool);
free_pool:
	pool_free(pool);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(__dhp_pool_create);

/* Runs what was submitted, then frees the pool, be it dhp's own. */
void dhp_pool_remove(struct dhp_pool *pool)
{
	dhp_attributes_del(pool);
	dhp_pool_drain(pool);
	pool_free_workers(pool);
	dhp_registry_del(pool);
	pool_free_buffers(pool);
	pool_free(pool);
}

void dhp_pool_destroy(struct dhp_pool *pool)
{
	if (IS_ERR_OR_NULL(pool))
		return;
	if (pool->owner == THIS_MODULE) {
		pr_err("%s() from %pS: pool %s is shared by all drivers, and none of them destroys it\n",
		       __func__, __builtin_return_address(0), pool->name);
		return;
	}
	if (dhp_refuse_inside("destroying a pool"))
		return;
	dhp_pool_remove(pool);
}
EXPORT_SYMBOL_GPL(dhp_pool_destroy);
