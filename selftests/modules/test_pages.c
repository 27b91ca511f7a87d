// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of each kind that keeps a memory block from going offline. Those that the page allocator
 * gives elsewhere are kept until enough are in the block, and then freed.
 *
 * Some are only marked as what they are to be, since the kernel exports no way to make them: a page
 * table of a process, reserved or bad memory, and a page that somebody has taken off the LRU lists.
 * Pages of hugetlb are there already, in use by a file; they are marked as not migratable.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/hugetlb.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "test_command.h"
#include "test_log.h"
#include "test_pages.h"

/* So many allocations may be elsewhere. */
#define MAX_ELSEWHERE 65536

enum kind {
	KERNEL, GIVEN_AWAY, PAGETABLE, PINNED, SLAB, RESERVED, POISONED, LEFT_BEHIND, BUSY, HUGE,
	NR_KINDS
};

static const char * const kind_names[] = {
	[KERNEL] = "kernel",
	[GIVEN_AWAY] = "given_away",
	[PAGETABLE] = "pagetable",
	[PINNED] = "pinned",
	[SLAB] = "slab",
	[RESERVED] = "reserved",
	[POISONED] = "poisoned",
	[LEFT_BEHIND] = "left_behind",
	[BUSY] = "busy",
	[HUGE] = "huge",
};

/* One allocation, which may be a part of a slab. */
struct kept {
	struct list_head node;
	enum kind kind;
	struct page *page;
	void *object;
	bool marked;
};

static DEFINE_MUTEX(pages_lock);
static LIST_HEAD(kept_pages);
static struct kmem_cache *object_cache;
static struct file *pinned_file;	/* its filesystem has pinned_inode */
static const struct file_operations pinned_fops = { .owner = THIS_MODULE };
static struct inode *pinned_inode;
static pgoff_t pinned_nr;

/* The mapping of pages that are, or seem to be, of a file. */
static int need_inode(void)
{
	struct inode *inode;
	int err;

	if (!pinned_file) {
		pinned_file = anon_inode_getfile("[dhp_test]", &pinned_fops, NULL, 0);
		if (IS_ERR(pinned_file)) {
			err = PTR_ERR(pinned_file);
			pinned_file = NULL;
			return err;
		}
	}
	if (!pinned_inode) {
		/* The one of the file is everybody's. */
		inode = alloc_anon_inode(file_inode(pinned_file)->i_sb);
		if (IS_ERR(inode))
			return PTR_ERR(inode);
		pinned_inode = inode;
	}
	return 0;
}

static void mark(struct page *page, enum kind kind)
{
	switch (kind) {
	case GIVEN_AWAY:
		__SetPageOffline(page);
		break;
	case PAGETABLE:
		__SetPageTable(page);
		break;
	case RESERVED:
		SetPageReserved(page);
		break;
	case POISONED:
	case LEFT_BEHIND:
		SetPageHWPoison(page);
		break;
	case BUSY:
		/* Two references, as of the page cache and of the one that has isolated it. */
		page_folio(page)->mapping = pinned_inode->i_mapping;
		get_page(page);
		break;
	case HUGE:
		folio_clear_hugetlb_migratable(page_folio(page));
		break;
	default:
		break;
	}
}

static void unmark(struct page *page, enum kind kind)
{
	switch (kind) {
	case GIVEN_AWAY:
		__ClearPageOffline(page);
		break;
	case PAGETABLE:
		__ClearPageTable(page);
		break;
	case RESERVED:
		ClearPageReserved(page);
		break;
	case POISONED:
	case LEFT_BEHIND:
		ClearPageHWPoison(page);
		break;
	case BUSY:
		page_folio(page)->mapping = NULL;
		put_page(page);
		break;
	case HUGE:
		folio_set_hugetlb_migratable(page_folio(page));
		break;
	default:
		break;
	}
}

/* A page of a file, to which there is a reference. */
static int pin(struct page *page)
{
	int err;

	err = add_to_page_cache_lru(page, pinned_inode->i_mapping, pinned_nr++, GFP_KERNEL);
	if (!err)
		unlock_page(page);
	return err;
}

static int fill(struct kept *kept, int nid)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN;

	if (kept->kind == SLAB) {
		kept->object = kmem_cache_alloc_node(object_cache, gfp, nid);
		if (!kept->object)
			return -ENOMEM;
		kept->page = compound_head(virt_to_page(kept->object));
		return 0;
	}
	/* Only of a page that is larger the kernel does not leave the bad part behind. */
	kept->page = kept->kind == POISONED ? alloc_pages_node(nid, gfp | __GFP_COMP, 1)
					    : alloc_pages_node(nid, gfp, 0);
	return kept->page ? 0 : -ENOMEM;
}

static void let_go(struct kept *kept)
{
	list_del(&kept->node);
	if (kept->object) {
		kmem_cache_free(object_cache, kept->object);
	} else {
		if (kept->marked)
			unmark(kept->page, kept->kind);
		put_page(kept->page);
	}
	kfree(kept);
}

static void let_all_go(struct list_head *list)
{
	struct kept *kept, *next;

	list_for_each_entry_safe(kept, next, list, node)
		let_go(kept);
}

