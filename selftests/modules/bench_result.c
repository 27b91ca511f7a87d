// SPDX-License-Identifier: GPL-2.0-only
/*
 * The results of all benchmarks: a series of values for each side of each benchmark, one value a
 * round. Prints them as lines NAME SIDE OPS VALUE...; the reader computes medians.
 */
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"
#include "bench_result.h"

struct result {
	struct list_head node;
	char name[40];
	char side[24];
	unsigned int ops;
	unsigned int nr;
	u64 values[BENCH_ROUNDS_MAX];
};

static DEFINE_MUTEX(result_mutex);
static LIST_HEAD(results);

static struct result *find_result(const char *name, const char *side)
{
	struct result *result;

	list_for_each_entry(result, &results, node)
		if (!strcmp(result->name, name) && !strcmp(result->side, side))
			return result;
	return NULL;
}

/* Appends a round's value to the series of @side in @name. */
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
	if (result->nr < BENCH_ROUNDS_MAX)
		result->values[result->nr++] = value;
	else
		err = -ENOSPC;
unlock:
	mutex_unlock(&result_mutex);
	return err;
}

void bench_results_print(struct seq_file *m)
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
}

void bench_results_free(void)
{
	struct result *result, *next;

	list_for_each_entry_safe(result, next, &results, node)
		kfree(result);
}
