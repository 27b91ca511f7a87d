// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel loses and gets back without a notification, as with a memory balloon or
 * virtio-mem.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sizes.h>

#include "test_balloon.h"
#include "test_command.h"

#define PIECE_MIB 2

static DEFINE_MUTEX(balloon_lock);
static LIST_HEAD(balloon);
static long balloon_mib;

static unsigned int piece_order(void)
{
	return get_order(PIECE_MIB * SZ_1M);
}

static bool inflate(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, piece_order());

	if (!page)
		return false;
	adjust_managed_page_count(page, -(1L << piece_order()));
	list_add(&page->lru, &balloon);
	balloon_mib += PIECE_MIB;
	return true;
}

static void deflate(void)
{
	struct page *page = list_first_entry(&balloon, struct page, lru);

	list_del(&page->lru);
	adjust_managed_page_count(page, 1L << piece_order());
	__free_pages(page, piece_order());
	balloon_mib -= PIECE_MIB;
}

int balloon_resize(const struct command *command)
{
	long mib = -1;
	int err = number_option(command, "mib", &mib);

	if (err)
		return err;
	if (mib < 0)
		return complain(-EINVAL, "balloon: mib= is missing or negative; in steps of %d",
				PIECE_MIB);
	mutex_lock(&balloon_lock);
	while (balloon_mib > mib)
		deflate();
	while (!err && balloon_mib < mib)
		if (!inflate())
			err = complain(-ENOMEM, "got only %ld of %ld MiB", balloon_mib, mib);
	mutex_unlock(&balloon_lock);
	return err;
}

void balloon_reset(void)
{
	mutex_lock(&balloon_lock);
	while (balloon_mib)
		deflate();
	mutex_unlock(&balloon_lock);
}
