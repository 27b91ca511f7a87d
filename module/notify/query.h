/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions: may a CPU, or memory, come or go? */
#ifndef _DHP_NOTIFY_QUERY_H
#define _DHP_NOTIFY_QUERY_H

#include "dhp_query.h"

const char *dhp_query_nonsense(const struct dhp_query *query);

#endif /* _DHP_NOTIFY_QUERY_H */
