/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhp - let a driver follow its machine while CPUs and memory come and go
 *
 * The native interface for notification: synchronous notification of CPUs first, of
 * memory second, asynchronous events third. wdm.h offers the first and the third
 * under Windows' names; dhp_pool.h has the elastic pool, and dhp_rebalance.h what a driver
 * needs that does not follow each change, but acts when they are over.
 */
#ifndef _DHP_H
#define _DHP_H

#include <linux/bits.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/types.h>

struct module;

/* ---- Synchronous CPU notification --------------------------------------- */

/**
 * enum dhp_processor_state - what is happening to a CPU
 * @DHP_PROCESSOR_START: the CPU is about to be brought into use. Prepare for it: allocate,
 *	create threads without waking them. The client may veto by writing a negative errno
 *	into its status argument. After -EBUSY, newer kernels try again a few times before
 *	they give up.
 * @DHP_PROCESSOR_COMPLETE: the CPU is in use; the online operation as a whole has
 *	succeeded and ordinary threads run there.
 * @DHP_PROCESSOR_FAILURE: the CPU did not come into use. Undo what START did.
 * @DHP_PROCESSOR_REMOVE_START: the CPU is about to go offline; per-CPU threads and threads
 *	with migration disabled can still run there. Stop them. The scheduler may already
 *	have moved other threads away for good, even if they were bound to the CPU. The
 *	client may veto. Sent only with %DHP_PROCESSOR_REMOVALS, as are the next two.
 *	Firmware that unplugs a CPU asks twice, so a client that wants to keep the CPU must
 *	veto twice.
 * @DHP_PROCESSOR_REMOVE_COMPLETE: the CPU is offline; free its resources.
 * @DHP_PROCESSOR_REMOVE_FAILURE: the removal as a whole is over and has failed; the CPU
 *	stays in use. Undo what REMOVE_START did.
 *
 * For each add a client gets START and then exactly one of COMPLETE or FAILURE;
 * for each removal REMOVE_START and then exactly one of REMOVE_COMPLETE or
 * REMOVE_FAILURE. A client whose own veto ended an operation gets nothing more
 * for it.
 *
 * A client *holds* a CPU from START until FAILURE or REMOVE_COMPLETE. Removals are reported
 * for held CPUs only, and a held CPU is not started again: a client without
 * %DHP_PROCESSOR_REMOVALS is not notified when such a CPU goes offline and comes back. CPUs
 * that suspend freezes and resume brings back are not reported to any client. A CPU that
 * resume fails to bring back is reported afterwards: nothing runs there any more, and
 * REMOVE_START cannot veto. Nor can REMOVE_START, or START, on the way to a reboot or kexec.
 *
 * A CPU that cpuN/hotplug/target has left half-way is not in use: COMPLETE waits until
 * it is.
 *
 * COMPLETE and REMOVE_FAILURE wait for the end of their operation. When the next operation
 * is faster, they come at its beginning, in the right order; if it is about the same CPU,
 * that CPU may be going offline again by then, and a thread that is woken for it may not
 * get there.
 */
enum dhp_processor_state {
	DHP_PROCESSOR_START,
	DHP_PROCESSOR_COMPLETE,
	DHP_PROCESSOR_FAILURE,
	DHP_PROCESSOR_REMOVE_START,
	DHP_PROCESSOR_REMOVE_COMPLETE,
	DHP_PROCESSOR_REMOVE_FAILURE,
};

/**
 * struct dhp_processor_change - one synchronous notification of a CPU
 * @state: what is happening
 * @cpu: Linux CPU number
 * @nid: NUMA node of the CPU, NUMA_NO_NODE where the kernel does not know
 * @status: 0, but for FAILURE and REMOVE_FAILURE: the negative errno that ended
 *	the operation. It is the vetoing client's errno, or that of the kernel's
 *	own step that has failed; -ECANCELED where no step has failed, or where
 *	that is not known (without CONFIG_KRETPROBES, and after a resume).
 *
 * Lives for the duration of the call only.
 */
struct dhp_processor_change {
	enum dhp_processor_state state;
	unsigned int cpu;
	int nid;
	int status;
};

