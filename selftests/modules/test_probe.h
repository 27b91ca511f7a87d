/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that show whether a CPU runs them. */
#ifndef _TEST_PROBE_H
#define _TEST_PROBE_H

struct list_head;

const char *probe_start(struct list_head *probes, unsigned int cpu, bool keep);
const char *probe_end(struct list_head *probes, unsigned int cpu);
void probes_stop(struct list_head *probes);

#endif /* _TEST_PROBE_H */
