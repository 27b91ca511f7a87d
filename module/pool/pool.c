// SPDX-License-Identifier: GPL-2.0-only
/*
 * The elastic pool: the life of a pool as a whole, and how its workers follow the
 * processors. Workers are in worker.c, buffers in buffer.c. The pool knows the machine
 * through dhp's public header only, as any client does.
 *
 * A worker's thread is created in START, woken for the first time in COMPLETE and
 * stopped in REMOVE_START. It is not parked in between: a parked thread of a module
 * comes back unbound. What it does in between is in worker.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/ctype.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/suspend.h>

#include "compat.h"
#include "internal.h"
#include "pool.h"

/* How long new workers may take to get onto their processors. */
#define OPEN_TIMEOUT_SECONDS 2

/* How long a suspend waits for items that are running. */
#define PARK_TIMEOUT_SECONDS 20

/* When to try again what could not be had. */
#define RETRY_SECONDS 10

#define DEFAULT_BUFFER_PERMILLE 4

static bool pool_wanted = true;
module_param_named(pool, pool_wanted, dhp_bool, 0444);
MODULE_PARM_DESC(pool, "make a pool of dhp's own, named dhp (default: 1)");

static unsigned int buffer_permille = DEFAULT_BUFFER_PERMILLE;
module_param(buffer_permille, uint, 0444);
MODULE_PARM_DESC(buffer_permille,
		 "thousandths of the online memory that is not movable for the buffers of pool dhp, 1 to 500 (default: 4)");

/*
 * All pools; a name is taken as long as its pool is here. The list changes under both
 * locks: a suspend waits for items with the mutex held, and who wants to know whose the
 * pools are must not wait for that.
 */
static DEFINE_MUTEX(pools_mutex);
static DEFINE_SPINLOCK(pools_lock);
static LIST_HEAD(pools);
static bool pools_parked;
static bool pools_hibernating;

static struct dhp_pool *own_pool;

/* What a processor needs before it is in use. */
static int processor_prepare(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	int err = dhp_worker_prepare(pool, cpu, nid);

	return err ?: dhp_buffers_share_add(pool, cpu, nid);
}

/* Its worker, once woken, gets onto the processor by itself; see dhp_worker_open(). */
static int processor_begin(struct dhp_pool *pool, unsigned int cpu)
{
	int err;

	/* On its way, up or down: a worker could not pin itself there. */
	if (!cpu_active(cpu))
		return -EAGAIN;
	err = processor_prepare(pool, cpu, cpu_to_node(cpu));
	if (err)
		return err;
	dhp_buffers_share_open(pool, cpu);
	return dhp_worker_begin(pool, cpu);
}

static void say_missing(struct dhp_pool *pool, unsigned int cpu, int err)
{
	pr_warn_ratelimited("pool %s: no worker for processor %u: error %d; its items run elsewhere, and it is tried again every %d s\n",
			    pool->name, cpu, err, RETRY_SECONDS);
}

/*
 * Opens those of @cpus' workers that are to be open, and tries once more to make
 * those that could not be made before. The hotplug lock is held, or this is a callback
 * that an operation would wait for, or a suspend is near. Returns false when one is
 * still missing.
 */
static bool open_workers(struct dhp_pool *pool, const struct cpumask *cpus)
{
	long left = OPEN_TIMEOUT_SECONDS * HZ;
	bool all = true;
	unsigned int cpu;
	int err;

	lockdep_assert_held(&pool->mutex);

	for_each_cpu_and(cpu, pool->in_use, cpus) {
		if (cpumask_test_cpu(cpu, pool->open) || (pool->parked && cpu != pool->stays))
			continue;
		err = processor_begin(pool, cpu);
		if (!err)
			continue;
		all = false;
		if (err != -EAGAIN)
			say_missing(pool, cpu, err);
	}
	/* All of them are waited for together: one may have a processor that never lets go. */
	for_each_cpu_and(cpu, pool->in_use, cpus) {
		if (!dhp_worker_begun(pool, cpu))
			continue;
		err = dhp_worker_open(pool, cpu, &left);
		if (!err)
			continue;
		all = false;
		if (err != -EAGAIN)
			say_missing(pool, cpu, err);
	}
	return all;
}

