/* SPDX-License-Identifier: GPL-2.0-only */
/* Creates and destroys pools. */
#ifndef _TEST_POOL_H
#define _TEST_POOL_H

struct command;

void pool_destroy_inside(const char *name);
void pools_reset(void);
void pools_abandon(void);

/* Commands */
int pool_create(const struct command *command);
int pool_destroy(const struct command *command);
int pool_destroy_system(const struct command *command);
int pool_rest(const struct command *command);

#endif /* _TEST_POOL_H */
