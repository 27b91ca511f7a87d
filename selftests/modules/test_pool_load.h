/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools under load: the command `load`. */
#ifndef _TEST_POOL_LOAD_H
#define _TEST_POOL_LOAD_H

struct command;
struct pool_user;

void load_stop(struct pool_user *user);

/* Command */
int pool_load(const struct command *command);

#endif /* _TEST_POOL_LOAD_H */
