// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions: whether a question makes sense, and who answers it. The answers are in query_cpu.c
 * and query_memory.c.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/memory.h>

#include "asking.h"
#include "common.h"
#include "query.h"
#include "query_cpu.h"
#include "query_memory.h"

static bool whole_blocks(const struct dhp_query *query)
{
	u64 block = memory_block_size_bytes();

	return IS_ALIGNED(query->start, block) && IS_ALIGNED(query->size, block) &&
	       query->start + query->size > query->start;
}

/**
 * dhp_query_nonsense() - what is wrong with a question?
 * @query: the question
 *
 * Return: that, in words, or NULL for a question that can be asked.
 */
const char *dhp_query_nonsense(const struct dhp_query *query)
{
	if (query->change != DHP_QUERY_ADD && query->change != DHP_QUERY_REMOVE)
		return "the change is neither add nor remove";
	switch (query->category) {
	case DHP_PROCESSOR:
		if (query->cpu >= nr_cpu_ids || !cpu_possible(query->cpu))
			return "the CPU is not in cpu/possible";
		return NULL;
	case DHP_MEMORY:
		if (!whole_blocks(query))
			return "the range is not of whole memory blocks (memory/block_size_bytes)";
		return NULL;
	default:
		return "it is neither about a CPU nor about memory";
	}
}

int dhp_query(const struct dhp_query *query, dhp_answer_fn fn, void *context)
{
	struct dhp_asking asking = { .fn = fn, .context = context };

	if (!query || dhp_query_nonsense(query))
		return -EINVAL;
	if (dhp_refuse_inside("a question"))
		return -EDEADLK;
	asking.query = *query;
	if (query->category == DHP_PROCESSOR)
		dhp_query_cpu(&asking);
	else
		dhp_query_memory(&asking);
	return asking.refusal;
}
EXPORT_SYMBOL_GPL(dhp_query);
