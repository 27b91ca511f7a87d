/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory clients that register and unregister, again and again. */
#ifndef _TEST_MEMORY_LOOP_H
#define _TEST_MEMORY_LOOP_H

struct command;

int memory_loop_control(const struct command *command);
void memory_loop_stop(void);

#endif /* _TEST_MEMORY_LOOP_H */
