/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools that are used in interrupts: the commands `ticks` and `storm`. */
#ifndef _TEST_POOL_INTERRUPTS_H
#define _TEST_POOL_INTERRUPTS_H

struct command;
struct pool_user;

void ticks_stop(struct pool_user *user);
void storm_stop(struct pool_user *user);

/* Commands */
int interrupts_ticks(const struct command *command);
int interrupts_storm(const struct command *command);

#endif /* _TEST_POOL_INTERRUPTS_H */
