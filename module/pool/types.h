/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The private types of the pool's files. pool.h has what the rest of the module may use.
 *
 * Lock order within a pool: mutex > a worker's lock, one at a time, and mutex >
 * buffers.mutex > size_lock > node.lock. The mutex of the registry is outside of all of them,
 * and not held while the pool registers its callbacks.
 */
#ifndef _DHP_POOL_TYPES_H
#define _DHP_POOL_TYPES_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dhp_pool.h"

#define DHP_POOL_NAME_MAX 10

/**
 * enum dhp_worker_flag - the bits of &dhp_worker.flags
 * @DHP_WORKER_CLOSED: it takes no items
 * @DHP_WORKER_SLEEPS: its thread sleeps, or is about to
 * @DHP_WORKER_STEALABLE: other workers may steal its items
 */
enum dhp_worker_flag { DHP_WORKER_CLOSED, DHP_WORKER_SLEEPS, DHP_WORKER_STEALABLE };

/**
 * struct dhp_worker - the worker of one CPU
 * @incoming: submitted items, the newest first; any CPU adds one, any CPU may take all
 * @flags: what a submitter checks after it has added an item, see enum dhp_worker_flag
 * @address: its CPU, in the format of an item's state
 * @cpu: its CPU; nr_cpu_ids for the fallback queue
 * @pool: its pool
 * @task: its thread; NULL without one; written under the pool's mutex
 * @lock: for the lists and flags that follow
 * @first: the items that it runs next, in order; a list that ends with NULL
 * @last: the last item of that list, if there is one
 * @running: the item whose function runs or is about to run; written by the worker, read
 *	without the lock
 * @want_pinned: the thread is to pin itself to its CPU, or to unpin itself
 * @pinned: the thread is pinned to its CPU
 * @rcu: frees it after a grace period, when no submitter uses it any more
 */
struct dhp_worker {
	struct llist_head incoming;
	unsigned long flags;
	unsigned long address;
	unsigned int cpu;
	struct dhp_pool *pool;
	struct task_struct *task;

	raw_spinlock_t lock ____cacheline_aligned; /* the worker's own line */
	struct llist_node *first;
	struct llist_node *last;
	struct dhp_work *running;
	bool want_pinned;
	bool pinned;
	struct rcu_head rcu;
};

/**
 * enum dhp_pool_counter - what each CPU counts
 * @DHP_SUBMITTED: items that were submitted there
 * @DHP_COMPLETED: items that have run there to their end, or were cancelled there
 * @DHP_NR_COUNTERS: number of counters
 */
enum dhp_pool_counter { DHP_SUBMITTED, DHP_COMPLETED, DHP_NR_COUNTERS };

/**
 * struct dhp_pool_count - what one CPU has counted
 * @nr: the counters, one for each colour of item
 */
struct dhp_pool_count {
	u64 nr[DHP_NR_COUNTERS][2];
};

/**
 * struct dhp_offlining - the memory of a node that is going offline
 * @start_pfn: its first page
 * @end_pfn: the first page behind it; 0 when no memory is going offline
 * @counted_pfn: buffers below it are counted in @nr_out
 * @nr_out: how many buffers of the range are not in the depot yet
 */
struct dhp_offlining {
	unsigned long start_pfn;
	unsigned long end_pfn;
	unsigned long counted_pfn;
	unsigned long nr_out;
};

/**
 * struct dhp_buffer_node - the buffers of one NUMA node, and its depot
 * @lock: for all of it, and for the struct page of the node's chunks
 * @free: chunks with all their buffers in the depot; the most recently used is the first
 * @partial: chunks with some of their buffers in the depot
 * @full: chunks with no buffer to give: all are out, or the chunk is retired
 * @nr: number of chunks
 * @nr_free: number of chunks in @free
 * @nr_free_buffers: number of buffers in the depot
 * @target: how many chunks there are to be
 * @floor: how many chunks the shrinker leaves
 * @offlining: the memory that is going offline
 */
struct dhp_buffer_node {
	spinlock_t lock; /* all of it */
	struct list_head free;
	struct list_head partial;
	struct list_head full;
	unsigned long nr;
	unsigned long nr_free;
	unsigned long nr_free_buffers;
	unsigned long target;
	unsigned long floor;
	struct dhp_offlining offlining;
};

struct dhp_buffer_cache;
struct dhp_event_client;
struct dhp_memory_client;
struct dhp_processor_client;
struct shrinker;

