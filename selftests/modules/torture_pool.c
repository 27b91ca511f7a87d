// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creates and destroys pools. While a pool exists, a thread, a timer and the work items themselves
 * submit items to any CPU, absent ones included, cancel them, wait for them, and get and put
 * buffers. Each item counts how often it was accepted, ran and was cancelled. A buffer that is in
 * use has a stamp, with the number of its owner.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "compat.h"
#include "dhp_pool.h"
#include "torture_count.h"
#include "torture_pool.h"
#include "torture_random.h"
#include "torture_thread.h"

#define NR_ITEMS 64
#define NR_OWN 16		/* of these, items that only the thread submits */
#define THREAD_BUFFERS 32
#define TIMER_BUFFERS 4

/**
 * struct torture_item - a work item
 * @work: dhp's part of it
 * @pool: the pool that it is submitted to
 * @accepted: number of submissions that were accepted or have not returned yet
 * @ran: number of calls of its function
 * @cancelled: number of submissions that were cancelled
 * @running: number of calls that have not returned; 2 is possible, as it submits itself
 * @buffer: got in one call, to be put in another one
 */
struct torture_item {
	struct dhp_work work;
	struct torture_pool *pool;
	atomic_t accepted;
	atomic_t ran;
	atomic_t cancelled;
	atomic_t running;
	struct stamp *buffer;
};

/**
 * struct torture_pool - a pool and its users
 * @pool: the pool
 * @name: its name
 * @size: size of its buffers; 0 if it has none
 * @stopping: items no longer submit themselves or get buffers
 * @destroyed: no item may run any more
 * @timer: submits items, and gets and puts buffers in interrupts
 * @period: period of the timer
 * @timer_random: random numbers of the timer
 * @timer_buffer: buffers of the timer
 * @buffer: buffers of the thread
 * @item: the items
 */
struct torture_pool {
	struct dhp_pool *pool;
	char name[12];
	size_t size;
	bool stopping;
	bool destroyed;
	struct hrtimer timer;
	ktime_t period;
	struct rnd_state timer_random;
	struct stamp *timer_buffer[TIMER_BUFFERS];
	struct stamp *buffer[THREAD_BUFFERS];
	struct torture_item item[NR_ITEMS];
};

/* ---- Buffers ------------------------------------------------------------- */

/* The first bytes of a buffer. The middle and the end have the owner's number, too. */
struct stamp {
	u64 state;
	u64 owner;
};

/* Combined with the buffer's address, so that no other data looks the same. */
#define BUFFER_IN_USE 0x70726f7665206974ULL
#define BUFFER_FREE 0x676f7420686f6d65ULL

static atomic64_t last_owner;

static u64 in_use_stamp(struct stamp *stamp)
{
	return BUFFER_IN_USE ^ (unsigned long)stamp;
}

static u64 *stamp_at(struct stamp *stamp, size_t at)
{
	return (void *)stamp + at;
}

static struct stamp *get_buffer(struct torture_pool *p, bool zeroed)
{
	struct stamp *stamp;

	if (!p->size)
		return NULL;
	stamp = zeroed ? dhp_buffer_get_zeroed(p->pool) : dhp_buffer_get(p->pool);
	if (!stamp) {
		count_up(BUFFERS_NONE);
		return NULL;
	}
	count_up(BUFFERS_TAKEN);
	if (!IS_ALIGNED((unsigned long)stamp, min_t(size_t, p->size, PAGE_SIZE)))
		torture_err("E2: a buffer of %zu bytes is not aligned", p->size);
	if (zeroed && memchr_inv(stamp, 0, p->size))
		torture_err("E2: a zeroed buffer of pool %s is not zero", p->name);
	if (stamp->state == in_use_stamp(stamp))
		torture_err("E2: a buffer of pool %s is handed out while it is in use", p->name);
	stamp->state = in_use_stamp(stamp);
	stamp->owner = atomic64_inc_return(&last_owner);
	*stamp_at(stamp, p->size / 2) = stamp->owner;
	*stamp_at(stamp, p->size - sizeof(u64)) = stamp->owner;
	return stamp;
}

