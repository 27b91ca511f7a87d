/* SPDX-License-Identifier: GPL-2.0-only */
/* What questions need of synchronous CPU notification. The rest of the module uses notify.h. */
#ifndef _DHP_NOTIFY_PROCESSOR_H
#define _DHP_NOTIFY_PROCESSOR_H

#include <linux/types.h>

void dhp_processor_turn_begin(void);
void dhp_processor_turn_end(void);

/* In a turn. */
bool dhp_processor_halfway(unsigned int cpu);
bool dhp_processor_suspended(void);

#endif /* _DHP_NOTIFY_PROCESSOR_H */
