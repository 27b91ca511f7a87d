// SPDX-License-Identifier: GPL-2.0-only
/*
 * The time that dhp itself takes during operations, and that raw CPU hotplug states of this module
 * take, measured in the same way:
 *
 * steps	from the entry to the exit of one of their steps of the CPU hotplug state machine.
 *		This is what makes the operation longer.
 * later	the time for which their work items had a CPU. dhp delivers COMPLETE and events
 *		from work items, after the operation. Sleep in them is left out, because it is the
 *		wait for the end of the operation.
 *
 * The owner of a function is the module that the function is in.
 */

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <trace/events/cpuhp.h>
#include <trace/events/sched.h>
#include <trace/events/workqueue.h>

#include "bench_result.h"
#include "bench_tracepoint.h"
#include "bench_watch.h"

/* The owner of a function. Looking a symbol up takes long, hence this cache. */
struct known {
	void *fn;
	enum owner owner;
};

/* A work item of dhp that is running. */
struct running {
	struct task_struct *task;
	u64 since_ns;
};

static DEFINE_RAW_SPINLOCK(watch_lock);
static struct known known[256];
static unsigned int nr_known;
static struct running running[8];
static unsigned int nr_running;
static struct part parts[NR_OWNERS];
static enum owner step_owner;
static u64 step_began_ns;
static bool watching;

static enum owner look_up(void *fn)
{
	char name[KSYM_SYMBOL_LEN];

	snprintf(name, sizeof(name), "%ps", fn);
	if (strstr(name, "[dhp]"))
		return OF_DHP;
	if (strstr(name, "[" KBUILD_MODNAME "]"))
		return OF_BENCH;
	return OTHERS;
}

static enum owner owner_of(void *fn)
{
	unsigned int i;

	for (i = 0; i < nr_known; i++)
		if (known[i].fn == fn)
			return known[i].owner;
	if (nr_known == ARRAY_SIZE(known))
		nr_known = 0;
	known[nr_known].fn = fn;
	known[nr_known].owner = look_up(fn);
	return known[nr_known++].owner;
}

/* The state machine runs one step at a time, across all CPUs. */
static void step_enter(void *data, unsigned int cpu, int target, int step,
		       int (*fn)(unsigned int cpu))
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	step_owner = owner_of(fn);
	raw_spin_unlock_irqrestore(&watch_lock, flags);
	step_began_ns = ktime_get_ns();
}

static void step_exit(void *data, unsigned int cpu, int state, int step, int ret)
{
	u64 now = ktime_get_ns();

	parts[step_owner].steps_ns += now - step_began_ns;
	step_owner = OTHERS;
}

static struct running *find_running(struct task_struct *task)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i].task == task)
			return &running[i];
	return NULL;
}

static void work_start(void *data, struct work_struct *work)
{
	struct running *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	if (owner_of(work->func) == OF_DHP) {
		entry = find_running(NULL);
		if (!WARN_ON_ONCE(!entry)) {
			WRITE_ONCE(nr_running, nr_running + 1);
			entry->task = current;
			entry->since_ns = ktime_get_ns();
		}
	}
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static void work_end(void *data, struct work_struct *work, work_func_t fn)
{
	u64 now = ktime_get_ns();
	struct running *entry;
	unsigned long flags;

	if (!READ_ONCE(nr_running))
		return;
	raw_spin_lock_irqsave(&watch_lock, flags);
	entry = find_running(current);
	if (entry) {
		parts[OF_DHP].later_ns += now - entry->since_ns;
		entry->task = NULL;
		WRITE_ONCE(nr_running, nr_running - 1);
	}
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static void task_switch(void *data, bool preempt, struct task_struct *prev,
			struct task_struct *next, unsigned int prev_state)
{
	struct running *entry;
	unsigned long flags;
	u64 now;

	if (!READ_ONCE(nr_running))
		return;
	now = ktime_get_ns();
	raw_spin_lock_irqsave(&watch_lock, flags);
	entry = find_running(prev);
	if (entry)
		parts[OF_DHP].later_ns += now - entry->since_ns;
	entry = find_running(next);
	if (entry)
		entry->since_ns = now;
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

static struct bench_probe watch_probes[] = {
	{ .name = "cpuhp_enter", .fn = step_enter },
	{ .name = "cpuhp_exit", .fn = step_exit },
	{ .name = "workqueue_execute_start", .fn = work_start },
	{ .name = "workqueue_execute_end", .fn = work_end },
	{ .name = "sched_switch", .fn = task_switch },
};

/* The compiler cannot check a function for a tracepoint that is found by name; this does. */
static void __maybe_unused check_types(void)
{
	check_trace_callback_type_cpuhp_enter(step_enter);
	check_trace_callback_type_cpuhp_exit(step_exit);
	check_trace_callback_type_workqueue_execute_start(work_start);
	check_trace_callback_type_workqueue_execute_end(work_end);
	check_trace_callback_type_sched_switch(task_switch);
}

void watch_reset(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	memset(parts, 0, sizeof(parts));
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

struct part watch_part(enum owner owner)
{
	unsigned long flags;
	struct part part;

	raw_spin_lock_irqsave(&watch_lock, flags);
	part = parts[owner];
	raw_spin_unlock_irqrestore(&watch_lock, flags);
	return part;
}

int watch_begin(void)
{
	int err;

	if (watching)
		return 0;
	err = bench_probes_add(watch_probes, ARRAY_SIZE(watch_probes));
	watching = !err;
	return err;
}

void watch_end(void)
{
	if (watching)
		bench_probes_del(watch_probes, ARRAY_SIZE(watch_probes));
	watching = false;
}

/* Returns when nothing is pending in dhp. */
int watch_settle(void)
{
	struct file *file = filp_open("/sys/kernel/dhp/settle", O_RDONLY, 0);
	char text[24];
	loff_t pos = 0;
	ssize_t ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = kernel_read(file, text, sizeof(text), &pos);
	filp_close(file, NULL);
	return ret < 0 ? ret : 0;
}

/* Begins to sum up the time that dhp takes. */
int bench_watch(unsigned int unused)
{
	int err = watch_begin();

	if (!err)
		watch_reset();
	return err;
}

/* Waits until nothing is pending in dhp, and records the sum. */
int bench_watched(unsigned int unused)
{
	struct part part;
	int err;

	err = watch_settle();
	if (err)
		return err;
	part = watch_part(OF_DHP);
	err = bench_record("watched", "steps", 1, part.steps_ns);
	return err ?: bench_record("watched", "later", 1, part.later_ns);
}
