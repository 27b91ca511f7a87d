/* SPDX-License-Identifier: GPL-2.0-only */
/* /sys/kernel/dhp/pools */
#ifndef _DHP_POOL_ATTRIBUTES_H
#define _DHP_POOL_ATTRIBUTES_H

#include "types.h"

int dhp_attributes_init(void);
void dhp_attributes_exit(void);
int dhp_attributes_add(struct dhp_pool *pool);
void dhp_attributes_del(struct dhp_pool *pool);

#endif /* _DHP_POOL_ATTRIBUTES_H */
