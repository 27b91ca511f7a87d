// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/dhp: what people and scripts see. One value a file, all read-only. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"
#include "pool/pool.h"

static struct kobject *dhp_kobj;
static struct kobject *pools_kobj;

/* ---- /sys/kernel/dhp ----------------------------------------------------- */

static ssize_t clients_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *page)
{
	return sysfs_emit(page, "%u\n", dhp_client_count());
}

static ssize_t sequence_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *page)
{
	return sysfs_emit(page, "%llu\n", dhp_event_sequence());
}

/*
 * Pools settle by flushing work items, and a task that does so can neither be frozen nor
 * killed. So a work item does it, and readers wait for that: each takes a number, and the
 * work item says up to which one it has settled.
 */
static atomic_t settle_number = ATOMIC_INIT(0);
static atomic_t settle_done = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(settle_wait);

static void settle_pools_fn(struct work_struct *work)
{
	int number = atomic_read(&settle_number);

	dhp_pool_settle();
	atomic_set(&settle_done, number);
	wake_up_all(&settle_wait);
}

static DECLARE_WORK(settle_work, settle_pools_fn);

static int settle_pools(void)
{
	int number = atomic_inc_return(&settle_number);

	queue_work(system_dfl_wq, &settle_work);
	return wait_event_interruptible(settle_wait, atomic_read(&settle_done) - number >= 0);
}

/* In the order in which one brings about the other. All of it can be interrupted. */
static ssize_t settle_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *page)
{
	u64 sequence;
	int err;

	err = dhp_present_settle();
	if (!err)
		err = dhp_event_settle(&sequence);
	if (!err)
		err = settle_pools();
	if (err)
		return err;
	return sysfs_emit(page, "%llu\n", sequence);
}

static ssize_t present_offline_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *page)
{
	cpumask_var_t mask;
	ssize_t len;

	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	cpumask_andnot(mask, cpu_present_mask, cpu_online_mask);
	len = sysfs_emit(page, "%*pbl\n", cpumask_pr_args(mask));
	free_cpumask_var(mask);
	return len;
}

static struct kobj_attribute clients_attr = __ATTR_RO(clients);
static struct kobj_attribute sequence_attr = __ATTR_RO(sequence);
/* A read brings forward what waits, which is not for everybody to do. */
static struct kobj_attribute settle_attr = __ATTR_RO_MODE(settle, 0400);
static struct kobj_attribute present_offline_attr = __ATTR_RO(present_offline);

static struct attribute *dhp_attrs[] = {
	&clients_attr.attr,
	&sequence_attr.attr,
	&settle_attr.attr,
	&present_offline_attr.attr,
	NULL,
};

static const struct attribute_group dhp_group = {
	.attrs = dhp_attrs,
};

/* ---- /sys/kernel/dhp/pools/NAME ------------------------------------------ */

static struct dhp_pool *to_pool(struct kobject *kobj)
{
	return container_of(kobj, struct dhp_pool, kobj);
}

static ssize_t workers_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *page)
{
	return dhp_pool_print_workers(to_pool(kobj), page);
}

static ssize_t submitted_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *page)
{
	struct dhp_pool_counts counts;

	dhp_pool_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%llu\n", counts.submitted);
}

static ssize_t completed_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *page)
{
	struct dhp_pool_counts counts;

	dhp_pool_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%llu\n", counts.completed);
}

static ssize_t pending_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *page)
{
	struct dhp_pool_counts counts;

	dhp_pool_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%llu\n", counts.submitted - counts.completed);
}

static ssize_t migrated_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *page)
{
	struct dhp_pool_counts counts;

	dhp_pool_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%llu\n", counts.migrated);
}

static ssize_t buffers_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *page)
{
	struct dhp_buffer_counts counts;

	dhp_buffers_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%lu\n", counts.nr);
}

static ssize_t buffers_in_use_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *page)
{
	struct dhp_buffer_counts counts;

	dhp_buffers_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%lu\n", counts.in_use);
}

static ssize_t buffer_size_show(struct kobject *kobj, struct kobj_attribute *attr,
				char *page)
{
	struct dhp_buffer_counts counts;

	dhp_buffers_counts(to_pool(kobj), &counts);
	return sysfs_emit(page, "%lu\n", counts.size_bytes);
}

static struct kobj_attribute workers_attr = __ATTR_RO(workers);
static struct kobj_attribute submitted_attr = __ATTR_RO(submitted);
static struct kobj_attribute completed_attr = __ATTR_RO(completed);
static struct kobj_attribute pending_attr = __ATTR_RO(pending);
static struct kobj_attribute migrated_attr = __ATTR_RO(migrated);
static struct kobj_attribute buffers_attr = __ATTR_RO(buffers);
static struct kobj_attribute buffers_in_use_attr = __ATTR_RO(buffers_in_use);
static struct kobj_attribute buffer_size_attr = __ATTR_RO(buffer_size);

static struct attribute *pool_attrs[] = {
	&workers_attr.attr,
	&submitted_attr.attr,
	&completed_attr.attr,
	&pending_attr.attr,
	&migrated_attr.attr,
	&buffers_attr.attr,
	&buffers_in_use_attr.attr,
	&buffer_size_attr.attr,
	NULL,
};
ATTRIBUTE_GROUPS(pool);

static void pool_kobj_release(struct kobject *kobj)
{
	complete(&to_pool(kobj)->released);
}

static struct kobj_type pool_ktype = {
	.release = pool_kobj_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = pool_groups,
};

/* The pool's name is unique among pools already. */
int dhp_sysfs_add_pool(struct dhp_pool *pool)
{
	int err;

	init_completion(&pool->released);
	err = kobject_init_and_add(&pool->kobj, &pool_ktype, pools_kobj, "%s",
				   pool->name);
	if (err) {
		kobject_put(&pool->kobj);
		wait_for_completion(&pool->released);
	}
	return err;
}

/* Returns when nobody reads there any more and the pool may be freed. */
void dhp_sysfs_remove_pool(struct dhp_pool *pool)
{
	kobject_del(&pool->kobj);
	kobject_put(&pool->kobj);
	wait_for_completion(&pool->released);
}

int dhp_sysfs_init(void)
{
	int err;

	dhp_kobj = kobject_create_and_add("dhp", kernel_kobj);
	if (!dhp_kobj)
		return -ENOMEM;
	pools_kobj = kobject_create_and_add("pools", dhp_kobj);
	if (!pools_kobj) {
		err = -ENOMEM;
		goto put_dhp;
	}
	err = sysfs_create_group(dhp_kobj, &dhp_group);
	if (err)
		goto put_pools;
	return 0;

put_pools:
	kobject_put(pools_kobj);
put_dhp:
	kobject_put(dhp_kobj);
	return err;
}

void dhp_sysfs_exit(void)
{
	sysfs_remove_group(dhp_kobj, &dhp_group);
	/* A reader that was interrupted has left it behind. */
	cancel_work_sync(&settle_work);
	kobject_put(pools_kobj);
	kobject_put(dhp_kobj);
}
