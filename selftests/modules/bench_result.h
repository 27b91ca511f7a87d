/* SPDX-License-Identifier: GPL-2.0-only */
/* The results of all benchmarks. */
#ifndef _BENCH_RESULT_H
#define _BENCH_RESULT_H

#include <linux/types.h>

struct seq_file;

int bench_record(const char *name, const char *side, unsigned int ops, u64 value);
void bench_results_print(struct seq_file *m);
void bench_results_free(void);

#endif /* _BENCH_RESULT_H */