static void put_buffer(struct torture_pool *p, struct stamp *stamp)
{
	if (!stamp)
		return;
	if (stamp->state != in_use_stamp(stamp) ||
	    *stamp_at(stamp, p->size / 2) != stamp->owner ||
	    *stamp_at(stamp, p->size - sizeof(u64)) != stamp->owner)
		torture_err("E2: a buffer of pool %s was written to by another user", p->name);
	stamp->state = BUFFER_FREE;
	dhp_buffer_put(p->pool, stamp);
	count_up(BUFFERS_PUT);
}

/* ---- Items --------------------------------------------------------------- */

static void submit_item(struct torture_item *item, struct rnd_state *random)
{
	struct dhp_pool *pool = item->pool->pool;
	bool accepted;

	/* Counted before it can run. */
	atomic_inc(&item->accepted);
	if (draw(random, 2))
		accepted = dhp_pool_submit(pool, &item->work);
	else
		accepted = dhp_pool_submit_on(pool, draw(random, nr_cpu_ids), &item->work);
	if (!accepted)
		atomic_dec(&item->accepted);
	count_up(accepted ? ITEMS_ACCEPTED : ITEMS_REFUSED);
}

/* A worker's name ends with the number of the CPU that it must stay on. */
static void check_worker(struct torture_pool *p)
{
	const char *number = strchr(current->comm, '/');
	unsigned int cpu;

	if (!number || kstrtouint(number + 1, 10, &cpu) ||
	    strncmp(current->comm, p->name, strlen(p->name)))
		torture_err("E1: an item of pool %s runs in %s", p->name, current->comm);
	else if (raw_smp_processor_id() != cpu)
		torture_err("E1: worker %s runs on CPU%u", current->comm, raw_smp_processor_id());
}

static void run_item(struct dhp_work *work)
{
	struct torture_item *item = container_of(work, struct torture_item, work);
	struct torture_pool *p = item->pool;
	struct rnd_state random;
	int ran;

	atomic_inc(&item->running);
	ran = atomic_inc_return(&item->ran);
	count_up(ITEMS_RAN);
	if (READ_ONCE(p->destroyed))
		torture_err("E3: an item of pool %s runs after the pool was destroyed", p->name);
	if (ran + atomic_read(&item->cancelled) > atomic_read(&item->accepted))
		torture_err("E3: an item of pool %s runs for the %dth time, accepted %d times, cancelled %d times",
			    p->name, ran, atomic_read(&item->accepted),
			    atomic_read(&item->cancelled));
	check_worker(p);

	/* The same item can run on two CPUs at once, so each call has its own numbers. */
	torture_seed(&random, (item - p->item) * 100000 + ran);
	if (!READ_ONCE(p->stopping) && chance(&random, 300))
		put_buffer(p, xchg(&item->buffer, get_buffer(p, false)));
	if (chance(&random, 100))
		usleep_range(20, 300);
	if (!READ_ONCE(p->stopping) && chance(&random, 300))
		submit_item(item, &random);
	atomic_dec(&item->running);
}

static void check_item(struct torture_item *item)
{
	int ended = atomic_read(&item->ran) + atomic_read(&item->cancelled);

	if (atomic_read(&item->running) || ended != atomic_read(&item->accepted))
		torture_err("E3: an item of pool %s was accepted %d times, ran %d times, was cancelled %d times, and %d calls have not returned",
			    item->pool->name, atomic_read(&item->accepted), atomic_read(&item->ran),
			    atomic_read(&item->cancelled), atomic_read(&item->running));
}

static void cancel_item(struct torture_item *item)
{
	if (dhp_work_cancel(item->pool->pool, &item->work)) {
		atomic_inc(&item->cancelled);
		count_up(ITEMS_CANCELLED);
	}
}

/* ---- The timer ----------------------------------------------------------- */

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct torture_pool *p = container_of(timer, struct torture_pool, timer);
	struct rnd_state *random = &p->timer_random;
	unsigned int i;

	submit_item(&p->item[NR_OWN + draw(random, NR_ITEMS - NR_OWN)], random);
	i = draw(random, TIMER_BUFFERS);
	put_buffer(p, p->timer_buffer[i]);
	p->timer_buffer[i] = get_buffer(p, false);
	hrtimer_forward_now(timer, p->period);
	return HRTIMER_RESTART;
}

