/* SPDX-License-Identifier: GPL-2.0-only */
/* What a pool does when a CPU comes or goes, and around a suspend. */
#ifndef _DHP_POOL_CPU_H
#define _DHP_POOL_CPU_H

#include "types.h"

/* With the pool's mutex held */
int dhp_cpu_start(struct dhp_pool *pool, unsigned int cpu, int nid);
void dhp_cpu_use(struct dhp_pool *pool, unsigned int cpu);
void dhp_cpu_remove_start(struct dhp_pool *pool, unsigned int cpu);
void dhp_cpu_gone(struct dhp_pool *pool, unsigned int cpu);
void dhp_cpu_update(struct dhp_pool *pool, unsigned int cpu);

/* These take it */
void dhp_cpus_init(struct dhp_pool *pool);
void dhp_cpus_exit(struct dhp_pool *pool);
int dhp_cpus_quiesce(struct dhp_pool *pool);
void dhp_cpus_resume(struct dhp_pool *pool);

#endif /* _DHP_POOL_CPU_H */
