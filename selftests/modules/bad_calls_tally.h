/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts the bad calls of each kind, and the wrong answers to them. Makes no calls. */
#ifndef _BAD_CALLS_TALLY_H
#define _BAD_CALLS_TALLY_H

#include <linux/types.h>

struct seq_file;

void tally_begin(const char *kind);
void tally(bool bad, bool holds, const char *what, long long value, int line);
void tallies_print(struct seq_file *m);

/*
 * A bad call. CONDITION compares its answer with the one that the header promises. In a loop,
 * VALUE is the bad argument; it is printed when the answer is wrong.
 */
#define TRY_WITH(value, condition) \
	tally(true, condition, #condition, (long long)(value), __LINE__)
#define TRY(condition) TRY_WITH(0, condition)

/* What must hold between bad calls: a good call, or state that a bad call left unchanged. */
#define MUST_WITH(value, condition) \
	tally(false, condition, #condition, (long long)(value), __LINE__)
#define MUST(condition) MUST_WITH(0, condition)

#endif /* _BAD_CALLS_TALLY_H */
