// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver in Linux' shape: a bound thread and its data for every processor, and a
 * budget that follows the number of processors and the size of memory.
 *
 *	START		allocate the processor's data and create its thread
 *	COMPLETE	let the thread run
 *	FAILURE		take both away again
 *	REMOVE_START	stop the thread while it can still run there
 *	REMOVE_COMPLETE	free the data
 *	REMOVE_FAILURE	the processor stays: make a new thread
 *	events		work out the budget anew, outside of any operation
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
	struct task_struct *thread;	/* NULL while the processor is leaving */
	unsigned long rounds;		/* of work done on the processor itself */
	unsigned long away;		/* of work done elsewhere */
};

/*
 * A pointer for each possible processor, the rest for those that are there. Synchronous
 * callbacks are serialised, and the exit function comes after the last of them: no lock
 * is needed.
 */
static DEFINE_PER_CPU(struct sample_processor *, sample_processors);

static struct dhp_processor_client *processor_client;
static struct dhp_event_client *processor_events;
static struct dhp_event_client *memory_events;

/* What the driver would allow each processor to take: a thousandth of memory in all. */
static unsigned long budget_pages;

/*
 * It exists only while its processor is in use. Even so it can find itself elsewhere: the
 * scheduler pushes threads off a processor before anybody is asked whether it may go, when
 * suspend parks it, and when the kernel then thinks better of it; and a thread that was
 * pushed has lost its binding. So it binds itself anew in every round, which costs little
 * when nothing has changed, and work that is only right on the processor itself asks, with
 * preemption off, whether it is there.
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

/* Make the thread; it sleeps until it is woken for the first time. */
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
	/* A thread that was never woken goes without having run. */
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
	pr_info("CPU %u: freed after %lu rounds there and %lu elsewhere\n", cpu,
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
		/* No veto is left to us: go without a thread until the next add. */
		if (sample_create_thread(processor)) {
			pr_warn("CPU %u: stays, but there is no memory for its thread\n",
				change->cpu);
			break;
		}
		wake_up_process(processor->thread);
		pr_info("CPU %u: stays, thread started again\n", change->cpu);
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

	/* Movable memory cannot hold what a driver allocates. */
	budget_pages = nr_free_buffer_pages() / 1000 / online;
	pr_info("budget: %lu pages for each of %u CPUs\n", budget_pages, online);
}

/* For processors and memory alike: what has come or gone does not matter, the sum does. */
static void sample_event(void *context, const struct dhp_event *event)
{
	sample_budget();
}

static void sample_unregister_processors(void)
{
	unsigned int cpu;

	dhp_unregister_processor_callback(processor_client);
	/* There are no more calls now; what they made is ours to free. */
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
	/* Processors that had been started got FAILURE: nothing is left of them. */
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

MODULE_DESCRIPTION("Sample client of dhp: a bound thread for every processor");
MODULE_LICENSE("GPL");
