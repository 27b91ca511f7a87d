// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that can hold buffers: how much of it a node has, and how to allocate what is
 * spare. What the pool does with the pages is in chunk.c and depot.c.
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmzone.h>

#include "spare.h"

/*
 * Buffers do not move, so neither ZONE_MOVABLE nor what is set aside for CMA can hold
 * them. The zones from the first one up to the one that this returns can.
 */
static enum zone_type last_zone(void)
{
	return gfp_zone(GFP_KERNEL);
}

/* In pages, of one node. */
u64 dhp_node_pages(int nid)
{
	struct zone *zone;
	u64 pages = 0;
	int i;

	if (!node_online(nid))
		return 0;
	for (i = 0; i <= last_zone(); i++) {
		zone = &NODE_DATA(nid)->node_zones[i];
		pages += zone_managed_pages(zone);
		pages -= min(zone_managed_pages(zone), zone_cma_pages(zone));
	}
	return pages;
}

/* As the page allocator counts them for an allocation that cannot move. */
static unsigned long zone_free_pages(struct zone *zone)
{
	unsigned long nr = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long nr_reserved = zone_page_state(zone, NR_FREE_CMA_PAGES) +
				    zone->nr_reserved_highatomic;

	/* Changes that CPUs still keep to themselves matter when little is free. */
	if (nr < zone->percpu_drift_mark)
		nr = zone_page_state_snapshot(zone, NR_FREE_PAGES);
	return nr - min(nr, nr_reserved);
}

/*
 * How far the kernel may raise a zone's watermarks when a page that cannot move is allocated
 * among movable ones, as any page of a pool may be: by one and a half times the high one, at
 * vm.watermark_boost_factor's default. The next allocation, by any task, then wakes kswapd,
 * and it reclaims that much.
 */
static unsigned long max_boost(unsigned long high)
{
	return high + high / 2;
}

/*
 * Does a zone have free memory that can be taken without a reclaim? An allocation that
 * takes it below the low watermark wakes kswapd, which reclaims until the high one is
 * reached again. So with the page cache full, free memory stays between the two, raised or
 * not. What a zone has above them, and above the same distance once more as a margin, is
 * spare.
 */
static bool zone_has_spare(struct zone *zone, unsigned int order)
{
	unsigned long high = high_wmark_pages(zone);
	unsigned long mark = high + max_boost(high);

	mark += high - low_wmark_pages(zone) + zone->lowmem_reserve[last_zone()];
	return zone_free_pages(zone) > mark + (1UL << order);
}

/* The flag with which the page allocator begins with this zone. */
static gfp_t zone_gfp(enum zone_type type)
{
#ifdef CONFIG_ZONE_DMA
	if (type == ZONE_DMA)
		return __GFP_DMA;
#endif
#ifdef CONFIG_ZONE_DMA32
	if (type == ZONE_DMA32)
		return __GFP_DMA32;
#endif
	return 0;
}

/*
 * Allocates pages that are not in use, not even as page cache. The flags forbid the allocator
 * to reclaim and to wake kswapd; with them it would go down to the low watermark, and then to
 * the lowest. Hence this looks first for a zone that has spare pages.
 */
struct page *dhp_alloc_spare(int nid, unsigned int order)
{
	struct zone *zone;
	int i;

	for (i = last_zone(); i >= 0; i--) {
		zone = &NODE_DATA(nid)->node_zones[i];
		/* An estimate: the counts change meanwhile. */
		if (managed_zone(zone) && data_race(zone_has_spare(zone, order)))
			return alloc_pages_node(nid, (GFP_KERNEL & ~__GFP_RECLAIM) | zone_gfp(i) |
						__GFP_THISNODE | __GFP_NOMEMALLOC | __GFP_NOWARN,
						order);
	}
	return NULL;
}

/* Reclaims, but fails rather than hurting others: no retries, no OOM killer. */
struct page *dhp_alloc_floor(int nid, unsigned int order)
{
	return alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN,
				order);
}
