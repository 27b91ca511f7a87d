/* SPDX-License-Identifier: GPL-2.0-only */
/* What clients add to a CPU hotplug operation. @rounds: recorded rounds. */
#ifndef _BENCH_NOTIFY_H
#define _BENCH_NOTIFY_H

int bench_notify(unsigned int rounds);

#endif /* _BENCH_NOTIFY_H */
