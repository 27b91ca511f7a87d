/* SPDX-License-Identifier: GPL-2.0-only */
/* Which step of the CPU hotplug state machine has failed. */
#ifndef _DHP_NOTIFY_CPU_STEP_H
#define _DHP_NOTIFY_CPU_STEP_H

#include <linux/types.h>

unsigned long dhp_cpu_step_begun(void);
int dhp_cpu_step_failed(unsigned int cpu, bool add, unsigned long since, int *step);

#endif /* _DHP_NOTIFY_CPU_STEP_H */
