// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tortures dhp until it is unloaded, and says then, in one line as rcutorture does,
 * whether anything was wrong. /sys/kernel/debug/dhp_torture/statistics has the figures
 * meanwhile. What the machine's hardware does at the same time is somebody else's
 * business: torture.sh's.
 *
 * The kernel's own framework for this, torture.ko, is not in distributions' kernels;
 * hence threads and random numbers of our own. The same seed gives each thread the same
 * numbers; who meets whom still depends on the machine.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "torture.h"

#define LOGGED_FINDINGS 100	/* the others are counted */

static unsigned long seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of all random numbers (1)");

static unsigned int client_threads = 3;
module_param(client_threads, uint, 0444);
MODULE_PARM_DESC(client_threads, "threads that register and unregister clients (3)");

static unsigned int pool_threads = 2;
module_param(pool_threads, uint, 0444);
MODULE_PARM_DESC(pool_threads, "threads that make, use and destroy a pool each (2)");

static unsigned int onoff_threads = 1;
module_param(onoff_threads, uint, 0444);
MODULE_PARM_DESC(onoff_threads, "threads that take processors offline and bring them online (1)");

unsigned int torture_veto_permille = 8;
module_param_named(veto_permille, torture_veto_permille, uint, 0444);
MODULE_PARM_DESC(veto_permille, "how many of a thousand STARTs and REMOVE_STARTs a client vetoes (8)");

/* ---- Figures and findings ------------------------------------------------ */

static const char * const count_names[NR_COUNTS] = {
	[ONLINE_ATTEMPTS] = "online_attempts",
	[ONLINE_SUCCESSES] = "online_successes",
	[ONLINE_VETOED] = "online_vetoed",
	[OFFLINE_ATTEMPTS] = "offline_attempts",
	[OFFLINE_SUCCESSES] = "offline_successes",
	[OFFLINE_VETOED] = "offline_vetoed",
	[PROCESSOR_EVENTS] = "processor_events",
	[MEMORY_EVENTS] = "memory_events",
	[MERGED_EVENTS] = "merged_events",
	[CLIENT_ATTEMPTS] = "client_attempts",
	[CLIENT_SUCCESSES] = "client_successes",
	[CLIENT_VETOED] = "client_vetoed",
	[CLIENTS_LEFT] = "clients_left",
	[CLIENTS_LEFT_INSIDE] = "clients_left_inside",
	[PROCESSOR_CALLS] = "processor_calls",
	[MEMORY_CALLS] = "memory_calls",
	[EVENT_CALLS] = "event_calls",
	[START_VETOES] = "start_vetoes",
	[REMOVE_VETOES] = "remove_vetoes",
	[REPLAY_VETOES] = "replay_vetoes",
	[POOL_ATTEMPTS] = "pool_attempts",
	[POOL_SUCCESSES] = "pool_successes",
	[POOLS_DESTROYED] = "pools_destroyed",
	[ITEMS_ACCEPTED] = "items_accepted",
	[ITEMS_REFUSED] = "items_refused",
	[ITEMS_RAN] = "items_ran",
	[ITEMS_CANCELLED] = "items_cancelled",
	[BUFFERS_TAKEN] = "buffers_taken",
	[BUFFERS_PUT] = "buffers_put",
	[BUFFERS_NONE] = "buffers_none",
	[AUDITS] = "audits",
};

static atomic_long_t counts[NR_COUNTS];
static atomic_long_t findings;

void count_up(enum torture_count count)
{
	atomic_long_inc(&counts[count]);
}

void count_add(enum torture_count count, long nr)
{
	atomic_long_add(nr, &counts[count]);
}

long counted(enum torture_count count)
{
	return atomic_long_read(&counts[count]);
}

/* What has really changed, as the watchers were told. */
static long transitions(void)
{
	return counted(PROCESSOR_EVENTS) + counted(MEMORY_EVENTS);
}

