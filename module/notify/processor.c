// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synchronous processor notification: two states of the kernel's CPU hotplug
 * machine in front, a list of clients behind.
 *
 * The machine calls us at four places, each time with its lock write-held:
 *
 *	prepare	before the processor is started		START
 *	online	nearly up; a later step can still fail	(see below)
 *	offline	on the way down, or rolling an add back	REMOVE_START
 *	dead	gone, or never come			REMOVE_COMPLETE or FAILURE
 *
 * COMPLETE is due when the operation as a whole has succeeded, REMOVE_FAILURE when
 * it has failed and the processor is in use again, and no place of the machine says
 * so. Hence a work item that takes the lock for reading, which it gets only when the
 * operation is over, tells them. The next operation may be faster; it begins by
 * doing the same.
 *
 * Clients are called in turns: a turn is to hold processor_mutex. Between operations
 * (in a replay, and in that work item) the hotplug lock is dropped once the turn has
 * begun: a callback may load a module there, and loading takes that lock. What is
 * online stays so all the same, because an operation that begins meanwhile waits for
 * its turn at its first step here. It waits with the hotplug lock held, and a module
 * that is being loaded waits for that lock. Hence an operation waits for a bounded
 * time and then fails with -EBUSY; and nothing waits for a turn while it holds the lock
 * for reading.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/topology.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "internal.h"

/* How long an operation waits for one callback, before it can have its turn. */
#define TURN_SECONDS 10

/* How often to look at a CPU that hotplug/target has left half-way. */
#define HALFWAY_SECONDS 1

/* What a client was told last of a processor. */
enum { NOTHING, STARTED, HELD, LEAVING };

/**
 * struct dhp_processor_client - one registration
 * @info: name and counts
 * @node: in processor_clients
 * @fn: its callback
 * @context: the callback's
 * @flags: what it asked for
 * @warned: it was told once that its status is ignored
 * @gone: unregistered from inside a callback: not called any more, and freed at the end
 *	of the turn
 * @rcu: for those that read the name of the client that is being called
 * @told: per possible processor, what it was told last
 */
struct dhp_processor_client {
	struct dhp_client_info info;
	struct list_head node;
	dhp_processor_fn fn;
	void *context;
	unsigned int flags;
	bool warned;
	bool gone;
	struct rcu_head rcu;
	u8 told[];
};

/* Protects everything below; serialises all callbacks. Inside the hotplug lock. */
static DEFINE_MUTEX(processor_mutex);
static DECLARE_WAIT_QUEUE_HEAD(turn_wait);	/* woken when processor_mutex is released */
static LIST_HEAD(processor_clients);
static bool clients_gone;	/* there are some in the list */
static struct task_struct *processor_task;	/* that runs a callback */
static struct dhp_processor_client *processor_running;	/* whose callback; readers use RCU */
static unsigned long nr_calls;	/* begun so far */
static cpumask_var_t parked;	/* by suspend */
static cpumask_var_t adding;	/* START done, outcome not told */
static cpumask_var_t by_device;	/* of these: added through their device */
static cpumask_var_t halfway;	/* online and not in use, as seen when the turn began */
static int staying_cpu = -1;	/* its removal has failed, which is not told yet */
static int staying_status;	/* why */
static bool suspended;		/* what is offline may be back soon */
static enum cpuhp_state prepare_state, online_state;

static void outcome_fn(struct work_struct *work);
static void halfway_fn(struct work_struct *work);
static DECLARE_WORK(outcome_work, outcome_fn);
static DECLARE_DELAYED_WORK(halfway_work, halfway_fn);
/* How often outcome_work is queued or running. */
static atomic_t outcome_pending = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(outcome_wait);

/* ---- Taking turns -------------------------------------------------------- */

static void turn_begin(void)
{
	mutex_lock(&processor_mutex);
}

static void free_gone(void)
{
	struct dhp_processor_client *client, *next;

	lockdep_assert_held(&processor_mutex);

	list_for_each_entry_safe(client, next, &processor_clients, node) {
		if (!client->gone)
			continue;
		list_del(&client->node);
		dhp_client_del(&client->info);
		kvfree_rcu(client, rcu);
	}
	clients_gone = false;
}

