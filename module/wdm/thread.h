/* SPDX-License-Identifier: GPL-2.0-only */
/* The thread that makes all synchronous calls of drivers with Windows' names. */
#ifndef _DHP_WDM_THREAD_H
#define _DHP_WDM_THREAD_H

int dhp_wdm_thread_start(void);
void dhp_wdm_thread_stop(void);
void dhp_wdm_thread_call(void (*fn)(void *data), void *data);

#endif /* _DHP_WDM_THREAD_H */