void torture_err(const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	if (atomic_long_inc_return(&findings) > LOGGED_FINDINGS)
		return;
	va_start(args, fmt);
	vaf.va = &args;
	pr_err("finding: %pV\n", &vaf);
	va_end(args);
}

static int statistics_show(struct seq_file *m, void *v)
{
	unsigned int i, cpu;

	seq_printf(m, "seed %lu\n", seed);
	seq_printf(m, "findings %ld\n", atomic_long_read(&findings));
	seq_printf(m, "transitions %ld\n", transitions());
	for (i = 0; i < NR_COUNTS; i++)
		seq_printf(m, "%s %ld\n", count_names[i], counted(i));
	for_each_present_cpu(cpu)
		seq_printf(m, "vetoes_of_cpu%u %u\n", cpu, oracle_vetoes(cpu));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(statistics);

/* What was begun has to have come to an end that is allowed: one of two, if @other is one. */
static void check_sums(void)
{
	static const struct {
		enum torture_count whole, part, other;
	} sums[] = {
		{ ONLINE_ATTEMPTS, ONLINE_SUCCESSES, ONLINE_VETOED },
		{ OFFLINE_ATTEMPTS, OFFLINE_SUCCESSES, OFFLINE_VETOED },
		{ CLIENT_ATTEMPTS, CLIENT_SUCCESSES, CLIENT_VETOED },
		{ CLIENT_SUCCESSES, CLIENTS_LEFT, CLIENTS_LEFT_INSIDE },
		{ POOL_ATTEMPTS, POOL_SUCCESSES, NR_COUNTS },
		{ POOL_SUCCESSES, POOLS_DESTROYED, NR_COUNTS },
		{ ITEMS_ACCEPTED, ITEMS_RAN, ITEMS_CANCELLED },
		{ BUFFERS_TAKEN, BUFFERS_PUT, NR_COUNTS },
	};
	unsigned int i;
	long sum;

	for (i = 0; i < ARRAY_SIZE(sums); i++) {
		sum = counted(sums[i].part);
		if (sums[i].other != NR_COUNTS)
			sum += counted(sums[i].other);
		if (counted(sums[i].whole) != sum)
			torture_err("%s %ld, but %ld came to an end that is allowed",
				    count_names[sums[i].whole], counted(sums[i].whole), sum);
	}
}

/* Attempts, successes, and what was vetoed, where there is such a thing. */
static void print_summary(void)
{
	long found = atomic_long_read(&findings);

	pr_alert("End of test: %s: seed=%lu transitions=%ld (processors=%ld memory=%ld) online=%ld/%ld/%ld offline=%ld/%ld/%ld clients=%ld/%ld/%ld calls=%ld/%ld/%ld vetoes=%ld/%ld/%ld pools=%ld/%ld items=%ld/%ld/%ld buffers=%ld/%ld audits=%ld findings=%ld\n",
		 found ? "FAILURE" : "SUCCESS", seed, transitions(),
		 counted(PROCESSOR_EVENTS), counted(MEMORY_EVENTS),
		 counted(ONLINE_ATTEMPTS), counted(ONLINE_SUCCESSES), counted(ONLINE_VETOED),
		 counted(OFFLINE_ATTEMPTS), counted(OFFLINE_SUCCESSES), counted(OFFLINE_VETOED),
		 counted(CLIENT_ATTEMPTS), counted(CLIENT_SUCCESSES), counted(CLIENT_VETOED),
		 counted(PROCESSOR_CALLS), counted(EVENT_CALLS), counted(MEMORY_CALLS),
		 counted(START_VETOES), counted(REMOVE_VETOES), counted(REPLAY_VETOES),
		 counted(POOL_ATTEMPTS), counted(POOL_SUCCESSES),
		 counted(ITEMS_ACCEPTED), counted(ITEMS_RAN), counted(ITEMS_CANCELLED),
		 counted(BUFFERS_TAKEN), counted(BUFFERS_PUT), counted(AUDITS), found);
}

/* ---- Threads ------------------------------------------------------------- */

static unsigned int one = 1;

static const struct {
	const char *name;
	unsigned int *nr;
	void (*run)(struct torture_thread *thread);
} kinds[] = {
	{ "clients",	&client_threads,	torture_clients_run },
	{ "pools",	&pool_threads,		torture_pools_run },
	{ "onoff",	&onoff_threads,		torture_onoff_run },
	{ "audit",	&one,			oracle_audit },
};

static struct torture_thread *threads;
static unsigned int nr_threads;
static struct dentry *directory;

/* Far from those of other numbers of the same seed, and of this number of the next seed. */
void torture_seed(struct rnd_state *random, u64 number)
{
	prandom_seed_state(random, (u64)seed * 1000003 + number * 7919);
}

/* Up to that long, unless it is to stop. */
void torture_pause(struct torture_thread *thread, unsigned int max_ms)
{
	long timeout = msecs_to_jiffies(draw(&thread->random, max_ms) + 1);

	set_current_state(TASK_IDLE);
	if (!kthread_should_stop())
		schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
}

static int thread_main(void *data)
{
	struct torture_thread *thread = data;

	thread->run(thread);
	return 0;
}

static void stop_threads(void)
{
	while (nr_threads)
		kthread_stop(threads[--nr_threads].task);
	kfree(threads);
}

static int start_threads(void)
{
	struct torture_thread *thread;
	unsigned int kind, i, nr = 0;
	int ret;

	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		nr += *kinds[kind].nr;
	threads = kcalloc(nr, sizeof(*threads), GFP_KERNEL);
	if (!threads)
		return -ENOMEM;
	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		for (i = 0; i < *kinds[kind].nr; i++) {
			thread = &threads[nr_threads];
			thread->number = i;
			thread->run = kinds[kind].run;
			torture_seed(&thread->random, nr_threads);
			thread->task = kthread_run(thread_main, thread, "torture_%s/%u",
						   kinds[kind].name, i);
			if (IS_ERR(thread->task))
				goto stop;
			nr_threads++;
		}
	}
	return 0;

stop:
	ret = PTR_ERR(thread->task);
	stop_threads();
	return ret;
}

