/* SPDX-License-Identifier: GPL-2.0-only */
/* Work items: each must run exactly once, in order where an order is promised. */
#ifndef _TEST_POOL_ITEMS_H
#define _TEST_POOL_ITEMS_H

#include <linux/types.h>

struct command;
struct pool_user;

bool items_spread(struct pool_user *user, unsigned int *cpu, long count);
void items_cancel_kept(struct pool_user *user);

/* Commands */
int items_submit(const struct command *command);
int items_cancel(const struct command *command);
int items_flush(const struct command *command);

#endif /* _TEST_POOL_ITEMS_H */
