// SPDX-License-Identifier: GPL-2.0-only
/* Windows' pools of memory, on kmalloc() and kvmalloc(). The elastic pools are in pool/. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cache.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "wdm.h"

#define REQUIRED_FLAGS	(POOL_FLAG_OPTIONAL_START - 1)
#define KNOWN_FLAGS	(POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED | \
			 POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED)

static PVOID dhp_allocate(bool paged, SIZE_T bytes, gfp_t gfp)
{
	/* A driver that asks for much handles NULL; the log need not have a trace each time. */
	gfp |= __GFP_NOWARN;
	bytes = max_t(SIZE_T, bytes, 1);
	return paged ? kvmalloc(bytes, GFP_KERNEL | gfp) : kmalloc(bytes, GFP_ATOMIC | gfp);
}

PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
	switch (PoolType) {
	case NonPagedPool:
	case NonPagedPoolNx:
		return dhp_allocate(false, NumberOfBytes, 0);
	case PagedPool:
		return dhp_allocate(true, NumberOfBytes, 0);
	}
	pr_err_ratelimited("%s(type %d) from %pS: the type should be NonPagedPool, NonPagedPoolNx or PagedPool\n",
			   __func__, PoolType, __builtin_return_address(0));
	return NULL;
}
EXPORT_SYMBOL_GPL(ExAllocatePoolWithTag);

PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
	bool paged = Flags & POOL_FLAG_PAGED;

	if (Flags & REQUIRED_FLAGS & ~KNOWN_FLAGS || paged == !!(Flags & POOL_FLAG_NON_PAGED)) {
		pr_err_ratelimited("%s(flags 0x%llx) from %pS: the flags should be POOL_FLAG_PAGED or _NON_PAGED, and besides at most 0x%llx\n",
				   __func__, Flags, __builtin_return_address(0),
				   POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED);
		return NULL;
	}

	/* A slab's objects of a power of two bytes are aligned to it; larger ones to a page. */
	if (Flags & POOL_FLAG_CACHE_ALIGNED && NumberOfBytes < PAGE_SIZE)
		NumberOfBytes = roundup_pow_of_two(max_t(SIZE_T, NumberOfBytes,
							 cache_line_size()));
	return dhp_allocate(paged, NumberOfBytes,
			    Flags & POOL_FLAG_UNINITIALIZED ? 0 : __GFP_ZERO);
}
EXPORT_SYMBOL_GPL(ExAllocatePool2);
