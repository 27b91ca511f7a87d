/* SPDX-License-Identifier: GPL-2.0-only */
/* Which CPUs have been started since the system booted. */
#ifndef _DHP_NOTIFY_STARTED_H
#define _DHP_NOTIFY_STARTED_H

void dhp_started_begin(unsigned int cpu);
void dhp_started_online(unsigned int cpu);
void dhp_started_failed(unsigned int cpu);

#endif /* _DHP_NOTIFY_STARTED_H */
