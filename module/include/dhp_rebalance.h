/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhp - rebalance: stop and start once, when a burst of changes is over
 *
 * For a driver that arranges something over all CPUs, such as queues or a table that spreads
 * over them, and does not want to rearrange it for each CPU and each DIMM. These are the three
 * requests that Windows sends to a driver when it spreads resources again, as callbacks.
 * dhp.h follows each single change.
 */
#ifndef _DHP_REBALANCE_H
#define _DHP_REBALANCE_H

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/nodemask.h>
#include <linux/types.h>

struct module;

/**
 * enum dhp_rebalance_state - which callback it is; debugfs' log and the tracepoint show it
 * @DHP_REBALANCE_QUERY_STOP: &dhp_rebalance_ops.query_stop
 * @DHP_REBALANCE_STOP: &dhp_rebalance_ops.stop
 * @DHP_REBALANCE_START: &dhp_rebalance_ops.start
 */
enum dhp_rebalance_state {
	DHP_REBALANCE_QUERY_STOP,
	DHP_REBALANCE_STOP,
	DHP_REBALANCE_START,
};

/**
 * struct dhp_machine - what the machine has when a client is started
 * @cpus: the CPUs in use; those that cpuN/hotplug/target has left half-way are not. One that was
 *	left half-way down, and is taken back into use, has no event, and makes no triple.
 * @nr_cpus: their number
 * @nodes: the NUMA nodes that are online
 * @nr_nodes: their number
 * @memory_bytes: the memory that is online, on all nodes, movable memory and what the kernel
 *	itself occupies included
 * @seq: the number of the last event that is behind this start, see &dhp_event.seq. The
 *	machine has everything that was reported up to this one. Later changes may be visible
 *	already; each of them is followed by a further triple all the same.
 *
 * Lives for the duration of the call only, as do @cpus and @nodes. The machine may have changed
 * again since.
 */
struct dhp_machine {
	const struct cpumask *cpus;
	unsigned int nr_cpus;
	const nodemask_t *nodes;
	unsigned int nr_nodes;
	u64 memory_bytes;
	u64 seq;
};

/**
 * struct dhp_rebalance_ops - what a client does
 * @query_stop: may the client be stopped? A negative errno puts the stop off, anything else is
 *	yes. After a stop that it has put off, the client is asked again after a second, then after
 *	two, four and so on, up to 30. When it has put a stop off four times in a row, the log
 *	names it. Nothing has to be undone after a "yes", since @stop follows unless the client
 *	unregisters. NULL: always yes.
 * @stop: stop using what is arranged over the machine
 * @start: arrange it for @machine and go on. It cannot fail: a client that gets no memory for
 *	a new arrangement keeps the old one, or does without.
 *
 * The three are a *triple*: @query_stop, @stop, @start, in this order and with nothing in between.
 *
 * A client begins as stopped. Its first call is a @start alone, soon after the registration.
 * From then on it gets one triple for each burst of changes, however many CPUs and DIMMs come
 * or go in it. A change is what an event reports (dhp.h); one that is undone in the same burst
 * counts, too. @start follows each @stop, unless the client unregisters in @stop.
 *
 * A burst is over when nothing has changed for two seconds. A triple begins when the burst is
 * over, all of its events have been delivered to all clients, and no CPU or memory is coming
 * or going. After 30 seconds of changes, it does not wait for the two seconds any more, but
 * for the next moment at which nothing is in progress. Reading /sys/kernel/dhp/settle ends the
 * two seconds at once. A change that begins during a triple is the beginning of the next burst.
 *
 * Clients are independent: one whole triple after the other, in the order of registration. A
 * client that puts its stop off holds up no other.
 *
 * Context: Process context, one call at a time, with no lock of dhp's and no hotplug lock held.
 * A callback may do anything, hotplug and registering included; what it must not do is read
 * settle, or wait for another client's callback. While tasks are frozen for a suspend or a
 * hibernation, no triple begins. One that runs is waited for, and after 20 seconds
 * (/sys/power/pm_freeze_timeout) the suspend is given up.
 */
struct dhp_rebalance_ops {
	int (*query_stop)(void *context);
	void (*stop)(void *context);
	void (*start)(void *context, const struct dhp_machine *machine);
};

struct dhp_rebalance_client;

struct dhp_rebalance_client *
__dhp_register_rebalance(const struct dhp_rebalance_ops *ops, void *context,
			 struct module *owner);

/**
 * dhp_register_rebalance() - be stopped and started when the machine has changed
 * @ops: the callbacks; must stay as they are until the client is unregistered
 * @context: handed to them; stays the caller's
 *
 * No change is missed: the machine that the first start gets is that of the time of that
 * call, and all changes after it have their triple. The first start may come before this
 * function has returned.
 *
 * Context: Process context; may sleep. Also from inside callbacks of every kind, synchronous ones
 * of CPUs and memory included.
 * Return: the registration; or ERR_PTR(): -EINVAL for NULL @ops or without a stop or a start,
 * -ENOMEM.
 */
#define dhp_register_rebalance(ops, context) \
	__dhp_register_rebalance(ops, context, THIS_MODULE)

/**
 * dhp_unregister_rebalance() - not to be stopped and started any more
 * @client: what dhp_register_rebalance() returned
 *
 * Waits for a running callback of this client, and when that is stop, for the start that
 * follows. No call begins after it has returned. From inside a rebalance callback it waits for
 * nothing: after the client's own query_stop no stop comes, and after its stop no start.
 *
 * Context: Process context; may sleep. Not with the CPU hotplug lock held. Refused, with a
 * warning in the log, from inside a synchronous callback or a pool's work item: the callback
 * that it would wait for may be waiting for the operation that the synchronous one is part of,
 * or that waits for the item.
 * Return: 0; -EDEADLK when refused; -EINVAL for NULL or ERR_PTR().
 */
int dhp_unregister_rebalance(struct dhp_rebalance_client *client);

#endif /* _DHP_REBALANCE_H */
