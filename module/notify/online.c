// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory is online. A block in transit, on its way from one to the other, counts as
 * what it was before until its outcome is known, because its event, if any, is still to
 * come.
 */
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/slab.h>

#include "online.h"

DEFINE_MUTEX(dhp_online_mutex);	/* no memory changes while it is held */

/* The block in transit. The memory hotplug lock allows only one. */
static enum dhp_transit transit;
static unsigned long transit_start_pfn, transit_end_pfn;
static int transit_nid;

void dhp_online_transit_begin(enum dhp_transit direction, unsigned long start_pfn,
			      unsigned long nr_pages)
{
	lockdep_assert_held(&dhp_online_mutex);
	transit = direction;
	transit_start_pfn = start_pfn;
	transit_end_pfn = start_pfn + nr_pages;
	transit_nid = pfn_to_nid(start_pfn);
}

/*
 * Is this the outcome of the block in transit? The kernel's CANCEL also reaches notifiers
 * that it has not asked, and a success reaches those that were registered in between.
 */
bool dhp_online_transit_end(enum dhp_transit direction, unsigned long start_pfn)
{
	lockdep_assert_held(&dhp_online_mutex);
	if (transit != direction || transit_start_pfn != start_pfn)
		return false;
	transit = DHP_TRANSIT_NONE;
	return true;
}

enum dhp_transit dhp_online_transit(void)
{
	lockdep_assert_held(&dhp_online_mutex);
	return transit;
}

/* Is a block of this range in transit? */
bool dhp_online_in_transit(unsigned long start_pfn, unsigned long end_pfn)
{
	lockdep_assert_held(&dhp_online_mutex);
	return transit != DHP_TRANSIT_NONE && end_pfn > transit_start_pfn &&
	       start_pfn < transit_end_pfn;
}

struct walk {
	struct dhp_range *ranges;	/* NULL on the pass that counts */
	int max;
	int nr;
	struct dhp_range last;
	unsigned long next_pfn;		/* what is before has been walked */
};

static void walk_add(struct walk *walk, phys_addr_t start, int nid)
{
	const phys_addr_t size = PFN_PHYS(PAGES_PER_SECTION);
	struct dhp_range *last = &walk->last;

	if (walk->nr && last->nid == nid && last->start + last->size == start) {
		last->size += size;
	} else {
		*last = (struct dhp_range){ start, size, nid };
		walk->nr++;
	}
	if (walk->nr <= walk->max)
		walk->ranges[walk->nr - 1] = *last;
}

/*
 * The node of the section that begins at @pfn, NUMA_NO_NODE if nothing of it is online.
 * Firmware may leave a hole anywhere in memory that is there at boot, so the first page
 * does not stand for the section. What the kernel knows of holes it knows for each
 * subsection.
 */
static int section_nid(unsigned long pfn)
{
	unsigned long end = pfn + PAGES_PER_SECTION;

	/*
	 * The block in transit counts as what it was before. Any other section
	 * stays what it is: to change, it has to pass our notifier, which waits for the mutex.
	 */
	if (dhp_online_in_transit(pfn, end))
		return transit == DHP_TRANSIT_OFFLINE ? transit_nid : NUMA_NO_NODE;
	/* Most of memory that is plugged and offline, at one look each. */
	if (!online_section_nr(pfn_to_section_nr(pfn)))
		return NUMA_NO_NODE;
	for (; pfn < end; pfn += PAGES_PER_SUBSECTION)
		if (pfn_to_online_page(pfn))
			return pfn_to_nid(pfn);
	return NUMA_NO_NODE;
}

static int walk_resource(struct resource *res, void *arg)
{
	struct walk *walk = arg;
	unsigned long pfn = ALIGN_DOWN(PHYS_PFN(res->start), PAGES_PER_SECTION);
	int nid;

	for (pfn = max(pfn, walk->next_pfn); pfn <= PHYS_PFN(res->end); pfn += PAGES_PER_SECTION) {
		nid = section_nid(pfn);
		if (nid != NUMA_NO_NODE)
			walk_add(walk, PFN_PHYS(pfn), nid);
	}
	walk->next_pfn = pfn;
	return 0;
}

/*
 * By address. Memory has a resource from before it goes online until after it is offline. The
 * span of a node would be nearer, but the kernel writes its start and its length one after the
 * other, and without a lock that modules can take.
 */
static void walk_sections(struct walk *walk)
{
	walk->nr = 0;
	walk->next_pfn = 0;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, U64_MAX,
			    walk, walk_resource);
}

/**
 * dhp_online_ranges() - what memory is online, in whole sections
 * @ranges: receives an array, the caller's to kvfree()
 *
 * Context: with dhp_online_mutex held; may sleep.
 * Return: the number of ranges, or -ENOMEM.
 */
int dhp_online_ranges(struct dhp_range **ranges)
{
	struct walk walk = { };

	lockdep_assert_held(&dhp_online_mutex);
	walk_sections(&walk);
	walk.max = walk.nr;
	walk.ranges = kvcalloc(walk.max, sizeof(*walk.ranges), GFP_KERNEL);
	if (!walk.ranges)
		return -ENOMEM;
	walk_sections(&walk);
	*ranges = walk.ranges;
	/* Nothing has changed, with the mutex held. Should the kernel's list say otherwise: */
	return min(walk.nr, walk.max);
}