static void turn_end(void)
{
	if (clients_gone)
		free_gone();
	mutex_unlock(&processor_mutex);
	wake_up_all(&turn_wait);
}

/* What CPUs are in use is known under the hotplug lock only. */
static void look_for_halfway(void)
{
	cpumask_andnot(halfway, cpu_online_mask, cpu_active_mask);
}

/*
 * Takes a turn while no operation is in progress. What is online stays so until the
 * turn ends: an operation that begins meanwhile waits at its first step here, before
 * anything has changed.
 */
static void turn_begin_between_operations(void)
{
	cpus_read_lock();
	while (!mutex_trylock(&processor_mutex)) {
		/* Its holder may be loading a module, which waits for this lock. */
		cpus_read_unlock();
		wait_event(turn_wait, !mutex_is_locked(&processor_mutex));
		cpus_read_lock();
	}
	look_for_halfway();
	cpus_read_unlock();
}

static void say_no_turn(unsigned int cpu)
{
	struct dhp_processor_client *client;

	rcu_read_lock();
	client = READ_ONCE(processor_running);
	pr_warn("CPU%u: a callback of %s has been running for %d s, so this operation fails with %pe; try again when it has returned\n",
		cpu, client ? client->info.name : "a client", TURN_SECONDS, ERR_PTR(-EBUSY));
	rcu_read_unlock();
}

/*
 * Takes a turn inside an operation on @cpu. Its first step may find a callback that
 * was begun between operations, and that loads a module, which waits for the operation;
 * so it gives up after a while. Further steps find none.
 */
static int turn_begin_in_operation(unsigned int cpu)
{
	unsigned long seen;

	/* lockdep learns no order from a trylock. */
	might_lock(&processor_mutex);
	do {
		seen = READ_ONCE(nr_calls);
		if (wait_event_timeout(turn_wait, mutex_trylock(&processor_mutex),
				       TURN_SECONDS * HZ)) {
			look_for_halfway();
			return 0;
		}
	} while (READ_ONCE(nr_calls) != seen);
	say_no_turn(cpu);
	return -EBUSY;
}

/* ---- Calling clients ---------------------------------------------------- */

/**
 * struct notice - what one client after the other is told
 * @change: that
 * @answer: what the one whose turn it is writes
 * @clock_ns: when the last of them was done; it is when the next one's turn begins,
 *	so that the clock is read once for each
 */
struct notice {
	struct dhp_processor_change change;
	int answer;
	u64 clock_ns;
};

static struct notice notice(enum dhp_processor_state state, unsigned int cpu, int status)
{
	return (struct notice) {
		.change = {
			.state = state,
			.cpu = cpu,
			.nid = cpu_to_node(cpu),
			.status = status,
		},
		.clock_ns = ktime_get_ns(),
	};
}

/* A client has written a status. Returns 0 unless it is a veto. */
static noinline int check_answer(struct dhp_processor_client *client,
				 const struct dhp_processor_change *change, int answer)
{
	bool may_veto = change->state == DHP_PROCESSOR_START ||
			change->state == DHP_PROCESSOR_REMOVE_START;
	const char *state = dhp_processor_state_name(change->state);

	if (may_veto && IS_ERR_VALUE((long)answer)) {
		WRITE_ONCE(client->info.vetoes, client->info.vetoes + 1);
		pr_info("%s vetoes %s of CPU%u with %d\n", client->info.name, state,
			change->cpu, answer);
		return answer;
	}
	if (!client->warned)
		pr_warn("%s wrote status %d in %s of CPU%u, which is ignored; a negative errno in START or REMOVE_START is a veto\n",
			client->info.name, answer, state, change->cpu);
	client->warned = true;
	return 0;
}