static void retry_in(struct dhp_pool *pool, unsigned int seconds)
{
	mod_delayed_work(system_dfl_wq, &pool->retry, seconds * HZ);
}

static void pool_retry(struct work_struct *work)
{
	struct dhp_pool *pool = container_of(to_delayed_work(work),
					     struct dhp_pool, retry);

	/* Once we have it, the operation in progress is over. */
	cpus_read_lock();
	mutex_lock(&pool->mutex);
	if (!open_workers(pool, pool->in_use))
		retry_in(pool, RETRY_SECONDS);
	mutex_unlock(&pool->mutex);
	cpus_read_unlock();
}

/*
 * Suspend takes processors down without any notification. A thread that is
 * pinned there would keep it waiting for ever; one that is not, and is woken
 * meanwhile, runs elsewhere. So the workers of these processors are closed, idle
 * and not pinned before suspend begins; until it is over, one worker does it
 * all. It goes on working, so that a driver may flush the pool on its way to
 * sleep.
 */
static int park_workers(struct dhp_pool *pool)
{
	long left = PARK_TIMEOUT_SECONDS * HZ;
	unsigned int cpu;

	lockdep_assert_held(&pool->mutex);

	/* As freeze_secondary_cpus() has it, which lets the first one run. */
	pool->stays = cpumask_first(pool->in_use);
	if (!open_workers(pool, pool->in_use))
		retry_in(pool, 0);
	for_each_cpu(cpu, pool->in_use)
		if (cpu != pool->stays)
			dhp_worker_close(pool, cpu);
	for_each_cpu(cpu, pool->in_use) {
		if (cpu == pool->stays)
			continue;
		left = wait_event_timeout(pool->wait, !dhp_worker_present(pool, cpu), left);
		if (!left) {
			pr_err("pool %s: an item has been running on processor %u for %d seconds: no suspend; it must end sooner\n",
			       pool->name, cpu, PARK_TIMEOUT_SECONDS);
			return -EBUSY;
		}
	}
	return 0;
}

/* ---- Following the processors -------------------------------------------- */

static void processor_start(struct dhp_pool *pool, unsigned int cpu, int nid,
			    int *status)
{
	int err = processor_prepare(pool, cpu, nid);

	if (!err)
		return;
	if (!pool->created) {
		/* Nobody tells the client that vetoed to clean up. */
		dhp_worker_free(pool, cpu);
		*status = err;
		return;
	}
	/* Too little memory for us is no reason to do without the processor. */
	pr_warn_ratelimited("pool %s: processor %u could not be prepared for: error %d; it is tried again later\n",
			    pool->name, cpu, err);
}

static void processor_remove_start(struct dhp_pool *pool, unsigned int cpu)
{
	cpumask_clear_cpu(cpu, pool->in_use);
	dhp_buffers_share_close(pool, cpu);
	dhp_worker_close(pool, cpu);
	dhp_worker_stop(pool, cpu);
}

static void processor_gone(struct dhp_pool *pool, unsigned int cpu)
{
	dhp_buffers_share_del(pool, cpu);
	/* Only now are there fewer processors that each must have a buffer. */
	dhp_buffers_kick(pool);
	dhp_worker_free(pool, cpu);
}

static void processor_changed(void *context,
			      const struct dhp_processor_change *change,
			      int *status)
{
	struct dhp_pool *pool = context;
	unsigned int cpu = change->cpu;

	mutex_lock(&pool->mutex);
	switch (change->state) {
	case DHP_PROCESSOR_START:
		processor_start(pool, cpu, change->nid, status);
		break;
	case DHP_PROCESSOR_COMPLETE:
		/* The replay has STARTs first, and then nothing that could fail. */
		pool->created = true;
		fallthrough;
	case DHP_PROCESSOR_REMOVE_FAILURE:
		cpumask_set_cpu(cpu, pool->in_use);
		break;
	case DHP_PROCESSOR_REMOVE_START:
		processor_remove_start(pool, cpu);
		break;
	case DHP_PROCESSOR_FAILURE:
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		processor_gone(pool, cpu);
		break;
	}
	/* Somebody may be quicker than suspend, which keeps the first one. */
	if (pool->parked)
		park_workers(pool);
	else if (!open_workers(pool, cpumask_of(cpu)))
		retry_in(pool, 0);
	mutex_unlock(&pool->mutex);
}

