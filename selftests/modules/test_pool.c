// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users of dhp's pools. They see that each item runs exactly once, in order
 * where an order is promised, and that no buffer has two owners.
 *
 * The `pools` file has a line per pool:
 *   NAME submitted S ran R twice T disorder D elsewhere E held H shared B watched W
 *	askew A dirty Y bad X last L cancelled C after F signalled G on LIST
 * submitted	items that were accepted
 * ran		items that ran
 * twice	items that ran more than once
 * disorder	items of one `submit` for one processor that overtook an earlier one
 * elsewhere	items that ran on another processor than the one they were for
 * held		buffers taken and not put back
 * shared	buffers that somebody else wrote into meanwhile
 * watched	buffers taken from the memory that `watch` has named
 * askew	buffers that did not begin where a cache line does
 * dirty	buffers that were to be zero and were not
 * bad		buffers in memory that the kernel has marked as bad before they were taken
 * last		physical address of the buffer that was taken last
 * cancelled	items that were pending when they were cancelled
 * after	items that ran when they had been cancelled
 * signalled	items at whose end a signal was pending
 * on		processors that items have run on
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/irq_work.h>
#include <linux/kmemleak.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "compat.h"
#include "dhp_pool.h"
#include "test.h"

#define LOAD_ITEMS 256	/* in flight at a time */
#define LOAD_NICE 10
#define STORM_ITEMS 64	/* of a storm, in flight at most */
#define TICK_BUFFERS 8	/* that a timer holds from one tick to the next */

struct pool_user {
	struct list_head node;
	struct dhp_pool *pool;
	size_t buffer_size;
	struct list_head buffers;	/* held by `get` */
	long nr_buffers;
	struct task_struct **load;	/* a thread for each CPU that was online */
	unsigned int nr_load;
	unsigned long hold_us;
	long load_buffers;
	long load_pairs;
	struct ticker *tickers;		/* one for each CPU that was online */
	unsigned int nr_tickers;
	struct storm *storm;
	atomic_long_t submitted, ran, twice, disorder, elsewhere, held, shared, watched;
	atomic_long_t askew, dirty, bad, cancelled, after, signalled;
	phys_addr_t last;
	struct batch *kept;		/* what `cancel` cancels */
	bool forgotten;			/* dhp_test has gone, and its items run */
	struct cpumask on;
	phys_addr_t watch_start, watch_size;
	char name[];
};

/*
 * @runs: how often it ran
 * @number: its place in its batch
 * @again: it submits itself once more when it runs
 * @running: its function is running
 */
struct item {
	struct dhp_work work;
	struct pool_user *user;
	struct batch *batch;
	atomic_t runs;
	long number;
	long cpu;
	unsigned long sleep_us;
	bool again;
	bool running;
};

/* What one `submit` command gave in; freed by its last item. */
struct batch {
	atomic_long_t pending;
	atomic_long_t next;
	bool ordered;
	long count;
	long refused;
	struct irq_work irq_work;
	struct item items[];
};

/* A buffer that is held begins with this. */
struct stamp {
	struct list_head node;
	u64 value;
};

/* Takes and puts back buffers in interrupts. */
struct ticker {
	struct hrtimer timer;
	struct pool_user *user;
	ktime_t period;
	struct list_head buffers;
	bool hard;
};

struct storm_item {
	struct dhp_work work;
	struct pool_user *user;
};

/* Submits items in interrupts, the next one in each. */
struct storm {
	struct hrtimer timer;
	struct pool_user *user;
	unsigned int cpu;
	ktime_t period;
	unsigned int next;
	struct storm_item items[STORM_ITEMS];
};

static DEFINE_MUTEX(pools_lock);	/* the list, and one command at a time */
static LIST_HEAD(pools);
static atomic64_t stamps;

static struct pool_user *find_pool(const char *name)
{
	struct pool_user *user;

	list_for_each_entry(user, &pools, node)
		if (!strcmp(user->name, name))
			return user;
	complain(-ENOENT, "there is no pool '%.40s'", name);
	return NULL;
}

/* ---- Work --------------------------------------------------------------- */

static void put_batch(struct batch *batch)
{
	if (atomic_long_dec_and_test(&batch->pending))
		kvfree(batch);
}

