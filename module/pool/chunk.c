// SPDX-License-Identifier: GPL-2.0-only
/*
 * One chunk: a block of pages from the kernel, which is one buffer, or one page carved into
 * several. All that is known of it is in its first struct page: list membership in
 * page->lru, the pool in page->private, and in another word of it a bit for each buffer
 * that is in the depot. So the pool pins no memory but the buffers themselves. Which chunks
 * a node has is in depot.c.
 *
 * Memory is isolated before the memory notifiers are called, and isolation fails at once
 * when it finds an unmovable page, unless the page is marked as PageOffline: "to give
 * drivers a chance to decrement their reference count in MEM_GOING_OFFLINE". Hence every
 * page of a chunk carries this mark as long as the pool has the chunk, in use or not. When a
 * buffer is still in use after the notification, the removal fails in bounded time, because
 * the kernel does not wait for marked pages with a reference. Three consequences:
 *
 * - Pages so marked are left out of hibernation images, so the mark is taken off
 *   for the time of a hibernation.
 * - Crash dumps and /proc/kcore show the contents of buffers as zero.
 * - The mark shares its place with the count of mappings: a buffer cannot be
 *   mapped into user space page by page.
 *
 * A page that the pool has just allocated, or is about to free, is unmarked for a moment. A
 * removal that begins in this very moment fails, as it would because of any other
 * allocation. So the moment is as short as it can be, and the pool does not grow while
 * memory is going offline.
 */

#include <linux/gfp.h>

#include "chunk.h"
#include "poison.h"

void dhp_chunk_mark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (!PageOffline(page + i))
			__SetPageOffline(page + i);
}

/* The first page last: it has the reference, and isolation looks at no other. */
void dhp_chunk_unmark(struct dhp_buffers *b, struct page *page)
{
	unsigned int i = 1U << b->order;

	while (i--)
		if (PageOffline(page + i))
			__ClearPageOffline(page + i);
}

/* Pages from the kernel become a free chunk of the pool's. */
void dhp_chunk_adopt(struct dhp_buffers *b, struct page *page)
{
	set_page_private(page, (unsigned long)b);
	*chunk_map(page) = b->all_free;
}

/* A chunk becomes pages that are not the pool's. */
void dhp_chunk_disown(struct page *page)
{
	*chunk_map(page) = 0;
	set_page_private(page, 0);
}

/*
 * The page allocator keeps a poisoned page when it is freed by itself. It does not look
 * for one among several pages that are freed together, and would hand it out again.
 */
void dhp_chunk_free_pages(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	shadow_show(page_address(page), chunk_bytes(b));
	dhp_chunk_unmark(b, page);
	if (b->order && chunk_poisoned(b, page)) {
		split_page(page, b->order);
		for (i = 0; i < 1U << b->order; i++)
			__free_page(page + i);
	} else {
		__free_pages(page, b->order);
	}
}
