// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synchronous CPU notification: two states of the kernel's CPU hotplug state machine in
 * front, the clients (processor_clients.c) behind.
 *
 * The state machine calls us at four places, each time with its lock write-held:
 *
 *	prepare	before the CPU is started		START
 *	online	nearly up; a later step can still fail	(see below)
 *	offline	on the way down, or rolling an add back	REMOVE_START
 *	dead	gone, or never come			REMOVE_COMPLETE or FAILURE
 *
 * COMPLETE is due when the operation as a whole has succeeded, REMOVE_FAILURE when it has
 * failed and the CPU is in use again, and no place of the state machine says so. Hence a
 * work item that takes the lock for reading, which it gets only when the operation is over,
 * notifies clients of them. The next operation may be faster; it begins by having another work
 * item do the same, and waits for it.
 *
 * All of this is done in turns (turn.c), and the list of clients changes in turns.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "common.h"
#include "compat.h"
#include "cpu_step.h"
#include "dhp.h"
#include "event.h"
#include "notify.h"
#include "processor.h"
#include "processor_clients.h"
#include "refusal.h"
#include "started.h"
#include "turn.h"

/* How often to look at a CPU that hotplug/target has left half-way. */
#define HALFWAY_SECONDS 1

/* In turns. */
static cpumask_var_t frozen_cpus;	/* by suspend */
static cpumask_var_t adding;	/* START done, its outcome not notified */
static cpumask_var_t by_device;	/* of these: added through their device */
static int staying_cpu = -1;	/* its removal has failed, which is not notified yet */
static int staying_status;	/* why */
static unsigned long operation_step;	/* in which clients were last notified of a start */
static bool suspended;		/* what is offline may be back soon */
static enum cpuhp_state prepare_state, online_state;

static void outcome_fn(struct work_struct *work);
static void halfway_fn(struct work_struct *work);
static DECLARE_WORK(outcome_work, outcome_fn);
static DECLARE_DELAYED_WORK(halfway_work, halfway_fn);
/* How often outcome_work is queued or running. */
static atomic_t outcome_pending = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(outcome_wait);

static void turn_end(void)
{
	dhp_processor_clients_free_left();
	dhp_turn_end();
}

/* ---- One CPU, all clients ------------------------------------------------ */

static void all_failure(unsigned int cpu, int status)
{
	dhp_processor_notify(DHP_PROCESSOR_FAILURE, cpu, status, false);
	dhp_started_failed(cpu);
}

/* With @refusable, a veto ends it. */
static int all_start(unsigned int cpu, bool refusable)
{
	int ret;

	dhp_started_begin(cpu);
	ret = dhp_processor_notify(DHP_PROCESSOR_START, cpu, 0, refusable);
	if (ret)
		all_failure(cpu, ret);
	return ret;
}

/* The add has succeeded. */
static void all_complete(unsigned int cpu)
{
	cpumask_clear_cpu(cpu, adding);
	dhp_processor_notify(DHP_PROCESSOR_COMPLETE, cpu, 0, false);
	dhp_event_processor(DHP_EVENT_ARRIVAL, cpu);
}

/* With @refusable, a veto ends it. */
static int all_remove_start(unsigned int cpu, bool refusable)
{
	return dhp_processor_notify(DHP_PROCESSOR_REMOVE_START, cpu, 0, refusable);
}

static void all_remove_failure(unsigned int cpu, int status)
{
	dhp_processor_notify(DHP_PROCESSOR_REMOVE_FAILURE, cpu, status, false);
}

static void all_remove_complete(unsigned int cpu)
{
	dhp_processor_notify(DHP_PROCESSOR_REMOVE_COMPLETE, cpu, 0, false);
	dhp_event_processor(DHP_EVENT_REMOVAL, cpu);
}

/* ---- Outcomes ----------------------------------------------------------- */

/*
 * Suspend freezes CPUs without a notification. For one that resume fails to bring back,
 * this was a removal, or the failure of an add, which no client can refuse any more.
 */
static void notify_lost(void)
{
	unsigned int cpu;

	for_each_cpu(cpu, frozen_cpus) {
		cpumask_clear_cpu(cpu, frozen_cpus);
		pr_warn("CPU%u has not come back from suspend; write 0 and then 1 to its online file to try again\n",
			cpu);
		if (cpumask_test_and_clear_cpu(cpu, adding)) {
			all_failure(cpu, -ECANCELED);
		} else {
			all_remove_start(cpu, false);
			all_remove_complete(cpu);
		}
	}
}

