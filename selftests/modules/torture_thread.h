/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that do something at random until the module is unloaded. */
#ifndef _TORTURE_THREAD_H
#define _TORTURE_THREAD_H

#include <linux/prandom.h>
#include <linux/sched.h>

/**
 * struct torture_thread - a thread and its random numbers
 * @task: the thread
 * @random: its numbers, which depend only on the seed and on its place among all threads
 * @number: its number among the threads of its kind
 * @run: its function, which returns after kthread_should_stop()
 */
struct torture_thread {
	struct task_struct *task;
	struct rnd_state random;
	unsigned int number;
	void (*run)(struct torture_thread *thread);
};

/**
 * struct torture_kind - threads that do the same
 * @name: a part of their names
 * @nr: how many to start
 * @run: their function
 */
struct torture_kind {
	const char *name;
	const unsigned int *nr;
	void (*run)(struct torture_thread *thread);
};

int torture_threads_start(const struct torture_kind *kinds, unsigned int nr_kinds);
void torture_threads_stop(void);
void torture_pause(struct torture_thread *thread, unsigned int max_ms);

#endif /* _TORTURE_THREAD_H */
