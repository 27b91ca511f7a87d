/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU time that dhp and raw states of this module take during operations. */
#ifndef _BENCH_WATCH_H
#define _BENCH_WATCH_H

#include <linux/types.h>

enum owner { OTHERS, OF_DHP, OF_BENCH, NR_OWNERS };

/**
 * struct part - one owner's share of the time
 * @steps_ns: in its steps of the CPU hotplug state machine
 * @later_ns: on a CPU in its work items
 */
struct part {
	u64 steps_ns;
	u64 later_ns;
};

int watch_begin(void);
void watch_end(void);
void watch_reset(void);
int watch_settle(void);
struct part watch_part(enum owner owner);

/* Two benchmarks around operations that a script does: begin, and end and record. */
int bench_watch(unsigned int unused);
int bench_watched(unsigned int unused);

#endif /* _BENCH_WATCH_H */
