// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: each CPU that comes online gets a thread, also one
 * that has a thread from the time before. The earlier thread is never stopped.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>

static DEFINE_PER_CPU(struct task_struct *, server);
static enum cpuhp_state state;

/* A CPU's thread sleeps until it has something to do. */
static int serve(void *unused)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int came_online(unsigned int cpu)
{
	struct task_struct *thread;

	thread = kthread_create_on_cpu(serve, NULL, cpu, "faulty_left/%u");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	per_cpu(server, cpu) = thread;
	wake_up_process(thread);
	return 0;
}

static void stop_servers(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (per_cpu(server, cpu))
			kthread_stop(per_cpu(server, cpu));
}

static int __init faulty_init(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "faulty/thread_left:online", came_online,
				NULL);
	if (ret < 0) {
		stop_servers();
		return ret;
	}
	state = ret;
	return 0;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	cpuhp_remove_state(state);
	stop_servers();
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: leaves threads behind");
MODULE_LICENSE("GPL");
