// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tests do to CPUs: keep one busy, so that a new thread does not run there, and hold one that
 * goes offline before it reaches dhp's steps, and forbid that any goes.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "test_command.h"
#include "test_cpus.h"
#include "test_log.h"

#define MAX_HOG_MS 10000	/* well below the limits for lockups and RCU stalls */
#define GATE_SECONDS 120

/* ---- Hog: a CPU that runs nothing else ----------------------------------- */

struct hog {
	struct completion begun;
	unsigned long ms;
};

/* Still handles interrupts. */
static int hog_thread(void *data)
{
	struct hog *hog = data;
	unsigned long end;

	preempt_disable();
	end = jiffies + msecs_to_jiffies(hog->ms);
	complete(&hog->begun); /* @hog is invalid from now on */
	while (time_before(jiffies, end))
		cpu_relax();
	preempt_enable();
	return 0;
}

/* Returns when the thread has begun. */
int cpu_hog(const struct command *command)
{
	struct hog hog = { .begun = COMPLETION_INITIALIZER_ONSTACK(hog.begun) };
	struct task_struct *task;
	long cpu = -1, ms = 0;
	int err;

	err = number_option(command, "cpu", &cpu) ?: number_option(command, "ms", &ms);
	if (err)
		return err;
	if (ms < 1 || ms > MAX_HOG_MS)
		return complain(-EINVAL, "hog: ms must be 1 to %d, not %ld", MAX_HOG_MS, ms);
	hog.ms = ms;
	cpus_read_lock();
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_online(cpu)) {
		err = complain(-EINVAL, "hog: cpu=%ld is not an online CPU", cpu);
		goto unlock;
	}
	task = kthread_create_on_cpu(hog_thread, &hog, cpu, "hog/%u");
	if (IS_ERR(task)) {
		err = complain(PTR_ERR(task), "no thread to keep CPU %ld busy", cpu);
		goto unlock;
	}
	wake_up_process(task);
	wait_for_completion(&hog.begun);
unlock:
	cpus_read_unlock();
	return err;
}

/* ---- Gate: a CPU that is held while it goes offline ----------------------- */

/*
 * A step of this module. dhp was loaded before, so this step has a higher number than those of dhp.
 * A CPU that goes offline runs it before them.
 */
static DEFINE_MUTEX(gate_lock);
static int gate_state = CPUHP_INVALID;
static bool gate_shut;
static DECLARE_WAIT_QUEUE_HEAD(gate_opened);

static int gate_offline(unsigned int cpu)
{
	if (!READ_ONCE(gate_shut))
		return 0;
	log_line("gate CPU%u", cpu);
	if (!wait_event_timeout(gate_opened, !READ_ONCE(gate_shut), GATE_SECONDS * HZ))
		log_line("gate CPU%u !late", cpu);
	return 0;
}

int gate_control(const struct command *command)
{
	bool shut = !strcmp(command->name, "shut");
	int err = 0;

	if (!shut && strcmp(command->name, "open"))
		return complain(-EINVAL, "gate: must be shut or open, not '%.40s'", command->name);
	mutex_lock(&gate_lock);
	if (shut && gate_state == CPUHP_INVALID) {
		err = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "dhp_test:gate", NULL,
						gate_offline);
		if (err >= 0) {
			gate_state = err;
			err = 0;
		}
	}
	if (!err)
		WRITE_ONCE(gate_shut, shut);
	mutex_unlock(&gate_lock);
	wake_up_all(&gate_opened);
	return err ? complain(err, "the kernel has no free CPU hotplug state") : 0;
}

/* Returns when no CPU is held any more. */
void gate_remove(void)
{
	mutex_lock(&gate_lock);
	WRITE_ONCE(gate_shut, false);
	wake_up_all(&gate_opened);
	if (gate_state != CPUHP_INVALID)
		cpuhp_remove_state_nocalls(gate_state);
	gate_state = CPUHP_INVALID;
	mutex_unlock(&gate_lock);
}

/* ---- Hotplug that the kernel refuses, as it does during a suspend ------------ */

static bool hotplug_forbidden;

void hotplug_allow(void)
{
	if (hotplug_forbidden)
		cpu_hotplug_enable();
	hotplug_forbidden = false;
}

int hotplug_control(const struct command *command)
{
	if (!strcmp(command->name, "allow")) {
		hotplug_allow();
		return 0;
	}
	if (strcmp(command->name, "forbid"))
		return complain(-EINVAL, "hotplug %s: forbid or allow", command->name);
	if (!hotplug_forbidden)
		cpu_hotplug_disable();
	hotplug_forbidden = true;
	return 0;
}
