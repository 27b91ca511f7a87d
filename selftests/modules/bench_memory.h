/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes that clients and pools allocate. @rounds: recorded rounds. */
#ifndef _BENCH_MEMORY_H
#define _BENCH_MEMORY_H

int bench_memory(unsigned int rounds);

#endif /* _BENCH_MEMORY_H */
