// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients that register with existing CPUs and unregister, again and again, in a thread that
 * suspend does not freeze. The machine must keep its CPUs meanwhile. Each client must get all of
 * them, or be refused with EBUSY while that is not possible. The command is `newcomers`.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "dhp.h"
#include "test_command.h"
#include "test_log.h"
#include "test_register_loop.h"

static DEFINE_MUTEX(loop_lock);
static struct task_struct *loop;	/* NULL while stopped */
static unsigned int nr_cpus;
static unsigned int got_all, refused, wrong;	/* clients */

static void count_completes(void *context, const struct dhp_processor_change *change, int *status)
{
	unsigned int *completes = context;

	if (change->state == DHP_PROCESSOR_COMPLETE)
		(*completes)++;
}

static int loop_thread(void *unused)
{
	struct dhp_processor_client *client;
	unsigned int completes;

	while (!kthread_should_stop()) {
		completes = 0;
		client = dhp_register_processor_callback(count_completes, &completes,
							 DHP_PROCESSOR_ADD_EXISTING);
		if (!IS_ERR(client))
			dhp_unregister_processor_callback(client);
		if (!IS_ERR(client) && completes == nr_cpus)
			got_all++;
		else if (client == ERR_PTR(-EBUSY) && !completes)
			refused++;
		else
			wrong++;
		usleep_range(100, 1000);
	}
	return 0;
}

static int register_loop_start(void)
{
	struct task_struct *task;
	int err = 0;

	mutex_lock(&loop_lock);
	if (loop) {
		err = complain(-EBUSY, "newcomers: started already");
		goto unlock;
	}
	got_all = 0;
	refused = 0;
	wrong = 0;
	nr_cpus = num_online_cpus();
	task = kthread_run(loop_thread, NULL, "dhp_newcomers");
	if (IS_ERR(task))
		err = complain(PTR_ERR(task), "newcomers: no thread");
	else
		loop = task;
unlock:
	mutex_unlock(&loop_lock);
	return err;
}

void register_loop_stop(void)
{
	mutex_lock(&loop_lock);
	if (loop) {
		kthread_stop(loop);
		loop = NULL;
		log_line("newcomers notified %u refused %u wrong %u", got_all, refused, wrong);
	}
	mutex_unlock(&loop_lock);
}

int register_loop_control(const struct command *command)
{
	if (!strcmp(command->name, "start"))
		return register_loop_start();
	if (strcmp(command->name, "stop"))
		return complain(-EINVAL, "newcomers: must be start or stop, not %.40s",
				command->name);
	register_loop_stop();
	return 0;
}
