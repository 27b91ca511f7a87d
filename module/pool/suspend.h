/* SPDX-License-Identifier: GPL-2.0-only */
/* What a suspend or a hibernation does to the pools. */
#ifndef _DHP_POOL_SUSPEND_H
#define _DHP_POOL_SUSPEND_H

int dhp_suspend_init(void);
void dhp_suspend_exit(void);

#endif /* _DHP_POOL_SUSPEND_H */