static bool submit_item(struct item *item)
{
	struct pool_user *user = item->user;
	bool accepted;

	atomic_long_inc(&user->submitted);
	if (item->cpu >= 0)
		accepted = dhp_pool_submit_on(user->pool, item->cpu, &item->work);
	else
		accepted = dhp_pool_submit(user->pool, &item->work);
	if (!accepted)
		atomic_long_dec(&user->submitted);
	return accepted;
}

static void run_item(struct dhp_work *work)
{
	struct item *item = container_of(work, struct item, work);
	struct batch *batch = item->batch;
	struct pool_user *user = item->user;

	WRITE_ONCE(item->running, true);
	atomic_long_inc(&user->ran);
	if (atomic_inc_return(&item->runs) > 1 && !item->again)
		atomic_long_inc(&user->twice);
	if (item->cpu >= 0 && raw_smp_processor_id() != item->cpu)
		atomic_long_inc(&user->elsewhere);
	cpumask_set_cpu(raw_smp_processor_id(), &user->on);
	if (batch->ordered && atomic_long_inc_return(&batch->next) != item->number + 1)
		atomic_long_inc(&user->disorder);
	if (item->sleep_us)
		usleep_range(item->sleep_us, item->sleep_us + 100);
	/* Nobody sends any: it would end each wait that an item may be interrupted in. */
	if (signal_pending(current))
		atomic_long_inc(&user->signalled);
	if (READ_ONCE(user->forgotten) &&
	    atomic_long_read(&user->ran) == atomic_long_read(&user->submitted))
		pr_info("dhp_test: pool %s: %ld items ran\n", user->name,
			atomic_long_read(&user->ran));
	WRITE_ONCE(item->running, false);
	if (!item->again || !submit_item(item))
		put_batch(batch);
}

/* Hands in the items of a batch, here or from an interrupt. */
static void submit_batch(struct batch *batch)
{
	long i;

	for (i = 0; i < batch->count; i++)
		if (!submit_item(&batch->items[i]))
			batch->refused++;
}

static void submit_in_interrupt(struct irq_work *work)
{
	submit_batch(container_of(work, struct batch, irq_work));
}

static struct batch *new_batch(long count, long cpu, long sleep_us, bool again)
{
	struct batch *batch = kvzalloc(struct_size(batch, items, count), GFP_KERNEL);
	long i;

	if (!batch)
		return NULL;
	batch->count = count;
	batch->ordered = cpu >= 0 && !again;
	/* One more, so that the batch stays until it is all given in. */
	atomic_long_set(&batch->pending, count + 1);
	/* With PREEMPT_RT, too, a real interrupt. */
	batch->irq_work = IRQ_WORK_INIT_HARD(submit_in_interrupt);
	for (i = 0; i < count; i++) {
		struct item *item = &batch->items[i];

		item->batch = batch;
		item->number = i;
		item->cpu = cpu;
		item->sleep_us = sleep_us;
		item->again = again;
		dhp_work_init(&item->work, run_item);
	}
	return batch;
}

static int give_in(struct pool_user *user, struct batch *batch, bool irq)
{
	long i;

	for (i = 0; i < batch->count; i++)
		batch->items[i].user = user;
	if (irq) {
		irq_work_queue(&batch->irq_work);
		irq_work_sync(&batch->irq_work);
	} else {
		submit_batch(batch);
	}
	if (batch->refused)
		return complain(-EBUSY, "%ld fresh items were refused", batch->refused);
	return 0;
}

int pool_submit(const struct command *command)
{
	long cpu = -1, count = 1, sleep_us = 0, twice = 0, irq = 0, again = 0, keep = 0;
	struct pool_user *user;
	struct batch *batch;
	int err;

	err = number_option(command, "cpu", &cpu) ?: number_option(command, "count", &count) ?:
	      number_option(command, "sleep_us", &sleep_us) ?:
	      number_option(command, "twice", &twice) ?: number_option(command, "irq", &irq) ?:
	      number_option(command, "again", &again) ?: number_option(command, "keep", &keep);
	if (err)
		return err;
	if (count < 1 || sleep_us < 0)
		return complain(-EINVAL, "submit: count is one or more, sleep_us not negative");
	if (again && !keep)
		return complain(-EINVAL, "submit: nobody could end again=1 without keep=1");

	batch = new_batch(count, cpu, sleep_us, again);
	if (!batch)
		return complain(-ENOMEM, "no memory for %ld items", count);
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user || (keep && user->kept)) {
		mutex_unlock(&pools_lock);
		kvfree(batch);
		return user ? complain(-EBUSY, "items are kept already: cancel them") : -ENOENT;
	}
	err = give_in(user, batch, irq);
	/* The last item waits behind the others, so it is queued still if they sleep. */
	if (twice && !err && dhp_pool_submit(user->pool, &batch->items[count - 1].work))
		err = complain(-EEXIST, "an item that was queued was accepted again");
	if (keep)
		user->kept = batch;
	else
		put_batch(batch);
	mutex_unlock(&pools_lock);
	return err;
}