/**
 * struct dhp_buffers - the buffers of a pool
 * @cache: a pointer for each possible CPU, never NULL; written under @mutex
 * @limit: what each cache may hold, in buffers; written under @mutex
 * @size: of one buffer, in bytes; constant
 * @all_free: the word in struct page of a chunk that is free; constant
 * @node: nr_node_ids of them; NULL for a pool without buffers; constant
 * @shift: of @size; constant
 * @order: of one chunk, in pages; constant
 * @cache_slots: how many buffers fit into a cache; constant
 * @debug: buffers are checked; constant
 * @permille: share of the online memory that can hold buffers; constant
 * @min: floor, in buffers; constant
 * @max: ceiling, in buffers; constant
 * @mutex: for the caches: which there are, which are open, what they may hold
 * @nr_open: how many caches are open; under @mutex
 * @disabled: memory is going offline, so @limit is 0; under @mutex
 * @target: how many chunks there are to be; only @resize uses it
 * @grower: the task that makes the pool grow
 * @short_logged: the log says already that buffers are missing; only @resize uses it
 * @marked: chunks carry PageOffline; false for the time of a hibernation
 * @removing: memory is going offline, or some blocks of a DIMM are offline already
 * @returned: waits for a node's offlining.nr_out to become 0
 * @resize: brings the number of chunks to @target
 * @poll: queues @resize every few seconds, for changes that come without a notification
 * @shrinker: gives chunks back when memory is short
 * @memory_client: is notified before memory goes offline
 * @event_client: is notified when memory has come or gone
 *
 * What get and put read comes first, away from what others write.
 */
struct dhp_buffers {
	struct dhp_buffer_cache * __percpu *cache;
	unsigned int limit;
	size_t size;
	unsigned long all_free;
	struct dhp_buffer_node *node;
	unsigned int shift;
	unsigned int order;
	unsigned int cache_slots;
	bool debug;
	unsigned int permille;
	unsigned long min;
	unsigned long max;

	struct mutex mutex; /* the caches: which there are, and what they may hold */
	unsigned int nr_open;
	bool disabled;

	unsigned long target;
	struct task_struct *grower;
	bool short_logged;
	bool marked;
	bool removing;
	wait_queue_head_t returned;
	struct delayed_work resize;
	struct delayed_work poll;
	struct shrinker *shrinker;
	struct dhp_memory_client *memory_client;
	struct dhp_event_client *event_client;
};

/**
 * struct dhp_pool_size - what the tracepoint shows
 * @workers: number of open workers
 * @buffers: number of buffers
 */
struct dhp_pool_size {
	unsigned int workers;
	unsigned long buffers;
};

/**
 * struct dhp_pool - a pool
 * @name: its name
 * @owner: the module that made it; constant
 * @node: in the list of pools, see registry.h
 * @kobj: its directory in sysfs
 * @released: completes with the last reference on @kobj
 * @client: is notified of CPUs
 * @mutex: workers are created, opened, closed and freed under it
 * @in_use: CPUs between COMPLETE and REMOVE_START; under @mutex
 * @created: the replay has delivered all STARTs: from now on a missing worker is no reason
 *	for a veto; under @mutex
 * @quiesced: a suspend is near, only @kept has an open worker; under @mutex
 * @kept: the CPU that suspend leaves running; under @mutex, while @quiesced
 * @retry: tries again to open missing workers
 * @stealing: idle workers steal items; constant
 * @open: CPUs whose workers take items; written under @mutex
 * @worker: nr_cpu_ids pointers; NULL without a worker. Written under @mutex; a worker is
 *	freed after a grace period.
 * @fallback: the fallback queue: items that found no open worker
 * @colour: colour of the items that are submitted now, 0 or 1; under @flush_mutex
 * @count: what each CPU has counted
 * @migrated: items that were moved from one worker to another
 * @wait: waits for items to be done, or for a worker to be pinned or unpinned
 * @waiters: how many tasks wait for items
 * @flush_mutex: one flush at a time
 * @size_lock: for @size
 * @size: what was traced last
 * @buffers: its buffers
 */
struct dhp_pool {
	char name[DHP_POOL_NAME_MAX + 1];
	struct module *owner;
	struct list_head node;
	struct kobject kobj;
	struct completion released;

	struct dhp_processor_client *client;
	struct mutex mutex; /* workers are created, opened, closed and freed under it */
	cpumask_var_t in_use;
	bool created;
	bool quiesced;
	unsigned int kept;
	struct delayed_work retry;

	bool stealing;
	cpumask_var_t open;
	struct dhp_worker __rcu **worker;
	struct dhp_worker fallback;
	unsigned int colour;
	struct dhp_pool_count __percpu *count;
	atomic_long_t migrated;
	wait_queue_head_t wait;
	atomic_t waiters;
	struct mutex flush_mutex; /* one flush at a time */
	spinlock_t size_lock; /* what was traced last */
	struct dhp_pool_size size;

	struct dhp_buffers buffers ____cacheline_aligned_in_smp;
};

#endif /* _DHP_POOL_TYPES_H */
