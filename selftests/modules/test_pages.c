// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of each kind that keeps a memory block from going offline. Those that the page allocator
 * gives elsewhere are kept until enough are in the block, and then freed.
 *
 * A page table is only marked as one: the kernel has no exported way to make one for a process.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/list.h>
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

enum kind { KERNEL, GIVEN_AWAY, PAGETABLE, PINNED, SLAB, NR_KINDS };

static const char * const kind_names[] = {
	[KERNEL] = "kernel",
	[GIVEN_AWAY] = "given_away",
	[PAGETABLE] = "pagetable",
	[PINNED] = "pinned",
	[SLAB] = "slab",
};

/* One allocation, which may be a part of a slab. */
struct kept {
	struct list_head node;
	enum kind kind;
	struct page *page;
	void *object;
};

static DEFINE_MUTEX(pages_lock);
static LIST_HEAD(kept_pages);
static struct kmem_cache *object_cache;
static struct file *pinned_file;	/* its filesystem has pinned_inode */
static const struct file_operations pinned_fops = { .owner = THIS_MODULE };
static struct inode *pinned_inode;
static pgoff_t pinned_nr;

static void mark(struct page *page, enum kind kind)
{
	if (kind == GIVEN_AWAY)
		__SetPageOffline(page);
	if (kind == PAGETABLE)
		__SetPageTable(page);
}

static void unmark(struct page *page, enum kind kind)
{
	if (kind == GIVEN_AWAY)
		__ClearPageOffline(page);
	if (kind == PAGETABLE)
		__ClearPageTable(page);
}

/* A page of a file, to which there is a reference. */
static int pin(struct page *page)
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
	kept->page = alloc_pages_node(nid, gfp, 0);
	return kept->page ? 0 : -ENOMEM;
}

static void let_go(struct kept *kept)
{
	list_del(&kept->node);
	if (kept->object) {
		kmem_cache_free(object_cache, kept->object);
	} else {
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

	if (new->kind != SLAB)
		return 1;
	list_for_each_entry(kept, &kept_pages, node)
		if (kept->page == new->page)
			return 0;
	return 1L << compound_order(new->page);
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
		found += adds(kept);
		mark(kept->page, kind);
		list_add(&kept->node, &kept_pages);
		if (kind == PINNED)
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
