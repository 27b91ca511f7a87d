/* SPDX-License-Identifier: GPL-2.0-only */
/* May memory come or go? */
#ifndef _DHP_NOTIFY_QUERY_MEMORY_H
#define _DHP_NOTIFY_QUERY_MEMORY_H

struct dhp_asking;

void dhp_query_memory(struct dhp_asking *asking);

#endif /* _DHP_NOTIFY_QUERY_MEMORY_H */