/* Is it online, and not half-way down or up? */
static bool in_use(unsigned int cpu)
{
	return cpu_online(cpu) && !cpumask_test_cpu(cpu, dhp_turn_halfway);
}

/* Is the failed removal over, so that REMOVE_FAILURE is due? */
static bool staying_is_over(unsigned int busy)
{
	if (staying_cpu < 0)
		return false;
	return staying_cpu == busy ? cpu_online(busy) : in_use(staying_cpu);
}

/*
 * Notifies clients of the outcome of operations that are over. @busy is the CPU that the
 * operation in progress is about, nr_cpu_ids for none. The outcome of a CPU that suspend
 * has frozen waits until the CPU is back.
 */
static void notify_outcomes(unsigned int busy)
{
	unsigned int cpu;

	for_each_cpu(cpu, adding)
		if (cpu != busy && in_use(cpu))
			all_complete(cpu);
	if (staying_is_over(busy)) {
		cpu = staying_cpu;
		staying_cpu = -1;
		all_remove_failure(cpu, staying_status);
	}
	if (!suspended)
		notify_lost();
}

static void outcome_done(void)
{
	atomic_dec(&outcome_pending);
	wake_up_all(&outcome_wait);
}

static void notify_outcomes_later(void)
{
	atomic_inc(&outcome_pending);
	if (!queue_work(dhp_freezable_wq, &outcome_work))
		outcome_done();
}

/* The step from half-way to in use may be none of ours. */
static void halfway_fn(struct work_struct *work)
{
	notify_outcomes_later();
}

static void look_again_later(void)
{
	queue_delayed_work(dhp_freezable_wq, &halfway_work, HALFWAY_SECONDS * HZ);
}

static void outcome_fn(struct work_struct *work)
{
	dhp_turn_begin_between_operations();
	notify_outcomes(nr_cpu_ids);
	if (cpumask_intersects(adding, dhp_turn_halfway) ||
	    (staying_cpu >= 0 && cpumask_test_cpu(staying_cpu, dhp_turn_halfway)))
		look_again_later();
	turn_end();
	outcome_done();
}

/*
 * It is enough to remember one: before there can be another, the next operation has
 * begun and notified clients of this one.
 */
static void removal_failed(unsigned int cpu, int status)
{
	staying_cpu = cpu;
	staying_status = status;
	notify_outcomes_later();
}

/**
 * dhp_processor_settle() - wait until clients know of all outcomes
 *
 * It waits where a signal, or the freezer, can end it, because the work item does not
 * run while tasks are frozen.
 *
 * Return: 0, or -ERESTARTSYS when a signal came.
 */
int dhp_processor_settle(void)
{
	return wait_event_interruptible(outcome_wait, !atomic_read(&outcome_pending));
}

/* ---- Turns for questions -------------------------------------------------- */

/* Between operations, when clients know of all outcomes. */
void dhp_processor_turn_begin(void)
{
	dhp_turn_begin_between_operations();
	notify_outcomes(nr_cpu_ids);
}

void dhp_processor_turn_end(void)
{
	turn_end();
}

/* Between online and offline, in either direction? */
bool dhp_processor_halfway(unsigned int cpu)
{
	dhp_turn_assert();
	return cpumask_test_cpu(cpu, adding) || cpumask_test_cpu(cpu, dhp_turn_halfway);
}

bool dhp_processor_suspended(void)
{
	dhp_turn_assert();
	return suspended;
}

/* ---- The CPU hotplug state machine ---------------------------------------- */

static bool device_offline_flag(unsigned int cpu)
{
	struct device *dev = get_cpu_device(cpu);

	return dev && dev_offline(dev);
}

/*
 * Does suspend freeze this CPU, or bring it back? kexec, too, takes CPUs down with all
 * tasks frozen, but without a notification beforehand, so that is an ordinary removal.
 */
static bool cpu_freezing(void)
{
	return cpuhp_tasks_frozen && READ_ONCE(suspended);
}

/*
 * Some architectures take CPUs down before a reboot or kexec, and bring the one up that
 * they do it on. A refusal would be fatal there: without a turn, clients are not notified.
 */
static bool refusable(void)
{
	return system_state <= SYSTEM_RUNNING;
}

/*
 * Why does the operation on @cpu fail? The errno of the step of the state machine that has failed;
 * clients are notified of that, and it is listed as the one who has refused. -ECANCELED if none
 * is known.
 */
