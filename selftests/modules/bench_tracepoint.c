// SPDX-License-Identifier: GPL-2.0-only
/* Functions that are called at tracepoints, which are found by name. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "bench_tracepoint.h"

static void match_probe(struct tracepoint *tp, void *data)
{
	struct bench_probe *probe = data;

	if (!strcmp(tp->name, probe->name))
		probe->tp = tp;
}

int bench_probes_add(struct bench_probe *probes, unsigned int nr)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		for_each_kernel_tracepoint(match_probe, &probes[i]);
		err = probes[i].tp ? tracepoint_probe_register(probes[i].tp, probes[i].fn, NULL) :
				     -ENOENT;
		if (err) {
			pr_err("no tracepoint %s: %d\n", probes[i].name, err);
			bench_probes_del(probes, i);
			return err;
		}
	}
	return 0;
}

void bench_probes_del(struct bench_probe *probes, unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(probes[nr].tp, probes[nr].fn, NULL);
	tracepoint_synchronize_unregister();
}
