/* SPDX-License-Identifier: GPL-2.0-only */
/* Processor clients: they log their calls and run the scripts. */
#ifndef _TEST_PROCESSOR_CLIENT_H
#define _TEST_PROCESSOR_CLIENT_H

#include <linux/types.h>

struct command;

/* @none: without a callback, which dhp must refuse. */
int processor_client_register(const char *name, unsigned int flags, bool none, bool probe);

/* Commands */
int processor_client(const struct command *command);
int processor_client_bulk(const struct command *command);

#endif /* _TEST_PROCESSOR_CLIENT_H */