/* Cancels what is kept, the last item first, for the first one may be running. */
static void cancel_kept(struct pool_user *user)
{
	struct batch *batch = user->kept;
	struct item *item;
	long i;
	int runs;

	if (!batch)
		return;
	for (i = batch->count - 1; i >= 0; i--) {
		item = &batch->items[i];
		if (dhp_work_cancel(user->pool, &item->work)) {
			atomic_long_inc(&user->cancelled);
			put_batch(batch);
		}
		runs = atomic_read(&item->runs);
		if (READ_ONCE(item->running) || atomic_read(&item->runs) != runs)
			atomic_long_inc(&user->after);
	}
	user->kept = NULL;
	put_batch(batch);
}

int pool_cancel(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		cancel_kept(user);
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

int pool_flush(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		dhp_pool_flush(user->pool);
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

/* ---- Buffers ------------------------------------------------------------ */

/*
 * Whoever gets the same buffer too overwrites the stamps at its ends and in its pages.
 * Were KCSAN to watch this, it would be all that it does, and take longer than dhp waits
 * for buffers in memory that leaves.
 */
static __no_kcsan void stamp_buffer(struct pool_user *user, void *buffer, u64 value)
{
	size_t at;

	for (at = sizeof(struct stamp); at + sizeof(u64) <= user->buffer_size; at += 1024)
		*(u64 *)(buffer + at) = value;
	*(u64 *)(buffer + user->buffer_size - sizeof(u64)) = value;
	((struct stamp *)buffer)->value = value;
}

static __no_kcsan void check_buffer(struct pool_user *user, void *buffer)
{
	u64 value = ((struct stamp *)buffer)->value;
	bool good = *(u64 *)(buffer + user->buffer_size - sizeof(u64)) == value;
	size_t at;

	for (at = sizeof(struct stamp); at + sizeof(u64) <= user->buffer_size; at += 1024)
		good = good && *(u64 *)(buffer + at) == value;
	if (!good)
		atomic_long_inc(&user->shared);
}

static void keep_buffer(struct pool_user *user, struct stamp *stamp, struct list_head *buffers)
{
	size_t at;

	if (!IS_ALIGNED((unsigned long)stamp, L1_CACHE_BYTES))
		atomic_long_inc(&user->askew);
	for (at = 0; at < user->buffer_size; at += PAGE_SIZE)
		if (PageHWPoison(virt_to_page((void *)stamp + at)))
			atomic_long_inc(&user->bad);
	WRITE_ONCE(user->last, virt_to_phys(stamp));
	if (virt_to_phys(stamp) - READ_ONCE(user->watch_start) < READ_ONCE(user->watch_size))
		atomic_long_inc(&user->watched);
	stamp_buffer(user, stamp, atomic64_inc_return(&stamps));
	list_add_tail(&stamp->node, buffers);
	atomic_long_inc(&user->held);
}

static bool take_buffer(struct pool_user *user, struct list_head *buffers)
{
	void *buffer = dhp_buffer_get(user->pool);

	if (buffer)
		keep_buffer(user, buffer, buffers);
	return buffer;
}

static bool take_zeroed(struct pool_user *user, struct list_head *buffers)
{
	void *buffer = dhp_buffer_get_zeroed(user->pool);

	if (!buffer)
		return false;
	if (memchr_inv(buffer, 0, user->buffer_size))
		atomic_long_inc(&user->dirty);
	keep_buffer(user, buffer, buffers);
	return true;
}

static void put_first(struct pool_user *user, struct list_head *buffers)
{
	struct stamp *stamp = list_first_entry(buffers, struct stamp, node);

	list_del(&stamp->node);
	check_buffer(user, stamp);
	atomic_long_dec(&user->held);
	dhp_buffer_put(user->pool, stamp);
}

int pool_get(const struct command *command)
{
	bool (*take)(struct pool_user *user, struct list_head *buffers);
	struct pool_user *user;
	long count = 1, zeroed = 0, i;
	int err = number_option(command, "count", &count);

	if (!err)
		err = number_option(command, "zeroed", &zeroed);
	if (err)
		return err;
	take = zeroed ? take_zeroed : take_buffer;
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user || !user->buffer_size) {
		err = user ? complain(-EINVAL, "the pool has no buffers") : -ENOENT;
		goto unlock;
	}
	for (i = 0; i < count; i++, user->nr_buffers++) {
		if (!take(user, &user->buffers)) {
			err = complain(-ENOBUFS, "got %ld of %ld buffers", i, count);
			break;
		}
	}
unlock:
	mutex_unlock(&pools_lock);
	return err;
}

int pool_put(const struct command *command)
{
	struct pool_user *user;
	long count = LONG_MAX;
	int err = number_option(command, "count", &count);

	if (err)
		return err;
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user)
		err = -ENOENT;
	for (; user && count > 0 && user->nr_buffers; count--, user->nr_buffers--)
		put_first(user, &user->buffers);
	mutex_unlock(&pools_lock);
	return err;
}

