/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory clients: they log their calls and run the scripts. */
#ifndef _TEST_MEMORY_CLIENT_H
#define _TEST_MEMORY_CLIENT_H

#include <linux/types.h>

struct command;

/* @none: without a callback, which dhp must refuse. */
int memory_client_register(const char *name, unsigned int flags, bool none);

/* Commands */
int memory_client(const struct command *command);

#endif /* _TEST_MEMORY_CLIENT_H */
