/* SPDX-License-Identifier: GPL-2.0-only */
/* An operation that is faster than dhp's work item for the one before. */
#ifndef _TEST_LATE_H
#define _TEST_LATE_H

struct command;

int late_control(const struct command *command);
void late_end(void);

#endif /* _TEST_LATE_H */