/* Addresses are longer than other numbers. */
int pool_watch(const struct command *command)
{
	const char *start = option(command, "start");
	const char *size = option(command, "size");
	struct pool_user *user;
	u64 from, bytes;

	if (!start || !size || kstrtou64(start, 0, &from) || kstrtou64(size, 0, &bytes))
		return complain(-EINVAL, "watch: start=ADDRESS and size=BYTES, please");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user) {
		WRITE_ONCE(user->watch_start, from);
		WRITE_ONCE(user->watch_size, bytes);
		atomic_long_set(&user->watched, 0);
	}
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

/* What no driver should do. */
static int misuse_buffer(struct pool_user *user, struct pool_user *other, const char *how)
{
	u8 *buffer = dhp_buffer_get(user->pool);

	if (!buffer)
		return complain(-ENOBUFS, "no buffer to misuse");
	if (!strcmp(how, "twice")) {
		dhp_buffer_put(user->pool, buffer);
		dhp_buffer_put(user->pool, buffer);
	} else if (!strcmp(how, "inside")) {
		dhp_buffer_put(user->pool, buffer + L1_CACHE_BYTES);
		dhp_buffer_put(user->pool, buffer);
	} else if (!strcmp(how, "elsewhere")) {
		dhp_buffer_put(other->pool, buffer);
		dhp_buffer_put(user->pool, buffer);
	} else if (!strcmp(how, "after")) {
		dhp_buffer_put(user->pool, buffer);
		buffer[user->buffer_size / 2] = 0;
	} else {
		dhp_buffer_put(user->pool, buffer);
		return complain(-EINVAL, "misuse: how=twice, inside, elsewhere or after, not '%s'",
				how);
	}
	return 0;
}

int pool_misuse(const struct command *command)
{
	const char *how = option(command, "how"), *name = option(command, "other");
	struct pool_user *user, *other;
	int err = -ENOENT;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	other = name ? find_pool(name) : user;
	if (user && other)
		err = misuse_buffer(user, other, how ?: "");
	mutex_unlock(&pools_lock);
	return err;
}

/* ---- Interrupts --------------------------------------------------------- */

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct ticker *ticker = container_of(timer, struct ticker, timer);
	struct pool_user *user = ticker->user;
	unsigned int i;

	while (!list_empty(&ticker->buffers))
		put_first(user, &ticker->buffers);
	for (i = 0; i < TICK_BUFFERS && take_buffer(user, &ticker->buffers); i++)
		;
	hrtimer_forward_now(timer, ticker->period);
	return HRTIMER_RESTART;
}

/* On the CPU that it is for. */
static int ticker_start(void *data)
{
	struct ticker *ticker = data;
	enum hrtimer_mode mode = ticker->hard ? HRTIMER_MODE_REL_PINNED_HARD :
						HRTIMER_MODE_REL_PINNED_SOFT;

	hrtimer_setup(&ticker->timer, tick, CLOCK_MONOTONIC, mode);
	hrtimer_start(&ticker->timer, ticker->period, mode);
	return 0;
}

