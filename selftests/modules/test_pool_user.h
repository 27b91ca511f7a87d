/* SPDX-License-Identifier: GPL-2.0-only */
/* The pools by name, and what their users count. */
#ifndef _TEST_POOL_USER_H
#define _TEST_POOL_USER_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "dhp_pool.h"

struct batch;
struct storm;
struct ticker;

/**
 * struct pool_user - a pool and its users
 * @node: in the list of all
 * @pool: the pool
 * @buffer_size: size of its buffers, 0 if it has none
 * @buffers: held by `get`
 * @nr_buffers: number of them
 * @kept: the items of `submit keep=1`
 * @load: threads of `load`, one for each CPU that was online
 * @nr_load: number of them
 * @hold_us: for how long they hold buffers
 * @load_buffers: how many buffers they get in all
 * @load_pairs: how many buffers each gets and puts at once
 * @tickers: timers of `ticks`, one for each CPU that was online
 * @nr_tickers: number of them
 * @storm: the timer of `storm`
 * @system: it is the pool that all drivers share
 * @abandoned: dhp_test is unloaded, and the pool's items still run
 * @watch_start: start of the memory whose buffers are counted
 * @watch_size: size of it
 * @submitted: and the other counters: see test_pool_user.c
 * @last: physical address of the last buffer
 * @on: CPUs that items have run on
 * @name: its name
 */
struct pool_user {
	struct list_head node;
	struct dhp_pool *pool;
	size_t buffer_size;
	struct list_head buffers;
	long nr_buffers;
	struct batch *kept;
	struct task_struct **load;
	unsigned int nr_load;
	unsigned long hold_us;
	long load_buffers;
	long load_pairs;
	struct ticker *tickers;
	unsigned int nr_tickers;
	struct storm *storm;
	bool system;
	bool abandoned;
	phys_addr_t watch_start, watch_size;
	atomic_long_t submitted, ran, twice, disorder, elsewhere, held, shared, watched;
	atomic_long_t askew, dirty, bad, cancelled, after, signalled;
	phys_addr_t last;
	struct cpumask on;
	char name[];
};

/* Protects the list, and serialises the commands. */
extern struct mutex pools_lock;
extern struct list_head pools;

struct seq_file;

struct pool_user *find_pool(const char *name);
void pools_show(struct seq_file *m);

#endif /* _TEST_POOL_USER_H */
