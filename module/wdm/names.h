/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What main.c does with those of Windows' names that are not notification; drivers use
 * include/wdm.h.
 */
#ifndef _DHP_WDM_NAMES_H
#define _DHP_WDM_NAMES_H

struct module;

int dhp_dpc_init(void);
void dhp_dpc_exit(void);
void dhp_dpc_free_owner(struct module *owner);
void dhp_affinity_exit(void);

#endif /* _DHP_WDM_NAMES_H */
