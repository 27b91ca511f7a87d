/* SPDX-License-Identifier: GPL-2.0-only */
/* Clients that answer questions, and questions. */
#ifndef _TEST_QUERY_H
#define _TEST_QUERY_H

struct command;

int query_ask_cpu(unsigned int cpu);

/* Commands */
int query_answers(const struct command *command);
int query_ask(const struct command *command);

#endif /* _TEST_QUERY_H */
