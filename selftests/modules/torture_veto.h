/* SPDX-License-Identifier: GPL-2.0-only */
/* The vetoes of operations on CPUs. Those of replays do not count. */
#ifndef _TORTURE_VETO_H
#define _TORTURE_VETO_H

#include <linux/types.h>

#include "dhp.h"

int torture_veto_init(void);
void torture_veto_exit(void);

/* @state is the one in which a veto is possible: START or REMOVE_START. */
void torture_veto_begin(unsigned int cpu, enum dhp_processor_state state);
void torture_veto_record(unsigned int cpu, enum dhp_processor_state state, int error);
int torture_veto_of(unsigned int cpu, enum dhp_processor_state state);
bool torture_vetoed(unsigned int cpu, enum dhp_processor_state state, int error, u64 since_ns);
unsigned int torture_vetoes(unsigned int cpu);

#endif /* _TORTURE_VETO_H */
