// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that do something at random until the module is unloaded.
 *
 * The kernel has a framework for this, torture.ko, but distributions do not build it.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "torture_random.h"
#include "torture_thread.h"

static struct torture_thread *threads;
static unsigned int nr_threads;

/* Sleeps for a random time of at most @max_ms; returns at once when the thread must stop. */
void torture_pause(struct torture_thread *thread, unsigned int max_ms)
{
	long timeout = msecs_to_jiffies(draw(&thread->random, max_ms) + 1);

	set_current_state(TASK_IDLE);
	if (!kthread_should_stop())
		schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
}

static int thread_main(void *data)
{
	struct torture_thread *thread = data;

	thread->run(thread);
	return 0;
}

void torture_threads_stop(void)
{
	while (nr_threads)
		kthread_stop(threads[--nr_threads].task);
	kfree(threads);
}

int torture_threads_start(const struct torture_kind *kinds, unsigned int nr_kinds)
{
	struct torture_thread *thread;
	unsigned int kind, i, nr = 0;
	int ret;

	for (kind = 0; kind < nr_kinds; kind++)
		nr += *kinds[kind].nr;
	threads = kcalloc(nr, sizeof(*threads), GFP_KERNEL);
	if (!threads)
		return -ENOMEM;
	for (kind = 0; kind < nr_kinds; kind++) {
		for (i = 0; i < *kinds[kind].nr; i++) {
			thread = &threads[nr_threads];
			thread->number = i;
			thread->run = kinds[kind].run;
			torture_seed(&thread->random, nr_threads);
			thread->task = kthread_run(thread_main, thread, "torture_%s/%u",
						   kinds[kind].name, i);
			if (IS_ERR(thread->task))
				goto stop;
			nr_threads++;
		}
	}
	return 0;

stop:
	ret = PTR_ERR(thread->task);
	torture_threads_stop();
	return ret;
}
