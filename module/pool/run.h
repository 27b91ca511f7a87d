/* SPDX-License-Identifier: GPL-2.0-only */
/* What a worker's thread does. */
#ifndef _DHP_POOL_RUN_H
#define _DHP_POOL_RUN_H

#include "types.h"

int dhp_worker_main(void *data);
struct dhp_worker *dhp_worker_current(struct dhp_pool *pool);

#endif /* _DHP_POOL_RUN_H */