static int processor_call(struct dhp_processor_client *client, struct notice *notice)
{
	u64 start = notice->clock_ns;

	lockdep_assert_held(&processor_mutex);

	notice->answer = 0;
	WRITE_ONCE(nr_calls, nr_calls + 1);
	WRITE_ONCE(processor_running, client);
	WRITE_ONCE(processor_task, current);
	client->fn(client->context, &notice->change, &notice->answer);
	WRITE_ONCE(processor_task, NULL);
	WRITE_ONCE(processor_running, NULL);
	/* What the console takes for that is the client's time, not the next one's. */
	if (unlikely(notice->answer))
		notice->answer = check_answer(client, &notice->change, notice->answer);
	notice->clock_ns = ktime_get_ns();
	dhp_client_called(&client->info, notice->clock_ns - start);
	dhp_log_processor(client->info.name, &notice->change, notice->answer, start,
			  notice->clock_ns);
	return notice->answer;
}

/* Is @last what @client was told last of @cpu? One that has unregistered is told nothing. */
static bool was_told(const struct dhp_processor_client *client, unsigned int cpu, int last)
{
	return client->told[cpu] == last && !client->gone;
}

/* START to one client. */
static int client_start(struct dhp_processor_client *client, struct notice *start)
{
	int ret = processor_call(client, start);

	if (!ret)
		client->told[start->change.cpu] = STARTED;
	return ret;
}

static void client_complete(struct dhp_processor_client *client, struct notice *complete)
{
	unsigned int cpu = complete->change.cpu;

	if (!was_told(client, cpu, STARTED))
		return;
	client->told[cpu] = HELD;
	processor_call(client, complete);
}

static void client_failure(struct dhp_processor_client *client, struct notice *failure)
{
	unsigned int cpu = failure->change.cpu;

	if (!was_told(client, cpu, STARTED))
		return;
	client->told[cpu] = NOTHING;
	processor_call(client, failure);
}

/* ---- One processor, all clients ----------------------------------------- */

static void all_failure(unsigned int cpu, int status)
{
	struct notice failure = notice(DHP_PROCESSOR_FAILURE, cpu, status);
	struct dhp_processor_client *client;

	list_for_each_entry_reverse(client, &processor_clients, node)
		client_failure(client, &failure);
}

/* With @refusable, a veto ends it. */
static int all_start(unsigned int cpu, bool refusable)
{
	struct notice start = notice(DHP_PROCESSOR_START, cpu, 0);
	struct dhp_processor_client *client;
	int ret;

	list_for_each_entry(client, &processor_clients, node) {
		if (!was_told(client, cpu, NOTHING))
			continue;
		ret = client_start(client, &start);
		if (ret && refusable) {
			all_failure(cpu, ret);
			return ret;
		}
	}
	return 0;
}

/* The add has succeeded. */
static void all_complete(unsigned int cpu)
{
	struct notice complete = notice(DHP_PROCESSOR_COMPLETE, cpu, 0);
	struct dhp_processor_client *client;

	cpumask_clear_cpu(cpu, adding);
	list_for_each_entry(client, &processor_clients, node)
		client_complete(client, &complete);
	dhp_event_processor(DHP_EVENT_ARRIVAL, cpu);
}

/* With @refusable, a veto ends it. */
static int all_remove_start(unsigned int cpu, bool refusable)
{
	struct notice remove_start = notice(DHP_PROCESSOR_REMOVE_START, cpu, 0);
	struct dhp_processor_client *client;
	int ret;

	list_for_each_entry_reverse(client, &processor_clients, node) {
		if (!(client->flags & DHP_PROCESSOR_REMOVALS) || !was_told(client, cpu, HELD))
			continue;
		ret = processor_call(client, &remove_start);
		if (ret && refusable)
			return ret;
		client->told[cpu] = LEAVING;
	}
	return 0;
}

static void all_remove_failure(unsigned int cpu, int status)
{
	struct notice remove_failure = notice(DHP_PROCESSOR_REMOVE_FAILURE, cpu, status);
	struct dhp_processor_client *client;

	list_for_each_entry(client, &processor_clients, node) {
		if (!was_told(client, cpu, LEAVING))
			continue;
		client->told[cpu] = HELD;
		processor_call(client, &remove_failure);
	}
}

