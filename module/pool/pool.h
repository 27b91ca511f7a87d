/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of a pool and sysfs.c know of it and no client needs.
 *
 * Lock order within a pool: mutex > a worker's lock, of which nobody holds two, and
 * mutex > buffers.mutex > node.lock. pools_mutex is outside of all of them, and not
 * held while the pool registers with the sources of notification.
 */
#ifndef _DHP_POOL_POOL_H
#define _DHP_POOL_POOL_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dhp.h"
#include "dhp_pool.h"

#define DHP_POOL_NAME_MAX 10
#define DHP_WORKER_SLOTS 16

/**
 * struct dhp_worker - one processor's worker
 * @incoming: items that were submitted, the newest first; anybody adds, anybody may
 *	take all
 * @attention: what a submitter has to look at when it has added an item
 * @address: its processor, as an item's state has it
 * @cpu: its processor; nr_cpu_ids for the orphans
 * @pool: its pool
 * @task: its thread; NULL while there is none; written under the pool's mutex
 * @lock: for the lists and flags that follow
 * @first: what it has to do next, in order; a list that ends with NULL
 * @last: the last of these, if there are any
 * @running: the item whose function runs, or is about to; written by the worker
 * @slot: what it does before that; filled by the worker, emptied by anybody
 * @wanted: it is to pin itself to its processor, or not
 * @pinned: it has done so
 * @rcu: for freeing it under those who submit
 */
struct dhp_worker {
	struct llist_head incoming;
	unsigned long attention;
	unsigned long address;
	unsigned int cpu;
	struct dhp_pool *pool;
	struct task_struct *task;

	raw_spinlock_t lock ____cacheline_aligned; /* the worker's own line */
	struct llist_node *first;
	struct llist_node *last;
	struct dhp_work *running;
	unsigned long slot[DHP_WORKER_SLOTS];
	bool wanted;
	bool pinned;
	struct rcu_head rcu;
};

/**
 * enum dhp_pool_counter - what each processor counts
 * @DHP_SUBMITTED: items that were submitted there
 * @DHP_COMPLETED: items that have run there to their end, or were cancelled there
 * @DHP_NR_COUNTERS: how many counters there are
 */
enum dhp_pool_counter { DHP_SUBMITTED, DHP_COMPLETED, DHP_NR_COUNTERS };

/**
 * struct dhp_pool_count - what a processor has counted
 * @nr: of each counter and each colour of item
 */
struct dhp_pool_count {
	u64 nr[DHP_NR_COUNTERS][2];
};

/**
 * struct dhp_leaving - the memory of a node that is on its way out
 * @start_pfn: its first page
 * @end_pfn: the first page behind it; 0 when no memory is leaving
 * @counted_pfn: buffers below it are counted in @nr_out
 * @nr_out: how many of them have not come back yet
 */
struct dhp_leaving {
	unsigned long start_pfn;
	unsigned long end_pfn;
	unsigned long counted_pfn;
	unsigned long nr_out;
};

/**
 * struct dhp_buffer_node - the buffers that one NUMA node holds, and its depot
 * @lock: for all of it, and the struct page of the node's chunks
 * @whole: chunks with all their buffers; the one that was used last is the first
 * @partial: chunks with some of their buffers
 * @empty: chunks with none, and those that leave or have a poisoned page
 * @nr: chunks in all
 * @nr_whole: those in @whole
 * @nr_free: buffers that are not out
 * @target: how many chunks there are to be
 * @floor: how many are kept when memory is short
 * @leaving: the memory that is on its way out
 */
struct dhp_buffer_node {
	spinlock_t lock; /* all of it */
	struct list_head whole;
	struct list_head partial;
	struct list_head empty;
	unsigned long nr;
	unsigned long nr_whole;
	unsigned long nr_free;
	unsigned long target;
	unsigned long floor;
	struct dhp_leaving leaving;
};

struct dhp_buffer_cache;
struct shrinker;

/**
 * struct dhp_buffers - the buffers of a pool
 * @cache: a pointer for each possible processor, never NULL; written under @mutex
 * @limit: what each cache may hold, in buffers; written under @mutex
 * @size: of one buffer, in bytes; constant
 * @all_there: the word in struct page of a chunk that is whole; constant
 * @node: nr_node_ids of them; NULL for a pool without buffers; constant
 * @shift: of @size; constant
 * @order: of one chunk, in pages; constant
 * @cache_slots: how many buffers fit into a cache; constant
 * @debug: buffers are checked; constant
 * @permille: share of the online memory that can hold buffers; constant
 * @min: floor, in buffers; constant
 * @max: ceiling, in buffers; constant
 * @mutex: for what the caches are to be
 * @nr_open: how many caches are open; under @mutex
 * @shut: memory leaves, so @limit is 0; under @mutex
 * @target: how many chunks there are to be; @resize's own
 * @grower: who is growing the pool
 * @said_short: the log has been told that buffers are missing; @resize's own
 * @marked: chunks carry PageOffline, but for the time of a hibernation
 * @removing: memory is leaving, or parts of a DIMM have left
 * @returned: somebody waits for a node's leaving.nr_out to become 0
 * @resize: brings the number of chunks to @target
 * @follow: has it do so every few seconds, for what changes without a notification
 * @shrinker: hears when memory is short
 * @memory_client: hears of memory before it goes
 * @event_client: hears of memory that has come or gone
 *
 * What get and put read comes first, away from what others write.
 */
