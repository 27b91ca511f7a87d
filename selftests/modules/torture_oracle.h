/* SPDX-License-Identifier: GPL-2.0-only */
/* The two event clients that get every event, and the final check. */
#ifndef _TORTURE_ORACLE_H
#define _TORTURE_ORACLE_H

int oracle_init(void);
void oracle_check_end(void);
void oracle_exit(void);

#endif /* _TORTURE_ORACLE_H */