static void all_remove_complete(unsigned int cpu)
{
	struct notice remove_complete = notice(DHP_PROCESSOR_REMOVE_COMPLETE, cpu, 0);
	struct dhp_processor_client *client;

	list_for_each_entry_reverse(client, &processor_clients, node) {
		if (!was_told(client, cpu, LEAVING))
			continue;
		client->told[cpu] = NOTHING;
		processor_call(client, &remove_complete);
	}
	dhp_event_processor(DHP_EVENT_REMOVAL, cpu);
}

/* ---- Outcomes ----------------------------------------------------------- */

/*
 * Suspend parks processors without a word, but for one that resume fails to bring
 * back this was a removal, or the failure of an add. Nobody can refuse it any more.
 */
static void tell_lost(void)
{
	unsigned int cpu;

	for_each_cpu(cpu, parked) {
		cpumask_clear_cpu(cpu, parked);
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
	return cpu_online(cpu) && !cpumask_test_cpu(cpu, halfway);
}

/*
 * Tells the outcome of operations that are over. @busy is the processor that the
 * operation in progress is about, nr_cpu_ids for none. A processor that suspend has
 * parked before its outcome was told waits until it is back.
 */
static void tell_outcomes(unsigned int busy)
{
	unsigned int cpu;

	for_each_cpu(cpu, adding)
		if (cpu != busy && in_use(cpu))
			all_complete(cpu);
	if (staying_cpu >= 0 && (staying_cpu == busy ? cpu_online(busy) : in_use(staying_cpu))) {
		cpu = staying_cpu;
		staying_cpu = -1;
		all_remove_failure(cpu, staying_status);
	}
	if (!suspended)
		tell_lost();
}

static void outcome_done(void)
{
	atomic_dec(&outcome_pending);
	wake_up_all(&outcome_wait);
}

static void tell_outcomes_later(void)
{
	atomic_inc(&outcome_pending);
	if (!queue_work(dhp_freezable_wq, &outcome_work))
		outcome_done();
}

/* The step from half-way to in use may be none of ours. */
static void halfway_fn(struct work_struct *work)
{
	tell_outcomes_later();
}

static void look_again_later(void)
{
	queue_delayed_work(dhp_freezable_wq, &halfway_work, HALFWAY_SECONDS * HZ);
}

static void outcome_fn(struct work_struct *work)
{
	turn_begin_between_operations();
	tell_outcomes(nr_cpu_ids);
	if (cpumask_intersects(adding, halfway) ||
	    (staying_cpu >= 0 && cpumask_test_cpu(staying_cpu, halfway)))
		look_again_later();
	turn_end();
	outcome_done();
}

/*
 * One is enough to remember: before there can be another, the next operation has
 * begun and told this one.
 */
static void removal_failed(unsigned int cpu, int status)
{
	staying_cpu = cpu;
	staying_status = status;
	tell_outcomes_later();
}

/**
 * dhp_processor_settle() - wait until all outcomes have been told
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

/* ---- The hotplug machine ------------------------------------------------ */

static bool device_offline_flag(unsigned int cpu)
{
	struct device *dev = get_cpu_device(cpu);

	return dev && dev_offline(dev);
}

/*
 * Does suspend park this processor, or bring it back? kexec, too, takes processors down
 * with all tasks frozen, but tells nobody beforehand, so that is an ordinary removal.
 */
static bool parking(void)
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

static int processor_prepare(unsigned int cpu)
{
	int ret;

	/* It must come back, and nobody is told. */
	if (parking())
		return 0;
	ret = turn_begin_in_operation(cpu);
	if (ret)
		return refusable() ? ret : 0;
	tell_outcomes(nr_cpu_ids);
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

/* An add has come this far, a failed removal has come back, or resume brings it. */
static int processor_online(unsigned int cpu)
{
	int ret = turn_begin_in_operation(cpu);

	if (ret)
		return refusable() ? ret : 0;
	cpumask_clear_cpu(cpu, parked);
	if (parking() || cpumask_test_cpu(cpu, adding))
		tell_outcomes_later();
	else
		removal_failed(cpu, -ECANCELED);
	turn_end();
	return 0;
}

/*
 * A processor whose COMPLETE is still due goes down: does this roll its add back,
 * or did the add succeed and somebody was quick to take it offline again? The
 * device core marks the device online only when an add has succeeded. For an add
 * that went around the device core (cpuN/hotplug/target) nothing tells, and it
 * counts as failed: a roll-back must never be answered with a veto.
 */
static bool add_succeeded(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, by_device) && !device_offline_flag(cpu);
}

static int processor_offline(unsigned int cpu)
{
	int ret = turn_begin_in_operation(cpu);

	if (ret)
		return refusable() ? ret : 0;
	/* Nobody is told; but a replay, which it waited for, may not overlap with it. */
	if (parking())
		goto end_turn;
	tell_outcomes(cpu);
	if (cpumask_test_cpu(cpu, adding)) {
		if (!add_succeeded(cpu))
			goto end_turn;	/* dead tells the failure */
		all_complete(cpu);
	}
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
	turn_begin();
	look_for_halfway();
	if (parking()) {
		cpumask_set_cpu(cpu, parked);
		goto end_turn;
	}
	tell_outcomes(cpu);
	if (cpumask_test_and_clear_cpu(cpu, adding))
		all_failure(cpu, -ECANCELED);
	else
		all_remove_complete(cpu);
end_turn:
	turn_end();
	return 0;
}

static int processor_pm_event(struct notifier_block *nb, unsigned long event,
			      void *data)
{
	turn_begin();
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
		tell_outcomes_later();
		break;
	}
	turn_end();
	return NOTIFY_DONE;
}

