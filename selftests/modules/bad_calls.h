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
void tally(bool bad, bool holds, const char *what, long long value, int line);

/* A bad call: CONDITION has its answer, and VALUE is what tells it from others in a loop. */
#define TRY_WITH(value, condition) \
	tally(true, condition, #condition, (long long)(value), __LINE__)
#define TRY(condition) TRY_WITH(0, condition)

/* A good one between them, which is not counted; or what one of them must have left as it was. */
#define MUST_WITH(value, condition) \
	tally(false, condition, #condition, (long long)(value), __LINE__)
#define MUST(condition) MUST_WITH(0, condition)

void bad_wdm_calls(void);

#endif /* _BAD_CALLS_H */
