/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting CPUs in Windows' way. */
#ifndef _DHP_WDM_COUNT_H
#define _DHP_WDM_COUNT_H

#include "wdm.h"

struct cpumask;

KAFFINITY dhp_wdm_group(const struct cpumask *mask, USHORT group);
PROCESSOR_NUMBER dhp_wdm_number(unsigned int cpu);

#endif /* _DHP_WDM_COUNT_H */
