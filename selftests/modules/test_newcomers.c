// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that register, are told what is there, and go again, from a thread that suspend
 * does not freeze. The test has the machine keep its processors meanwhile: each client
 * must be told of all of them, or be refused as long as that is not possible.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "dhp.h"
#include "test.h"

static DEFINE_MUTEX(newcomers_lock);
static struct task_struct *newcomers;	/* NULL when none come */
static unsigned int nr_processors;
static unsigned int told, refused, wrong;

static void count_completes(void *context, const struct dhp_processor_change *change, int *status)
{
	unsigned int *completes = context;

	if (change->state == DHP_PROCESSOR_COMPLETE)
		(*completes)++;
}

static int come_and_go(void *unused)
{
	struct dhp_processor_client *client;
	unsigned int completes;

	while (!kthread_should_stop()) {
		completes = 0;
		client = dhp_register_processor_callback(count_completes, &completes,
							 DHP_PROCESSOR_ADD_EXISTING);
		if (!IS_ERR(client))
			dhp_unregister_processor_callback(client);
		if (!IS_ERR(client) && completes == nr_processors)
			told++;
		else if (client == ERR_PTR(-EBUSY) && !completes)
			refused++;
		else
			wrong++;
		usleep_range(100, 1000);
	}
	return 0;
}

static int newcomers_start(void)
{
	struct task_struct *task;
	int err = 0;

	mutex_lock(&newcomers_lock);
	if (newcomers) {
		err = complain(-EBUSY, "newcomers come already");
		goto unlock;
	}
	told = 0;
	refused = 0;
	wrong = 0;
	nr_processors = num_online_cpus();
	task = kthread_run(come_and_go, NULL, "dhp_newcomers");
	if (IS_ERR(task))
		err = complain(PTR_ERR(task), "no thread for newcomers");
	else
		newcomers = task;
unlock:
	mutex_unlock(&newcomers_lock);
	return err;
}

void newcomers_stop(void)
{
	mutex_lock(&newcomers_lock);
	if (newcomers) {
		kthread_stop(newcomers);
		newcomers = NULL;
		log_line("newcomers told %u refused %u wrong %u", told, refused, wrong);
	}
	mutex_unlock(&newcomers_lock);
}

int newcomers_control(const struct command *command)
{
	if (!strcmp(command->name, "start"))
		return newcomers_start();
	if (strcmp(command->name, "stop"))
		return complain(-EINVAL, "newcomers: start or stop, please, not %s", command->name);
	newcomers_stop();
	return 0;
}
