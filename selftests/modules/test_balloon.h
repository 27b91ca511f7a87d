/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that the kernel loses without a notification. */
#ifndef _TEST_BALLOON_H
#define _TEST_BALLOON_H

struct command;

int balloon_resize(const struct command *command);
void balloon_reset(void);

#endif /* _TEST_BALLOON_H */
