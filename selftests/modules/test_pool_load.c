// SPDX-License-Identifier: GPL-2.0-only
/* Pools under load: a thread on each CPU submits items to every CPU, and gets and puts buffers. */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "dhp_pool.h"
#include "test_command.h"
#include "test_pool_buffers.h"
#include "test_pool_items.h"
#include "test_pool_load.h"
#include "test_pool_user.h"

#define LOAD_ITEMS 256	/* of a thread, in flight at a time */
#define LOAD_NICE 10

static int load_thread(void *data)
{
	struct pool_user *user = data;
	LIST_HEAD(buffers);
	long taken = 0, i, share = DIV_ROUND_UP(user->load_buffers, user->nr_load);
	unsigned int cpu = 0;

	/* Leaves CPU time to the test itself. */
	set_user_nice(current, LOAD_NICE);
	while (!kthread_should_stop()) {
		if (items_spread(user, &cpu, LOAD_ITEMS))
			dhp_pool_flush(user->pool);
		for (i = 0; i < user->load_pairs; i++)
			dhp_buffer_put(user->pool, dhp_buffer_get(user->pool));
		while (taken < share && buffer_get(user, &buffers))
			taken++;
		usleep_range(user->hold_us, user->hold_us + 100);
		for (; taken; taken--)
			buffer_put_first(user, &buffers);
	}
	return 0;
}

void load_stop(struct pool_user *user)
{
	unsigned int i;

	if (!user->load)
		return;
	for (i = 0; i < user->nr_load; i++)
		if (user->load[i])
			kthread_stop(user->load[i]);
	kfree(user->load);
	user->load = NULL;
}

/* The scheduler moves a thread away when its CPU goes offline, and does not move it back. */
static int start_load(struct pool_user *user)
{
	struct task_struct *task;
	unsigned int cpu, nr = 0;
	int err = 0;

	cpus_read_lock();
	user->nr_load = num_online_cpus();
	user->load = kcalloc(user->nr_load, sizeof(*user->load), GFP_KERNEL);
	if (!user->load)
		err = -ENOMEM;
	for_each_online_cpu(cpu) {
		if (err)
			break;
		task = kthread_create_on_cpu(load_thread, user, cpu, "load/%u");
		if (IS_ERR(task)) {
			err = PTR_ERR(task);
			break;
		}
		user->load[nr++] = task;
		wake_up_process(task);
	}
	cpus_read_unlock();
	if (err)
		load_stop(user);
	return err;
}

int pool_load(const struct command *command)
{
	long hold_us = 1000, buffers = 0, pairs = 0;
	struct pool_user *user;
	int err;

	err = number_option(command, "hold_us", &hold_us);
	if (!err)
		err = number_option(command, "buffers", &buffers);
	if (!err)
		err = number_option(command, "pairs", &pairs);
	if (err)
		return err;
	if (hold_us < 1 || buffers < 0 || pairs < 0)
		return complain(-EINVAL,
				"load: hold_us must be at least 1, buffers and pairs not negative");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user) {
		err = -ENOENT;
	} else if (user->load) {
		err = complain(-EBUSY, "the pool is under load already");
	} else {
		user->hold_us = hold_us;
		user->load_buffers = user->buffer_size ? buffers : 0;
		user->load_pairs = user->buffer_size ? pairs : 0;
		err = start_load(user);
	}
	mutex_unlock(&pools_lock);
	return err;
}
