/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' pools of memory, for wdm.h. They are the kernel's slab and vmalloc; dhp_pool.h's pools
 * are something else.
 *
 * No memory of Linux' kernel is ever paged out. What the two kinds of pool differ in is when they
 * may be asked:
 *
 *	non-paged	kmalloc() with GFP_ATOMIC: never sleeps. Physically contiguous, so at most
 *			KMALLOC_MAX_SIZE, and large sizes often fail. It may take the kernel's last
 *			reserves, so large memory of a driver's own belongs into the other one.
 *	paged		kvmalloc() with GFP_KERNEL: may sleep and push out page cache. Up to 2 GiB;
 *			large memory need not be contiguous.
 *
 * None of it is executable. Memory of a page or more begins on a page's boundary, as on Windows.
 *
 * Tags are ignored: slabs have no room for them. Who has allocated something is known to the
 * kernel's own tools: slub_debug=U, page_owner, kmemleak, and /proc/allocinfo.
 *
 * Include wdm.h, and not this file.
 */
#ifndef _DHP_WDM_MEMORY_H
#define _DHP_WDM_MEMORY_H

#include <linux/mm.h>

#include "wdm_base.h"

/* A tag is four characters in one constant, of which gcc warns. */
#pragma GCC diagnostic ignored "-Wmultichar"

/**
 * enum _POOL_TYPE - kinds of memory, for ExAllocatePoolWithTag()
 * @NonPagedPool: non-paged
 * @PagedPool: paged
 * @NonPagedPoolNx: non-paged
 */
enum _POOL_TYPE {
	NonPagedPool = 0,
	PagedPool = 1,
	NonPagedPoolNx = 512,
};

typedef enum _POOL_TYPE POOL_TYPE;

typedef ULONG64 POOL_FLAGS;

/* What ExAllocatePool2() takes. One of the last two must be there. */
#define POOL_FLAG_UNINITIALIZED		0x0000000000000002ULL	/* not set to 0 */
#define POOL_FLAG_CACHE_ALIGNED		0x0000000000000008ULL	/* begins a cache line */
#define POOL_FLAG_NON_PAGED		0x0000000000000040ULL
#define POOL_FLAG_PAGED			0x0000000000000100ULL

/* What it does not take. */
#define POOL_FLAG_USE_QUOTA		0x0000000000000001ULL
#define POOL_FLAG_SESSION		0x0000000000000004ULL
#define POOL_FLAG_RAISE_ON_FAILURE	0x0000000000000020ULL
#define POOL_FLAG_NON_PAGED_EXECUTE	0x0000000000000080ULL

/* From here on flags are wishes, and none of them is known. */
#define POOL_FLAG_OPTIONAL_START	0x0000000100000000ULL
#define POOL_FLAG_SPECIAL_POOL		0x0000000100000000ULL

/**
 * ExAllocatePoolWithTag() - allocate memory
 * @PoolType: NonPagedPool, NonPagedPoolNx or PagedPool
 * @NumberOfBytes: how much; 0 is 1
 * @Tag: ignored
 *
 * The memory is not set to 0.
 *
 * Context: Process context, may sleep, for PagedPool; softirq context, too, for the others.
 * Return: the memory, the caller's until ExFreePoolWithTag() or ExFreePool(); NULL when there is
 * none, or, with a message, for another type.
 */
PVOID ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);

/**
 * ExAllocatePool2() - allocate memory
 * @Flags: POOL_FLAG_NON_PAGED or POOL_FLAG_PAGED, and what else is to be
 * @NumberOfBytes: how much; 0 is 1
 * @Tag: ignored
 *
 * The memory is set to 0, unless @Flags has POOL_FLAG_UNINITIALIZED. Flags from
 * POOL_FLAG_OPTIONAL_START on are ignored, as on Windows those that it does not know.
 *
 * Context: Process context, may sleep, with POOL_FLAG_PAGED; softirq context, too, with
 * POOL_FLAG_NON_PAGED.
 * Return: as ExAllocatePoolWithTag(); NULL, with a message, for other flags, and for none or both
 * of the kinds. It raises no exception: Linux has none.
 */
PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);

/**
 * ExFreePoolWithTag() - free memory
 * @P: what ExAllocatePoolWithTag() or ExAllocatePool2() gave; NULL does nothing
 * @Tag: ignored
 *
 * Context: As that for allocating it.
 */
static inline VOID ExFreePoolWithTag(PVOID P, ULONG Tag)
{
	kvfree(P);
}

/**
 * ExFreePool() - free memory
 * @P: what ExAllocatePoolWithTag() or ExAllocatePool2() gave; NULL does nothing
 *
 * Context: As that for allocating it.
 */
static inline VOID ExFreePool(PVOID P)
{
	kvfree(P);
}

#endif /* _DHP_WDM_MEMORY_H */
