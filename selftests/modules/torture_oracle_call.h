/* SPDX-License-Identifier: GPL-2.0-only */
/* What the oracle checks in calls of every kind. */
#ifndef _TORTURE_ORACLE_CALL_H
#define _TORTURE_ORACLE_CALL_H

#include <linux/atomic.h>

void oracle_call_begin(atomic_t *running, const char *what);
void oracle_call_end(atomic_t *running);

#endif /* _TORTURE_ORACLE_CALL_H */
