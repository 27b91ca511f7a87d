// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows' processor groups, the current CPU, and moving the current thread. Counting CPUs is in
 * count.c.
 *
 * Windows keeps a thread's first affinity in the thread. A GROUP_AFFINITY cannot hold it, since on
 * Linux it may be more than one group, and a task has no room for it: so it is kept in a table, for
 * as long as the thread has another one.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/hashtable.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "count.h"
#include "names.h"
#include "wdm.h"

/* ---- Groups and the current CPU ----------------------------------------- */

USHORT KeQueryMaximumGroupCount(void)
{
	return DIV_ROUND_UP(nr_cpu_ids, MAXIMUM_PROCESSORS_PER_GROUP);
}
EXPORT_SYMBOL_GPL(KeQueryMaximumGroupCount);

USHORT KeQueryActiveGroupCount(void)
{
	return cpumask_last(cpu_online_mask) / MAXIMUM_PROCESSORS_PER_GROUP + 1;
}
EXPORT_SYMBOL_GPL(KeQueryActiveGroupCount);

KAFFINITY KeQueryGroupAffinity(USHORT GroupNumber)
{
	return dhp_wdm_group(cpu_online_mask, GroupNumber);
}
EXPORT_SYMBOL_GPL(KeQueryGroupAffinity);

ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
	unsigned int cpu = raw_smp_processor_id();

	if (ProcNumber)
		*ProcNumber = dhp_wdm_number(cpu);
	return cpu;
}
EXPORT_SYMBOL_GPL(KeGetCurrentProcessorNumberEx);

/* ---- Moving the current thread ------------------------------------------ */

/**
 * struct dhp_moved - a thread that KeSetSystemGroupAffinityThread() has moved
 * @node: in dhp_moved_threads
 * @task: the thread, with a reference, so that no other one gets its address
 * @system: where it may run now
 * @first: where it could run before
 * @scratch: for the thread's own calls
 *
 * Only the thread itself uses it, until it has ended.
 */
struct dhp_moved {
	struct hlist_node node;
	struct task_struct *task;
	GROUP_AFFINITY system;
	cpumask_var_t first;
	cpumask_var_t scratch;
};

static DEFINE_HASHTABLE(dhp_moved_threads, 6);
static DEFINE_SPINLOCK(dhp_moved_lock);

static struct dhp_moved *dhp_moved_find(void)
{
	struct dhp_moved *moved, *found = NULL;

	spin_lock(&dhp_moved_lock);
	hash_for_each_possible(dhp_moved_threads, moved, node, (unsigned long)current)
		if (moved->task == current)
			found = moved;
	spin_unlock(&dhp_moved_lock);
	return found;
}

static void dhp_moved_free(struct dhp_moved *moved)
{
	put_task_struct(moved->task);
	free_cpumask_var(moved->scratch);
	free_cpumask_var(moved->first);
	kfree(moved);
}

/* With @all, free everything; otherwise what threads have left that ended without undoing. */
static void dhp_moved_purge(bool all)
{
	struct dhp_moved *moved;
	struct hlist_node *next;
	HLIST_HEAD(gone);
	int bucket;

	spin_lock(&dhp_moved_lock);
	hash_for_each_safe(dhp_moved_threads, bucket, next, moved, node) {
		if (!all && !READ_ONCE(moved->task->exit_state))
			continue;
		hash_del(&moved->node);
		hlist_add_head(&moved->node, &gone);
	}
	spin_unlock(&dhp_moved_lock);

	hlist_for_each_entry_safe(moved, next, &gone, node)
		dhp_moved_free(moved);
}

static struct dhp_moved *dhp_moved_new(void)
{
	struct dhp_moved *moved = kzalloc(sizeof(*moved), GFP_KERNEL);

	if (!moved)
		return NULL;
	if (!alloc_cpumask_var(&moved->first, GFP_KERNEL))
		goto free_moved;
	if (!alloc_cpumask_var(&moved->scratch, GFP_KERNEL))
		goto free_first;
	moved->task = get_task_struct(current);
	cpumask_copy(moved->first, &current->cpus_mask);
	return moved;

free_first:
	free_cpumask_var(moved->first);
free_moved:
	kfree(moved);
	return NULL;
}

