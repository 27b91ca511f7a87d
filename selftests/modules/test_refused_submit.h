/* SPDX-License-Identifier: GPL-2.0-only */
/* What a refused submission promises. */
#ifndef _TEST_REFUSED_SUBMIT_H
#define _TEST_REFUSED_SUBMIT_H

struct command;

int refused_submit(const struct command *command);

#endif /* _TEST_REFUSED_SUBMIT_H */
