/* SPDX-License-Identifier: GPL-2.0-only */
/* Buffers: no buffer may have two owners. */
#ifndef _TEST_POOL_BUFFERS_H
#define _TEST_POOL_BUFFERS_H

#include <linux/types.h>

struct command;
struct list_head;
struct pool_user;

bool buffer_get(struct pool_user *user, struct list_head *buffers);
void buffer_put_first(struct pool_user *user, struct list_head *buffers);

/* Commands */
int buffers_get(const struct command *command);
int buffers_put(const struct command *command);
int buffers_watch(const struct command *command);
int buffers_misuse(const struct command *command);

#endif /* _TEST_POOL_BUFFERS_H */
