// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver that keeps a table of the online memory, with an entry for each memory block, as
 * a driver does that programs a device with what it may access.
 *
 *	START		memory is about to go online: allocate its entries
 *	COMPLETE	the memory is online: its entries are in use
 *	FAILURE		the memory does not go online after all: free its entries
 *	REMOVE_START	the memory is about to go offline: its entries are not used any more
 *	REMOVE_COMPLETE	the memory is offline: free its entries
 *	REMOVE_FAILURE	the memory stays online after all: its entries are in use again
 *
 * All that can fail is in START, which can refuse.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "dhp.h"

struct sample_block {
	int nid;
	bool in_use;
};

/*
 * By the number of the memory block, as in /sys/devices/system/memory. Synchronous callbacks are
 * serialised, and nothing else changes the table. A driver that reads it elsewhere needs a lock.
 */
static DEFINE_XARRAY(sample_blocks);
static unsigned int sample_in_use;	/* entries */

static struct dhp_memory_client *memory_client;

static unsigned long sample_block_of(unsigned long pfn)
{
	return PFN_PHYS(pfn) / memory_block_size_bytes();
}

/*
 * A live change is about one block, or a little less. In a replay, a range has many blocks, and a
 * block with a large hole may be in two ranges.
 */
static unsigned long sample_first(const struct dhp_memory_change *change)
{
	return sample_block_of(change->start_pfn);
}

static unsigned long sample_last(const struct dhp_memory_change *change)
{
	return sample_block_of(change->start_pfn + change->nr_pages - 1);
}

static void sample_set_in_use(struct sample_block *block, bool in_use)
{
	if (block->in_use == in_use)
		return;
	block->in_use = in_use;
	sample_in_use += in_use ? 1 : -1;
}

static void sample_use(const struct dhp_memory_change *change, bool in_use)
{
	struct sample_block *block;
	unsigned long nr;

	xa_for_each_range(&sample_blocks, nr, block, sample_first(change), sample_last(change))
		sample_set_in_use(block, in_use);
	pr_info("%u memory blocks in use\n", sample_in_use);
}

static void sample_free(unsigned long first, unsigned long last)
{
	struct sample_block *block;
	unsigned long nr;

	xa_for_each_range(&sample_blocks, nr, block, first, last) {
		sample_set_in_use(block, false);
		xa_erase(&sample_blocks, nr);
		kfree(block);
	}
}

static int sample_add_block(unsigned long nr, int nid)
{
	struct sample_block *block;
	int ret;

	if (xa_load(&sample_blocks, nr))
		return 0;
	/* Of any node: the block's own may have no memory yet. */
	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	block->nid = nid;
	ret = xa_insert(&sample_blocks, nr, block, GFP_KERNEL);
	if (ret)
		kfree(block);
	return ret;
}

static int sample_start(const struct dhp_memory_change *change)
{
	unsigned long nr;
	int ret;

	for (nr = sample_first(change); nr <= sample_last(change); nr++) {
		ret = sample_add_block(nr, change->nid);
		if (ret)
			goto free_added;
	}
	return 0;

free_added:
	/* There is no FAILURE for what we refuse ourselves. */
	sample_free(sample_first(change), sample_last(change));
	return ret;
}

static void sample_memory_changed(void *context, const struct dhp_memory_change *change,
				  int *status)
{
	switch (change->state) {
	case DHP_MEMORY_START:
		*status = sample_start(change);
		break;
	case DHP_MEMORY_COMPLETE:
	case DHP_MEMORY_REMOVE_FAILURE:
		sample_use(change, true);
		break;
	case DHP_MEMORY_REMOVE_START:
		sample_use(change, false);
		break;
	case DHP_MEMORY_FAILURE:
	case DHP_MEMORY_REMOVE_COMPLETE:
		sample_free(sample_first(change), sample_last(change));
		break;
	}
}

static int __init sample_init(void)
{
	/* On failure, ranges that got START have got FAILURE, so nothing is left to free. */
	memory_client = dhp_register_memory_callback(sample_memory_changed, NULL,
						     DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS |
						     DHP_MEMORY_ADD_EXISTING);
	return PTR_ERR_OR_ZERO(memory_client);
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	dhp_unregister_memory_callback(memory_client);
	/* The callback is not called any more. The driver must free what is left. */
	sample_free(0, ULONG_MAX);
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample client of dhp: a table of the online memory");
MODULE_LICENSE("GPL");
