/* SPDX-License-Identifier: GPL-2.0-only */
/* Which memory is online. */
#ifndef _DHP_NOTIFY_ONLINE_H
#define _DHP_NOTIFY_ONLINE_H

#include <linux/mutex.h>
#include <linux/types.h>

/**
 * struct dhp_range - a contiguous range of memory
 * @start: first physical address
 * @size: bytes
 * @nid: its node
 */
struct dhp_range {
	phys_addr_t start;
	phys_addr_t size;
	int nid;
};

/* Where the memory block in transit goes. */
enum dhp_transit { DHP_TRANSIT_NONE, DHP_TRANSIT_ONLINE, DHP_TRANSIT_OFFLINE };

/* With it held, no memory changes. Inside the memory hotplug lock. */
extern struct mutex dhp_online_mutex;

void dhp_online_transit_begin(enum dhp_transit direction, unsigned long start_pfn,
			      unsigned long nr_pages);
bool dhp_online_transit_end(enum dhp_transit direction, unsigned long start_pfn);
enum dhp_transit dhp_online_transit(void);
bool dhp_online_in_transit(unsigned long start_pfn, unsigned long end_pfn);
int dhp_online_ranges(struct dhp_range **ranges);

#endif /* _DHP_NOTIFY_ONLINE_H */
