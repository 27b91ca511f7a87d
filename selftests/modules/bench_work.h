/* SPDX-License-Identifier: GPL-2.0-only */
/* Work items: cost, latency and contention. @rounds: recorded rounds. */
#ifndef _BENCH_WORK_H
#define _BENCH_WORK_H

int bench_work(unsigned int rounds);
int bench_latency(unsigned int rounds);
int bench_contention(unsigned int rounds);

#endif /* _BENCH_WORK_H */
