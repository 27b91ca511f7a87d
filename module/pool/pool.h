/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rest of the module may use of the pool. */
#ifndef _DHP_POOL_POOL_H
#define _DHP_POOL_POOL_H

struct dhp_pool;
struct module;

int dhp_pools_init(void);
void dhp_pools_exit(void);
void dhp_pools_settle(void);
void dhp_pools_release_owner(struct module *owner);
void dhp_pool_remove(struct dhp_pool *pool);

#endif /* _DHP_POOL_POOL_H */