static void dhp_moved_publish(struct dhp_moved *moved)
{
	spin_lock(&dhp_moved_lock);
	hash_add(dhp_moved_threads, &moved->node, (unsigned long)current);
	spin_unlock(&dhp_moved_lock);
}

static void dhp_moved_remove(struct dhp_moved *moved)
{
	spin_lock(&dhp_moved_lock);
	hash_del(&moved->node);
	spin_unlock(&dhp_moved_lock);
	dhp_moved_free(moved);
}

/* Does each bit stand for a processor that can be in use, and is one of them? */
static bool dhp_affinity_valid(const GROUP_AFFINITY *affinity)
{
	if (!affinity)
		return false;
	return !(affinity->Mask & ~dhp_wdm_group(cpu_possible_mask, affinity->Group)) &&
	       affinity->Mask & KeQueryGroupAffinity(affinity->Group);
}

/* Move the current thread, if the processors are still in use. */
static bool dhp_move(struct dhp_moved *moved, const GROUP_AFFINITY *affinity)
{
	unsigned int first = affinity->Group * MAXIMUM_PROCESSORS_PER_GROUP;
	KAFFINITY mask = affinity->Mask & KeQueryGroupAffinity(affinity->Group);
	unsigned int bit;

	cpumask_clear(moved->scratch);
	for (bit = 0; bit < MAXIMUM_PROCESSORS_PER_GROUP; bit++)
		if (mask & BIT_ULL(bit))
			cpumask_set_cpu(first + bit, moved->scratch);
	if (set_cpus_allowed_ptr(current, moved->scratch))
		return false;
	moved->system = (GROUP_AFFINITY){ .Mask = mask, .Group = affinity->Group };
	return true;
}

VOID KeSetSystemGroupAffinityThread(PGROUP_AFFINITY Affinity, PGROUP_AFFINITY PreviousAffinity)
{
	GROUP_AFFINITY affinity = Affinity ? *Affinity : (GROUP_AFFINITY){ };
	struct dhp_moved *moved;

	might_sleep();
	moved = dhp_moved_find();
	/* The two may be the same. */
	if (PreviousAffinity)
		*PreviousAffinity = moved ? moved->system : (GROUP_AFFINITY){ };
	if (!dhp_affinity_valid(&affinity))
		return;
	if (current->flags & PF_NO_SETAFFINITY) {
		pr_notice_ratelimited("%s() from %pS: thread %s cannot be moved, its affinity is its creator's\n",
				      __func__, __builtin_return_address(0), current->comm);
		return;
	}
	if (moved) {
		dhp_move(moved, &affinity);
		return;
	}

	dhp_moved_purge(false);
	moved = dhp_moved_new();
	if (!moved) {
		pr_notice_ratelimited("%s() from %pS: thread %s is not moved, there is no memory to keep its affinity\n",
				      __func__, __builtin_return_address(0), current->comm);
		return;
	}
	if (dhp_move(moved, &affinity))
		dhp_moved_publish(moved);
	else
		dhp_moved_free(moved);
}
EXPORT_SYMBOL_GPL(KeSetSystemGroupAffinityThread);

VOID KeRevertToUserGroupAffinityThread(PGROUP_AFFINITY PreviousAffinity)
{
	struct dhp_moved *moved;

	might_sleep();
	moved = dhp_moved_find();
	if (!moved || !PreviousAffinity)
		return;
	if (PreviousAffinity->Mask) {
		if (dhp_affinity_valid(PreviousAffinity))
			dhp_move(moved, PreviousAffinity);
		return;
	}
	if (set_cpus_allowed_ptr(current, moved->first))
		set_cpus_allowed_ptr(current, cpu_possible_mask);
	dhp_moved_remove(moved);
}
EXPORT_SYMBOL_GPL(KeRevertToUserGroupAffinityThread);

void dhp_affinity_exit(void)
{
	dhp_moved_purge(true);
}