static int why_failed(unsigned int cpu, bool add)
{
	struct dhp_attempt attempt = { .category = DHP_PROCESSOR, .add = add, .cpu = cpu };
	int step, err = dhp_cpu_step_failed(cpu, add, operation_step, &step);

	if (!err)
		return -ECANCELED;
	dhp_refusal_step(&attempt, step, err);
	return err;
}

/*
 * A CPU whose COMPLETE is still due goes down: does this roll its add back, or did the add
 * succeed and a quick request took it offline again? The device core marks the device online
 * only when an add has succeeded. An add that went around the device core
 * (cpuN/hotplug/target) leaves no such sign, and counts as failed: a roll-back must never be
 * answered with a veto.
 */
static bool add_succeeded(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, by_device) && !device_offline_flag(cpu);
}

/* ---- An operation that is faster than the outcome of the one before ------- */

static void handed_fn(struct work_struct *work);
static DECLARE_WORK(handed_work, handed_fn);
static DECLARE_COMPLETION(handed_done);
/*
 * The CPU that the operation in progress takes offline, nr_cpu_ids for none; -1 when no operation
 * waits for handed_work.
 */
static int handed_busy = -1;

/* Is it taken offline so quickly after an add that the COMPLETE of that is still due? */
static bool complete_is_due(unsigned int busy)
{
	return busy < nr_cpu_ids && cpumask_test_cpu(busy, adding) && add_succeeded(busy);
}

static bool outcomes_are_due(unsigned int busy)
{
	unsigned int cpu;

	for_each_cpu(cpu, adding)
		if (cpu != busy && in_use(cpu))
			return true;
	return staying_is_over(busy) || complete_is_due(busy) ||
	       (!suspended && !cpumask_empty(frozen_cpus));
}

/* While an operation waits for it, so that no other one changes anything. */
static void handed_fn(struct work_struct *work)
{
	int busy;

	dhp_turn_begin();
	busy = READ_ONCE(handed_busy);
	if (busy >= 0) {
		dhp_turn_look_for_halfway();
		notify_outcomes(busy);
		if (complete_is_due(busy))
			all_complete(busy);
	}
	turn_end();
	complete(&handed_done);
}

/*
 * Takes a turn in an operation on @cpu, when clients know of all outcomes of earlier ones. They
 * are not notified here, with the hotplug lock held: a callback may load a module then, which
 * waits for that lock.
 */
static int begin_operation(unsigned int cpu, unsigned int busy)
{
	int ret = dhp_turn_begin_in_operation(cpu);

	while (!ret && outcomes_are_due(busy)) {
		reinit_completion(&handed_done);
		WRITE_ONCE(handed_busy, busy);
		turn_end();
		queue_work(system_dfl_wq, &handed_work);
		ret = dhp_turn_await(cpu, &handed_done);
		WRITE_ONCE(handed_busy, -1);
		if (!ret)
			ret = dhp_turn_begin_in_operation(cpu);
	}
	return ret;
}

/* ---- What the state machine calls ----------------------------------------- */

static int processor_prepare(unsigned int cpu)
{
	int ret;

	/* It must come back, and clients are not notified. */
	if (cpu_freezing())
		return 0;
	ret = begin_operation(cpu, nr_cpu_ids);
	if (ret)
		return refusable() ? ret : 0;
	operation_step = dhp_cpu_step_begun();
	ret = all_start(cpu, refusable());
	if (!ret) {
		cpumask_set_cpu(cpu, adding);
		if (device_offline_flag(cpu))
			cpumask_set_cpu(cpu, by_device);
		else
			cpumask_clear_cpu(cpu, by_device);
	}
	turn_end();
	return ret;
}

/* An add has come this far, a failed removal has been undone, or resume brings it back. */
static int processor_online(unsigned int cpu)
{
	int ret = dhp_turn_begin_in_operation(cpu);

	if (ret)
		return refusable() ? ret : 0;
	dhp_started_online(cpu);
	cpumask_clear_cpu(cpu, frozen_cpus);
	if (cpu_freezing() || cpumask_test_cpu(cpu, adding))
		notify_outcomes_later();
	else
		removal_failed(cpu, why_failed(cpu, false));
	turn_end();
	return 0;
}

