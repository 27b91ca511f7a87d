// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions and answers as text, for the file query in sysfs: a question is what was last written,
 * and each read asks it. Its grammar:
 *
 *	cpu NUMBER add|remove
 *	mem START-END add|remove	END is the last byte
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "notify.h"
#include "query.h"

/* The longest question that makes sense, and more. */
#define QUESTION_SIZE 80

/* What stays free for the last two lines. */
#define LAST_LINES_SIZE 64

static DEFINE_MUTEX(question_mutex);	/* not held while it is asked */
static struct dhp_query question;
static bool asked;

/* ---- Questions ------------------------------------------------------------ */

static int parse_change(const char *word, struct dhp_query *query)
{
	if (!strcmp(word, "add"))
		query->change = DHP_QUERY_ADD;
	else if (!strcmp(word, "remove"))
		query->change = DHP_QUERY_REMOVE;
	else
		return -EINVAL;
	return 0;
}

static int parse_range(char *word, struct dhp_query *query)
{
	char *end_word = strchr(word, '-');
	u64 start, end;

	if (!end_word)
		return -EINVAL;
	*end_word++ = '\0';
	if (kstrtou64(word, 0, &start) || kstrtou64(end_word, 0, &end) || end < start)
		return -EINVAL;
	query->start = start;
	query->size = end - start + 1;
	query->nid = NUMA_NO_NODE;
	return 0;
}

static int parse(char *text, struct dhp_query *query)
{
	char *kind = strsep(&text, " ");
	char *what = strsep(&text, " ");
	char *change = strsep(&text, " ");

	if (!change || text)
		return -EINVAL;
	if (!strcmp(kind, "cpu")) {
		query->category = DHP_PROCESSOR;
		if (kstrtouint(what, 0, &query->cpu))
			return -EINVAL;
	} else if (!strcmp(kind, "mem")) {
		query->category = DHP_MEMORY;
		if (parse_range(what, query))
			return -EINVAL;
	} else {
		return -EINVAL;
	}
	return parse_change(change, query);
}

/**
 * dhp_query_store() - set the question
 * @text: the question, with or without a newline
 *
 * Return: 0, or -EINVAL for one that is not understood or makes no sense, which the log says.
 */
int dhp_query_store(const char *text)
{
	struct dhp_query query = { };
	char words[QUESTION_SIZE];
	const char *nonsense = "write \"cpu NUMBER add|remove\" or \"mem START-END add|remove\"";
	ssize_t len = strscpy(words, text, sizeof(words));

	if (len > 0 && words[len - 1] == '\n')
		words[len - 1] = '\0';
	if (len > 0 && !parse(words, &query))
		nonsense = dhp_query_nonsense(&query);
	if (nonsense) {
		pr_warn("bad question \"%*pE\": %s\n", (int)strnlen(text, QUESTION_SIZE), text,
			nonsense);
		return -EINVAL;
	}
	mutex_lock(&question_mutex);
	question = query;
	asked = true;
	mutex_unlock(&question_mutex);
	return 0;
}

/* ---- Answers -------------------------------------------------------------- */

/**
 * struct reply - the answers as text
 * @page: the text, of PAGE_SIZE bytes
 * @len: its length
 * @nr: how many answers there are
 * @left_out: how many of them do not fit
 * @unknown: there is one that is not known
 */
struct reply {
	char *page;
	int len;
	unsigned int nr;
	unsigned int left_out;
	bool unknown;
};

static const char * const words[] = {
	[DHP_ANSWER_YES] = "yes",
	[DHP_ANSWER_NO] = "no",
	[DHP_ANSWER_UNKNOWN] = "unknown",
};

static void print_question(struct reply *reply, const struct dhp_query *query)
{
	const char *change = query->change == DHP_QUERY_ADD ? "add" : "remove";
	u64 start = query->start;

	if (query->category == DHP_PROCESSOR)
		reply->len = scnprintf(reply->page, PAGE_SIZE, "cpu %u %s\n", query->cpu, change);
	else
		reply->len = scnprintf(reply->page, PAGE_SIZE, "mem %#llx-%#llx %s\n", start,
				       start + query->size - 1, change);
}

static void print_answer(void *context, const struct dhp_answer *answer)
{
	struct reply *reply = context;
	int size = (int)PAGE_SIZE - LAST_LINES_SIZE - reply->len;
	char result[24] = "";
	int len;

	reply->nr++;
	reply->unknown |= answer->kind == DHP_ANSWER_UNKNOWN;
	if (answer->result)
		snprintf(result, sizeof(result), " %pe", ERR_PTR(answer->result));
	/* A line that does not fit is overwritten, or cut off at the end. */
	len = snprintf(reply->page + reply->len, max(size, 0), "%s %s%s%s%s\n", words[answer->kind],
		       answer->name, result, answer->reason ? ": " : "", answer->reason ?: "");
	if (len < size && !reply->left_out)
		reply->len += len;
	else
		reply->left_out++;
}

/**
 * dhp_query_show() - ask the question
 * @page: receives the answers, in at most PAGE_SIZE bytes
 *
 * Return: the length, 0 without a question; the errno of a question that cannot be asked.
 */
ssize_t dhp_query_show(char *page)
{
	struct reply reply = { .page = page };
	struct dhp_query query;
	const char *verdict;
	bool there;
	int ret;

	mutex_lock(&question_mutex);
	query = question;
	there = asked;
	mutex_unlock(&question_mutex);
	if (!there)
		return 0;

	print_question(&reply, &query);
	ret = dhp_query(&query, print_answer, &reply);
	if (!reply.nr)
		return ret;
	if (reply.left_out)
		reply.len += scnprintf(page + reply.len, PAGE_SIZE - reply.len,
				       "%u more answers do not fit here\n", reply.left_out);
	verdict = ret ? "no" : reply.unknown ? "unknown" : "yes";
	reply.len += scnprintf(page + reply.len, PAGE_SIZE - reply.len, "%s\n", verdict);
	return reply.len;
}
