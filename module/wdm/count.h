/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting CPUs in Windows' way. */
#ifndef _DHP_WDM_COUNT_H
#define _DHP_WDM_COUNT_H

#include "wdm.h"

PROCESSOR_NUMBER dhp_wdm_number(unsigned int cpu);

#endif /* _DHP_WDM_COUNT_H */
