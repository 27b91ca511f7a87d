/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU operation while the machine reboots. */
#ifndef _TEST_SHUTDOWN_H
#define _TEST_SHUTDOWN_H

struct command;

int shutdown_control(const struct command *command);

#endif /* _TEST_SHUTDOWN_H */
