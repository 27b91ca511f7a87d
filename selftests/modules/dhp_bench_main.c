// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's frame: who may be run, how rounds are made of blocks, and where the
 * results are. What is measured is in the other files.
 *
 *	/sys/kernel/debug/dhp_bench/run		"NAME [ROUNDS]" runs a benchmark
 *	/sys/kernel/debug/dhp_bench/mark	a name: the time of the write is a result
 *	/sys/kernel/debug/dhp_bench/results	a line each: NAME SIDE OPS VALUE...
 *
 * A value is one round's, the sum of its blocks for OPS operations; whoever reads makes
 * medians of them. Times are nanoseconds of the guest's clock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dhp_bench.h"

#define ROUNDS_DEFAULT 15
#define ROUNDS_MAX 255

struct result {
	struct list_head node;
	char name[40];
	char side[24];
	unsigned int ops;
	unsigned int nr;
	u64 values[ROUNDS_MAX];
};

static DEFINE_MUTEX(run_mutex); /* one benchmark at a time */
static DEFINE_MUTEX(result_mutex);
static LIST_HEAD(results);
static struct dentry *bench_dir;

/* ---- Results ------------------------------------------------------------- */

static struct result *find_result(const char *name, const char *side)
{
	struct result *result;

	list_for_each_entry(result, &results, node)
		if (!strcmp(result->name, name) && !strcmp(result->side, side))
			return result;
	return NULL;
}

/* Adds a round's value to those of @side of @name. */
int bench_record(const char *name, const char *side, unsigned int ops, u64 value)
{
	struct result *result;
	int err = 0;

	mutex_lock(&result_mutex);
	result = find_result(name, side);
	if (!result) {
		result = kzalloc(sizeof(*result), GFP_KERNEL);
		if (!result) {
			err = -ENOMEM;
			goto unlock;
		}
		strscpy(result->name, name, sizeof(result->name));
		strscpy(result->side, side, sizeof(result->side));
		list_add_tail(&result->node, &results);
	}
	result->ops = ops;
	if (result->nr < ROUNDS_MAX)
		result->values[result->nr++] = value;
	else
		err = -ENOSPC;
unlock:
	mutex_unlock(&result_mutex);
	return err;
}

static int results_show(struct seq_file *m, void *unused)
{
	struct result *result;
	unsigned int i;

	mutex_lock(&result_mutex);
	list_for_each_entry(result, &results, node) {
		seq_printf(m, "%s %s %u", result->name, result->side, result->ops);
		for (i = 0; i < result->nr; i++)
			seq_printf(m, " %llu", result->values[i]);
		seq_putc(m, '\n');
	}
	mutex_unlock(&result_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static void free_results(void)
{
	struct result *result, *next;

	list_for_each_entry_safe(result, next, &results, node)
		kfree(result);
}

/* ---- Rounds -------------------------------------------------------------- */

static int one_round(const struct bench_block *block, bool counts)
{
	u64 ns[ARRAY_SIZE(block->sides)] = { 0 };
	unsigned int turn, side;
	int err = 0;

	for (turn = 0; turn < BENCH_TURNS; turn++) {
		for (side = 0; side < ARRAY_SIZE(ns) && block->sides[side].run; side++) {
			err = block->sides[side].run(block, &ns[side]);
			if (err)
				return err;
			cond_resched();
		}
	}
	for (side = 0; counts && side < ARRAY_SIZE(ns) && block->sides[side].run; side++) {
		err = bench_record(block->name, block->sides[side].name,
				   block->ops * BENCH_TURNS, ns[side]);
		if (err)
			return err;
	}
	return 0;
}

int bench_blocks(const struct bench_block *blocks, unsigned int nr, unsigned int rounds)
{
	unsigned int i, round;
	int err;

	for (i = 0; i < nr; i++) {
		for (round = 0; round < BENCH_WARM_UP + rounds; round++) {
			err = one_round(&blocks[i], round >= BENCH_WARM_UP);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Returns when nothing is pending in dhp any more. */
int bench_settle(void)
{
	struct file *file = filp_open("/sys/kernel/dhp/settle", O_RDONLY, 0);
	char text[24];
	loff_t pos = 0;
	ssize_t ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = kernel_read(file, text, sizeof(text), &pos);
	filp_close(file, NULL);
	return ret < 0 ? ret : 0;
}

/* ---- Tracepoints --------------------------------------------------------- */

static void match_probe(struct tracepoint *tp, void *data)
{
	struct bench_probe *probe = data;

	if (!strcmp(tp->name, probe->name))
		probe->tp = tp;
}

int bench_probes_add(struct bench_probe *probes, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		for_each_kernel_tracepoint(match_probe, &probes[i]);
		err = probes[i].tp ? tracepoint_probe_register(probes[i].tp, probes[i].fn, NULL) :
				     -ENOENT;
		if (err) {
			pr_err("no tracepoint %s: %d\n", probes[i].name, err);
			bench_probes_del(probes, i);
			return err;
		}
	}
	return 0;
}

void bench_probes_del(struct bench_probe *probes, unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(probes[nr].tp, probes[nr].fn, NULL);
	tracepoint_synchronize_unregister();
}

/* ---- What everything else is to be seen against --------------------------- */

static atomic_t counter;
static DEFINE_SPINLOCK(lock);

static int empty_loop(const struct bench_block *block, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < block->ops; i++)
		barrier();
	*ns += ktime_get_ns() - start;
	return 0;
}

static int atomic_loop(const struct bench_block *block, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < block->ops; i++)
		atomic_inc(&counter);
	*ns += ktime_get_ns() - start;
	return 0;
}

static int lock_loop(const struct bench_block *block, u64 *ns)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < block->ops; i++) {
		spin_lock(&lock);
		spin_unlock(&lock);
	}
	*ns += ktime_get_ns() - start;
	return 0;
}

