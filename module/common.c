// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parts of dhp share: the directory in sysfs that they put their files into, and
 * the record of who runs a callback, with what is refused there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/printk.h>

#include "common.h"

struct kobject *dhp_root;

struct task_struct *dhp_context_task[DHP_IN_ITEM];
static int (*item_thread_fn)(void *data);

/**
 * dhp_context_set_items() - say which threads run work items
 * @thread_fn: the function of these threads; set before there is one
 */
void dhp_context_set_items(int (*thread_fn)(void *data))
{
	item_thread_fn = thread_fn;
}

/**
 * dhp_in() - what is the caller?
 * @context: what it may be
 *
 * Return: whether it is that.
 */
bool dhp_in(enum dhp_context context)
{
	if (context == DHP_IN_ITEM)
		return kthread_func(current) && kthread_func(current) == item_thread_fn;
	return READ_ONCE(dhp_context_task[context]) == current;
}

/**
 * dhp_refuse_in() - refuse what would deadlock in one kind of callback
 * @context: the kind; not DHP_IN_EVENT or DHP_IN_REBALANCE, where nothing is refused
 * @what: what the caller wants to do, for the log
 *
 * Return: whether the caller is such a callback.
 */
bool dhp_refuse_in(enum dhp_context context, const char *what)
{
	static const char * const where[DHP_NR_CONTEXTS] = {
		[DHP_IN_PROCESSOR] = "a synchronous CPU callback",
		[DHP_IN_MEMORY] = "a synchronous memory callback",
		[DHP_IN_ITEM] = "a work item of a pool",
	};

	if (!dhp_in(context))
		return false;
	pr_warn("%s from inside %s is refused; use a kernel workqueue\n", what, where[context]);
	return true;
}

/**
 * dhp_refuse_inside() - refuse what waits for callbacks, or for the CPU hotplug lock
 * @what: what the caller wants to do, for the log
 *
 * Waiting for synchronous callbacks from inside one is a self-deadlock. A CPU that is being
 * removed waits for the work item that runs there, and what the item would wait for may
 * wait for the CPU.
 *
 * Return: whether the caller is a synchronous callback or a work item.
 */
bool dhp_refuse_inside(const char *what)
{
	return dhp_refuse_in(DHP_IN_PROCESSOR, what) || dhp_refuse_in(DHP_IN_ITEM, what) ||
	       dhp_refuse_in(DHP_IN_MEMORY, what);
}

int dhp_common_init(void)
{
	dhp_root = kobject_create_and_add("dhp", kernel_kobj);
	return dhp_root ? 0 : -ENOMEM;
}

void dhp_common_exit(void)
{
	kobject_put(dhp_root);
}
