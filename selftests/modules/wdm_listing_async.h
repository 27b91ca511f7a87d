/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The declarations that the page about asynchronous notification leaves out, and what replaces each
 * of its "...". The Kbuild file includes this after wdm.h, before the listing.
 *
 * /sys/module/NAME/parameters has what the callbacks have seen, for tests: the number of arrivals
 * (processor_arrivals, memory_arrivals), the name in the last one (processor_last, memory_last),
 * and the number and set of CPUs at the last arrival of a CPU (processors, affinity).
 */
#ifndef _WDM_LISTING_ASYNC_H
#define _WDM_LISTING_ASYNC_H

#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

/* The page defines these without a declaration. */
DRIVER_NOTIFICATION_CALLBACK_ROUTINE AsyncProcessorCallback;
DRIVER_NOTIFICATION_CALLBACK_ROUTINE AsyncMemoryCallback;

#define LISTING_NAME_LEN 100

/* Only the callbacks write these, and asynchronous calls are serialised. */
static unsigned int processor_arrivals;
module_param(processor_arrivals, uint, 0444);
static char processor_last[LISTING_NAME_LEN];
module_param_string(processor_last, processor_last, LISTING_NAME_LEN, 0444);
static unsigned int processors;
module_param(processors, uint, 0444);
static unsigned long long affinity;
module_param(affinity, ullong, 0444);
static unsigned int memory_arrivals;
module_param(memory_arrivals, uint, 0444);
static char memory_last[LISTING_NAME_LEN];
module_param_string(memory_last, memory_last, LISTING_NAME_LEN, 0444);

/* The names are ASCII. */
static inline void listing_name(char *to, PCUNICODE_STRING name)
{
	size_t n = min_t(size_t, name->Length / sizeof(WCHAR), LISTING_NAME_LEN - 1);
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = name->Buffer[i];
	to[n] = '\0';
	pr_info("%s: arrival of %s\n", KBUILD_MODNAME, to);
}

#endif /* _WDM_LISTING_ASYNC_H */
