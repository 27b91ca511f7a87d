/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad calls of the functions of dhp.h. */
#ifndef _BAD_CALLS_NOTIFY_H
#define _BAD_CALLS_NOTIFY_H

void bad_notify_calls(void);

#endif /* _BAD_CALLS_NOTIFY_H */
