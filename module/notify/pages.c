// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the pages of a range that keep it from going offline, by kind. It does not ask why the
 * kernel has refused, and takes no reference: while it looks, pages are allocated and freed,
 * so the numbers are those of a moment, and one page may be counted as what it just was.
 *
 * The kernel looks at pages twice. Isolation refuses a range in which a page is neither free nor
 * movable; what it lets pass is then migrated, which fails for as long as there is an additional
 * reference. Both are counted here. Pages that are marked PageOffline pass isolation, and their
 * owner can give them back when a removal begins, as a pool does with its free buffers; what the
 * owner will do is not to be seen in the page.
 *
 * Of an allocation of several pages without __GFP_COMP only the first one is counted: the
 * others look like free pages that wait in the list of a CPU.
 */
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "compat.h"
#include "online.h"
#include "pages.h"

/* How many pages are looked at with the mutex held. */
#define SLICE_PAGES 4096UL

/* No more pages are looked at after this time. */
#define LIMIT_MS 500

/* A compound page is no larger, nor a free one. Whatever says more is being changed. */
#define ORDER_LIMIT (PUD_SHIFT - PAGE_SHIFT)

/* The references that page tables and caches hold. */
static long expected_references(struct folio *folio, unsigned int order)
{
	long expected = dhp_folio_mapcount(folio);

	if (folio_test_swapcache(folio))
		expected += 1L << order;
	if (folio_test_anon(folio))
		return expected;
	if (folio->mapping)
		expected += 1L << order;
	return expected + folio_test_private(folio);
}

/*
 * Page cache, or anonymous memory. The LRU lists have no reference of their own; a page that is on
 * none of them has one, of the task that has isolated it or of a CPU that adds it in a batch.
 */
static enum dhp_pages_kind kind_of_user(struct folio *folio, unsigned int order, bool lru)
{
	long more = folio_ref_count(folio) - expected_references(folio, order);

	if (folio_maybe_dma_pinned(folio) || more > !lru)
		return DHP_PAGES_PINNED;
	return lru ? DHP_PAGES_FREE_TO_GO : DHP_PAGES_BUSY;
}

static enum dhp_pages_kind kind_of_huge(struct folio *folio)
{
	/* A free one is taken apart. */
	if (!folio_ref_count(folio))
		return DHP_PAGES_FREE_TO_GO;
	if (PageHWPoison(&folio->page))
		return DHP_PAGES_POISONED;
	if (!folio_test_hugetlb_migratable(folio))
		return DHP_PAGES_HUGE;
	return folio_maybe_dma_pinned(folio) ? DHP_PAGES_PINNED : DHP_PAGES_FREE_TO_GO;
}

/* @page is a single page, or the first one of a compound page. */
static enum dhp_pages_kind kind_of(struct page *page, unsigned int order)
{
	struct folio *folio = (struct folio *)page;
	bool lru;

	if (PageReserved(page))
		return PageVmemmapSelfHosted(page) ? DHP_PAGES_FREE_TO_GO : DHP_PAGES_RESERVED;
	if (PageHuge(page))
		return kind_of_huge(folio);
	/* Newer kernels take no reference for these. */
	if (PageSlab(page))
		return DHP_PAGES_SLAB;
	if (PageTable(page))
		return DHP_PAGES_PAGETABLE;
	if (dhp_page_large_kmalloc(page))
		return DHP_PAGES_KERNEL;
	if (!page_ref_count(page) || dhp_page_movable_ops(page))
		return DHP_PAGES_FREE_TO_GO;
	/* The kernel leaves a bad page behind. It does not migrate the rest of a larger one. */
	if (PageHWPoison(page))
		return order ? DHP_PAGES_POISONED : DHP_PAGES_FREE_TO_GO;
	if (PageOffline(page))
		return DHP_PAGES_GIVEN_AWAY;
	lru = PageLRU(page);
	if (lru || folio->mapping)
		return kind_of_user(folio, order, lru);
	return DHP_PAGES_KERNEL;
}

/* The number of pages in the block of @order at @start_pfn from @pfn on. */
static unsigned long pages_from(unsigned long pfn, unsigned long start_pfn, unsigned int order)
{
	unsigned long end_pfn = start_pfn + (1UL << order);

	return pfn < start_pfn || pfn >= end_pfn ? 1 : end_pfn - pfn;
}

