/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools, created, used and destroyed at random. */
#ifndef _TORTURE_POOL_H
#define _TORTURE_POOL_H

struct torture_thread;

void torture_pools_run(struct torture_thread *thread);

#endif /* _TORTURE_POOL_H */