/**
 * typedef dhp_processor_fn - a synchronous CPU callback
 * @context: the pointer given at registration
 * @change: what is happening; valid during the call
 * @status: 0 on entry, never NULL. A negative errno written here during START
 *	or REMOVE_START vetoes the operation. Ignored in every other state;
 *	writing it there is reported once per client in the kernel log.
 *
 * Context: Process context, may sleep and allocate. Thread and CPU are not
 * promised. All synchronous callbacks of all clients are serialised. The callback
 * must not take cpus_read_lock() or call anything that does, must not register
 * synchronous CPU clients, and must not wait for a task that does. It must not wait for RCU
 * or flush a workqueue. It may unregister CPU clients, its own included.
 *
 * In an operation (START, FAILURE, REMOVE_START and REMOVE_COMPLETE, but for those of
 * a replay) the CPU hotplug lock is held. In a replay, in COMPLETE and in
 * REMOVE_FAILURE it is not, and the callback may load a module there
 * (request_module()), if that module's init neither registers synchronous CPU clients, nor creates
 * a pool, which is one, nor asks about a CPU (dhp_query()): each of them would wait for the
 * callback, which waits for that init. An operation that begins meanwhile waits for
 * the callback, for 10 seconds; then it fails with -EBUSY, and the log names the client.
 */
typedef void (*dhp_processor_fn)(void *context,
				 const struct dhp_processor_change *change,
				 int *status);

/* Replay START and COMPLETE for the CPUs that are online already. */
#define DHP_PROCESSOR_ADD_EXISTING	BIT(0)
/* Report removals too: REMOVE_START, REMOVE_COMPLETE, REMOVE_FAILURE. */
#define DHP_PROCESSOR_REMOVALS		BIT(1)

struct dhp_processor_client;

struct dhp_processor_client *
__dhp_register_processor_callback(dhp_processor_fn fn, void *context,
				  unsigned int flags, struct module *owner);

/**
 * dhp_register_processor_callback() - follow CPUs synchronously
 * @fn: the callback
 * @context: handed to @fn; stays the caller's
 * @flags: %DHP_PROCESSOR_ADD_EXISTING, %DHP_PROCESSOR_REMOVALS, or 0
 *
 * With %DHP_PROCESSOR_ADD_EXISTING the call replays before it returns: START for
 * every online CPU in ascending order, then, if none was vetoed, COMPLETE for every one. A
 * veto ends the replay: FAILURE follows for the CPUs before it, in descending order, and
 * the registration fails with the errno of the veto.
 * Replay and live adds never overlap.
 *
 * START and COMPLETE go to clients in the order of their registration; FAILURE,
 * REMOVE_START and REMOVE_COMPLETE in the reverse order; REMOVE_FAILURE in the
 * order of registration.
 *
 * Context: Process context; may sleep. Takes the CPU hotplug lock for reading, and
 * drops it before it makes the first call.
 * Return: the registration, owned by dhp until
 * dhp_unregister_processor_callback(); or ERR_PTR(): -EINVAL for a NULL @fn,
 * -EOPNOTSUPP for unknown bits in @flags, -ENOMEM, -EDEADLK from inside a
 * synchronous callback or a pool's work item, -EBUSY while there is a CPU that the
 * client could not be notified of (with %DHP_PROCESSOR_ADD_EXISTING while suspend has
 * frozen CPUs; also for a CPU that cpuN/hotplug/target has left between states), or the
 * errno of a veto during the replay.
 * Nothing stays registered on failure.
 */
#define dhp_register_processor_callback(fn, context, flags) \
	__dhp_register_processor_callback(fn, context, flags, THIS_MODULE)

/**
 * dhp_unregister_processor_callback() - stop following CPUs
 * @client: what dhp_register_processor_callback() returned
 *
 * Waits for a running callback, unless it is called from inside one. When it has
 * returned no call begins any more, and @client is gone. It makes no calls itself: the
 * client frees what it holds.
 *
 * Context: Process context; may sleep. Not with the CPU hotplug lock held: it does not take
 * that lock, but the callback that it waits for may load a module, and loading takes it. May
 * be called from inside a synchronous CPU callback, for the client that is being called and
 * for any other. Refused, with a warning in the log, from inside a memory callback and from
 * inside a pool's work item, which a CPU that is being removed would wait for.
 * Return: 0; -EDEADLK when refused; -EINVAL for NULL or ERR_PTR().
 */
int dhp_unregister_processor_callback(struct dhp_processor_client *client);

/* ---- Synchronous memory notification ------------------------------------ */

