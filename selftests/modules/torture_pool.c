// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools come and go. While one is there, a thread, a timer and the items themselves
 * submit items to any processor, absent ones too, cancel them, wait for them, and take
 * and put back buffers. Each item counts how often it was accepted, ran and was
 * cancelled; each buffer that is out says so, and whose it is.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "dhp_pool.h"
#include "torture.h"

#define NR_ITEMS 64
#define NR_OWN 16		/* of these, items that only the thread submits */
#define THREAD_BUFFERS 32
#define TIMER_BUFFERS 4

/**
 * struct torture_item - a work item
 * @work: the pool's
 * @pool: where it belongs
 * @accepted: how often it was submitted, including a submission that is being tried
 * @ran: how often its function was called
 * @cancelled: how often it was cancelled before that
 * @running: how many of its calls have not returned; two, if it submits itself
 * @buffer: one that it has taken in one call, for another one to put back
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
 * @pool: dhp's
 * @name: its name
 * @size: of its buffers; 0 when it has none
 * @stopping: items do not go on by themselves any more
 * @destroyed: nothing may run any more
 * @timer: submits items, and has buffers in interrupts
 * @period: the timer's
 * @timer_random: the timer's numbers
 * @timer_buffer: the timer's buffers
 * @buffer: the thread's
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

/* What a buffer begins with; its owner's number stands in its middle and at its end, too. */
struct stamp {
	u64 state;
	u64 owner;
};

/* With the buffer's address, nobody else's data looks like that. */
#define BUFFER_OUT 0x70726f7665206974ULL
#define BUFFER_IN 0x676f7420686f6d65ULL

static atomic64_t last_owner;

static u64 buffer_out(struct stamp *stamp)
{
	return BUFFER_OUT ^ (unsigned long)stamp;
}

static u64 *stamp_at(struct stamp *stamp, size_t at)
{
	return (void *)stamp + at;
}

static struct stamp *take_buffer(struct torture_pool *p, bool zeroed)
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
	if (stamp->state == buffer_out(stamp))
		torture_err("E2: a buffer of pool %s is handed out while it is out", p->name);
	stamp->state = buffer_out(stamp);
	stamp->owner = atomic64_inc_return(&last_owner);
	*stamp_at(stamp, p->size / 2) = stamp->owner;
	*stamp_at(stamp, p->size - sizeof(u64)) = stamp->owner;
	return stamp;
}

static void put_buffer(struct torture_pool *p, struct stamp *stamp)
{
	if (!stamp)
		return;
	if (stamp->state != buffer_out(stamp) ||
	    *stamp_at(stamp, p->size / 2) != stamp->owner ||
	    *stamp_at(stamp, p->size - sizeof(u64)) != stamp->owner)
		torture_err("E2: somebody else has written to a buffer of pool %s", p->name);
	stamp->state = BUFFER_IN;
	dhp_buffer_put(p->pool, stamp);
	count_up(BUFFERS_PUT);
}

/* ---- Items --------------------------------------------------------------- */

static void submit_item(struct torture_item *item, struct rnd_state *random)
{
	struct dhp_pool *pool = item->pool->pool;
	bool accepted;

	/* Before it can run. */
	atomic_inc(&item->accepted);
	if (draw(random, 2))
		accepted = dhp_pool_submit(pool, &item->work);
	else
		accepted = dhp_pool_submit_on(pool, draw(random, nr_cpu_ids), &item->work);
	if (!accepted)
		atomic_dec(&item->accepted);
	count_up(accepted ? ITEMS_ACCEPTED : ITEMS_REFUSED);
}

/* A worker's name ends with the processor that it is never to leave. */
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
		torture_err("E3: an item of pool %s runs when the pool has gone", p->name);
	if (ran + atomic_read(&item->cancelled) > atomic_read(&item->accepted))
		torture_err("E3: an item of pool %s runs for the %dth time, accepted %d times, cancelled %d times",
			    p->name, ran, atomic_read(&item->accepted),
			    atomic_read(&item->cancelled));
	check_worker(p);

	/* The same item can run here and there at a time, so its numbers are of this call. */
	torture_seed(&random, (item - p->item) * 100000 + ran);
	if (!READ_ONCE(p->stopping) && chance(&random, 300))
		put_buffer(p, xchg(&item->buffer, take_buffer(p, false)));
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
		torture_err("E3: an item of pool %s was accepted %d times, ran %d times, was cancelled %d times, and %d calls go on",
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
	p->timer_buffer[i] = take_buffer(p, false);
	hrtimer_forward_now(timer, p->period);
	return HRTIMER_RESTART;
}

/* A soft one: with PREEMPT_RT, buffers are not for hard interrupts. */
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
		torture_err("E5: pool %s is not made: error %ld", p->name, PTR_ERR(p->pool));
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
		/* Nobody else submits these, so nothing of it may be left. */
		if (item < p->item + NR_OWN)
			check_item(item);
	} else if (what < 602) {
		dhp_pool_flush(p->pool);
	} else {
		put_buffer(p, *buffer);
		*buffer = draw(random, 3) ? take_buffer(p, chance(random, 50)) : NULL;
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

/* Buffers have to be back before the pool goes; what was submitted runs even then. */
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
