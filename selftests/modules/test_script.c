// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scripts: what the callbacks of a client do besides logging. A script belongs to the name of a
 * client, so it can exist before the client and its replay. The actions themselves are in
 * test_action.c.
 */
#include <linux/atomic.h>
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dhp_names.h"
#include "test_command.h"
#include "test_log.h"
#include "test_script.h"

/**
 * struct script - an action, and when to do it
 * @node: in the list of all scripts
 * @action: the action
 * @name: name of the client; its memory is behind @arg
 * @state: the state in which to do it
 * @what: the CPU, or the physical address of the range, for which to do it; -1: any
 * @count: how many more times; -1: always
 * @last_call: the last call in which it was done
 * @arg: argument of the action
 */
struct script {
	struct list_head node;
	const struct action *action;
	const char *name;
	unsigned int state;
	long what;
	long count;
	u64 last_call;
	char arg[];
};

#define STATE_NAME(state) \
	[DHP_PROCESSOR_##state] = #state,

static const char * const state_names[NR_STATES] = {
	DHP_PROCESSOR_STATES(STATE_NAME)
	[ARRIVAL] = "ARRIVAL",
	[REMOVAL] = "REMOVAL",
	[QUERY_STOP] = "QUERY_STOP",
	[STOP] = "STOP",
	[QUERY] = "QUERY",
};

static DEFINE_MUTEX(scripts_lock);
static LIST_HEAD(scripts);	/* until a reset, when no callback runs any more */
static atomic64_t calls;

const char *state_name(unsigned int state)
{
	return state_names[state];
}

/* The words in commands are the names in lower case. */
static bool names_state(const char *word, unsigned int state)
{
	const char *name = state_names[state];

	while (*word && *word == tolower(*name)) {
		word++;
		name++;
	}
	return !*word && !*name;
}

static bool applies(const struct script *script, const struct client *c, unsigned int state,
		    long what)
{
	return script->state == state && script->count &&
	       (script->what < 0 || script->what == what) && !strcmp(script->name, c->name);
}

static struct script *next_script(struct client *c, u64 call, unsigned int state, long what)
{
	struct script *script, *found = NULL;

	mutex_lock(&scripts_lock);
	list_for_each_entry(script, &scripts, node) {
		if (script->last_call == call || !applies(script, c, state, what))
			continue;
		script->last_call = call;
		if (script->count > 0)
			script->count--;
		found = script;
		break;
	}
	mutex_unlock(&scripts_lock);
	return found;
}

/* The number in an argument, which script_add() has checked. */
long script_number(const char *arg)
{
	long number = 0;

	return kstrtol(arg, 0, &number) ? 0 : number;
}

/* What scripts_run() would write into the status, without doing it. */
int scripts_foresee(struct client *c, unsigned int state, long what)
{
	struct script *script;
	int status = 0;

	mutex_lock(&scripts_lock);
	list_for_each_entry(script, &scripts, node)
		if (script->action->vetoes && applies(script, c, state, what))
			status = script_number(script->arg);
	mutex_unlock(&scripts_lock);
	return status;
}

void scripts_run(struct client *c, unsigned int state, long what, int *status)
{
	u64 call = atomic64_inc_return(&calls);
	struct script *script;

	while ((script = next_script(c, call, state, what))) {
		if (script->action->events_only && c->kind != EVENT && c->kind != REBALANCE)
			log_line("%s !%s: only from inside an event", c->name,
				 script->action->word);
		else
			script->action->run(c, script->arg, status);
	}
}

int script_add(const struct command *command, const struct action *action, const char *arg)
{
	const char *word = option(command, "state");
	const char *cpu_word = option(command, "cpu");
	const char *start_word = option(command, "start");
	long what = -1, count = 1, number;
	size_t arg_size, name_size;
	struct script *script;
	unsigned int state;
	int err = 0;

	if (!word)
		return complain(-EINVAL, "state= is missing");
	for (state = 0; state < NR_STATES; state++)
		if (names_state(word, state))
			break;
	if (state == NR_STATES)
		return complain(-EINVAL, "state=%.40s is not a state; see test_script.c", word);
	if (cpu_word && strcmp(cpu_word, "any"))
		err = number_option(command, "cpu", &what);
	else if (start_word && kstrtol(start_word, 0, &what))
		err = complain(-EINVAL, "start=%.40s is not a physical address", start_word);
	if (!err)
		err = number_option(command, "count", &count);
	if (err)
		return err;
	if (count < 0)
		return complain(-EINVAL, "count=%ld must not be negative", count);
	if (!arg && action->argument != NONE)
		return complain(-EINVAL, "%s: arg=%s is missing", action->word,
				action->argument == NAME ? "NAME" : "NUMBER");
	if (arg && action->argument == NUMBER && kstrtol(arg, 0, &number))
		return complain(-EINVAL, "%s: arg=%.40s is not a number", action->word, arg);

	arg_size = (arg ? strlen(arg) : 0) + 1;
	name_size = strlen(command->name) + 1;
	script = kzalloc(sizeof(*script) + arg_size + name_size, GFP_KERNEL);
	if (!script)
		return complain(-ENOMEM, "no memory for another script");
	if (arg)
		strscpy(script->arg, arg, arg_size);
	strscpy(script->arg + arg_size, command->name, name_size);
	script->name = script->arg + arg_size;
	script->action = action;
	script->state = state;
	script->what = what;
	script->count = count ? count : -1;

	mutex_lock(&scripts_lock);
	list_add_tail(&script->node, &scripts);
	mutex_unlock(&scripts_lock);
	return 0;
}

/* No callback may run any more. */
void scripts_reset(void)
{
	struct script *script, *next;

	mutex_lock(&scripts_lock);
	list_for_each_entry_safe(script, next, &scripts, node)
		kfree(script);
	INIT_LIST_HEAD(&scripts);
	mutex_unlock(&scripts_lock);
}

/* Callbacks may use them until the module is freed, so they must stay. */
void scripts_abandon(void)
{
	struct script *script;

	mutex_lock(&scripts_lock);
	list_for_each_entry(script, &scripts, node)
		kmemleak_not_leak(script);
	mutex_unlock(&scripts_lock);
}
