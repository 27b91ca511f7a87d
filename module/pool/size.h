/* SPDX-License-Identifier: GPL-2.0-only */
/* The size of a pool, as the tracepoint shows it. */
#ifndef _DHP_POOL_SIZE_H
#define _DHP_POOL_SIZE_H

#include "types.h"

void dhp_size_init(struct dhp_pool *pool);
void dhp_size_changed(struct dhp_pool *pool);

#endif /* _DHP_POOL_SIZE_H */
