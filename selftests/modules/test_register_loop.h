/* SPDX-License-Identifier: GPL-2.0-only */
/* Clients that register and unregister, again and again. */
#ifndef _TEST_REGISTER_LOOP_H
#define _TEST_REGISTER_LOOP_H

struct command;

int register_loop_control(const struct command *command);
void register_loop_stop(void);

#endif /* _TEST_REGISTER_LOOP_H */
