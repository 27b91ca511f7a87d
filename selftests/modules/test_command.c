// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses the commands that are written to the control file, and checks their words. Which commands
 * exist is in test_main.c.
 */
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "test_command.h"

static DEFINE_MUTEX(complaint_lock);
static char complaint[256];

/* Keeps the reason of a failure, for a read of the control file. Returns @error. */
int complain(int error, const char *fmt, ...)
{
	va_list args;

	mutex_lock(&complaint_lock);
	va_start(args, fmt);
	vscnprintf(complaint, sizeof(complaint), fmt, args);
	va_end(args);
	mutex_unlock(&complaint_lock);
	return error;
}

void complaint_print(struct seq_file *m)
{
	mutex_lock(&complaint_lock);
	seq_printf(m, "%s\n", complaint);
	mutex_unlock(&complaint_lock);
}

/* ---- Options -------------------------------------------------------------- */

const char *option(const struct command *command, const char *key)
{
	unsigned int i;

	for (i = 0; i < command->nr; i++)
		if (!strcmp(command->keys[i], key))
			return command->values[i];
	return NULL;
}

/* Does not change @value if there is no such option. */
int number_option(const struct command *command, const char *key, long *value)
{
	const char *text = option(command, key);

	if (!text)
		return 0;
	if (kstrtol(text, 0, value) || *value < INT_MIN || *value > INT_MAX)
		return complain(-EINVAL, "%s=%s is not a number", key, text);
	return 0;
}

static unsigned int flag_bit(const struct flag *known, const char *word)
{
	while (known->word && strcmp(known->word, word))
		known++;
	return known->bit;
}

/* flags=WORD,WORD... or a number. Does not change @flags if there is no such option. */
int flags_option(const struct command *command, const struct flag *known, unsigned int *flags)
{
	const char *text = option(command, "flags");
	char *copy, *rest, *word;
	unsigned int bit;
	int err = 0;

	if (!text || !kstrtouint(text, 0, flags))
		return 0;
	copy = kstrdup(text, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	*flags = 0;
	while (!err && (word = strsep(&rest, ","))) {
		bit = flag_bit(known, word);
		if (!bit)
			err = complain(-EINVAL, "flags: '%.40s' is not a flag of these clients",
				       word);
		*flags |= bit;
	}
	kfree(copy);
	return err;
}

/* fn=none registers without a callback. */
int fn_option(const struct command *command, bool *none)
{
	const char *text = option(command, "fn");

	*none = text;
	if (text && strcmp(text, "none"))
		return complain(-EINVAL, "fn=%.40s: only none is possible", text);
	return 0;
}

/* ---- Commands ------------------------------------------------------------- */

static bool knows(const struct verb *verb, const char *key)
{
	size_t length = strlen(key);
	const char *at = verb->keys;

	while (*at) {
		size_t word = strchr(at, ' ') - at;

		if (word == length && !strncmp(at, key, length))
			return true;
		at += word + 1;
	}
	return false;
}

static const struct verb *find_verb(const char *word, const struct verb *verbs,
				    unsigned int nr_verbs)
{
	unsigned int i;

	for (i = 0; i < nr_verbs; i++)
		if (!strcmp(verbs[i].word, word))
			return &verbs[i];
	return NULL;
}

int command_run(char *text, const struct verb *verbs, unsigned int nr_verbs)
{
	struct command command = { .name = "" };
	const struct verb *verb;
	char *word, *value;

	word = strsep(&text, " ");
	verb = find_verb(word, verbs, nr_verbs);
	if (!verb)
		return complain(-EINVAL, "unknown command '%.40s'", word);

	while (text) {
		word = strsep(&text, " ");
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value) {
			if (!verb->named || *command.name)
				return complain(-EINVAL, "%s: unexpected word '%.40s'",
						verb->word, word);
			command.name = word;
			continue;
		}
		*value++ = '\0';
		if (!knows(verb, word))
			return complain(-EINVAL, "%s: unknown option '%.40s'; known: %s",
					verb->word, word, *verb->keys ? verb->keys : "none");
		if (option(&command, word))
			return complain(-EINVAL, "%s: %s is given twice", verb->word, word);
		if (command.nr == MAX_OPTIONS)
			return complain(-EINVAL, "%s: too many options", verb->word);
		command.keys[command.nr] = word;
		command.values[command.nr++] = value;
	}
	if (verb->named && !*command.name)
		return complain(-EINVAL, "%s: the name is missing", verb->word);
	return verb->run(&command);
}
