// SPDX-License-Identifier: GPL-2.0-only
/* The log of calls. It has no size limit, as a test compares all of it. */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "test_log.h"

struct line {
	struct list_head node;
	char text[];
};

static DEFINE_MUTEX(log_lock);	/* callers may hold any other lock of this module */
static LIST_HEAD(lines);
static bool closed;

void log_line(const char *fmt, ...)
{
	struct line *line;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);

	/* Fault injection must not make this allocation fail. */
	line = kmalloc(sizeof(*line) + length + 1, GFP_KERNEL | __GFP_NOFAIL);
	va_start(args, fmt);
	vsnprintf(line->text, length + 1, fmt, args);
	va_end(args);

	mutex_lock(&log_lock);
	if (closed)
		kfree(line);
	else
		list_add_tail(&line->node, &lines);
	mutex_unlock(&log_lock);
}

void log_clear(void)
{
	struct line *line, *next;

	mutex_lock(&log_lock);
	list_for_each_entry_safe(line, next, &lines, node)
		kfree(line);
	INIT_LIST_HEAD(&lines);
	mutex_unlock(&log_lock);
}

/* Calls may come until the module is freed, and nothing would free their lines. */
void log_close(void)
{
	mutex_lock(&log_lock);
	closed = true;
	mutex_unlock(&log_lock);
	log_clear();
}

static void *log_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&log_lock);
	return seq_list_start(&lines, *pos);
}

static void *log_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seq_list_next(v, &lines, pos);
}

static void log_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&log_lock);
}

static int log_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", list_entry(v, struct line, node)->text);
	return 0;
}

const struct seq_operations log_seq_operations = {
	.start = log_start,
	.next = log_next,
	.stop = log_stop,
	.show = log_show,
};