struct dhp_buffers {
	struct dhp_buffer_cache * __percpu *cache;
	unsigned int limit;
	size_t size;
	unsigned long all_there;
	struct dhp_buffer_node *node;
	unsigned int shift;
	unsigned int order;
	unsigned int cache_slots;
	bool debug;
	unsigned int permille;
	unsigned long min;
	unsigned long max;

	struct mutex mutex; /* what the caches are to be */
	unsigned int nr_open;
	bool shut;

	unsigned long target;
	struct task_struct *grower;
	bool said_short;
	bool marked;
	bool removing;
	wait_queue_head_t returned;
	struct delayed_work resize;
	struct delayed_work follow;
	struct shrinker *shrinker;
	struct dhp_memory_client *memory_client;
	struct dhp_event_client *event_client;
};

/**
 * struct dhp_pool - a pool
 * @name: its name
 * @owner: the module that made it; constant
 * @node: in the list of pools; under pools_mutex
 * @kobj: its directory in sysfs
 * @released: nobody has @kobj any more
 * @client: hears of processors
 * @mutex: workers come and go under it
 * @in_use: processors between COMPLETE and REMOVE_START; under @mutex
 * @created: the replay has told all STARTs: from now on no worker is no reason for a veto;
 *	under @mutex
 * @parked: suspend is near, only @stays has an open worker; under @mutex
 * @stays: the processor that suspend leaves running; under @mutex, while @parked
 * @retry: tries again to open workers that could not be
 * @stealing: workers help each other; constant
 * @open: processors whose workers take items; written under @mutex
 * @worker: nr_cpu_ids pointers; NULL without a worker. Written under @mutex, freed
 *	when nobody can be submitting to it any more.
 * @orphans: has the items that found no open worker
 * @colour: colour of the items that are submitted now, 0 or 1; under @flush_mutex
 * @count: what each processor has counted
 * @migrated: items that were moved from one worker to another
 * @wait: for items to be done, or a worker to be pinned or not
 * @waiters: how many wait for items
 * @flush_mutex: one flush at a time
 * @buffers: its buffers
 */
struct dhp_pool {
	char name[DHP_POOL_NAME_MAX + 1];
	struct module *owner;
	struct list_head node;
	struct kobject kobj;
	struct completion released;

	struct dhp_processor_client *client;
	struct mutex mutex; /* workers come and go under it */
	cpumask_var_t in_use;
	bool created;
	bool parked;
	unsigned int stays;
	struct delayed_work retry;

	bool stealing;
	cpumask_var_t open;
	struct dhp_worker __rcu **worker;
	struct dhp_worker orphans;
	unsigned int colour;
	struct dhp_pool_count __percpu *count;
	atomic_long_t migrated;
	wait_queue_head_t wait;
	atomic_t waiters;
	struct mutex flush_mutex; /* one flush at a time */

	struct dhp_buffers buffers ____cacheline_aligned_in_smp;
};

static inline size_t dhp_chunk_bytes(struct dhp_buffers *b)
{
	return PAGE_SIZE << b->order;
}

static inline unsigned long dhp_buffers_per_chunk(struct dhp_buffers *b)
{
	return dhp_chunk_bytes(b) >> b->shift;
}

/* The first struct page of a buffer's chunk. */
static inline struct page *dhp_buffer_chunk(struct dhp_buffers *b, void *buffer)
{
	return virt_to_page(PTR_ALIGN_DOWN(buffer, dhp_chunk_bytes(b)));
}

/*
 * The kernel has marked a page of it as bad, see memory_failure(). It has done nothing
 * else, because it does not know whose the page is.
 */
static inline bool dhp_chunk_poisoned(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (PageHWPoison(page + i))
			return true;
	return false;
}

/* pool.c */
void dhp_pool_settle(void);

/* worker.c */
struct dhp_pool_counts {
	u64 submitted;
	u64 completed;
	u64 migrated;
};

