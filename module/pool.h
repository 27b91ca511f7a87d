/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What pool.c, buffer.c and sysfs.c know of a pool and no client needs.
 *
 * Lock order within a pool: mutex > lock; buffers.lock nests with neither.
 * pools_mutex is outside of all of them, and not held while the pool registers
 * with the sources of notification.
 */
#ifndef _DHP_POOL_H
#define _DHP_POOL_H

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dhp.h"

#define DHP_POOL_NAME_MAX 10

struct dhp_worker;

/* A list of free buffers, linked through their struct page. */
struct dhp_buffer_list {
	struct list_head pages;
	unsigned long nr;
};

/**
 * struct dhp_buffer_node - the buffers that one NUMA node holds
 * @free: those that nobody has and no processor has a share in
 * @nr: all of them: free, in shares, in use
 * @target: how many there are to be
 */
struct dhp_buffer_node {
	struct dhp_buffer_list free;
	unsigned long nr;
	unsigned long target;
};

/**
 * struct dhp_buffer_share - a processor's own free buffers
 * @free: the buffers
 * @nid: the node that they are to come from
 * @active: the processor is in use; without it the share is and stays empty
 */
struct dhp_buffer_share {
	struct dhp_buffer_list free;
	int nid;
	bool active;
};

/**
 * struct dhp_leaving - the memory that is on its way out
 * @start_pfn: its first page
 * @end_pfn: the first page behind it; 0 when no memory is leaving
 * @counted_pfn: in-use buffers below it are counted in @in_use
 * @in_use: how many of them have not been put back yet
 */
struct dhp_leaving {
	unsigned long start_pfn;
	unsigned long end_pfn;
	unsigned long counted_pfn;
	unsigned long in_use;
};

/**
 * struct dhp_buffers - the buffers of a pool
 * @lock: for all of it but the constants
 * @order: of one buffer, in pages; constant
 * @permille: share of the online memory; constant
 * @min: floor; constant
 * @max: ceiling; constant
 * @node: nr_node_ids of them; NULL for a pool without buffers
 * @share: nr_cpu_ids pointers; NULL without a share
 * @in_use: those that somebody has
 * @nr: all buffers
 * @target: how many there are to be
 * @quota: how many buffers each share is to have
 * @nr_shares: how many shares are active
 * @marked: buffers carry PageOffline, but for the time of a hibernation
 * @leaving: the memory that is on its way out
 * @returned: somebody waits for leaving.in_use to become 0
 * @resize: brings @nr to @target
 * @said_short: the log has been told that buffers are missing
 * @memory_client: hears of memory before it goes
 * @event_client: hears of memory that has come or gone
 */
struct dhp_buffers {
	spinlock_t lock; /* all but the constants */
	unsigned int order;
	unsigned int permille;
	unsigned long min;
	unsigned long max;
	struct dhp_buffer_node *node;
	struct dhp_buffer_share **share;
	struct dhp_buffer_list in_use;
	unsigned long nr;
	unsigned long target;
	unsigned long quota;
	unsigned int nr_shares;
	bool marked;
	struct dhp_leaving leaving;
	wait_queue_head_t returned;
	struct delayed_work resize;
	bool said_short;
	struct dhp_memory_client *memory_client;
	struct dhp_event_client *event_client;
};

/**
 * struct dhp_pool - a pool
 * @name: its name
 * @node: in the list of pools; under pools_mutex
 * @kobj: its directory in sysfs
 * @released: nobody has @kobj any more
 * @client: hears of processors
 * @mutex: workers come and go under it
 * @in_use: processors between COMPLETE and REMOVE_START; under @mutex
 * @created: the replay is over: from now on no worker is no reason for a veto;
 *	under @mutex
 * @parked: suspend is near, only @stays has an open worker; under @mutex
 * @stays: the processor that suspend leaves running; under @mutex
 * @retry: tries again to open workers that could not be
 * @lock: for what follows
 * @open: processors whose workers take items
 * @worker: nr_cpu_ids pointers; NULL without a worker. Written under both @mutex
 *	and @lock.
 * @orphans: items that found no open worker
 * @colour: colour of the items that are submitted now, 0 or 1
 * @pending: items of each colour that have not run to their end
 * @submitted: items since creation
 * @completed: items that have run
 * @migrated: items that were moved from a worker that closed to another
 * @wait: for pending items to become none, or a worker to become idle
 * @flush_mutex: one flush at a time
 * @buffers: its buffers
 */
struct dhp_pool {
	char name[DHP_POOL_NAME_MAX + 1];
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

	raw_spinlock_t lock; /* items, and where they may go */
	cpumask_var_t open;
	struct dhp_worker **worker;
	struct list_head orphans;
	unsigned int colour;
	unsigned long pending[2];
	u64 submitted;
	u64 completed;
	u64 migrated;
	wait_queue_head_t wait;
	struct mutex flush_mutex; /* one flush at a time */

	struct dhp_buffers buffers;
};

/* pool.c */
struct dhp_pool_counts {
	u64 submitted;
	u64 completed;
	u64 migrated;
};

void dhp_pool_settle(void);
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
int dhp_buffers_share_add(struct dhp_pool *pool, unsigned int cpu, int nid);
void dhp_buffers_share_del(struct dhp_pool *pool, unsigned int cpu);
void dhp_buffers_share_open(struct dhp_pool *pool, unsigned int cpu);
void dhp_buffers_share_close(struct dhp_pool *pool, unsigned int cpu);
void dhp_buffers_kick(struct dhp_pool *pool);
void dhp_buffers_settle(struct dhp_pool *pool);
void dhp_buffers_mark(struct dhp_pool *pool, bool marked);
void dhp_buffers_counts(struct dhp_pool *pool, struct dhp_buffer_counts *counts);

/* sysfs.c */
int dhp_sysfs_add_pool(struct dhp_pool *pool);
void dhp_sysfs_remove_pool(struct dhp_pool *pool);

#endif /* _DHP_POOL_H */
