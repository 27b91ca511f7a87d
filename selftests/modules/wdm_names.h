/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checks of Windows' names share. */
#ifndef _WDM_NAMES_H
#define _WDM_NAMES_H

#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "ntddk.h"
#include "poclass.h"
#include "wdm.h"
#include "wdmguid.h"

void wdm_expect(bool holds, const char *what, long long value, int line);

/* With VALUE in the message if it does not hold */
#define EXPECT_WITH(value, condition) \
	wdm_expect(condition, #condition, (long long)(value), __LINE__)
#define EXPECT(condition) EXPECT_WITH(0, condition)

/* Poll CONDITION for at most 30 s; it must hold then. */
#define AWAIT(condition)						\
do {									\
	unsigned long __end = jiffies + 30 * HZ;			\
	bool __holds;							\
									\
	while (!(__holds = (condition)) && time_before(jiffies, __end))	\
		schedule_timeout_uninterruptible(1);			\
	wdm_expect(__holds, #condition, 0, __LINE__);			\
} while (0)

/* A CPU that is online and can go offline, perhaps this one; nr_cpu_ids if there is none. */
unsigned int wdm_other_cpu(void);

void check_small(void);
void check_memory(void);
void check_lock(void);
void check_affinity(void);
void check_affinity_thread(void);
void check_affinity_worker(void);
void check_affinity_offline(void);
int try_affinity(void);
int try_memory(void);
void check_dpc(void);
void check_dpc_order(void);
void check_dpc_everywhere(void);
void check_dpc_memory(void);
void check_dpc_crowd(void);
void check_dpc_offline(void);
void check_dpc_churn(void);
void leave_dpc(void);
void leave_running_dpc(void);
void leave_dpcs_hopping(void);
void check_event(void);
void check_event_timeout(void);
void check_event_crowd(void);
void check_event_stack(void);
void check_event_race(void);

#endif /* _WDM_NAMES_H */
