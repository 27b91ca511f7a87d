/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of dhp_bad_calls know of each other. */
#ifndef _BAD_CALLS_H
#define _BAD_CALLS_H

#include <linux/types.h>

/**
 * struct tally - how the calls of one kind went
 * @kind: what they have in common
 * @tried: how many there were
 * @wrong: to how many the answer was not what the header promises
 */
struct tally {
	const char *kind;
	unsigned int tried;
	unsigned int wrong;
};

void tally_begin(const char *kind);
void tally(bool holds, const char *what, long long value, int line);

/* One call: CONDITION has its answer, and VALUE is what tells it from others in a loop. */
#define TRY_WITH(value, condition) \
	tally(condition, #condition, (long long)(value), __LINE__)
#define TRY(condition) TRY_WITH(0, condition)

void bad_wdm_calls(void);

#endif /* _BAD_CALLS_H */
