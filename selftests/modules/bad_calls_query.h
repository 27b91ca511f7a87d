/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad calls of the functions of dhp_query.h */
#ifndef _BAD_CALLS_QUERY_H
#define _BAD_CALLS_QUERY_H

void bad_query_calls(void);

#endif /* _BAD_CALLS_QUERY_H */
