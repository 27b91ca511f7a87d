// SPDX-License-Identifier: GPL-2.0-only
/* Counts the bad calls of each kind, and the wrong answers to them. Makes no calls. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/seq_file.h>

#include "bad_calls_tally.h"

#define MAX_KINDS 32

/**
 * struct tally - the calls of one kind
 * @kind: what they have in common
 * @tried: number of bad calls
 * @wrong: number of answers that differ from what the header promises
 */
struct tally {
	const char *kind;
	unsigned int tried;
	unsigned int wrong;
};

static struct tally tallies[MAX_KINDS];
static int current_kind = -1;

void tally_begin(const char *kind)
{
	tallies[++current_kind].kind = kind;
}

void tally(bool bad, bool holds, const char *what, long long value, int line)
{
	tallies[current_kind].tried += bad;
	if (holds)
		return;
	tallies[current_kind].wrong++;
	pr_err("%s, line %d, with %lld: does not hold: %s\n", tallies[current_kind].kind, line,
	       value, what);
}

void tallies_print(struct seq_file *m)
{
	int i;

	for (i = 0; i <= current_kind; i++)
		seq_printf(m, "%s: %u %u\n", tallies[i].kind, tallies[i].tried,
			   tallies[i].wrong);
}