static struct notifier_block processor_pm_nb = {
	.notifier_call = processor_pm_event,
};

/* ---- Clients ------------------------------------------------------------ */

/* In a turn that has begun between operations. */
static int processor_replay(struct dhp_processor_client *client)
{
	struct notice replayed;
	int cpu, last, ret;

	for_each_online_cpu(cpu) {
		replayed = notice(DHP_PROCESSOR_START, cpu, 0);
		ret = client_start(client, &replayed);
		if (ret)
			goto fail_started;
	}
	for_each_online_cpu(cpu) {
		/* Half-way up: its outcome is due, to all clients at once. */
		if (cpumask_test_cpu(cpu, adding))
			continue;
		replayed = notice(DHP_PROCESSOR_COMPLETE, cpu, 0);
		client_complete(client, &replayed);
	}
	return 0;

fail_started:
	for (last = cpu - 1; last >= 0; last--) {
		replayed = notice(DHP_PROCESSOR_FAILURE, last, ret);
		client_failure(client, &replayed);
	}
	return ret;
}

/* Is the caller a synchronous processor callback? */
bool dhp_processor_calling(void)
{
	return READ_ONCE(processor_task) == current;
}

/*
 * Is there a CPU that a new client could not be notified of, now or later? One that suspend
 * has frozen, or that hotplug/target has left half-way down, is there and not in use; one
 * that it has left half-way up has had its START already.
 */
static bool cannot_join(unsigned int flags)
{
	unsigned int cpu;

	for_each_cpu(cpu, adding)
		if (!cpu_online(cpu) && !cpumask_test_cpu(cpu, parked))
			return true;
	if (!(flags & DHP_PROCESSOR_ADD_EXISTING))
		return false;
	for_each_cpu(cpu, halfway)
		if (!cpumask_test_cpu(cpu, adding))
			return true;
	return !cpumask_empty(parked);
}

