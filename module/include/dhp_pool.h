/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhp's elastic pool: threads and buffers that follow a machine whose CPUs and memory
 * come and go
 */
#ifndef _DHP_POOL_H
#define _DHP_POOL_H

#include <linux/export.h>
#include <linux/llist.h>
#include <linux/types.h>

struct module;

struct dhp_pool;
struct dhp_work;

/**
 * typedef dhp_work_fn - what a work item does
 * @work: the item; the function may free or resubmit the structure around it
 *
 * Context: Process context in a worker thread, normally on the CPU that the item was
 * submitted for. May sleep, but must not take the CPU hotplug lock or wait for a task that
 * takes it: a CPU that is being removed waits for the item that runs there. Hence it cannot
 * register CPU callbacks, unregister any but memory callbacks, nor create or destroy
 * a pool; use a kernel workqueue for that. While a CPU is being removed, its items run on
 * another one. An item that is submitted again while its function runs can run on another
 * CPU at the same time.
 */
typedef void (*dhp_work_fn)(struct dhp_work *work);

/**
 * struct dhp_work - a work item, embedded in a structure of the caller's
 * @incoming: for the pool only
 * @fn: set by dhp_work_init()
 * @state: for the pool only; non-zero from submission until just before @fn runs, and while
 *	the item is being cancelled
 */
struct dhp_work {
	struct llist_node incoming;
	dhp_work_fn fn;
	unsigned long state;
};

/**
 * dhp_work_init() - prepare a work item for its first submission
 * @work: the item
 * @fn: the function that it runs
 */
static inline void dhp_work_init(struct dhp_work *work, dhp_work_fn fn)
{
	work->fn = fn;
	work->state = 0;
}

/**
 * struct dhp_pool_config - the configuration of a pool
 * @name: names the pool's threads and its directory in /sys/kernel/dhp/pools;
 *	1 to 10 characters out of letters, digits, '-' and '_'; copied
 * @buffer_size: bytes per buffer, rounded up to a power of two, at least 256; at
 *	most 64 KiB; 0 for a pool without buffers
 * @buffer_permille: how much memory the buffers may take in all, 1 to 500 thousandths of
 *	the online memory that can hold them, which is all but ZONE_MOVABLE and CMA; ignored
 *	without buffers
 * @buffers_min: floor of their number, also when memory is short: what the driver cannot
 *	do without; at most what 500 thousandths of that memory hold; at least one per
 *	online CPU is kept in any case
 * @buffers_max: ceiling of their number; 0 for none
 * @stealing: an idle worker steals items of dhp_pool_submit() from one that is behind
 *
 * Buffers smaller than a page come in whole pages, so their number, floor and
 * ceiling are rounded up to that.
 */
struct dhp_pool_config {
	const char *name;
	size_t buffer_size;
	unsigned int buffer_permille;
	unsigned long buffers_min;
	unsigned long buffers_max;
	bool stealing;
};

struct dhp_pool *__dhp_pool_create(const struct dhp_pool_config *config,
				   struct module *owner);

/**
 * dhp_pool_create() - make a pool of per-CPU workers and buffers
 * @config: its configuration; read during the call only
 *
 * The pool has one worker thread per online CPU, bound to it, named NAME/CPU, from the
 * CPU's COMPLETE to its REMOVE_START, and buffers in proportion to the online memory that
 * can hold them. Both follow the machine. Changes without a notification, by a balloon or by
 * virtio-mem within a memory block, take effect within seconds. When memory is short a CPU
 * comes online without a worker, or with fewer buffers; the log says so, and they follow as
 * soon as there is memory. When the kernel is short of memory it gets back the free buffers,
 * down to the floor; they, too, come back later. Above the floor the pool grows only into
 * memory that is not in use, not even as page cache: on a machine whose page cache has
 * filled the memory, it stays at the floor.
 *
 * Buffers are marked as given away (PageOffline), so that the memory they are in can go
 * offline: crash dumps leave their contents out, and they cannot be mapped into user
 * space page by page. A buffer in a page that the kernel has marked as bad
 * (PageHWPoison) is not handed out again, and goes back to the kernel.
 *
 * Context: Process context; may sleep. Takes the CPU hotplug lock for reading.
 * Return: the pool; or ERR_PTR(): -EINVAL for a bad @config, -EEXIST for a name
 * in use, -ENOMEM when there is not even memory for a worker for each CPU, -EBUSY
 * while the machine is suspended, -EDEADLK from inside a synchronous callback or a
 * work item.
 */
#define dhp_pool_create(config) __dhp_pool_create(config, THIS_MODULE)

/**
 * dhp_system_pool() - the pool that all drivers share
 *
 * For a driver that wants no pool of its own, as the kernel's system_wq is for one that wants
 * no workqueue of its own. The pool is named dhp. Its workers do not steal, and its buffers
 * have PAGE_SIZE bytes. A driver may submit items, cancel them, and get and put buffers. The
 * drivers' items wait for each other: one that runs for long needs a pool of its own.
 *
 * No driver destroys this pool: dhp_pool_destroy() refuses that, with a warning in the log.
 * dhp_pool_flush() waits for the items of all drivers; dhp_work_cancel() only for one's own.
 *
 * Before a driver is removed, it stops submitting, calls dhp_work_cancel() for each of its items,
 * and puts its buffers back. That is also for an item that has said that it is done: its function
 * may not have returned yet. dhp does not know whose the items are. One that is left behind
 * would run in code that is gone, and a buffer that is left behind is lost until dhp is removed.
 *
 * Context: Any.
 * Return: the pool, which stays as long as the caller's module does; or NULL when dhp was loaded
 * with pool=0. Without a pool, the functions here do nothing, and warn; so check this once.
 */