/* ---- Suspend ------------------------------------------------------------- */

static int pool_park(struct dhp_pool *pool)
{
	int err;

	mutex_lock(&pool->mutex);
	pool->parked = true;
	err = park_workers(pool);
	mutex_unlock(&pool->mutex);
	return err;
}

static void pool_unpark(struct dhp_pool *pool)
{
	mutex_lock(&pool->mutex);
	pool->parked = false;
	if (!open_workers(pool, pool->in_use))
		retry_in(pool, 0);
	mutex_unlock(&pool->mutex);
}

static void pools_unpark(void)
{
	struct dhp_pool *pool;

	lockdep_assert_held(&pools_mutex);

	pools_parked = false;
	list_for_each_entry(pool, &pools, node)
		pool_unpark(pool);
}

static int pools_park(void)
{
	struct dhp_pool *pool;
	int err;

	lockdep_assert_held(&pools_mutex);

	pools_parked = true;
	list_for_each_entry(pool, &pools, node) {
		err = pool_park(pool);
		if (err) {
			pools_unpark();
			return err;
		}
	}
	return 0;
}

/* Buffers must be in the image, which leaves out what is marked. */
static void pools_hibernate(bool hibernating)
{
	struct dhp_pool *pool;

	lockdep_assert_held(&pools_mutex);

	pools_hibernating = hibernating;
	list_for_each_entry(pool, &pools, node)
		dhp_buffers_mark(pool, !hibernating);
}

static int pools_pm_event(struct notifier_block *nb, unsigned long event,
			  void *data)
{
	int err = 0;

	mutex_lock(&pools_mutex);
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		err = pools_park();
		if (!err)
			pools_hibernate(true);
		break;
	case PM_SUSPEND_PREPARE:
		err = pools_park();
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		pools_hibernate(false);
		pools_unpark();
		break;
	case PM_POST_SUSPEND:
		pools_unpark();
		break;
	}
	mutex_unlock(&pools_mutex);
	return notifier_from_errno(err);
}

/*
 * Before cpu_hotplug_pm_callback(), whose priority is 0: when a suspend is over,
 * workers are opened while no processor can go yet.
 */
static struct notifier_block pools_pm_nb = {
	.notifier_call = pools_pm_event,
	.priority = 1,
};

/* ---- Pools --------------------------------------------------------------- */

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

/* Takes the pool's name, or says that somebody has it. */
static int pool_enlist(struct dhp_pool *pool)
{
	struct dhp_pool *other;
	int err = 0;

	mutex_lock(&pools_mutex);
	list_for_each_entry(other, &pools, node)
		if (!strcmp(other->name, pool->name))
			err = -EEXIST;
	if (!err) {
		pool->parked = pools_parked;
		dhp_buffers_mark(pool, !pools_hibernating);
		spin_lock(&pools_lock);
		list_add_tail(&pool->node, &pools);
		spin_unlock(&pools_lock);
	}
	mutex_unlock(&pools_mutex);
	if (err)
		pr_err("pool name %s is in use already: choose another one\n",
		       pool->name);
	return err;
}

static void pool_delist(struct dhp_pool *pool)
{
	mutex_lock(&pools_mutex);
	spin_lock(&pools_lock);
	list_del(&pool->node);
	spin_unlock(&pools_lock);
	mutex_unlock(&pools_mutex);
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
	dhp_workers_init(pool);
	INIT_DELAYED_WORK(&pool->retry, pool_retry);
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

static int pool_follow_processors(struct dhp_pool *pool)
{
	struct dhp_processor_client *client;

	client = dhp_register_processor_callback(processor_changed, pool,
						 DHP_PROCESSOR_ADD_EXISTING |
						 DHP_PROCESSOR_REMOVALS);
	if (IS_ERR(client))
		return PTR_ERR(client);
	pool->client = client;
	return 0;
}

/*
 * Frees the workers that are left; with no client, nobody makes new ones. The retry comes
 * last: it may be waiting for a CPU hotplug operation that is in progress, which in turn
 * waits until no worker is pinned to its CPU. With no CPU in use it opens no worker.
 */
static void pool_free_workers(struct dhp_pool *pool)
{
	unsigned int cpu;

	dhp_unregister_processor_callback(pool->client);

	mutex_lock(&pool->mutex);
	cpumask_clear(pool->in_use);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (!rcu_access_pointer(pool->worker[cpu]))
			continue;
		dhp_buffers_share_close(pool, cpu);
		dhp_worker_close(pool, cpu);
		dhp_worker_free(pool, cpu);
	}
	mutex_unlock(&pool->mutex);

	cancel_delayed_work_sync(&pool->retry);
}

