/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that are called at tracepoints, which are found by name. */
#ifndef _BENCH_TRACEPOINT_H
#define _BENCH_TRACEPOINT_H

struct tracepoint;

/**
 * struct bench_probe - a function to call at a tracepoint
 * @name: the tracepoint's name
 * @fn: the function
 * @tp: the tracepoint; found by its name, because most are not exported
 */
struct bench_probe {
	const char *name;
	void *fn;
	struct tracepoint *tp;
};

int bench_probes_add(struct bench_probe *probes, unsigned int nr);
void bench_probes_del(struct bench_probe *probes, unsigned int nr);

#endif /* _BENCH_TRACEPOINT_H */
