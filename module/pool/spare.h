/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that can hold buffers. */
#ifndef _DHP_POOL_SPARE_H
#define _DHP_POOL_SPARE_H

#include <linux/types.h>

struct page;

u64 dhp_node_pages(int nid);
struct page *dhp_alloc_spare(int nid, unsigned int order);
struct page *dhp_alloc_floor(int nid, unsigned int order);

#endif /* _DHP_POOL_SPARE_H */
