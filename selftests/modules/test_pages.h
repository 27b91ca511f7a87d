/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that keep a memory block from going offline. */
#ifndef _TEST_PAGES_H
#define _TEST_PAGES_H

struct command;

int pages_control(const struct command *command);
void pages_reset(void);

#endif /* _TEST_PAGES_H */