/**
 * enum dhp_memory_state - what is happening to a range of memory
 * @DHP_MEMORY_START: the range is about to go online. Prepare for it. The client may veto by
 *	writing a negative errno into its status argument. Sent only with %DHP_MEMORY_ADDS, as
 *	are the next two.
 * @DHP_MEMORY_COMPLETE: the range is online.
 * @DHP_MEMORY_FAILURE: the range did not go online. Undo what START did.
 * @DHP_MEMORY_REMOVE_START: the range is about to go offline. It is isolated: pages of it
 *	that are freed now are not handed out again. Give back what can be given back. Waiting
 *	for pages in use is allowed, for a bounded time: a second, not a minute. The client may
 *	veto. Sent only with %DHP_MEMORY_REMOVALS, as are the next two. Firmware that unplugs a
 *	DIMM asks more than once, so a client that wants to keep the memory must veto each time.
 *	-EBUSY and -ENOMEM are what the kernel expects there: with any other errno, the
 *	virtio-mem driver of newer kernels warns in the log when it removes a block.
 * @DHP_MEMORY_REMOVE_COMPLETE: the range is offline.
 * @DHP_MEMORY_REMOVE_FAILURE: the range stays online. Undo what REMOVE_START did.
 *
 * For each memory block that goes online a client gets START and then exactly one of COMPLETE
 * or FAILURE; for each that goes offline REMOVE_START and then exactly one of REMOVE_COMPLETE
 * or REMOVE_FAILURE. One block changes at a time. A client whose own veto ended an operation
 * gets nothing more for it, nor do those that had not been called yet.
 *
 * Removals are reported to every client with %DHP_MEMORY_REMOVALS, whether or not it was
 * notified when the block went online.
 */
enum dhp_memory_state {
	DHP_MEMORY_START,
	DHP_MEMORY_COMPLETE,
	DHP_MEMORY_FAILURE,
	DHP_MEMORY_REMOVE_START,
	DHP_MEMORY_REMOVE_COMPLETE,
	DHP_MEMORY_REMOVE_FAILURE,
};

/**
 * struct dhp_memory_change - one synchronous notification of a range of memory
 * @state: what is happening
 * @start_pfn: first page frame of the range
 * @nr_pages: its length in pages
 * @nid: its NUMA node. In START, the node may have no memory that is online.
 * @status: 0, but for FAILURE and REMOVE_FAILURE: the negative errno that ended the operation.
 *	It is the vetoing client's errno, or -ECANCELED where another notifier or the kernel
 *	itself ended it, because the kernel does not say with which errno.
 *
 * In a replay, the range is contiguous memory of one node, in whole sections of memory
 * (128 MiB on x86), small holes of the firmware's included. Otherwise it is one memory block,
 * less the pages at its beginning in which the kernel keeps the block's own struct pages
 * (memory_hotplug.memmap_on_memory). The ranges of removals are memory blocks, also where a
 * replay has reported many of them as one range.
 *
 * Lives for the duration of the call only.
 */
struct dhp_memory_change {
	enum dhp_memory_state state;
	unsigned long start_pfn;
	unsigned long nr_pages;
	int nid;
	int status;
};

/**
 * typedef dhp_memory_fn - a synchronous memory callback
 * @context: the pointer given at registration
 * @change: what is happening; valid during the call
 * @status: 0 on entry, never NULL. A negative errno written here during START or REMOVE_START
 *	vetoes the operation: the writer of the block's state file sees it. Ignored in every
 *	other state, and in the REMOVE_START of a removal that had begun before the client
 *	registered; writing it there is reported once per client in the kernel log.
 *
 * Context: Process context, may sleep. All memory callbacks of all clients are serialised by
 * a lock of dhp's. In a live change, the device hotplug lock, the CPU hotplug lock (for
 * reading) and the memory hotplug lock are held too, and everything that changes CPUs or memory
 * waits for the callback. So neither there nor in a replay may a callback take the CPU hotplug
 * lock, bring CPUs or memory online or offline, register clients of CPUs, memory or events, or wait
 * for a task that does. It may register rebalance clients (dhp_rebalance.h), and unregister memory
 * clients, its own included, but no others.
 *
 * Memory may be scarce: before a block of 128 MiB goes online, its struct pages have taken
 * 2 MiB of the memory that there was, for every block of the DIMM at once, and a range may
 * hold nothing that the kernel can allocate even when it is online (online_movable). In START,
 * allocate with GFP_KERNEL, page by page, and a page for each memory block at most. That adds 0.2
 * per cent to what the block has taken already. Allocate nothing in REMOVE_START, which is
 * called when memory is about to become scarcer, and nothing that must not fail in the other
 * states, which have no veto. What needs more can be allocated asynchronously, when the event of
 * the range comes (dhp_register_event_callback()).
 */
typedef void (*dhp_memory_fn)(void *context, const struct dhp_memory_change *change,
			      int *status);