static int processor_offline(unsigned int cpu)
{
	int ret;

	/* Without a notification; but a replay, which it waits for, may not overlap with it. */
	if (cpu_freezing())
		ret = dhp_turn_begin_in_operation(cpu);
	else
		ret = begin_operation(cpu, cpu);
	if (ret)
		return refusable() ? ret : 0;
	/* FAILURE comes with dead. */
	if (cpu_freezing() || cpumask_test_cpu(cpu, adding))
		goto end_turn;
	operation_step = dhp_cpu_step_begun();
	ret = all_remove_start(cpu, refusable());
	if (ret)
		removal_failed(cpu, ret);
end_turn:
	turn_end();
	return ret;
}

/*
 * It must not fail. A callback that was begun between operations was over when
 * processor_offline() had its turn; but for a CPU that hotplug/target had left below that
 * state, this is the first step, and waits for as long as the callback runs.
 */
static int processor_dead(unsigned int cpu)
{
	dhp_turn_begin();
	dhp_turn_look_for_halfway();
	if (cpu_freezing()) {
		cpumask_set_cpu(cpu, frozen_cpus);
		goto end_turn;
	}
	notify_outcomes(cpu);
	if (cpumask_test_and_clear_cpu(cpu, adding))
		all_failure(cpu, why_failed(cpu, true));
	else
		all_remove_complete(cpu);
end_turn:
	turn_end();
	return 0;
}

static int processor_pm_event(struct notifier_block *nb, unsigned long event,
			      void *data)
{
	dhp_turn_begin();
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		WRITE_ONCE(suspended, true);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		WRITE_ONCE(suspended, false);
		notify_outcomes_later();
		break;
	}
	turn_end();
	return NOTIFY_DONE;
}

static struct notifier_block processor_pm_nb = {
	.notifier_call = processor_pm_event,
};

/* ---- Clients ------------------------------------------------------------ */

/*
 * Is there a CPU that a new client could not be notified of, now or later? One that suspend
 * has frozen, or that hotplug/target has left half-way down, is there and not in use; one
 * that it has left half-way up has had its START already.
 */
static bool cannot_join(unsigned int flags)
{
	unsigned int cpu;

	for_each_cpu(cpu, adding)
		if (!cpu_online(cpu) && !cpumask_test_cpu(cpu, frozen_cpus))
			return true;
	if (!(flags & DHP_PROCESSOR_ADD_EXISTING))
		return false;
	for_each_cpu(cpu, dhp_turn_halfway)
		if (!cpumask_test_cpu(cpu, adding))
			return true;
	return !cpumask_empty(frozen_cpus);
}

/**
 * dhp_register_processor_adapter() - register a callback that stands for another one
 * @fn: the callback
 * @context: handed to it
 * @flags: as for dhp_register_processor_callback()
 * @owner: the client's module
 * @named: the function of the client's, whose name the log and the list of clients show
 *
 * Context, Return: as for dhp_register_processor_callback().
 */
struct dhp_processor_client *
dhp_register_processor_adapter(dhp_processor_fn fn, void *context, unsigned int flags,
			       struct module *owner, void *named)
{
	struct dhp_processor_client *client;
	int ret;

	if (!fn)
		return ERR_PTR(-EINVAL);
	if (flags & ~(DHP_PROCESSOR_ADD_EXISTING | DHP_PROCESSOR_REMOVALS))
		return ERR_PTR(-EOPNOTSUPP);
	if (dhp_refuse_inside("registering a CPU callback"))
		return ERR_PTR(-EDEADLK);
	client = dhp_processor_client_new(fn, context, flags);
	if (!client)
		return ERR_PTR(-ENOMEM);

	dhp_turn_begin_between_operations();
	/* The clients that were first are notified first. */
	notify_outcomes(nr_cpu_ids);
	if (cannot_join(flags))
		ret = -EBUSY;
	else
		ret = dhp_processor_client_enter(client, named, owner, adding);
	turn_end();

	if (ret) {
		dhp_processor_client_free(client);
		return ERR_PTR(ret);
	}
	return client;
}

struct dhp_processor_client *
__dhp_register_processor_callback(dhp_processor_fn fn, void *context,
				  unsigned int flags, struct module *owner)
{
	return dhp_register_processor_adapter(fn, context, flags, owner, fn);
}
EXPORT_SYMBOL_GPL(__dhp_register_processor_callback);

int dhp_unregister_processor_callback(struct dhp_processor_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_in(DHP_IN_PROCESSOR)) {
		dhp_processor_client_leave(client);
		return 0;
	}
	if (dhp_refuse_inside("unregistering a CPU callback"))
		return -EDEADLK;

	dhp_turn_begin();
	dhp_processor_client_leave(client);
	turn_end();
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_processor_callback);