/* A soft timer: with PREEMPT_RT, buffers must not be used in hard interrupts. */
static void start_timer(struct torture_pool *p, struct rnd_state *random)
{
	prandom_seed_state(&p->timer_random, prandom_u32_state(random));
	p->period = ns_to_ktime((1000 + draw(random, 4000)) * NSEC_PER_USEC);
	hrtimer_setup(&p->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	hrtimer_start(&p->timer, p->period, HRTIMER_MODE_REL_SOFT);
}

/* ---- Pools --------------------------------------------------------------- */

static struct torture_pool *create_pool(struct torture_thread *thread)
{
	static const size_t sizes[] = { 0, 256, 1024, 4096, 16384, 65536 };
	struct rnd_state *random = &thread->random;
	struct torture_pool *p = kzalloc(sizeof(*p), GFP_KERNEL);
	struct dhp_pool_config config = {
		.buffer_size = sizes[draw(random, ARRAY_SIZE(sizes))],
		.buffer_permille = 1 + draw(random, 10),
		.buffers_min = draw(random, 64),
		.buffers_max = draw(random, 2) ? 0 : 64 + draw(random, 1000),
		.stealing = draw(random, 2),
	};
	unsigned int i;

	if (!p)
		return NULL;
	snprintf(p->name, sizeof(p->name), "torture%u", thread->number);
	config.name = p->name;
	p->size = config.buffer_size;
	for (i = 0; i < NR_ITEMS; i++) {
		p->item[i].pool = p;
		dhp_work_init(&p->item[i].work, run_item);
	}
	count_up(POOL_ATTEMPTS);
	p->pool = dhp_pool_create(&config);
	if (IS_ERR(p->pool)) {
		torture_err("E5: pool %s is not created: error %ld", p->name, PTR_ERR(p->pool));
		kfree(p);
		return NULL;
	}
	count_up(POOL_SUCCESSES);
	return p;
}

static void do_something(struct torture_pool *p, struct rnd_state *random)
{
	u32 what = draw(random, 1000);
	struct torture_item *item = &p->item[draw(random, NR_ITEMS)];
	struct stamp **buffer = &p->buffer[draw(random, THREAD_BUFFERS)];

	if (what < 500) {
		submit_item(item, random);
	} else if (what < 600) {
		cancel_item(item);
		/* Only this thread submits these, so the item must be idle now. */
		if (item < p->item + NR_OWN)
			check_item(item);
	} else if (what < 602) {
		dhp_pool_flush(p->pool);
	} else {
		put_buffer(p, *buffer);
		*buffer = draw(random, 3) ? get_buffer(p, chance(random, 50)) : NULL;
	}
}

static void put_all_buffers(struct torture_pool *p)
{
	unsigned int i;

	for (i = 0; i < THREAD_BUFFERS; i++)
		put_buffer(p, p->buffer[i]);
	for (i = 0; i < TIMER_BUFFERS; i++)
		put_buffer(p, p->timer_buffer[i]);
	for (i = 0; i < NR_ITEMS; i++)
		put_buffer(p, p->item[i].buffer);
}

/* All buffers must be put before the pool is destroyed. Destroying it runs the queued items. */
static void destroy_pool(struct torture_pool *p, struct rnd_state *random)
{
	unsigned int i;

	hrtimer_cancel(&p->timer);
	WRITE_ONCE(p->stopping, true);
	if (draw(random, 2))
		dhp_pool_flush(p->pool);
	for (i = 0; i < NR_ITEMS; i++) {
		cancel_item(&p->item[i]);
		check_item(&p->item[i]);
	}
	put_all_buffers(p);
	for (i = 0; i < NR_ITEMS; i++)
		submit_item(&p->item[i], random);
	dhp_pool_destroy(p->pool);
	WRITE_ONCE(p->destroyed, true);
	for (i = 0; i < NR_ITEMS; i++)
		check_item(&p->item[i]);
	count_up(POOLS_DESTROYED);
	kfree(p);
}

void torture_pools_run(struct torture_thread *thread)
{
	struct rnd_state *random = &thread->random;
	struct torture_pool *p;
	unsigned int rounds, i;

	while (!kthread_should_stop()) {
		p = create_pool(thread);
		if (!p) {
			torture_pause(thread, 100);
			continue;
		}
		start_timer(p, random);
		for (rounds = draw(random, 100); rounds && !kthread_should_stop(); rounds--) {
			for (i = draw(random, 50); i; i--)
				do_something(p, random);
			torture_pause(thread, 40);
		}
		destroy_pool(p, random);
		torture_pause(thread, 100);
	}
}
