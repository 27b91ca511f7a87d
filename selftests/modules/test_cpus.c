// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tests do to CPUs: keep one busy, so that a new thread does not get to run there.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/processor.h>

#include "test.h"

#define MAX_HOG_MS 10000	/* well below what the kernel calls a lockup, or a stall of RCU */

/* ---- A CPU that runs nothing else --------------------------------------- */

struct hog {
	struct completion begun;
	unsigned long ms;
};

/* Interrupts are handled. */
static int hog_thread(void *data)
{
	struct hog *hog = data;
	unsigned long end;

	preempt_disable();
	end = jiffies + msecs_to_jiffies(hog->ms);
	complete(&hog->begun); /* @hog is gone from now on */
	while (time_before(jiffies, end))
		cpu_relax();
	preempt_enable();
	return 0;
}

/* Returns when it has begun. */
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
		return complain(-EINVAL, "hog: ms is 1 to %d, not %ld", MAX_HOG_MS, ms);
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