static void stop_ticks(struct pool_user *user)
{
	struct ticker *ticker;

	for (ticker = user->tickers; ticker < user->tickers + user->nr_tickers; ticker++) {
		hrtimer_cancel(&ticker->timer);
		while (!list_empty(&ticker->buffers))
			put_first(user, &ticker->buffers);
	}
	kfree(user->tickers);
	user->tickers = NULL;
	user->nr_tickers = 0;
}

static int start_ticks(struct pool_user *user, long period_us, bool hard)
{
	struct ticker *ticker;
	unsigned int cpu;

	user->tickers = kcalloc(nr_cpu_ids, sizeof(*user->tickers), GFP_KERNEL);
	if (!user->tickers)
		return complain(-ENOMEM, "no memory for timers");
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		ticker = &user->tickers[user->nr_tickers++];
		ticker->user = user;
		ticker->period = ns_to_ktime(period_us * NSEC_PER_USEC);
		ticker->hard = hard;
		INIT_LIST_HEAD(&ticker->buffers);
		smp_call_on_cpu(cpu, ticker_start, ticker, false);
	}
	cpus_read_unlock();
	return 0;
}

int pool_ticks(const struct command *command)
{
	long period_us = 1000, hard = 0;
	struct pool_user *user;
	int err;

	err = number_option(command, "period_us", &period_us);
	if (!err)
		err = number_option(command, "hard", &hard);
	if (err)
		return err;
	if (period_us < 1)
		return complain(-EINVAL, "ticks: period_us is one or more");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user)
		err = -ENOENT;
	else if (user->tickers || !user->buffer_size)
		err = complain(-EBUSY, "the pool has no buffers, or its timers run already");
	else
		err = start_ticks(user, period_us, hard);
	mutex_unlock(&pools_lock);
	return err;
}

static void run_storm_item(struct dhp_work *work)
{
	struct storm_item *item = container_of(work, struct storm_item, work);

	atomic_long_inc(&item->user->ran);
	cpumask_set_cpu(raw_smp_processor_id(), &item->user->on);
}

static enum hrtimer_restart storm_tick(struct hrtimer *timer)
{
	struct storm *storm = container_of(timer, struct storm, timer);
	struct storm_item *item = &storm->items[storm->next++ % STORM_ITEMS];

	/* One that is queued still will do the next time. */
	if (dhp_pool_submit_on(storm->user->pool, storm->cpu, &item->work))
		atomic_long_inc(&storm->user->submitted);
	hrtimer_forward_now(timer, storm->period);
	return HRTIMER_RESTART;
}