static void release_all(void)
{
	let_all_go(&kept_pages);
	kmem_cache_destroy(object_cache);
	object_cache = NULL;
	iput(pinned_inode);
	pinned_inode = NULL;
	if (pinned_file)
		fput(pinned_file);
	pinned_file = NULL;
	pinned_nr = 0;
}

/* How many pages does this add to those in the list? */
static long adds(const struct kept *new)
{
	const struct kept *kept;

	if (new->kind == SLAB)
		list_for_each_entry(kept, &kept_pages, node)
			if (kept->page == new->page)
				return 0;
	return 1L << compound_order(new->page);
}

static long keep(struct kept *kept)
{
	long nr = adds(kept);

	mark(kept->page, kept->kind);
	kept->marked = true;
	list_add(&kept->node, &kept_pages);
	return nr;
}

/* The pages of hugetlb that are in use in the block. */
static int keep_huge(long count, unsigned long pfn, unsigned long nr)
{
	unsigned long end_pfn = pfn + nr;
	struct kept *kept;
	struct page *page;
	long found = 0;

	for (; pfn < end_pfn && found < count; pfn += compound_nr(page)) {
		page = pfn_to_online_page(pfn);
		if (!page)
			return complain(-ENXIO, "page %#lx is not online", pfn);
		if (!PageHuge(page) || !get_page_unless_zero(page))
			continue;
		kept = kzalloc(sizeof(*kept), GFP_KERNEL);
		if (!kept) {
			put_page(page);
			return -ENOMEM;
		}
		kept->kind = HUGE;
		kept->page = page;
		found += keep(kept);
	}
	if (found < count)
		return complain(-ENOENT, "got %ld of %ld pages of hugetlb", found, count);
	log_line("pages %s %ld", kind_names[HUGE], found);
	return 0;
}

static int keep_in_block(enum kind kind, long count, unsigned long pfn, unsigned long nr, int nid)
{
	unsigned int elsewhere = 0;
	LIST_HEAD(others);
	struct kept *kept;
	long found = 0;
	int err = 0;

	while (found < count && elsewhere < MAX_ELSEWHERE) {
		kept = kzalloc(sizeof(*kept), GFP_KERNEL);
		if (!kept) {
			err = -ENOMEM;
			break;
		}
		kept->kind = kind;
		INIT_LIST_HEAD(&kept->node);
		err = fill(kept, nid);
		if (err) {
			kfree(kept);
			break;
		}
		if (page_to_pfn(kept->page) < pfn || page_to_pfn(kept->page) >= pfn + nr) {
			list_add(&kept->node, &others);
			elsewhere++;
			continue;
		}
		found += keep(kept);
		if (kind == PINNED || kind == LEFT_BEHIND)
			err = pin(kept->page);
		if (err)
			break;
	}
	let_all_go(&others);
	if (err || found < count)
		return complain(err ?: -ENOMEM, "got %ld of %ld pages, %u elsewhere", found, count,
				elsewhere);
	/* The last slab may have more pages than were asked for. */
	log_line("pages %s %ld", kind_names[kind], found);
	return 0;
}

/* A cache with a constructor is never merged with another one. */
static void construct(void *object)
{
}

static int pages_keep(const struct command *command, enum kind kind)
{
	long count = 0, block = -1, pages = 0, node = -1;
	int err;

	err = number_option(command, "count", &count) ?:
	      number_option(command, "block", &block) ?:
	      number_option(command, "pages", &pages) ?:
	      number_option(command, "node", &node);
	if (err)
		return err;
	if (count <= 0 || block < 0 || pages <= 0 || node < 0 || node >= MAX_NUMNODES ||
	    !node_online(node))
		return complain(-EINVAL, "pages: needs count=, block=, pages= and an online node=");
	if (kind == SLAB && !object_cache)
		return complain(-EINVAL, "pages slab: needs `pages ready` first");
	if ((kind == POISONED || kind == LEFT_BEHIND) && !IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return complain(-EOPNOTSUPP, "pages %s: needs CONFIG_MEMORY_FAILURE",
				kind_names[kind]);
	if (kind == HUGE)
		return keep_huge(count, block * pages, pages);
	err = need_inode();
	if (err)
		return err;
	return keep_in_block(kind, count, block * pages, pages, node);
}

static int pages_ready(void)
{
	if (!object_cache)
		object_cache = kmem_cache_create("dhp_test_pages", PAGE_SIZE, PAGE_SIZE, 0,
						 construct);
	return object_cache ? 0 : -ENOMEM;
}

int pages_control(const struct command *command)
{
	enum kind kind;
	int err;

	mutex_lock(&pages_lock);
	if (!strcmp(command->name, "none")) {
		release_all();
		err = 0;
		goto unlock;
	}
	if (!strcmp(command->name, "ready")) {
		err = pages_ready();
		goto unlock;
	}
	for (kind = 0; kind < NR_KINDS; kind++)
		if (!strcmp(command->name, kind_names[kind]))
			break;
	if (kind < NR_KINDS)
		err = pages_keep(command, kind);
	else
		err = complain(-EINVAL, "pages %s: there is no such kind", command->name);
unlock:
	mutex_unlock(&pages_lock);
	return err;
}

void pages_reset(void)
{
	mutex_lock(&pages_lock);
	release_all();
	mutex_unlock(&pages_lock);
}