/* Report memory that goes online: START, COMPLETE, FAILURE. */
#define DHP_MEMORY_ADDS			BIT(0)
/* Report memory that goes offline: REMOVE_START, REMOVE_COMPLETE, REMOVE_FAILURE. */
#define DHP_MEMORY_REMOVALS		BIT(1)
/* Replay START and COMPLETE for the memory that is online already. Needs DHP_MEMORY_ADDS. */
#define DHP_MEMORY_ADD_EXISTING		BIT(2)

struct dhp_memory_client;

struct dhp_memory_client *
__dhp_register_memory_callback(dhp_memory_fn fn, void *context, unsigned int flags,
			       struct module *owner);

/**
 * dhp_register_memory_callback() - follow memory synchronously
 * @fn: the callback
 * @context: handed to @fn; stays the caller's
 * @flags: %DHP_MEMORY_ADDS, %DHP_MEMORY_REMOVALS, or both; %DHP_MEMORY_ADD_EXISTING
 *
 * With %DHP_MEMORY_ADD_EXISTING the call replays before it returns: START for every range
 * that is online, then, if none was vetoed, COMPLETE for every one, both in ascending order
 * within a node. A veto ends the replay: FAILURE follows for the ranges before it, in reverse
 * order, and the registration fails with the errno of the veto. Replay and live changes never
 * overlap.
 *
 * A block that is in transit when a client registers counts as what it was before. If it is
 * going online, a client with %DHP_MEMORY_ADDS gets START for it before this returns, after the
 * STARTs of a replay; a veto fails the registration, and not the operation. If it is going
 * offline, a client with %DHP_MEMORY_REMOVALS gets REMOVE_START for it, after the replay. It is
 * too late for a veto there. The outcome comes later, and may come before this has returned.
 *
 * START, COMPLETE and REMOVE_FAILURE go to clients in the order of their registration; FAILURE,
 * REMOVE_START and REMOVE_COMPLETE in the reverse order.
 *
 * When the kernel sees an unmovable page in a range, it refuses the removal before it calls
 * any notifier. Pages that a driver can give back in REMOVE_START must be marked with
 * __SetPageOffline(), as memory balloons mark theirs, and the mark cleared before they are
 * freed.
 *
 * Context: Process context; may sleep. Waits for callbacks, so not with a lock held that a
 * callback takes.
 * Return: the registration, owned by dhp until dhp_unregister_memory_callback(); or ERR_PTR():
 * -EINVAL for a NULL @fn, for neither %DHP_MEMORY_ADDS nor %DHP_MEMORY_REMOVALS, and for
 * %DHP_MEMORY_ADD_EXISTING without %DHP_MEMORY_ADDS; -EOPNOTSUPP for unknown bits in @flags;
 * -ENOMEM; -EDEADLK from inside a memory callback; or the errno of a veto.
 * Nothing stays registered on failure.
 */
#define dhp_register_memory_callback(fn, context, flags) \
	__dhp_register_memory_callback(fn, context, flags, THIS_MODULE)

/**
 * dhp_unregister_memory_callback() - stop following memory
 * @client: what dhp_register_memory_callback() returned
 *
 * Waits for a running callback, unless it is called from inside one. No call begins
 * after it has returned. It makes no calls itself: the client frees what it holds.
 *
 * Context: Process context; may sleep. May be called from inside a memory callback, for
 * the client that is being called and for any other.
 * Return: 0; -EINVAL for NULL or ERR_PTR().
 */
int dhp_unregister_memory_callback(struct dhp_memory_client *client);

/* ---- Asynchronous events ------------------------------------------------ */

/**
 * enum dhp_event_action - what has happened
 * @DHP_EVENT_ARRIVAL: the resource has become usable
 * @DHP_EVENT_REMOVAL: the resource has gone offline
 */
enum dhp_event_action {
	DHP_EVENT_ARRIVAL,
	DHP_EVENT_REMOVAL,
};

/**
 * enum dhp_category - what kind of resource an event is about
 * @DHP_PROCESSOR: a CPU
 * @DHP_MEMORY: a range of memory
 */
enum dhp_category {
	DHP_PROCESSOR,
	DHP_MEMORY,
};