struct dhp_pool *dhp_system_pool(void);

/**
 * dhp_pool_destroy() - run what was submitted, then free a pool
 * @pool: the pool; NULL and ERR_PTR() are ignored; refused, with a warning in the log, for
 *	dhp_system_pool()
 *
 * The caller makes sure that nothing is submitted any more. The log names buffers that were
 * not put back; they are leaked, not freed while in use.
 *
 * Context: Process context; may sleep. Not from a work item and not from a synchronous
 * callback, where it is refused, with a warning in the log, and the pool stays.
 */
void dhp_pool_destroy(struct dhp_pool *pool);

/**
 * dhp_pool_submit() - run a work item, preferably on this CPU
 * @pool: the pool
 * @work: the item; the caller's again as soon as its function runs
 *
 * Without &dhp_pool_config.stealing, this is dhp_pool_submit_on() for the CPU that it is
 * called on. With it, an idle worker of another CPU may run the item, and no order is kept
 * between such items, nor between them and others.
 *
 * When the item is queued already, nothing is done, and the next run still sees what the
 * caller stored before the call: a caller that stores what is to be done and then submits
 * needs no barrier of its own, whatever this returns. An item that is being cancelled is not
 * queued; see dhp_work_cancel().
 *
 * Context: Any but NMI. Takes none of dhp's locks.
 * Return: true; false, and nothing done, when the item is queued already or is being
 * cancelled, or, with a warning in the log, when there is no pool, no item, or no function
 * in it.
 */
bool dhp_pool_submit(struct dhp_pool *pool, struct dhp_work *work);

/**
 * dhp_pool_submit_on() - run a work item on a given CPU
 * @pool: the pool
 * @cpu: Linux CPU number. Without a worker there, because the CPU is offline or is being
 *	removed, the item runs on another one.
 * @work: the item; the caller's again as soon as its function runs
 *
 * Items submitted for one CPU run one at a time, in the order of submission, as long as it
 * has a worker. When the CPU is about to be removed, even if it stays in the end, when a
 * suspend begins, and when there is no memory for a worker, they run on other CPUs, and
 * neither is promised. Other workers do not steal them.
 *
 * When the item is queued already, nothing is done, and the next run still sees what the
 * caller stored before the call: a caller that stores what is to be done and then submits
 * needs no barrier of its own, whatever this returns. An item that is being cancelled is not
 * queued; see dhp_work_cancel().
 *
 * Context: Any but NMI. Takes none of dhp's locks.
 * Return: true; false, and nothing done, when the item is queued already or is being
 * cancelled, or, with a warning in the log, when there is no pool, no item, or no function
 * in it.
 */
bool dhp_pool_submit_on(struct dhp_pool *pool, unsigned int cpu,
			struct dhp_work *work);

/**
 * dhp_pool_flush() - wait until everything submitted before has run
 * @pool: the pool; NULL is ignored, with a warning in the log
 *
 * Context: Process context; may sleep. Not from a work item of this pool, and not from a
 * synchronous callback.
 */
void dhp_pool_flush(struct dhp_pool *pool);

/**
 * dhp_work_cancel() - keep a work item from running
 * @pool: the pool that it was submitted to
 * @work: the item
 *
 * When it returns, the item is neither queued nor running, whatever it was before,
 * unless it is submitted again. Submissions meanwhile are refused, also those of the item's
 * own function, and no later run is promised to them.
 *
 * Context: Process context; may sleep. Not from the item's own function, and not
 * from a synchronous callback.
 * Return: true if the item was queued, and so has not run for its last submission;
 * false for NULL, with a warning in the log.
 */
bool dhp_work_cancel(struct dhp_pool *pool, struct dhp_work *work);

/**
 * dhp_buffer_get() - take a buffer
 * @pool: the pool
 *
 * Fast as long as this CPU has buffers in its own cache: it takes no lock then and does not
 * disable interrupts.
 *
 * Context: Any but NMI. Does not sleep. With PREEMPT_RT, where spin_lock() may be
 * called.
 * Return: a buffer of the pool's buffer_size bytes, aligned to its size or, if that
 * is less, to a page, preferably on the CPU's own node, contents undefined,
 * the caller's until dhp_buffer_put(); or NULL when all are in use. With preemption
 * or interrupts disabled, and in any context on a kernel that does not count preemption,
 * it can be NULL while buffers are left in the caches of other CPUs, which hold
 * about half of the pool together. NULL, with a warning in the log, without a pool.
 */
void *dhp_buffer_get(struct dhp_pool *pool);

/**
 * dhp_buffer_get_zeroed() - take a buffer that is all zero
 * @pool: the pool
 *
 * Context: As dhp_buffer_get().
 * Return: as dhp_buffer_get(), but with all of the pool's buffer_size bytes zero.
 */
void *dhp_buffer_get_zeroed(struct dhp_pool *pool);

/**
 * dhp_buffer_put() - give a buffer back
 * @pool: the pool that it came from; without one, the buffer is ignored, with a
 *	warning in the log
 * @buffer: what dhp_buffer_get() returned; NULL is ignored
 *
 * As fast as dhp_buffer_get(), and for that reason without any check: a buffer
 * that is put twice will have two owners. Pools that are made with the module's parameter
 * debug set detect this, as does KASAN.
 *
 * Context: As dhp_buffer_get(), on any CPU.
 */
void dhp_buffer_put(struct dhp_pool *pool, void *buffer);

#endif /* _DHP_POOL_H */
