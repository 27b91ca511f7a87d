/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad calls of the functions of wdm.h. */
#ifndef _BAD_CALLS_WDM_H
#define _BAD_CALLS_WDM_H

void bad_wdm_calls(void);

#endif /* _BAD_CALLS_WDM_H */