/**
 * dhp_unregister_processor_adapter() - unregister a client that no add leaves in between
 * @client: the client
 *
 * As dhp_unregister_processor_callback(), but the client is notified first of what became of the
 * adds that it was notified of: an operation in progress is waited for, and a CPU that
 * hotplug/target has left half-way counts as failed. Not from inside a CPU callback, where the
 * client knows.
 *
 * Context: as dhp_register_processor_callback().
 */
int dhp_unregister_processor_adapter(struct dhp_processor_client *client)
{
	if (dhp_in(DHP_IN_PROCESSOR))
		return dhp_unregister_processor_callback(client);
	if (dhp_refuse_inside("unregistering a CPU callback"))
		return -EDEADLK;

	dhp_processor_turn_begin();
	dhp_processor_client_fail(client, adding, -ECANCELED);
	dhp_processor_client_leave(client);
	turn_end();
	return 0;
}

/**
 * dhp_processor_release_owner() - drop what a module that is being removed has left behind
 * @owner: the module
 */
void dhp_processor_release_owner(struct module *owner)
{
	if (!dhp_client_of_owner(owner))
		return;
	dhp_turn_begin();
	dhp_processor_clients_release_owner(owner);
	turn_end();
}

/* ---- Up and down -------------------------------------------------------- */

/*
 * Both states at once, so that no operation meets only one of them. The state machine
 * replays nothing: each client gets a replay of its own.
 */
static int processor_setup_states(void)
{
	unsigned int cpu;
	int ret;

	cpus_read_lock();
	ret = __cpuhp_setup_state_cpuslocked(CPUHP_BP_PREPARE_DYN, "dhp:prepare", false,
					     processor_prepare, processor_dead, false);
	if (ret < 0)
		goto unlock;
	prepare_state = ret;

	ret = __cpuhp_setup_state_cpuslocked(CPUHP_AP_ONLINE_DYN, "dhp:online", false,
					     processor_online, processor_offline, false);
	if (ret < 0)
		goto remove_prepare;
	online_state = ret;

	dhp_turn_look_for_halfway();
	cpumask_and(adding, cpu_online_mask, dhp_turn_halfway);
	for_each_online_cpu(cpu) {
		dhp_started_online(cpu);
		if (in_use(cpu))
			dhp_event_processor_known(cpu);
	}
	if (!cpumask_empty(adding))
		look_again_later();
	cpus_read_unlock();
	return 0;

remove_prepare:
	__cpuhp_remove_state_cpuslocked(prepare_state, false);
unlock:
	cpus_read_unlock();
	return ret;
}

/* When no step of the state machine can queue them any more. */
static void cancel_outcomes(void)
{
	/* With nothing to look at again, outcome_work does not queue halfway_work. */
	dhp_turn_begin();
	cpumask_clear(adding);
	staying_cpu = -1;
	turn_end();
	cancel_delayed_work_sync(&halfway_work);
	cancel_work_sync(&outcome_work);
	cancel_work_sync(&handed_work);
}

int dhp_processor_init(void)
{
	int ret = -ENOMEM;

	if (!zalloc_cpumask_var(&frozen_cpus, GFP_KERNEL))
		return ret;
	if (!zalloc_cpumask_var(&adding, GFP_KERNEL))
		goto free_frozen;
	if (!zalloc_cpumask_var(&by_device, GFP_KERNEL))
		goto free_adding;
	ret = dhp_turn_init();
	if (ret)
		goto free_by_device;
	ret = register_pm_notifier(&processor_pm_nb);
	if (ret)
		goto exit_turn;
	ret = processor_setup_states();
	if (ret)
		goto unregister_pm;
	return 0;

unregister_pm:
	unregister_pm_notifier(&processor_pm_nb);
	cancel_outcomes();
exit_turn:
	dhp_turn_exit();
free_by_device:
	free_cpumask_var(by_device);
free_adding:
	free_cpumask_var(adding);
free_frozen:
	free_cpumask_var(frozen_cpus);
	return ret;
}

void dhp_processor_exit(void)
{
	cpus_read_lock();
	__cpuhp_remove_state_cpuslocked(online_state, false);
	__cpuhp_remove_state_cpuslocked(prepare_state, false);
	cpus_read_unlock();
	unregister_pm_notifier(&processor_pm_nb);
	cancel_outcomes();
	dhp_turn_exit();
	free_cpumask_var(by_device);
	free_cpumask_var(adding);
	free_cpumask_var(frozen_cpus);
}