struct dhp_pool *__dhp_pool_create(const struct dhp_pool_config *config,
				   struct module *owner)
{
	struct dhp_pool *pool;
	int err;

	/* Before any lock of ours: who holds that may wait for the callback. */
	if (dhp_inside("creating a pool"))
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
	err = pool_enlist(pool);
	if (err)
		goto exit_buffers;
	err = pool_follow_processors(pool);
	if (err)
		goto delist;
	err = dhp_buffers_follow(pool);
	if (err)
		goto free_workers;
	err = dhp_sysfs_add_pool(pool);
	if (err)
		goto free_workers;
	return pool;

free_workers:
	pool_free_workers(pool);
delist:
	pool_delist(pool);
exit_buffers:
	dhp_buffers_exit(pool);
free_pool:
	pool_free(pool);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(__dhp_pool_create);

void dhp_pool_destroy(struct dhp_pool *pool)
{
	if (IS_ERR_OR_NULL(pool))
		return;
	if (dhp_inside("destroying a pool"))
		return;

	dhp_sysfs_remove_pool(pool);
	dhp_workers_drain(pool);
	pool_free_workers(pool);
	pool_delist(pool);
	dhp_buffers_exit(pool);
	pool_free(pool);
}
EXPORT_SYMBOL_GPL(dhp_pool_destroy);

static struct dhp_pool *pool_of(struct module *owner)
{
	struct dhp_pool *pool, *found = NULL;

	spin_lock(&pools_lock);
	list_for_each_entry(pool, &pools, node)
		if (pool->owner == owner)
			found = pool;
	spin_unlock(&pools_lock);
	return found;
}

/**
 * dhp_pool_forget() - destroy what a module that is leaving has left behind
 * @owner: the module; its code is still there for the items that are left to run
 *
 * One that submits itself again and again keeps the module from going for ever; the log
 * says whose it is.
 */
void dhp_pool_forget(struct module *owner)
{
	struct dhp_pool *pool;

	while ((pool = pool_of(owner))) {
		pr_err("%s leaves without dhp_pool_destroy() for pool %s; destroyed\n",
		       module_name(owner), pool->name);
		dhp_pool_destroy(pool);
	}
}

/* ---- For sysfs ----------------------------------------------------------- */

/* Returns when every pool has tried to have its workers and its size. */
void dhp_pool_settle(void)
{
	struct dhp_pool *pool;

	mutex_lock(&pools_mutex);
	list_for_each_entry(pool, &pools, node) {
		flush_delayed_work(&pool->retry);
		dhp_buffers_settle(pool);
	}
	mutex_unlock(&pools_mutex);
}

/* ---- The module's own pool ----------------------------------------------- */

int dhp_pool_init(void)
{
	struct dhp_pool_config config = {
		.name = "dhp",
		.buffer_size = PAGE_SIZE,
		.buffer_permille = buffer_permille,
	};
	int err;

	if (buffer_permille < 1 || buffer_permille > 500) {
		pr_err("bad parameter buffer_permille=%u: it must be 1 to 500, in thousandths of the online memory that is not movable\n",
		       buffer_permille);
		return -EINVAL;
	}
	err = register_pm_notifier(&pools_pm_nb);
	if (err || !pool_wanted)
		return err;
	own_pool = dhp_pool_create(&config);
	if (IS_ERR(own_pool)) {
		err = PTR_ERR(own_pool);
		own_pool = NULL;
		unregister_pm_notifier(&pools_pm_nb);
	}
	return err;
}

void dhp_pool_exit(void)
{
	dhp_pool_destroy(own_pool);
	own_pool = NULL;
	unregister_pm_notifier(&pools_pm_nb);
}