/* ---- Begin and end ------------------------------------------------------- */

static int __init dhp_torture_init(void)
{
	int ret;

	if (client_threads > 64 || pool_threads > 64 || onoff_threads > 64) {
		pr_err("client_threads=%u pool_threads=%u onoff_threads=%u: 64 of each are the most\n",
		       client_threads, pool_threads, onoff_threads);
		return -EINVAL;
	}
	if (torture_veto_permille > 1000) {
		pr_err("veto_permille=%u is more than 1000\n", torture_veto_permille);
		return -EINVAL;
	}
	ret = torture_onoff_init();
	if (ret) {
		pr_err("no processor here can be taken offline\n");
		return ret;
	}
	ret = oracle_init();
	if (ret)
		return ret;
	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("statistics", 0400, directory, NULL, &statistics_fops);
	pr_info("begins: seed=%lu client_threads=%u pool_threads=%u onoff_threads=%u veto_permille=%u\n",
		seed, client_threads, pool_threads, onoff_threads, torture_veto_permille);
	ret = start_threads();
	if (ret)
		goto remove_directory;
	return 0;

remove_directory:
	debugfs_remove_recursive(directory);
	torture_clients_exit();
	oracle_exit();
	return ret;
}

static void __exit dhp_torture_exit(void)
{
	stop_threads();
	debugfs_remove_recursive(directory);
	oracle_check_end();
	torture_clients_exit();
	oracle_exit();
	check_sums();
	print_summary();
}

module_init(dhp_torture_init);
module_exit(dhp_torture_exit);

MODULE_DESCRIPTION("tortures dhp, for its selftests");
MODULE_LICENSE("GPL");
