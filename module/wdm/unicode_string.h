/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows' strings. */
#ifndef _DHP_WDM_UNICODE_STRING_H
#define _DHP_WDM_UNICODE_STRING_H

#include "wdm.h"

void dhp_wdm_string(PUNICODE_STRING string, PWCHAR buffer, size_t units,
		    const char *prefix, const char *name);

#endif /* _DHP_WDM_UNICODE_STRING_H */
