/* SPDX-License-Identifier: GPL-2.0-only */
/* Actions in the middle of a suspend. */
#ifndef _TEST_SUSPEND_H
#define _TEST_SUSPEND_H

struct command;

int suspend_control(const struct command *command);
void suspend_actions_stop(void);

#endif /* _TEST_SUSPEND_H */
