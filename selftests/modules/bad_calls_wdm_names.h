/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad calls of those of Windows' functions that are not notification. */
#ifndef _BAD_CALLS_WDM_NAMES_H
#define _BAD_CALLS_WDM_NAMES_H

void bad_wdm_names_calls(void);

#endif /* _BAD_CALLS_WDM_NAMES_H */
