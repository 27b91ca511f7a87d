/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernel releases that dhp runs on, 6.1 and newer.
 *
 * The rest of dhp is written as for the newest one, as far as that can be had on
 * the older ones. Version numbers say little where a distribution takes single
 * changes over; so Kbuild looks for them in the kernel's headers, and defines
 * DHP_HAVE_... for what is there.
 */
#ifndef _DHP_COMPAT_H
#define _DHP_COMPAT_H

#include <linux/device.h>
#include <linux/fs_struct.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

/* In 7.2 at the latest, a device's flags have become bits that are read by functions. */
#ifndef DHP_HAVE_DEV_OFFLINE
static inline bool dev_offline(const struct device *dev)
{
	return dev->offline;
}

static inline bool dev_offline_disabled(const struct device *dev)
{
	return dev->offline_disabled;
}
#endif

/* In 7.3 at the latest, a kernel thread has an empty root of its own, and must ask for init's. */
#ifndef scoped_with_init_fs
#define scoped_with_init_fs()
#endif

/* 6.17 has renamed it. */
#ifndef DHP_HAVE_SYSTEM_DFL_WQ
#define system_dfl_wq system_unbound_wq
#endif

/* The owner of a page may keep a word there. 6.16 has renamed it. */
static inline unsigned long *dhp_page_word(struct page *page)
{
#ifdef DHP_HAVE_FOLIO_INDEX
	return &page->__folio_index;
#else
	return &page->index;
#endif
}

/*
 * How often page tables refer to a folio. 6.9 began to keep that for a large one; before, it is not
 * known to modules, and is taken for more than any number of references.
 */
static inline int dhp_folio_mapcount(struct folio *folio)
{
#ifdef DHP_HAVE_LARGE_MAPCOUNT
	return folio_mapcount(folio);
#else
	return folio_test_large(folio) ? INT_MAX : atomic_read(&folio->_mapcount) + 1;
#endif
}

/* 6.14 began to mark what kmalloc() takes from the page allocator. */
static inline bool dhp_page_large_kmalloc(const struct page *page)
{
#ifdef DHP_HAVE_LARGE_KMALLOC
	return PageLargeKmalloc(page);
#else
	return false;
#endif
}

/*
 * Can the struct pages of memory that is added be in that memory? 6.1 does that for single memory
 * blocks, if a parameter says so, which modules cannot see.
 */
static inline bool dhp_memmap_on_memory(u64 size)
{
#ifdef DHP_HAVE_MEMMAP_ON_MEMORY
	return mhp_supports_memmap_on_memory();
#else
	return IS_ENABLED(CONFIG_MHP_MEMMAP_ON_MEMORY) && size == memory_block_size_bytes();
#endif
}

/* Can its owner move it? 6.17 has changed how that is marked. */
static inline bool dhp_page_movable_ops(struct page *page)
{
#ifdef DHP_HAVE_PAGE_HAS_MOVABLE_OPS
	return page_has_movable_ops(page);
#else
	return __PageMovable(page);
#endif
}

/*
 * 6.7 took the shrinker out of its user's memory, since it frees it later, and put
 * a pointer to the user into it.
 */
typedef unsigned long (*dhp_shrinker_fn)(struct shrinker *shrinker,
					 struct shrink_control *control);

#ifdef DHP_HAVE_SHRINKER_ALLOC

static inline struct shrinker *dhp_shrinker_add(const char *name, void *user,
						dhp_shrinker_fn count, dhp_shrinker_fn scan)
{
	struct shrinker *shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "dhp-%s", name);

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->private_data = user;
	shrinker_register(shrinker);
	return shrinker;
}

static inline void dhp_shrinker_del(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}

static inline void *dhp_shrinker_user(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

#else

struct dhp_shrinker {
	struct shrinker shrinker;
	void *user;
};

static inline struct shrinker *dhp_shrinker_add(const char *name, void *user,
						dhp_shrinker_fn count, dhp_shrinker_fn scan)
{
	struct dhp_shrinker *ours = kzalloc(sizeof(*ours), GFP_KERNEL);

	if (!ours)
		return NULL;
	ours->shrinker.count_objects = count;
	ours->shrinker.scan_objects = scan;
	ours->shrinker.seeks = DEFAULT_SEEKS;
	ours->shrinker.flags = SHRINKER_NUMA_AWARE;
	ours->user = user;
	if (register_shrinker(&ours->shrinker, "dhp-%s", name)) {
		kfree(ours);
		return NULL;
	}
	return &ours->shrinker;
}

static inline void dhp_shrinker_del(struct shrinker *shrinker)
{
	if (!shrinker)
		return;
	unregister_shrinker(shrinker);
	kfree(container_of(shrinker, struct dhp_shrinker, shrinker));
}

static inline void *dhp_shrinker_user(struct shrinker *shrinker)
{
	return container_of(shrinker, struct dhp_shrinker, shrinker)->user;
}

#endif /* DHP_HAVE_SHRINKER_ALLOC */

#endif /* _DHP_COMPAT_H */
