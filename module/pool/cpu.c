// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a pool's CPUs get their worker and their cache, and when they lose them: in the steps
 * of an operation, in a retry, and around a suspend. How a worker is made is in worker.c,
 * how a cache in cache.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/topology.h>

#include "buffer_resize.h"
#include "cache.h"
#include "compat.h"
#include "cpu.h"
#include "size.h"
#include "worker.h"

/* How long new workers may take to get onto their CPUs. */
#define OPEN_TIMEOUT_SECONDS 2

/* How long a suspend waits for items that are running. */
#define QUIESCE_TIMEOUT_SECONDS 20

/* When to try again to open missing workers. */
#define RETRY_SECONDS 10

/* ---- Opening -------------------------------------------------------------- */

/* Makes what a CPU needs before it is in use. */
static int cpu_prepare(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	int err = dhp_worker_create(pool, cpu, nid);

	return err ?: dhp_cache_add(&pool->buffers, cpu, nid);
}

/* The worker's thread gets onto the CPU by itself; see dhp_worker_open(). */
static int cpu_begin(struct dhp_pool *pool, unsigned int cpu)
{
	int err;

	/* It is going online or offline: a thread could not pin itself there. */
	if (!cpu_active(cpu))
		return -EAGAIN;
	err = cpu_prepare(pool, cpu, cpu_to_node(cpu));
	if (err)
		return err;
	dhp_cache_open(&pool->buffers, cpu);
	dhp_buffers_kick(pool);
	return dhp_worker_pin(pool, cpu);
}

static void log_missing(struct dhp_pool *pool, unsigned int cpu, int err)
{
	pr_warn_ratelimited("pool %s: no worker for CPU%u: %pe; its items run on other CPUs; it tries again every %d s\n",
			    pool->name, cpu, ERR_PTR(err), RETRY_SECONDS);
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
		if (cpumask_test_cpu(cpu, pool->open) || (pool->quiesced && cpu != pool->kept))
			continue;
		err = cpu_begin(pool, cpu);
		if (!err)
			continue;
		all = false;
		if (err != -EAGAIN)
			log_missing(pool, cpu, err);
	}
	/* All of them share one timeout: one may have a CPU on which its thread never runs. */
	for_each_cpu_and(cpu, pool->in_use, cpus) {
		if (!dhp_worker_pinning(pool, cpu))
			continue;
		err = dhp_worker_open(pool, cpu, &left);
		if (!err)
			continue;
		all = false;
		if (err != -EAGAIN)
			log_missing(pool, cpu, err);
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

	/* When this has the lock, the operation in progress is over. */
	cpus_read_lock();
	mutex_lock(&pool->mutex);
	if (!open_workers(pool, pool->in_use))
		retry_in(pool, RETRY_SECONDS);
	dhp_size_changed(pool);
	mutex_unlock(&pool->mutex);
	cpus_read_unlock();
}

/* ---- Suspend -------------------------------------------------------------- */

/*
 * Suspend takes CPUs down without any notification. A thread that is pinned there would
 * keep it waiting for ever; one that is not pinned, and is woken meanwhile, runs on another
 * CPU. So the workers of these CPUs are closed, idle and unpinned before suspend begins.
 * Until it is over, one worker runs all items, so that a driver may flush the pool in its
 * suspend callback.
 */
static int quiesce(struct dhp_pool *pool)
{
	long left = QUIESCE_TIMEOUT_SECONDS * HZ;
	unsigned int cpu;

	lockdep_assert_held(&pool->mutex);

	/* The same CPU that freeze_secondary_cpus() leaves running: the first one. */
	pool->kept = cpumask_first(pool->in_use);
	if (!open_workers(pool, pool->in_use))
		retry_in(pool, 0);
	for_each_cpu(cpu, pool->in_use)
		if (cpu != pool->kept)
			dhp_worker_close(pool, cpu);
	for_each_cpu(cpu, pool->in_use) {
		if (cpu == pool->kept)
			continue;
		left = wait_event_timeout(pool->wait, !dhp_worker_pinned(pool, cpu), left);
		if (!left) {
			pr_err("pool %s: an item has been running on CPU%u for %d seconds: no suspend; it must end sooner\n",
			       pool->name, cpu, QUIESCE_TIMEOUT_SECONDS);
			return -EBUSY;
		}
	}
	return 0;
}

