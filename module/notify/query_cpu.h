/* SPDX-License-Identifier: GPL-2.0-only */
/* May a CPU come or go? */
#ifndef _DHP_NOTIFY_QUERY_CPU_H
#define _DHP_NOTIFY_QUERY_CPU_H

struct dhp_asking;

void dhp_query_cpu(struct dhp_asking *asking);

#endif /* _DHP_NOTIFY_QUERY_CPU_H */