static int storm_start(void *data)
{
	struct storm *storm = data;

	hrtimer_setup(&storm->timer, storm_tick, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&storm->timer, storm->period, HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

/* Its items run before it is freed. */
static void stop_storm(struct pool_user *user)
{
	if (!user->storm)
		return;
	hrtimer_cancel(&user->storm->timer);
	dhp_pool_flush(user->pool);
	kfree(user->storm);
	user->storm = NULL;
}

static int start_storm(struct pool_user *user, long on, long cpu, long period_us)
{
	struct storm *storm = kzalloc(sizeof(*storm), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!storm)
		return complain(-ENOMEM, "no memory for a storm");
	storm->user = user;
	storm->cpu = cpu;
	storm->period = ns_to_ktime(period_us * NSEC_PER_USEC);
	for (i = 0; i < STORM_ITEMS; i++) {
		storm->items[i].user = user;
		dhp_work_init(&storm->items[i].work, run_storm_item);
	}
	cpus_read_lock();
	err = smp_call_on_cpu(on, storm_start, storm, false);
	cpus_read_unlock();
	if (err) {
		kfree(storm);
		return complain(err, "storm: on=%ld is not an online CPU", on);
	}
	user->storm = storm;
	return 0;
}

int pool_storm(const struct command *command)
{
	long on = -1, cpu = -1, period_us = 100;
	struct pool_user *user;
	int err;

	err = number_option(command, "on", &on) ?: number_option(command, "cpu", &cpu) ?:
	      number_option(command, "period_us", &period_us);
	if (err)
		return err;
	if (on < 0 || cpu < 0 || period_us < 1)
		return complain(-EINVAL, "storm: on and cpu are CPUs, period_us is one or more");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user)
		err = -ENOENT;
	else if (user->storm)
		err = complain(-EBUSY, "there is a storm already: rest");
	else
		err = start_storm(user, on, cpu, period_us);
	mutex_unlock(&pools_lock);
	return err;
}

/* ---- Load --------------------------------------------------------------- */

/* Submits items for every processor that there is or may be, and plays with buffers. */
static int load_thread(void *data)
{
	struct pool_user *user = data;
	LIST_HEAD(buffers);
	long taken = 0, i, share = DIV_ROUND_UP(user->load_buffers, user->nr_load);
	unsigned int cpu = 0;

	/* All that nobody else wants, so that the test itself gets on. */
	set_user_nice(current, LOAD_NICE);
	while (!kthread_should_stop()) {
		struct batch *batch = kvzalloc(struct_size(batch, items, LOAD_ITEMS), GFP_KERNEL);

		if (batch) {
			atomic_long_set(&batch->pending, LOAD_ITEMS);
			for (i = 0; i < LOAD_ITEMS; i++) {
				struct item *item = &batch->items[i];

				item->user = user;
				item->batch = batch;
				item->cpu = -1;
				cpu = cpumask_next(cpu, cpu_possible_mask);
				if (cpu >= nr_cpu_ids)
					cpu = 0;
				dhp_work_init(&item->work, run_item);
				atomic_long_inc(&user->submitted);
				/* Half of them may be helped with. */
				if (!(i & 1 ? dhp_pool_submit(user->pool, &item->work) :
				      dhp_pool_submit_on(user->pool, cpu, &item->work)))
					atomic_long_inc(&user->twice);
			}
			dhp_pool_flush(user->pool);
		}
		for (i = 0; i < user->load_pairs; i++)
			dhp_buffer_put(user->pool, dhp_buffer_get(user->pool));
		while (taken < share && take_buffer(user, &buffers))
			taken++;
		usleep_range(user->hold_us, user->hold_us + 100);
		for (; taken; taken--)
			put_first(user, &buffers);
	}
	return 0;
}

static void stop_load(struct pool_user *user)
{
	unsigned int i;

	if (!user->load)
		return;
	for (i = 0; i < user->nr_load; i++)
		if (user->load[i])
			kthread_stop(user->load[i]);
	kfree(user->load);
	user->load = NULL;
}

/* They are bound until their CPU goes, and do not come back to it. */
static int start_load(struct pool_user *user)
{
	struct task_struct *task;
	unsigned int cpu, nr = 0;
	int err = 0;

	cpus_read_lock();
	user->nr_load = num_online_cpus();
	user->load = kcalloc(user->nr_load, sizeof(*user->load), GFP_KERNEL);
	if (!user->load)
		err = -ENOMEM;
	for_each_online_cpu(cpu) {
		if (err)
			break;
		task = kthread_create_on_cpu(load_thread, user, cpu, "load/%u");
		if (IS_ERR(task)) {
			err = PTR_ERR(task);
			break;
		}
		user->load[nr++] = task;
		wake_up_process(task);
	}
	cpus_read_unlock();
	if (err)
		stop_load(user);
	return err;
}

int pool_load(const struct command *command)
{
	long hold_us = 1000, buffers = 0, pairs = 0;
	struct pool_user *user;
	int err;

	err = number_option(command, "hold_us", &hold_us);
	if (!err)
		err = number_option(command, "buffers", &buffers);
	if (!err)
		err = number_option(command, "pairs", &pairs);
	if (err)
		return err;
	if (hold_us < 1 || buffers < 0 || pairs < 0)
		return complain(-EINVAL,
				"load: hold_us is one or more, buffers and pairs not negative");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user) {
		err = -ENOENT;
	} else if (user->load) {
		err = complain(-EBUSY, "the pool is under load already");
	} else {
		user->hold_us = hold_us;
		user->load_buffers = user->buffer_size ? buffers : 0;
		user->load_pairs = user->buffer_size ? pairs : 0;
		err = start_load(user);
	}
	mutex_unlock(&pools_lock);
	return err;
}

int pool_rest(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user) {
		stop_load(user);
		stop_ticks(user);
		stop_storm(user);
	}
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

/* ---- Pools -------------------------------------------------------------- */

