/* SPDX-License-Identifier: GPL-2.0-only */
/* How many buffers a pool has. */
#ifndef _DHP_POOL_BUFFER_RESIZE_H
#define _DHP_POOL_BUFFER_RESIZE_H

#include "types.h"

struct dhp_buffer_counts {
	unsigned long nr;
	unsigned long in_use;
	unsigned long size_bytes;
};

int dhp_buffers_init(struct dhp_pool *pool, const struct dhp_pool_config *config);
int dhp_buffers_start(struct dhp_pool *pool);
void dhp_buffers_stop(struct dhp_pool *pool);
void dhp_buffers_exit(struct dhp_pool *pool);
void dhp_buffers_kick(struct dhp_pool *pool);
void dhp_buffers_settle(struct dhp_pool *pool);
void dhp_buffers_counts(struct dhp_pool *pool, struct dhp_buffer_counts *counts);

#endif /* _DHP_POOL_BUFFER_RESIZE_H */
