// SPDX-License-Identifier: GPL-2.0-only
/*
 * dhp_bench: measures dhp against the kernel's own facilities. This file has the list of
 * benchmarks and the debugfs files; the other files have the benchmarks.
 *
 *	/sys/kernel/debug/dhp_bench/run		"NAME [ROUNDS]" runs a benchmark
 *	/sys/kernel/debug/dhp_bench/mark	a name: the time of the write is a result
 *	/sys/kernel/debug/dhp_bench/results	a line each: NAME SIDE OPS VALUE...
 *
 * A value belongs to one round: the sum of its blocks, for OPS operations. Times are nanoseconds of
 * the guest's clock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "bench.h"
#include "bench_baseline.h"
#include "bench_buffers.h"
#include "bench_memory.h"
#include "bench_notify.h"
#include "bench_result.h"
#include "bench_watch.h"
#include "bench_work.h"

#define ROUNDS_DEFAULT 15

static DEFINE_MUTEX(run_mutex); /* one benchmark at a time */
static struct dentry *bench_dir;

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

/* In an ordinary kernel thread, so that all sides run at the same priority. */
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
			      rounds > BENCH_ROUNDS_MAX)) {
		pr_err("bad number of rounds \"%s\": it must be 1 to %d\n", rest,
		       BENCH_ROUNDS_MAX);
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

static int results_show(struct seq_file *m, void *unused)
{
	bench_results_print(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

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
	watch_end();
	bench_results_free();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Measures dhp against the kernel's own facilities");
MODULE_LICENSE("GPL");