void dhp_workers_init(struct dhp_pool *pool);
void dhp_workers_drain(struct dhp_pool *pool);
int dhp_worker_prepare(struct dhp_pool *pool, unsigned int cpu, int nid);
int dhp_worker_begin(struct dhp_pool *pool, unsigned int cpu);
bool dhp_worker_begun(struct dhp_pool *pool, unsigned int cpu);
int dhp_worker_open(struct dhp_pool *pool, unsigned int cpu, long *left);
void dhp_worker_close(struct dhp_pool *pool, unsigned int cpu);
void dhp_worker_stop(struct dhp_pool *pool, unsigned int cpu);
void dhp_worker_free(struct dhp_pool *pool, unsigned int cpu);
bool dhp_worker_present(struct dhp_pool *pool, unsigned int cpu);
bool dhp_worker_is_me(struct dhp_pool *pool);
void dhp_pool_counts(struct dhp_pool *pool, struct dhp_pool_counts *counts);
int dhp_pool_print_workers(struct dhp_pool *pool, char *page);

/* buffer.c */
struct dhp_buffer_counts {
	unsigned long nr;
	unsigned long in_use;
	unsigned long size_bytes;
};

int dhp_buffers_init(struct dhp_pool *pool, const struct dhp_pool_config *config);
int dhp_buffers_follow(struct dhp_pool *pool);
void dhp_buffers_exit(struct dhp_pool *pool);
void dhp_buffers_kick(struct dhp_pool *pool);
void dhp_buffers_settle(struct dhp_pool *pool);
void dhp_buffers_counts(struct dhp_pool *pool, struct dhp_buffer_counts *counts);

/* cache.c */
int dhp_caches_init(struct dhp_buffers *b);
void dhp_caches_exit(struct dhp_buffers *b);
void dhp_caches_set_limit(struct dhp_buffers *b);
void dhp_caches_shut(struct dhp_buffers *b);
void dhp_caches_unshut(struct dhp_buffers *b);
void dhp_caches_empty(struct dhp_buffers *b);
unsigned long dhp_caches_nr(struct dhp_buffers *b);
int dhp_buffers_share_add(struct dhp_pool *pool, unsigned int cpu, int nid);
void dhp_buffers_share_del(struct dhp_pool *pool, unsigned int cpu);
void dhp_buffers_share_open(struct dhp_pool *pool, unsigned int cpu);
void dhp_buffers_share_close(struct dhp_pool *pool, unsigned int cpu);

/* depot.c */

/**
 * struct dhp_depot_sums - what the nodes have together; exact while nobody changes it
 * @buffers: buffers in all
 * @free: those that are not out
 * @surplus_chunks: chunks that are more than there are to be
 */
struct dhp_depot_sums {
	unsigned long buffers;
	unsigned long free;
	unsigned long surplus_chunks;
};

u64 dhp_node_pages(int nid);
void dhp_depot_init(struct dhp_buffer_node *node);
unsigned int dhp_depot_take(struct dhp_buffers *b, struct dhp_buffer_node *node,
			    void **slot, unsigned int want);
void *dhp_depots_take(struct dhp_buffers *b);
void dhp_depots_put(struct dhp_buffers *b, void **slot, unsigned int nr);
const char *dhp_depots_check(struct dhp_buffers *b, void *buffer);
struct dhp_depot_sums dhp_depots_sum(struct dhp_buffers *b);
void dhp_depot_set_target(struct dhp_buffer_node *node, unsigned long target,
			  unsigned long floor);
int dhp_depot_grow(struct dhp_buffers *b, int nid);
bool dhp_depot_shrink(struct dhp_buffers *b, struct dhp_buffer_node *node,
		      const unsigned long *keep);
unsigned long dhp_depot_nr_spare(struct dhp_buffer_node *node);
void dhp_depot_leave_begin(struct dhp_buffer_node *node, unsigned long start_pfn,
			   unsigned long end_pfn);
void dhp_depot_vacate(struct dhp_buffers *b, struct dhp_buffer_node *node);
unsigned long dhp_depot_nr_leaving(struct dhp_buffer_node *node);
void dhp_depot_leave_end(struct dhp_buffer_node *node);
void dhp_depot_restore(struct dhp_buffers *b, struct dhp_buffer_node *node,
		       unsigned long start_pfn, unsigned long end_pfn);
void dhp_depot_leak(struct dhp_buffers *b, struct dhp_buffer_node *node);
void dhp_buffers_mark(struct dhp_pool *pool, bool marked);

/* sysfs.c */
int dhp_sysfs_add_pool(struct dhp_pool *pool);
void dhp_sysfs_remove_pool(struct dhp_pool *pool);

#endif /* _DHP_POOL_POOL_H */
