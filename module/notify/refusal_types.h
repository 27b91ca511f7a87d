/* SPDX-License-Identifier: GPL-2.0-only */
/* What a refusal is, for the parts that note it and those that show it. */
#ifndef _DHP_NOTIFY_REFUSAL_TYPES_H
#define _DHP_NOTIFY_REFUSAL_TYPES_H

#include <linux/types.h>

#include "client.h"
#include "dhp.h"
#include "pages.h"

/**
 * struct dhp_attempt - an attempt to bring one CPU or memory block online, or take it offline
 * @category: %DHP_PROCESSOR or %DHP_MEMORY
 * @add: online, not offline
 * @cpu: the CPU
 * @start_pfn: first page of the memory
 * @nr_pages: its length
 */
struct dhp_attempt {
	enum dhp_category category;
	bool add;
	unsigned int cpu;
	unsigned long start_pfn;
	unsigned long nr_pages;
};

/* Who has refused; dhp_refusal_by_name() has the names. */
enum dhp_refusal_by { DHP_BY_KERNEL, DHP_BY_CLIENT, DHP_BY_STEP, DHP_BY_NOTIFIER };

/**
 * struct dhp_refusal - one refusal
 * @seq: its number
 * @time_ns: when it was refused
 * @attempt: what was refused
 * @by: who has refused it
 * @name: the name of the client or of the step; for a notifier "before" or "behind", which says
 *	whether it is called before or after that of dhp; empty for the kernel
 * @step: the number of the step
 * @err: the errno that the attempt ended with
 * @counted: @pages is valid
 * @pages: those that are in the way
 */
struct dhp_refusal {
	u64 seq;
	u64 time_ns;
	struct dhp_attempt attempt;
	enum dhp_refusal_by by;
	char name[DHP_NAME_LEN];
	int step;
	int err;
	bool counted;
	struct dhp_pages pages;
};

#endif /* _DHP_NOTIFY_REFUSAL_TYPES_H */
