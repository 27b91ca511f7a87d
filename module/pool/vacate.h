/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that goes offline: the pool gives its chunks there back. */
#ifndef _DHP_POOL_VACATE_H
#define _DHP_POOL_VACATE_H

#include "types.h"

void dhp_vacate_start(struct dhp_pool *pool, int nid, unsigned long start_pfn,
		      unsigned long nr_pages);
void dhp_vacate_complete(struct dhp_pool *pool, int nid);
void dhp_vacate_failure(struct dhp_pool *pool, int nid, unsigned long start_pfn,
			unsigned long nr_pages);
void dhp_vacate_over(struct dhp_pool *pool);

#endif /* _DHP_POOL_VACATE_H */
