/* SPDX-License-Identifier: GPL-2.0-only */
/* Scripts: what the callbacks of a client do besides logging. */
#ifndef _TEST_SCRIPT_H
#define _TEST_SCRIPT_H

#include <linux/types.h>

#include "dhp.h"
#include "test_client.h"

/*
 * States of CPUs and memory, kinds of events, calls of rebalance clients, which have START in
 * common with CPUs, and questions. The first six are enum dhp_processor_state, and enum
 * dhp_memory_state, which has the same names.
 */
enum {
	START = DHP_PROCESSOR_START,
	ARRIVAL = DHP_PROCESSOR_REMOVE_FAILURE + 1,
	REMOVAL,
	QUERY_STOP,
	STOP,
	QUERY,
	NR_STATES
};

enum argument { NONE, NAME, NUMBER };

/**
 * struct action - what a script can do
 * @word: its name in commands
 * @argument: the argument that it needs
 * @vetoes: it writes its argument into the status
 * @events_only: it is possible only in the callback of an event or of a rebalance client
 * @run: does it
 */
struct action {
	const char *word;
	enum argument argument;
	bool vetoes;
	bool events_only;
	void (*run)(struct client *c, const char *arg, int *status);
};

struct command;

const char *state_name(unsigned int state);
int script_add(const struct command *command, const struct action *action, const char *arg);
void scripts_run(struct client *c, unsigned int state, long what, int *status);
long script_number(const char *arg);
int scripts_foresee(struct client *c, unsigned int state, long what);
void scripts_reset(void);
void scripts_abandon(void);

#endif /* _TEST_SCRIPT_H */
