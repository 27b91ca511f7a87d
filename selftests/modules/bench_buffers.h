/* SPDX-License-Identifier: GPL-2.0-only */
/* Buffers: cost of getting and putting them. @rounds: recorded rounds. */
#ifndef _BENCH_BUFFERS_H
#define _BENCH_BUFFERS_H

int bench_buffers(unsigned int rounds);

#endif /* _BENCH_BUFFERS_H */