int pool_create(const struct command *command)
{
	long buffer_size = 0, permille = 4, min = 0, max = 0, stealing = 0;
	size_t length = strlen(command->name) + 1;
	struct dhp_pool_config config = { .name = command->name };
	struct pool_user *user;
	int err;

	err = number_option(command, "buffer_size", &buffer_size);
	if (!err)
		err = number_option(command, "permille", &permille);
	if (!err)
		err = number_option(command, "min", &min);
	if (!err)
		err = number_option(command, "max", &max);
	if (!err)
		err = number_option(command, "stealing", &stealing);
	if (err)
		return err;
	config.buffer_size = buffer_size;
	config.buffer_permille = permille;
	config.buffers_min = min;
	config.buffers_max = max;
	config.stealing = stealing;

	user = kzalloc(sizeof(*user) + length, GFP_KERNEL);
	if (!user)
		return complain(-ENOMEM, "no memory for another pool");
	strscpy(user->name, command->name, length);
	user->buffer_size = buffer_size;
	INIT_LIST_HEAD(&user->buffers);

	/* A pool may be made from inside a callback's hold, hence not under the lock. */
	user->pool = dhp_pool_create(&config);
	if (IS_ERR_OR_NULL(user->pool)) {
		err = user->pool ? complain(PTR_ERR(user->pool), "dhp refused") :
				   complain(-ENOTRECOVERABLE, "dhp returned NULL");
		kfree(user);
		return err;
	}
	mutex_lock(&pools_lock);
	list_add_tail(&user->node, &pools);
	mutex_unlock(&pools_lock);
	return 0;
}

/* Nothing of ours goes on there, but for items that end by themselves. */
static void quiesce(struct pool_user *user)
{
	stop_load(user);
	stop_ticks(user);
	stop_storm(user);
	cancel_kept(user);
}

/* Buffers that are held stay with us: what the pool says to that is a test's business. */
static int destroy(struct pool_user *user)
{
	long bad;

	quiesce(user);
	dhp_pool_destroy(user->pool);
	bad = atomic_long_read(&user->submitted) - atomic_long_read(&user->ran) -
	      atomic_long_read(&user->cancelled);
	kfree(user);
	return bad ? complain(-EIO, "%ld items did not run", bad) : 0;
}

/* For a callback in which it is refused; the pool stays. */
void pool_destroy_inside(const char *name)
{
	struct pool_user *user = find_pool(name);

	if (user)
		dhp_pool_destroy(user->pool);
}

int pool_destroy(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		list_del(&user->node);
	mutex_unlock(&pools_lock);
	return user ? destroy(user) : -ENOENT;
}

void pools_reset(void)
{
	struct pool_user *user;

	do {
		mutex_lock(&pools_lock);
		user = list_first_entry_or_null(&pools, struct pool_user, node);
		if (user)
			list_del(&user->node);
		mutex_unlock(&pools_lock);
		if (user) {
			for (; user->nr_buffers; user->nr_buffers--)
				put_first(user, &user->buffers);
			destroy(user);
		}
	} while (user);
}

/* The pools stay, with items that run later and look at their user. */
void pools_forget(void)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	list_for_each_entry(user, &pools, node) {
		quiesce(user);
		kmemleak_not_leak(user);
		WRITE_ONCE(user->forgotten, true);
	}
	mutex_unlock(&pools_lock);
}

void pools_show(struct seq_file *m)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	list_for_each_entry(user, &pools, node)
		seq_printf(m, "%s submitted %ld ran %ld twice %ld disorder %ld elsewhere %ld held %ld shared %ld watched %ld askew %ld dirty %ld bad %ld last %pa cancelled %ld after %ld signalled %ld on %*pbl\n",
			   user->name, atomic_long_read(&user->submitted),
			   atomic_long_read(&user->ran), atomic_long_read(&user->twice),
			   atomic_long_read(&user->disorder), atomic_long_read(&user->elsewhere),
			   atomic_long_read(&user->held), atomic_long_read(&user->shared),
			   atomic_long_read(&user->watched), atomic_long_read(&user->askew),
			   atomic_long_read(&user->dirty), atomic_long_read(&user->bad),
			   &user->last,
			   atomic_long_read(&user->cancelled), atomic_long_read(&user->after),
			   atomic_long_read(&user->signalled),
			   cpumask_pr_args(&user->on));
	mutex_unlock(&pools_lock);
}
