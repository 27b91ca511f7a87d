// SPDX-License-Identifier: GPL-2.0-only
/*
 * Turns: CPU clients are called by one task at a time, the one that holds
 * dhp_turn_mutex. It is inside the CPU hotplug lock.
 *
 * Between operations (in a replay, and for outcomes) the hotplug lock is dropped once the
 * turn has begun: a callback may load a module there, and loading takes that lock. What is
 * online stays online all the same, because an operation that begins meanwhile waits for
 * its turn at its first step here. It waits with the hotplug lock held, and a module that
 * is being loaded waits for that lock. Hence an operation waits for a bounded time and then
 * fails with -EBUSY; and no task waits for a turn while it holds the lock for reading.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "client.h"
#include "turn.h"

/* How long an operation waits for one callback, before it can have its turn. */
#define TURN_SECONDS 10

DEFINE_MUTEX(dhp_turn_mutex);	/* whose turn it is */
cpumask_var_t dhp_turn_halfway;
struct dhp_turn_call dhp_turn_call;
static DECLARE_WAIT_QUEUE_HEAD(turn_wait);	/* woken when the mutex is released */

void dhp_turn_begin(void)
{
	mutex_lock(&dhp_turn_mutex);
}

void dhp_turn_end(void)
{
	mutex_unlock(&dhp_turn_mutex);
	wake_up_all(&turn_wait);
}

/* Under the CPU hotplug lock, without which it is not known what CPUs are in use. */
void dhp_turn_look_for_halfway(void)
{
	cpumask_andnot(dhp_turn_halfway, cpu_online_mask, cpu_active_mask);
}

/*
 * Takes a turn while no operation is in progress. What is online stays so until the
 * turn ends: an operation that begins meanwhile waits at its first step here, before
 * anything has changed.
 */
void dhp_turn_begin_between_operations(void)
{
	cpus_read_lock();
	while (!mutex_trylock(&dhp_turn_mutex)) {
		/* Its holder may be loading a module, which waits for this lock. */
		cpus_read_unlock();
		wait_event(turn_wait, !mutex_is_locked(&dhp_turn_mutex));
		cpus_read_lock();
	}
	dhp_turn_look_for_halfway();
	cpus_read_unlock();
}

static void warn_no_turn(unsigned int cpu)
{
	const struct dhp_client_info *client;

	rcu_read_lock();
	client = READ_ONCE(dhp_turn_call.client);
	pr_warn("CPU%u: a callback of %s has been running for %d s, so this operation fails with %pe; try again when it has returned\n",
		cpu, client ? client->name : "a client", TURN_SECONDS, ERR_PTR(-EBUSY));
	rcu_read_unlock();
}

/*
 * Takes a turn inside an operation on @cpu. Its first step may find a callback that
 * was begun between operations, and that loads a module, which waits for the operation;
 * so it gives up after a while. Further steps find none.
 */
int dhp_turn_begin_in_operation(unsigned int cpu)
{
	unsigned long seen;

	/* lockdep learns no order from a trylock. */
	might_lock(&dhp_turn_mutex);
	do {
		seen = READ_ONCE(dhp_turn_call.nr);
		if (wait_event_timeout(turn_wait, mutex_trylock(&dhp_turn_mutex),
				       TURN_SECONDS * HZ)) {
			dhp_turn_look_for_halfway();
			return 0;
		}
	} while (READ_ONCE(dhp_turn_call.nr) != seen);
	warn_no_turn(cpu);
	return -EBUSY;
}

/* In an operation on @cpu, waits for the turn of a work item, as for one of its own. */
int dhp_turn_await(unsigned int cpu, struct completion *done)
{
	unsigned long seen;

	do {
		seen = READ_ONCE(dhp_turn_call.nr);
		if (wait_for_completion_timeout(done, TURN_SECONDS * HZ))
			return 0;
	} while (READ_ONCE(dhp_turn_call.nr) != seen);
	warn_no_turn(cpu);
	return -EBUSY;
}

int dhp_turn_init(void)
{
	return zalloc_cpumask_var(&dhp_turn_halfway, GFP_KERNEL) ? 0 : -ENOMEM;
}

void dhp_turn_exit(void)
{
	free_cpumask_var(dhp_turn_halfway);
}
