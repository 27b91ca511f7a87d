// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that show whether a CPU runs them: each is bound to a CPU, from COMPLETE to REMOVE_START.
 *
 * A probe disables its own migration, because the scheduler moves even bound threads away some
 * steps before dhp notifies clients of a removal.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "test_probe.h"

struct probe {
	struct list_head node;
	unsigned int cpu;
	struct task_struct *task;
	atomic_t wanted;
	struct completion ran;
	bool elsewhere;
};

static int probe_thread(void *data)
{
	struct probe *probe = data;

	migrate_disable();
	while (!kthread_should_stop()) {
		if (atomic_xchg(&probe->wanted, 0)) {
			if (raw_smp_processor_id() != probe->cpu)
				probe->elsewhere = true;
			complete(&probe->ran);
		}
		set_current_state(TASK_INTERRUPTIBLE);
		if (!atomic_read(&probe->wanted) && !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	migrate_enable();
	return 0;
}

static void stop_probe(struct probe *probe)
{
	kthread_stop(probe->task);
	list_del(&probe->node);
	kfree(probe);
}

void probes_stop(struct list_head *probes)
{
	struct probe *probe, *next;

	list_for_each_entry_safe(probe, next, probes, node)
		stop_probe(probe);
}

/* Does the thread run, and where? Returns "", or what is wrong, for the log. */
static const char *ask_probe(struct probe *probe)
{
	atomic_set(&probe->wanted, 1);
	wake_up_process(probe->task);
	if (!wait_for_completion_timeout(&probe->ran, 30 * HZ))
		return " !thread_late";
	return probe->elsewhere ? " !thread_elsewhere" : "";
}

/*
 * Only the callbacks of one client use its list, and they are serialised.
 *
 * Without @keep, the probe ends at once: dhp does not notify this client of the removal of the CPU,
 * and the thread would block it.
 */
const char *probe_start(struct list_head *probes, unsigned int cpu, bool keep)
{
	struct probe *probe = kzalloc(sizeof(*probe), GFP_KERNEL);
	const char *wrong;

	if (!probe)
		return " !no_memory";
	init_completion(&probe->ran);
	probe->cpu = cpu;
	probe->task = kthread_create_on_cpu(probe_thread, probe, cpu, "dhp_probe/%u");
	if (IS_ERR(probe->task)) {
		kfree(probe);
		return " !no_thread";
	}
	list_add_tail(&probe->node, probes);
	wrong = ask_probe(probe);
	if (!keep)
		stop_probe(probe);
	return wrong;
}

const char *probe_end(struct list_head *probes, unsigned int cpu)
{
	struct probe *probe;
	const char *wrong;

	list_for_each_entry(probe, probes, node) {
		if (probe->cpu == cpu) {
			wrong = ask_probe(probe);
			stop_probe(probe);
			return wrong;
		}
	}
	return " !no_probe";
}
