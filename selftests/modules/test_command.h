/* SPDX-License-Identifier: GPL-2.0-only */
/* Parses the commands that are written to the control file, and checks their words. */
#ifndef _TEST_COMMAND_H
#define _TEST_COMMAND_H

#include <linux/compiler.h>
#include <linux/types.h>

#define MAX_OPTIONS 8

/**
 * struct command - a command, parsed
 * @name: the second word, "" if there is none
 * @keys: left sides of the KEY=VALUE words
 * @values: their right sides
 * @nr: number of KEY=VALUE words
 */
struct command {
	const char *name;
	const char *keys[MAX_OPTIONS];
	const char *values[MAX_OPTIONS];
	unsigned int nr;
};

/**
 * struct verb - a command that exists
 * @word: its first word
 * @named: it has a second word
 * @keys: the keys that it accepts, with a blank after each
 * @run: does it; returns 0 or a negative errno, whose reason complain() keeps
 */
struct verb {
	const char *word;
	bool named;
	const char *keys;
	int (*run)(const struct command *command);
};

struct seq_file;

int command_run(char *text, const struct verb *verbs, unsigned int nr_verbs);

__printf(2, 3) int complain(int error, const char *fmt, ...);
void complaint_print(struct seq_file *m);

const char *option(const struct command *command, const char *key);
int number_option(const struct command *command, const char *key, long *value);

/* A word of flags=, and what it means. A list of them ends with an empty one. */
struct flag {
	const char *word;
	unsigned int bit;
};

int flags_option(const struct command *command, const struct flag *known, unsigned int *flags);
int fn_option(const struct command *command, bool *none);

#endif /* _TEST_COMMAND_H */
