/* SPDX-License-Identifier: GPL-2.0-only */
/* The log of calls, for tests that compare all of it. */
#ifndef _TEST_LOG_H
#define _TEST_LOG_H

#include <linux/compiler.h>
#include <linux/seq_file.h>

__printf(1, 2) void log_line(const char *fmt, ...);
void log_clear(void);
void log_close(void);
extern const struct seq_operations log_seq_operations;

#endif /* _TEST_LOG_H */
