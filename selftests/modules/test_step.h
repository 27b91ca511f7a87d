/* SPDX-License-Identifier: GPL-2.0-only */
/* A step of the CPU hotplug state machine that fails. */
#ifndef _TEST_STEP_H
#define _TEST_STEP_H

struct command;

int step_control(const struct command *command);
void step_remove(void);

#endif /* _TEST_STEP_H */
