/* SPDX-License-Identifier: GPL-2.0-only */
/* The pool as a client of dhp. */
#ifndef _DHP_POOL_FOLLOW_H
#define _DHP_POOL_FOLLOW_H

#include "types.h"

int dhp_follow_cpus(struct dhp_pool *pool);
void dhp_unfollow_cpus(struct dhp_pool *pool);
int dhp_follow_memory(struct dhp_pool *pool);
void dhp_unfollow_memory(struct dhp_pool *pool);

#endif /* _DHP_POOL_FOLLOW_H */