/**
 * struct dhp_event - one asynchronous event
 * @seq: sequence number; the first event after loading has 1, and there are no
 *	gaps. Replayed events (@existing) have the number of the last event
 *	before them.
 * @time: when it happened, CLOCK_MONOTONIC; of a run of memory blocks, when its last
 *	block did. Does not run backwards from one event to the next; that of a replayed
 *	event is when its client registered.
 * @action: what has happened
 * @category: to what; selects @cpu or @start and @size
 * @cpu: the Linux CPU number, for %DHP_PROCESSOR
 * @start: first physical address of the range, for %DHP_MEMORY
 * @size: its length in bytes, for %DHP_MEMORY
 * @nid: NUMA node
 * @merged: how many further events of the same category this one stands for,
 *	because memory was short or a callback has kept 512 events waiting; normally
 *	0. @action, @cpu, @nid and @time are then those of the newest, the range covers
 *	all of them, and the client should look at the machine itself.
 * @existing: a replayed event: the resource was there when the client registered
 *
 * Lives for the duration of the call only.
 *
 * One event of memory stands for a run of memory blocks: blocks of one node that
 * go the same way, each bordering on the run, are one event with one range as
 * long as each sets out within 500 milliseconds of the one before it and nothing
 * else happens in between. A run that lasts longer than four seconds becomes
 * several events, also when a block is in transit for that long, so that no event
 * waits for more than five seconds. So a DIMM whose blocks the kernel onlines itself
 * (auto_online_blocks), or a script onlines in a row, is one event; blocks
 * onlined by hand with pauses are events of their own. Reading
 * /sys/kernel/dhp/settle ends the run at once, as does registering a client.
 *
 * A replayed event of memory stands for a contiguous range of one node, in whole
 * sections of memory (128 MiB on x86), small holes of the firmware's included.
 */
struct dhp_event {
	u64 seq;
	ktime_t time;
	enum dhp_event_action action;
	enum dhp_category category;
	unsigned int cpu;
	phys_addr_t start;
	phys_addr_t size;
	int nid;
	unsigned int merged;
	bool existing;
};

/**
 * typedef dhp_event_fn - an asynchronous event callback
 * @context: the pointer given at registration
 * @event: what has happened; valid during the call
 *
 * Events come one at a time, in the order in which they happened, to clients in
 * the order of their registration. The ARRIVAL of a CPU comes after every client's COMPLETE
 * for it. Nothing a callback does can fail the operation, which is over, and the machine may
 * have changed again since.
 *
 * While tasks are frozen for a suspend or a hibernation, no callback begins; what happens
 * meanwhile is delivered afterwards. One that runs is waited for, and after 20 seconds
 * (/sys/power/pm_freeze_timeout) the suspend is given up.
 *
 * All clients wait for a callback that runs. A callback that takes longer than ten seconds is
 * named in the log, once, while it runs.
 *
 * Context: Process context with no lock of dhp's and no hotplug lock held. It may
 * do anything, hotplug and registering included; what it must not do is read
 * settle, or wait for another event.
 */
typedef void (*dhp_event_fn)(void *context, const struct dhp_event *event);

/* Replay an ARRIVAL for everything that is there already, before all else. */
#define DHP_EVENT_INCLUDE_EXISTING	BIT(0)

struct dhp_event_client;

struct dhp_event_client *
__dhp_register_event_callback(enum dhp_category category, dhp_event_fn fn,
			      void *context, unsigned int flags,
			      struct module *owner);

/**
 * dhp_register_event_callback() - follow arrivals and removals asynchronously
 * @category: %DHP_PROCESSOR or %DHP_MEMORY
 * @fn: the callback
 * @context: handed to @fn; stays the caller's
 * @flags: %DHP_EVENT_INCLUDE_EXISTING, or 0
 *
 * The client gets the events that happen after its registration. With
 * %DHP_EVENT_INCLUDE_EXISTING it first gets an ARRIVAL, asynchronously as all events, for
 * each CPU or each contiguous range of memory that is online; each exactly once. The first
 * call may come before this function has returned.
 *
 * Context: Process context; may sleep. Not from inside a memory callback.
 * Return: the registration; or ERR_PTR(): -EINVAL for a NULL @fn or an unknown
 * @category, -EOPNOTSUPP for unknown bits in @flags, -ENOMEM, -EDEADLK from inside
 * a memory callback.
 */
#define dhp_register_event_callback(category, fn, context, flags) \
	__dhp_register_event_callback(category, fn, context, flags, THIS_MODULE)

/**
 * dhp_unregister_event_callback() - stop following arrivals and removals
 * @client: what dhp_register_event_callback() returned
 *
 * Waits for a running callback of this client, unless it is called from inside
 * that very callback. No call begins after it has returned; events that were
 * not delivered yet are dropped for this client.
 *
 * Context: Process context; may sleep. Refused, with a warning in the log, from
 * inside a synchronous callback or a pool's work item: the callback that it would wait
 * for may be waiting for the operation that the synchronous one is part of, or that
 * waits for the item.
 * Return: 0; -EDEADLK when refused; -EINVAL for NULL or ERR_PTR().
 */
int dhp_unregister_event_callback(struct dhp_event_client *client);

#endif /* _DHP_H */