int bench_baseline(unsigned int rounds)
{
	static const struct bench_block block = {
		.name = "baseline",
		.ops = 4096,
		.sides = {
			{ "empty", empty_loop },
			{ "atomic", atomic_loop },
			{ "spinlock", lock_loop },
		},
	};

	return bench_blocks(&block, 1, rounds);
}

/* ---- Running ------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*fn)(unsigned int rounds);
} benchmarks[] = {
	{ "baseline", bench_baseline },
	{ "work", bench_work },
	{ "latency", bench_latency },
	{ "contention", bench_contention },
	{ "buffers", bench_buffers },
	{ "notify", bench_notify },
	{ "memory", bench_memory },
	{ "watch", bench_watch },
	{ "watched", bench_watched },
};

struct run {
	int (*fn)(unsigned int rounds);
	unsigned int rounds;
	int err;
	struct completion done;
};

static int run_main(void *data)
{
	struct run *run = data;

	run->err = run->fn(run->rounds);
	complete(&run->done);
	return 0;
}

/* In an ordinary kernel thread, so that nobody's priority is different. */
static int run_bound(int (*fn)(unsigned int rounds), unsigned int rounds)
{
	struct run run = { .fn = fn, .rounds = rounds };
	struct task_struct *task;

	init_completion(&run.done);
	task = kthread_create(run_main, &run, "dhp_bench");
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, BENCH_CPU);
	wake_up_process(task);
	wait_for_completion(&run.done);
	return run.err;
}

static int get_word(char *text, size_t size, const char __user *buf, size_t count)
{
	if (count >= size)
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	return 0;
}

static ssize_t run_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	unsigned int rounds = ROUNDS_DEFAULT, i;
	char text[40], *rest = text, *name;
	int err;

	err = get_word(text, sizeof(text), buf, count);
	if (err)
		return err;
	name = strsep(&rest, "\n ");
	if (rest && *rest && (kstrtouint(strim(rest), 10, &rounds) || !rounds ||
			      rounds > ROUNDS_MAX)) {
		pr_err("bad number of rounds \"%s\": it must be 1 to %d\n", rest, ROUNDS_MAX);
		return -EINVAL;
	}
	for (i = 0; i < ARRAY_SIZE(benchmarks); i++)
		if (!strcmp(benchmarks[i].name, name))
			break;
	if (i == ARRAY_SIZE(benchmarks)) {
		pr_err("no benchmark \"%s\"\n", name);
		return -EINVAL;
	}

	mutex_lock(&run_mutex);
	err = run_bound(benchmarks[i].fn, rounds);
	mutex_unlock(&run_mutex);
	if (err)
		pr_err("benchmark %s ended with %d\n", name, err);
	return err ?: count;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = run_write,
};

static ssize_t mark_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	u64 now = ktime_get_ns();
	char text[40];
	int err;

	err = get_word(text, sizeof(text), buf, count);
	if (!err)
		err = bench_record(strim(text), "mark", 1, now);
	return err ?: count;
}

static const struct file_operations mark_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = mark_write,
};

static int __init bench_init(void)
{
	bench_dir = debugfs_create_dir("dhp_bench", NULL);
	debugfs_create_file("run", 0200, bench_dir, NULL, &run_fops);
	debugfs_create_file("mark", 0200, bench_dir, NULL, &mark_fops);
	debugfs_create_file("results", 0400, bench_dir, NULL, &results_fops);
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(bench_dir);
	bench_watch_end();
	free_results();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Measures dhp against the kernel's own facilities");
MODULE_LICENSE("GPL");
