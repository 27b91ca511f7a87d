/* SPDX-License-Identifier: GPL-2.0-only */
/* Times to compare all others with. @rounds: recorded rounds. */
#ifndef _BENCH_BASELINE_H
#define _BENCH_BASELINE_H

int bench_baseline(unsigned int rounds);

#endif /* _BENCH_BASELINE_H */
