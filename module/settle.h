/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _DHP_SETTLE_H
#define _DHP_SETTLE_H

#include <linux/types.h>

int dhp_settle(u64 *sequence);
void dhp_settle_exit(void);

#endif /* _DHP_SETTLE_H */
