// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/dhp/pools, and a folder for each pool there. One value a file, all read-only. */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "attributes.h"
#include "buffer_resize.h"
#include "common.h"
#include "item_count.h"

static struct kobject *pools_kobj;

static struct dhp_pool *to_pool(struct kobject *kobj)
{
	return container_of(kobj, struct dhp_pool, kobj);
}

static ssize_t workers_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *page)
{
	return sysfs_emit(page, "%*pbl\n", cpumask_pr_args(to_pool(kobj)->open));
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
int dhp_attributes_add(struct dhp_pool *pool)
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

/* Returns when no file there is being read any more, and the pool may be freed. */
void dhp_attributes_del(struct dhp_pool *pool)
{
	kobject_del(&pool->kobj);
	kobject_put(&pool->kobj);
	wait_for_completion(&pool->released);
}

int dhp_attributes_init(void)
{
	pools_kobj = kobject_create_and_add("pools", dhp_root);
	return pools_kobj ? 0 : -ENOMEM;
}

void dhp_attributes_exit(void)
{
	kobject_put(pools_kobj);
}
