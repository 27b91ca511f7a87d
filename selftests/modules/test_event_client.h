/* SPDX-License-Identifier: GPL-2.0-only */
/* Event clients: they log their calls and run the scripts. */
#ifndef _TEST_EVENT_CLIENT_H
#define _TEST_EVENT_CLIENT_H

#include <linux/types.h>

struct command;

/* @none: without a callback, which dhp must refuse. */
int event_client_register(const char *name, long category, unsigned int flags, bool none);

/* Commands */
int event_client(const struct command *command);

#endif /* _TEST_EVENT_CLIENT_H */
