/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU that is kept busy, a CPU that is held while it goes offline, and none that may. */
#ifndef _TEST_CPUS_H
#define _TEST_CPUS_H

struct command;

int cpu_hog(const struct command *command);
int gate_control(const struct command *command);
void gate_remove(void);
int hotplug_control(const struct command *command);
void hotplug_allow(void);

#endif /* _TEST_CPUS_H */
