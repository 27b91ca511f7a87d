/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands `veto` and `inside`: what a callback does. */
#ifndef _TEST_ACTION_H
#define _TEST_ACTION_H

struct command;

int action_veto(const struct command *command);
int action_inside(const struct command *command);

#endif /* _TEST_ACTION_H */
