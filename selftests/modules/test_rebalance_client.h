/* SPDX-License-Identifier: GPL-2.0-only */
/* Rebalance clients: they log their calls and run the scripts. */
#ifndef _TEST_REBALANCE_CLIENT_H
#define _TEST_REBALANCE_CLIENT_H

struct command;

/* @lacks: the callback that it has not; NULL: none */
int rebalance_client_register(const char *name, const char *lacks);

/* Commands */
int rebalance_client(const struct command *command);

#endif /* _TEST_REBALANCE_CLIENT_H */
