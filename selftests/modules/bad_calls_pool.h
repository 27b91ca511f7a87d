/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad calls of the functions of dhp_pool.h. */
#ifndef _BAD_CALLS_POOL_H
#define _BAD_CALLS_POOL_H

void bad_pool_calls(void);

#endif /* _BAD_CALLS_POOL_H */
