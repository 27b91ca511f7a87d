// SPDX-License-Identifier: GPL-2.0-only
/* Bad calls of the functions of dhp_query.h: questions that make no sense. */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/memory.h>

#include "bad_calls_query.h"
#include "bad_calls_tally.h"
#include "dhp.h"
#include "dhp_query.h"

static unsigned int nr_answers;

static void count(void *context, const struct dhp_answer *answer)
{
	nr_answers++;
}

static int yes(void *context, const struct dhp_query *query)
{
	return 0;
}

/* Is it refused, without an answer? */
static bool refused(const struct dhp_query *query)
{
	nr_answers = 0;
	return dhp_query(query, count, NULL) == -EINVAL && !nr_answers &&
	       dhp_query(query, NULL, NULL) == -EINVAL;
}

static void bad_words(void)
{
	static const long words[] = { -1, 2, 3, 256, 65536, INT_MAX, INT_MIN };
	struct dhp_query query;
	unsigned int i;

	TRY(refused(NULL));
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		query = (struct dhp_query){ .category = (enum dhp_category)words[i] };
		TRY_WITH(words[i], refused(&query));
		query = (struct dhp_query){ .change = (enum dhp_query_change)words[i] };
		TRY_WITH(words[i], refused(&query));
		query.category = DHP_MEMORY;
		query.size = memory_block_size_bytes();
		TRY_WITH(words[i], refused(&query));
	}
}

static void bad_cpus(void)
{
	const unsigned int cpus[] = {
		nr_cpu_ids, nr_cpu_ids + 1, 65536, INT_MAX, BIT(31), UINT_MAX
	};
	struct dhp_query query = { .category = DHP_PROCESSOR, .change = DHP_QUERY_REMOVE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpus); i++) {
		query.cpu = cpus[i];
		TRY_WITH(cpus[i], refused(&query));
	}
}

static void bad_ranges(void)
{
	const u64 block = memory_block_size_bytes();
	const struct { u64 start, size; } ranges[] = {
		{ 0, 0 }, { block, 0 }, { 1, block }, { block / 2, block }, { 0, 1 },
		{ 0, block - 1 }, { 0, block + 1 }, { 0, block / 2 }, { block - 1, block + 1 },
		{ PAGE_SIZE, block }, { 0, U64_MAX }, { U64_MAX, 1 }, { U64_MAX, block },
		{ -block, block }, { -block, 2 * block }, { block, -block }, { 2 * block, -block },
	};
	struct dhp_query query = { .category = DHP_MEMORY };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		query.start = ranges[i].start;
		query.size = ranges[i].size;
		query.change = DHP_QUERY_ADD;
		TRY_WITH(i, refused(&query));
		query.change = DHP_QUERY_REMOVE;
		TRY_WITH(i, refused(&query));
	}
}

static void bad_clients(void)
{
	static void *const no_handles[] = {
		NULL, (void *)-EINVAL, (void *)-ENOMEM, (void *)-1, (void *)-MAX_ERRNO
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(no_handles); i++) {
		TRY_WITH(i, dhp_processor_set_query(no_handles[i], yes) == -EINVAL);
		TRY_WITH(i, dhp_processor_set_query(no_handles[i], NULL) == -EINVAL);
		TRY_WITH(i, dhp_memory_set_query(no_handles[i], yes) == -EINVAL);
		TRY_WITH(i, dhp_memory_set_query(no_handles[i], NULL) == -EINVAL);
	}
}

void bad_query_calls(void)
{
	const struct dhp_query good = { .category = DHP_PROCESSOR, .change = DHP_QUERY_ADD };

	tally_begin("questions");
	bad_words();
	bad_cpus();
	bad_ranges();
	bad_clients();
	/* CPU 0 is online, so there is nothing to do. */
	nr_answers = 0;
	MUST(!dhp_query(&good, count, NULL));
	MUST(nr_answers == 1);
}