struct dhp_processor_client *
__dhp_register_processor_callback(dhp_processor_fn fn, void *context,
				  unsigned int flags, struct module *owner)
{
	struct dhp_processor_client *client;
	int ret = 0;

	if (!fn)
		return ERR_PTR(-EINVAL);
	if (flags & ~(DHP_PROCESSOR_ADD_EXISTING | DHP_PROCESSOR_REMOVALS))
		return ERR_PTR(-EOPNOTSUPP);
	if (dhp_inside("registering a processor callback"))
		return ERR_PTR(-EDEADLK);

	client = kvzalloc(struct_size(client, told, nr_cpu_ids), GFP_KERNEL);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->fn = fn;
	client->context = context;
	client->flags = flags;

	turn_begin_between_operations();
	/* Those who were first are told first. */
	tell_outcomes(nr_cpu_ids);
	if (cannot_join(flags)) {
		ret = -EBUSY;
		goto end_turn;
	}
	dhp_client_add(&client->info, fn, "processor", owner);
	if (flags & DHP_PROCESSOR_ADD_EXISTING)
		ret = processor_replay(client);
	if (ret)
		dhp_client_del(&client->info);
	else
		list_add_tail(&client->node, &processor_clients);
end_turn:
	turn_end();

	if (ret) {
		kvfree_rcu(client, rcu);
		return ERR_PTR(ret);
	}
	return client;
}
EXPORT_SYMBOL_GPL(__dhp_register_processor_callback);

/* In a turn. Other callbacks of it may follow the one that it is unregistered from. */
static void client_go(struct dhp_processor_client *client)
{
	lockdep_assert_held(&processor_mutex);

	client->gone = true;
	clients_gone = true;
}

int dhp_unregister_processor_callback(struct dhp_processor_client *client)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_processor_calling()) {
		client_go(client);
		return 0;
	}
	if (dhp_inside("unregistering a processor callback"))
		return -EDEADLK;

	turn_begin();
	client_go(client);
	turn_end();
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_unregister_processor_callback);

/**
 * dhp_processor_forget() - drop what a module that is leaving has left behind
 * @owner: the module
 */
void dhp_processor_forget(struct module *owner)
{
	struct dhp_processor_client *client;

	turn_begin();
	list_for_each_entry(client, &processor_clients, node) {
		if (client->info.owner != owner || client->gone)
			continue;
		pr_err("%s leaves without unregistering processor callback %s; dropped\n",
		       module_name(owner), client->info.name);
		client_go(client);
	}
	turn_end();
}

/* ---- Up and down -------------------------------------------------------- */

/*
 * Both states at once, so that no operation meets only one of them. They are never
 * replayed by the machine: clients are, one by one.
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

	look_for_halfway();
	cpumask_and(adding, cpu_online_mask, halfway);
	for_each_online_cpu(cpu)
		if (in_use(cpu))
			dhp_event_processor_known(cpu);
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

/* When no step of the machine's can queue them any more. */
static void cancel_outcomes(void)
{
	/* With nothing to look at again, outcome_work does not queue halfway_work. */
	turn_begin();
	cpumask_clear(adding);
	staying_cpu = -1;
	turn_end();
	cancel_delayed_work_sync(&halfway_work);
	cancel_work_sync(&outcome_work);
}

int dhp_processor_init(void)
{
	int ret = -ENOMEM;

	if (!zalloc_cpumask_var(&parked, GFP_KERNEL))
		return ret;
	if (!zalloc_cpumask_var(&adding, GFP_KERNEL))
		goto free_parked;
	if (!zalloc_cpumask_var(&by_device, GFP_KERNEL))
		goto free_adding;
	if (!zalloc_cpumask_var(&halfway, GFP_KERNEL))
		goto free_by_device;
	ret = register_pm_notifier(&processor_pm_nb);
	if (ret)
		goto free_halfway;
	ret = processor_setup_states();
	if (ret)
		goto unregister_pm;
	return 0;

unregister_pm:
	unregister_pm_notifier(&processor_pm_nb);
	cancel_outcomes();
free_halfway:
	free_cpumask_var(halfway);
free_by_device:
	free_cpumask_var(by_device);
free_adding:
	free_cpumask_var(adding);
free_parked:
	free_cpumask_var(parked);
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
	free_cpumask_var(halfway);
	free_cpumask_var(by_device);
	free_cpumask_var(adding);
	free_cpumask_var(parked);
}