/*
 * Does isolation refuse the range because of this page? In ZONE_MOVABLE, it takes for granted that
 * all pages are movable that were never reserved.
 */
static bool never_moves(const struct page *page, enum dhp_pages_kind kind)
{
	switch (kind) {
	case DHP_PAGES_RESERVED:
		return true;
	case DHP_PAGES_SLAB:
	case DHP_PAGES_PAGETABLE:
	case DHP_PAGES_KERNEL:
		return page_zonenum(page) != ZONE_MOVABLE;
	default:
		return false;
	}
}

/* Counts the page at @pfn, and returns how many pages this was about, up to @end_pfn. */
static unsigned long count_at(unsigned long pfn, unsigned long end_pfn, struct dhp_pages *pages)
{
	struct page *page = pfn_to_online_page(pfn);
	enum dhp_pages_kind kind;
	unsigned int order;
	struct page *head;
	unsigned long nr;

	if (!page)
		return pages_from(pfn, ALIGN_DOWN(pfn, PAGES_PER_SUBSECTION),
				  ilog2(PAGES_PER_SUBSECTION));
	if (PageBuddy(page)) {
		order = min_t(unsigned long, READ_ONCE(page_private(page)), ORDER_LIMIT);
		return pages_from(pfn, pfn, order);
	}
	head = compound_head(page);
	order = compound_order(head);
	if (order > ORDER_LIMIT)
		return 1;
	kind = kind_of(head, order);
	nr = min(pages_from(pfn, page_to_pfn(head), order), end_pfn - pfn);
	if (kind < DHP_NR_PAGES_KINDS)
		pages->nr[kind] += nr;
	if (pages->unmovable_pfn == DHP_PAGES_NO_PFN && never_moves(head, kind))
		pages->unmovable_pfn = pfn;
	return nr;
}

/**
 * dhp_pages_count() - count the pages that keep a range from going offline
 * @start_pfn: first page
 * @nr_pages: how many
 * @pages: receives the numbers
 *
 * It looks at nothing that is not online. @pages->complete is false when it has stopped early,
 * after half a second.
 *
 * Context: Process context, may sleep. Takes dhp_online_mutex for some thousand pages at a time,
 * which keeps their struct pages in place; hence not from a memory client's callback.
 */
void dhp_pages_count(unsigned long start_pfn, unsigned long nr_pages, struct dhp_pages *pages)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(LIMIT_MS);
	unsigned long end_pfn = start_pfn + nr_pages;
	unsigned long pfn = start_pfn;
	unsigned long slice_end;

	*pages = (struct dhp_pages){ .unmovable_pfn = DHP_PAGES_NO_PFN };
	while (pfn < end_pfn && time_before(jiffies, deadline)) {
		slice_end = min(pfn + SLICE_PAGES, end_pfn);
		mutex_lock(&dhp_online_mutex);
		while (pfn < slice_end)
			/* Nothing keeps pages as they are. */
			pfn += data_race(count_at(pfn, end_pfn, pages));
		mutex_unlock(&dhp_online_mutex);
		cond_resched();
	}
	pages->complete = pfn >= end_pfn;
}

static const char * const kind_names[] = {
#define KIND_NAME(kind, name) \
	[DHP_PAGES_##kind] = name,
	DHP_PAGES_KINDS(KIND_NAME)
};

/**
 * dhp_pages_print() - print the kinds that are not zero
 * @buf: where to, DHP_PAGES_PRINT_SIZE bytes are enough
 * @size: of it
 * @pages: what dhp_pages_count() has counted
 *
 * Prints words with a space in between, without a newline: "pinned=3 slab=12", and
 * "incomplete=1" last if not the whole range was looked at.
 *
 * Return: the number of characters, 0 if nothing keeps the range from going offline.
 */
int dhp_pages_print(char *buf, size_t size, const struct dhp_pages *pages)
{
	unsigned int kind;
	int len = 0;

	if (size)
		buf[0] = '\0';
	for (kind = 0; kind < DHP_NR_PAGES_KINDS; kind++)
		if (pages->nr[kind])
			len += scnprintf(buf + len, size - len, "%s%s=%lu", len ? " " : "",
					 kind_names[kind], pages->nr[kind]);
	if (!pages->complete)
		len += scnprintf(buf + len, size - len, "%sincomplete=1", len ? " " : "");
	return len;
}
