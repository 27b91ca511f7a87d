/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the benchmark module know of each other. */
#ifndef _DHP_BENCH_H
#define _DHP_BENCH_H

#include <linux/tracepoint.h>
#include <linux/types.h>

/* Each round has so many blocks of every side, one side after the other: A-B-A-B. */
#define BENCH_TURNS 4

/* Rounds before those that count. */
#define BENCH_WARM_UP 3

/* The processor that measures. */
#define BENCH_CPU 0

struct bench_block;

/**
 * typedef bench_side_fn - one side's block
 * @block: what it is a block of
 * @ns: where its time goes
 *
 * Return: 0 or a negative errno, which ends the benchmark.
 */
typedef int (*bench_side_fn)(const struct bench_block *block, u64 *ns);

/**
 * struct bench_side - one of those that are compared
 * @name: its name in the results
 * @run: runs a block of it
 */
struct bench_side {
	const char *name;
	bench_side_fn run;
};

/**
 * struct bench_block - the same work for several sides
 * @name: its name in the results
 * @ops: operations in one block
 * @burst: how many of them begin before the first ends
 * @sides: who does it
 */
struct bench_block {
	const char *name;
	unsigned int ops;
	unsigned int burst;
	struct bench_side sides[5];
};

/* dhp_bench_main.c: all that follows is called from one thread, bound to BENCH_CPU. */
int bench_record(const char *name, const char *side, unsigned int ops, u64 value);
int bench_blocks(const struct bench_block *blocks, unsigned int nr, unsigned int rounds);
int bench_settle(void);

/**
 * struct bench_probe - a function to call at a tracepoint
 * @name: the tracepoint's
 * @fn: the function
 * @tp: found by its name, because most are not exported
 */
struct bench_probe {
	const char *name;
	void *fn;
	struct tracepoint *tp;
};

int bench_probes_add(struct bench_probe *probes, unsigned int nr);
void bench_probes_del(struct bench_probe *probes, unsigned int nr);

/* The benchmarks, with the number of rounds that count. */
int bench_baseline(unsigned int rounds);
int bench_work(unsigned int rounds);
int bench_latency(unsigned int rounds);
int bench_contention(unsigned int rounds);
int bench_buffers(unsigned int rounds);
int bench_notify(unsigned int rounds);
int bench_memory(unsigned int rounds);

/* dhp_bench_notify.c: dhp's part in what somebody else does. */
int bench_watch(unsigned int unused);
int bench_watched(unsigned int unused);
void bench_watch_end(void);

#endif /* _DHP_BENCH_H */
