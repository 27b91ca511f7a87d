/* SPDX-License-Identifier: GPL-2.0-only */
/* The pages that keep memory from going offline. */
#ifndef _DHP_NOTIFY_PAGES_H
#define _DHP_NOTIFY_PAGES_H

#include <linux/limits.h>
#include <linux/types.h>

/*
 * The kinds, in the order in which they are printed. The names are ABI.
 *
 *	pinned		has more references than page tables and caches explain
 *	slab		objects of the slab allocator
 *	pagetable	a page table of a process
 *	given_away	marked PageOffline, and its owner has not let go: a balloon's, virtio-mem's
 *	poisoned	a compound page in use whose first page has gone bad; a bad page that is
 *			not part of one is not in the way
 *	huge		of hugetlb, in use, and cannot migrate now
 *	reserved	never was the page allocator's
 *	kernel		anything else that the kernel or a driver has allocated
 *	busy		page cache or anonymous memory that is on no LRU list at the moment
 */
#define DHP_PAGES_KINDS(x)	\
	x(PINNED, "pinned")	\
	x(SLAB, "slab")		\
	x(PAGETABLE, "pagetable") \
	x(GIVEN_AWAY, "given_away") \
	x(POISONED, "poisoned")	\
	x(HUGE, "huge")		\
	x(RESERVED, "reserved")	\
	x(KERNEL, "kernel")	\
	x(BUSY, "busy")

enum dhp_pages_kind {
#define DHP_PAGES_KIND(kind, name) DHP_PAGES_##kind,
	DHP_PAGES_KINDS(DHP_PAGES_KIND)
#undef DHP_PAGES_KIND
	DHP_NR_PAGES_KINDS,
	DHP_PAGES_FREE_TO_GO = DHP_NR_PAGES_KINDS,	/* not counted */
};

/* Enough for what dhp_pages_print() writes, with the terminating zero. */
#define DHP_PAGES_PRINT_SIZE 256

#define DHP_PAGES_NO_PFN ULONG_MAX

/**
 * struct dhp_pages - the pages of a range that keep it from going offline
 * @nr: how many, by kind
 * @unmovable_pfn: the first page for which the kernel refuses at once, because it never moves it;
 *	DHP_PAGES_NO_PFN if there is none. With other pages it tries until a signal comes.
 * @complete: the whole range was looked at
 */
struct dhp_pages {
	unsigned long nr[DHP_NR_PAGES_KINDS];
	unsigned long unmovable_pfn;
	bool complete;
};

void dhp_pages_count(unsigned long start_pfn, unsigned long nr_pages, struct dhp_pages *pages);
int dhp_pages_print(char *buf, size_t size, const struct dhp_pages *pages);

#endif /* _DHP_NOTIFY_PAGES_H */
