/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernel releases that the tests and benchmarks run on. That of dhp
 * itself is module/compat.h. The Kbuild file defines the HAVE_ macros.
 */
#ifndef _DHP_TEST_COMPAT_H
#define _DHP_TEST_COMPAT_H

#include <linux/fs_struct.h>
#include <linux/gfp.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>

/* New in 6.13. 6.15 has removed hrtimer_init(). */
#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

/* In 7.3 at the latest, a kernel thread has an empty root of its own, and must ask for init's. */
#ifndef scoped_with_init_fs
#define scoped_with_init_fs()
#endif

/* 6.14 has renamed it; the old name now creates a worker that is not started. */
#ifndef kthread_run_worker
#define kthread_run_worker_on_cpu kthread_create_worker_on_cpu
#endif

/* 6.6 has moved the header. */
#if IS_ENABLED(CONFIG_PAGE_POOL)
#ifdef HAVE_PAGE_POOL_HELPERS
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif
#endif

/* 6.10 has added the function, 6.13 the header. */
#ifdef HAVE_PAGE_FRAG_HEADER
#include <linux/page_frag_cache.h>
#endif
#ifndef HAVE_PAGE_FRAG_DRAIN
static inline void page_frag_cache_drain(struct page_frag_cache *cache)
{
	if (cache->va)
		__page_frag_cache_drain(virt_to_page(cache->va), cache->pagecnt_bias);
	cache->va = NULL;
}
#endif

/* In 7.2 at the latest, a device's flags have become bits. */
#ifndef HAVE_DEV_OFFLINE_DISABLED
static inline bool dev_offline_disabled(const struct device *dev)
{
	return dev->offline_disabled;
}

static inline void dev_assign_offline_disabled(struct device *dev, bool value)
{
	dev->offline_disabled = value;
}
#endif

/* New in 6.17, for what was the default before. 7.3 requires it. */
#ifndef HAVE_WQ_PERCPU
#define WQ_PERCPU 0
#endif

#endif /* _DHP_TEST_COMPAT_H */