int dhp_cpus_quiesce(struct dhp_pool *pool)
{
	int err;

	mutex_lock(&pool->mutex);
	pool->quiesced = true;
	err = quiesce(pool);
	dhp_size_changed(pool);
	mutex_unlock(&pool->mutex);
	return err;
}

void dhp_cpus_resume(struct dhp_pool *pool)
{
	mutex_lock(&pool->mutex);
	pool->quiesced = false;
	if (!open_workers(pool, pool->in_use))
		retry_in(pool, 0);
	dhp_size_changed(pool);
	mutex_unlock(&pool->mutex);
}

/* ---- The steps of an operation -------------------------------------------- */

/* In START. Returns an errno for a veto. */
int dhp_cpu_start(struct dhp_pool *pool, unsigned int cpu, int nid)
{
	int err = cpu_prepare(pool, cpu, nid);

	if (!err)
		return 0;
	if (!pool->created) {
		/* A client that vetoes gets no FAILURE to clean up in. */
		dhp_worker_free(pool, cpu);
		return err;
	}
	/* Too little memory for a worker is no reason to do without the CPU. */
	pr_warn_ratelimited("pool %s: CPU%u could not be prepared for: %pe; it tries again later\n",
			    pool->name, cpu, ERR_PTR(err));
	return 0;
}

/* In COMPLETE and REMOVE_FAILURE. dhp_cpu_update() opens the worker. */
void dhp_cpu_use(struct dhp_pool *pool, unsigned int cpu)
{
	cpumask_set_cpu(cpu, pool->in_use);
}

static void cache_close(struct dhp_pool *pool, unsigned int cpu)
{
	dhp_cache_close(&pool->buffers, cpu);
	dhp_buffers_kick(pool);
}

/* In REMOVE_START. */
void dhp_cpu_remove_start(struct dhp_pool *pool, unsigned int cpu)
{
	cpumask_clear_cpu(cpu, pool->in_use);
	cache_close(pool, cpu);
	dhp_worker_close(pool, cpu);
	dhp_worker_stop(pool, cpu);
}

/* In FAILURE and REMOVE_COMPLETE. */
void dhp_cpu_gone(struct dhp_pool *pool, unsigned int cpu)
{
	dhp_cache_del(&pool->buffers, cpu);
	/* Only now are there fewer CPUs that each must have a buffer. */
	dhp_buffers_kick(pool);
	dhp_worker_free(pool, cpu);
}

/* After each step. */
void dhp_cpu_update(struct dhp_pool *pool, unsigned int cpu)
{
	/* A CPU may go between the notice of a suspend and the suspend: choose the first anew. */
	if (pool->quiesced)
		quiesce(pool);
	else if (!open_workers(pool, cpumask_of(cpu)))
		retry_in(pool, 0);
	dhp_size_changed(pool);
}

/* ---- All CPUs ------------------------------------------------------------- */

void dhp_cpus_init(struct dhp_pool *pool)
{
	dhp_worker_init_fallback(pool);
	INIT_DELAYED_WORK(&pool->retry, pool_retry);
}

/*
 * Frees the workers that are left. The pool is notified of no CPU any more, so none are
 * made. The retry comes last: it may be waiting for a CPU hotplug operation that is in
 * progress, which in turn waits until no worker is pinned to its CPU. With no CPU in use it
 * opens no worker.
 */
void dhp_cpus_exit(struct dhp_pool *pool)
{
	unsigned int cpu;

	mutex_lock(&pool->mutex);
	cpumask_clear(pool->in_use);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (!rcu_access_pointer(pool->worker[cpu]))
			continue;
		cache_close(pool, cpu);
		dhp_worker_close(pool, cpu);
		dhp_worker_free(pool, cpu);
	}
	dhp_size_changed(pool);
	mutex_unlock(&pool->mutex);

	cancel_delayed_work_sync(&pool->retry);
}
