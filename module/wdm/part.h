/* SPDX-License-Identifier: GPL-2.0-only */
/* What the rest of the module does with Windows' names; drivers use include/wdm.h. */
#ifndef _DHP_WDM_PART_H
#define _DHP_WDM_PART_H

struct module;

void dhp_wdm_exit(void);
void dhp_wdm_release_pnp(struct module *owner);
void dhp_wdm_release_processors(struct module *owner);
void dhp_wdm_free_owner(struct module *owner);

#endif /* _DHP_WDM_PART_H */
