/* SPDX-License-Identifier: GPL-2.0-only */
/* One chunk of buffers: all that is known of it is in its first struct page. */
#ifndef _DHP_POOL_CHUNK_H
#define _DHP_POOL_CHUNK_H

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/page-flags.h>

#include "compat.h"
#include "types.h"

static inline size_t chunk_bytes(struct dhp_buffers *b)
{
	return PAGE_SIZE << b->order;
}

static inline unsigned long buffers_per_chunk(struct dhp_buffers *b)
{
	return chunk_bytes(b) >> b->shift;
}

/* The first struct page of a buffer's chunk. */
static inline struct page *buffer_chunk(struct dhp_buffers *b, void *buffer)
{
	return virt_to_page(PTR_ALIGN_DOWN(buffer, chunk_bytes(b)));
}

static inline unsigned long buffer_bit(struct dhp_buffers *b, struct page *page, void *buffer)
{
	return BIT((buffer - page_address(page)) >> b->shift);
}

static inline struct dhp_buffer_node *chunk_node(struct dhp_buffers *b, struct page *page)
{
	return &b->node[page_to_nid(page)];
}

static inline bool chunk_ours(struct dhp_buffers *b, struct page *page)
{
	return page_private(page) == (unsigned long)b;
}

/* The word with a bit for each of its buffers that is in the depot. */
static inline unsigned long *chunk_map(struct page *page)
{
	return dhp_page_word(page);
}

static inline bool chunk_free(struct dhp_buffers *b, struct page *page)
{
	return *chunk_map(page) == b->all_free;
}

/*
 * The kernel has marked a page of it as bad, see memory_failure(). It has done nothing
 * else, because it does not know whose the page is.
 */
static inline bool chunk_poisoned(struct dhp_buffers *b, struct page *page)
{
	unsigned int i;

	for (i = 0; i < 1U << b->order; i++)
		if (PageHWPoison(page + i))
			return true;
	return false;
}

static inline bool chunk_offlining(struct dhp_buffer_node *node, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	return pfn >= node->offlining.start_pfn && pfn < node->offlining.end_pfn;
}

/* Its buffers are not handed out any more, and it is released when they are all there. */
static inline bool chunk_retired(struct dhp_buffers *b, struct dhp_buffer_node *node,
				 struct page *page)
{
	return chunk_offlining(node, page) || chunk_poisoned(b, page);
}

void dhp_chunk_mark(struct dhp_buffers *b, struct page *page);
void dhp_chunk_unmark(struct dhp_buffers *b, struct page *page);
void dhp_chunk_adopt(struct dhp_buffers *b, struct page *page);
void dhp_chunk_disown(struct page *page);
void dhp_chunk_free_pages(struct dhp_buffers *b, struct page *page);

#endif /* _DHP_POOL_CHUNK_H */
