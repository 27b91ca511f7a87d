// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/dhp: what people and scripts see. One value a file but for refusals and query, all
 * read-only but for the question that is to be asked. The pools' files are in pool/attributes.c.
 */
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "common.h"
#include "notify/notify.h"
#include "settle.h"
#include "sysfs.h"

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

static ssize_t settle_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *page)
{
	u64 sequence;
	int err = dhp_settle(&sequence);

	return err ?: sysfs_emit(page, "%llu\n", sequence);
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

static ssize_t refusals_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *page)
{
	return dhp_refusal_show(page);
}

static ssize_t query_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return dhp_query_show(page);
}

static ssize_t query_store(struct kobject *kobj, struct kobj_attribute *attr, const char *text,
			   size_t len)
{
	return dhp_query_store(text) ?: len;
}

static struct kobj_attribute clients_attr = __ATTR_RO(clients);
static struct kobj_attribute sequence_attr = __ATTR_RO(sequence);
/* A read makes what waits happen earlier, so it is for root only. */
static struct kobj_attribute settle_attr = __ATTR_RO_MODE(settle, 0400);
/* Its lines have physical addresses. */
static struct kobj_attribute refusals_attr = __ATTR_RO_MODE(refusals, 0400);
/* The clients run for a read. */
static struct kobj_attribute query_attr = __ATTR_RW_MODE(query, 0600);
static struct kobj_attribute present_offline_attr = __ATTR_RO(present_offline);

static struct attribute *dhp_attrs[] = {
	&clients_attr.attr,
	&sequence_attr.attr,
	&settle_attr.attr,
	&present_offline_attr.attr,
	&refusals_attr.attr,
	&query_attr.attr,
	NULL,
};

static const struct attribute_group dhp_group = {
	.attrs = dhp_attrs,
};

int dhp_sysfs_init(void)
{
	return sysfs_create_group(dhp_root, &dhp_group);
}

void dhp_sysfs_exit(void)
{
	sysfs_remove_group(dhp_root, &dhp_group);
}
