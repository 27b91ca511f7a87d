// SPDX-License-Identifier: GPL-2.0-only
/* Counters of attempts and outcomes, and findings: what is not as the contract says. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/seq_file.h>

#include "torture_count.h"

#define LOGGED_FINDINGS 100	/* all are counted, this many are logged */

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
	[REBALANCE_CALLS] = "rebalance_calls",
	[REBALANCE_PUT_OFF] = "rebalance_put_off",
	[REBALANCE_TRIPLES] = "rebalance_triples",
	[START_VETOES] = "start_vetoes",
	[REMOVE_VETOES] = "remove_vetoes",
	[REPLAY_VETOES] = "replay_vetoes",
	[MEMORY_VETOES] = "memory_vetoes",
	[MEMORY_REPLAY_VETOES] = "memory_replay_vetoes",
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

/* Real changes of the machine: the events that the watchers got. */
long count_transitions(void)
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

long torture_findings(void)
{
	return atomic_long_read(&findings);
}

void counts_print(struct seq_file *m)
{
	unsigned int i;

	for (i = 0; i < NR_COUNTS; i++)
		seq_printf(m, "%s %ld\n", count_names[i], counted(i));
}

/* Each attempt must have one of the allowed outcomes: @part, or @other unless it is NR_COUNTS. */
void counts_check(void)
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
			torture_err("%s %ld, but only %ld have an allowed outcome",
				    count_names[sums[i].whole], counted(sums[i].whole), sum);
	}
}
