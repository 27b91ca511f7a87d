// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver in Linux style. It has a bound thread and some data for every online CPU, and a
 * budget that depends on the number of online CPUs and on the size of memory.
 *
 *	START		a CPU is being added: allocate its data and create its thread
 *	COMPLETE	the CPU is online: wake the thread
 *	FAILURE		the CPU is not added after all: stop the thread, free the data
 *	REMOVE_START	the CPU is being removed: stop the thread while the CPU can still run it
 *	REMOVE_COMPLETE	the CPU is offline: free the data
 *	REMOVE_FAILURE	the CPU is not removed after all: create a new thread
 *	events		a CPU or memory has come or gone: compute the budget again
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "dhp.h"

struct sample_processor {
	unsigned int cpu;
	struct task_struct *thread;	/* NULL while the CPU is being removed */
	unsigned long rounds;		/* rounds of work on this CPU */
	unsigned long away;		/* rounds of work on other CPUs */
};

/*
 * A pointer for each possible CPU; the data itself exists only for CPUs that are in use.
 *
 * No lock is needed: synchronous callbacks are serialised, and the exit function frees the data
 * after it has unregistered the callback.
 */
static DEFINE_PER_CPU(struct sample_processor *, sample_processors);

static struct dhp_processor_client *processor_client;
static struct dhp_event_client *processor_events;
static struct dhp_event_client *memory_events;

/* The pages that the driver allows for each CPU: a thousandth of memory for all CPUs together. */
static unsigned long budget_pages;

/*
 * The thread of a CPU. It exists only while the CPU is in use, but it can still run on another CPU:
 * the scheduler moves threads away from a CPU that goes offline before REMOVE_START, and during
 * suspend. A thread that was moved has lost its binding, even if the CPU stays online after all.
 *
 * So the thread binds itself again in every round, which is cheap if nothing has changed. Work that
 * is correct only on this CPU must check, with preemption disabled, which CPU it is on.
 */
static int sample_thread(void *data)
{
	struct sample_processor *processor = data;

	while (!kthread_should_stop()) {
		set_cpus_allowed_ptr(current, cpumask_of(processor->cpu));

		if (get_cpu() == processor->cpu)
			processor->rounds++;
		else
			processor->away++;
		put_cpu();

		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule_timeout(HZ / 10);
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/* Creates the thread, which does not run until COMPLETE wakes it. */
static int sample_create_thread(struct sample_processor *processor)
{
	struct task_struct *thread;

	thread = kthread_create_on_cpu(sample_thread, processor, processor->cpu,
				       "dhp_native/%u");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	processor->thread = thread;
	return 0;
}

static void sample_stop_thread(struct sample_processor *processor)
{
	/* A thread that was never woken ends without running its function. */
	if (processor->thread)
		kthread_stop(processor->thread);
	processor->thread = NULL;
}

static int sample_start(const struct dhp_processor_change *change)
{
	struct sample_processor *processor;
	int ret;

	processor = kzalloc_node(sizeof(*processor), GFP_KERNEL, change->nid);
	if (!processor)
		return -ENOMEM;
	processor->cpu = change->cpu;

	ret = sample_create_thread(processor);
	if (ret) {
		kfree(processor);
		return ret;
	}
	per_cpu(sample_processors, change->cpu) = processor;
	pr_info("CPU %u: data and thread made on node %d\n", change->cpu, change->nid);
	return 0;
}

static void sample_free(unsigned int cpu)
{
	struct sample_processor *processor = per_cpu(sample_processors, cpu);

	if (!processor)
		return;
	sample_stop_thread(processor);
	pr_info("CPU %u: freed after %lu rounds there and %lu on other CPUs\n", cpu,
		processor->rounds, processor->away);
	kfree(processor);
	per_cpu(sample_processors, cpu) = NULL;
}

static void sample_processor_changed(void *context,
				     const struct dhp_processor_change *change, int *status)
{
	struct sample_processor *processor = per_cpu(sample_processors, change->cpu);

	switch (change->state) {
	case DHP_PROCESSOR_START:
		*status = sample_start(change);
		break;
	case DHP_PROCESSOR_COMPLETE:
		wake_up_process(processor->thread);
		pr_info("CPU %u: in use, thread started\n", change->cpu);
		break;
	case DHP_PROCESSOR_REMOVE_START:
		sample_stop_thread(processor);
		pr_info("CPU %u: being removed, thread stopped\n", change->cpu);
		break;
	case DHP_PROCESSOR_REMOVE_FAILURE:
		/* A veto is not possible here. Without memory, the CPU stays without a thread. */
		if (sample_create_thread(processor)) {
			pr_warn("CPU %u: not removed, but its thread cannot be created\n",
				change->cpu);
			break;
		}
		wake_up_process(processor->thread);
		pr_info("CPU %u: not removed, thread started again\n", change->cpu);
		break;
	case DHP_PROCESSOR_FAILURE:
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		sample_free(change->cpu);
		break;
	}
}

static void sample_budget(void)
{
	unsigned int online = num_online_cpus();

	/* Without movable memory, which cannot be used for what a driver allocates. */
	budget_pages = nr_free_buffer_pages() / 1000 / online;
	pr_info("budget: %lu pages for each of %u CPUs\n", budget_pages, online);
}

/* Events of CPUs and of memory. The budget depends on the totals, not on what has changed. */
static void sample_event(void *context, const struct dhp_event *event)
{
	sample_budget();
}

static void sample_unregister_processors(void)
{
	unsigned int cpu;

	dhp_unregister_processor_callback(processor_client);
	/* The callback is not called any more. The driver must free what is left. */
	for_each_possible_cpu(cpu)
		sample_free(cpu);
}

static int __init sample_init(void)
{
	int ret;

	sample_budget();

	processor_client =
		dhp_register_processor_callback(sample_processor_changed, NULL,
						DHP_PROCESSOR_ADD_EXISTING |
						DHP_PROCESSOR_REMOVALS);
	/* On failure, CPUs that got START have got FAILURE, so nothing is left to free. */
	if (IS_ERR(processor_client))
		return PTR_ERR(processor_client);

	processor_events = dhp_register_event_callback(DHP_PROCESSOR, sample_event, NULL, 0);
	if (IS_ERR(processor_events)) {
		ret = PTR_ERR(processor_events);
		goto unregister_processors;
	}

	memory_events = dhp_register_event_callback(DHP_MEMORY, sample_event, NULL, 0);
	if (IS_ERR(memory_events)) {
		ret = PTR_ERR(memory_events);
		goto unregister_events;
	}
	return 0;

unregister_events:
	dhp_unregister_event_callback(processor_events);
unregister_processors:
	sample_unregister_processors();
	return ret;
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	dhp_unregister_event_callback(memory_events);
	dhp_unregister_event_callback(processor_events);
	sample_unregister_processors();
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample client of dhp: a bound thread for every CPU");
MODULE_LICENSE("GPL");
