// SPDX-License-Identifier: GPL-2.0-only
/* Checks of Windows' pools of memory: sizes, contents, alignment, softirq context. */
#include <linux/align.h>
#include <linux/cache.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "wdm_names.h"

/* As drivers write it. sparse takes that for an error. */
#ifdef __CHECKER__
#define TAG	0x70684474
#else
#define TAG	('phDt')
#endif

static const SIZE_T sizes[] = {
	0, 1, 8, 63, 64, 65, 100, 192, 1000, 4095, 4096, 4097, 5000, 8192, 8193, 65536, 100000
};

static void use(PVOID memory, SIZE_T size, bool zero)
{
	EXPECT_WITH(size, memory);
	if (!memory)
		return;
	EXPECT_WITH(size, !zero || !memchr_inv(memory, 0, size));
	EXPECT_WITH(size, size < PAGE_SIZE || PAGE_ALIGNED(memory));
	EXPECT_WITH(size, IS_ALIGNED((unsigned long)memory, 8));
	/* So that the next one finds it dirty. */
	memset(memory, 0xa5, max_t(SIZE_T, size, 1));
}

static void sizes_of(POOL_TYPE type, POOL_FLAGS flags)
{
	unsigned int i;
	PVOID memory;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memory = ExAllocatePoolWithTag(type, sizes[i], TAG);
		use(memory, sizes[i], false);
		ExFreePoolWithTag(memory, TAG);

		memory = ExAllocatePool2(flags, sizes[i], TAG);
		use(memory, sizes[i], true);
		ExFreePool(memory);

		memory = ExAllocatePool2(flags | POOL_FLAG_UNINITIALIZED, sizes[i], 0);
		use(memory, sizes[i], false);
		ExFreePool(memory);

		/* Flags of the upper half are wishes. */
		memory = ExAllocatePool2(flags | POOL_FLAG_CACHE_ALIGNED | POOL_FLAG_SPECIAL_POOL,
					 sizes[i], TAG);
		use(memory, sizes[i], true);
		EXPECT_WITH(sizes[i], IS_ALIGNED((unsigned long)memory, cache_line_size()));
		ExFreePoolWithTag(memory, TAG);
	}
}

static VOID allocate_in_dpc(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1,
			    PVOID SystemArgument2)
{
	PVOID *memory = DeferredContext;

	memory[0] = ExAllocatePoolWithTag(NonPagedPoolNx, 100, TAG);
	memory[1] = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, TAG);
	memory[2] = ExAllocatePoolWithTag(NonPagedPool, 10, TAG);
	ExFreePoolWithTag(memory[2], TAG);
}

void check_memory(void)
{
	PVOID memory[3] = { };
	KDPC dpc;

	sizes_of(NonPagedPool, POOL_FLAG_NON_PAGED);
	sizes_of(NonPagedPoolNx, POOL_FLAG_NON_PAGED);
	sizes_of(PagedPool, POOL_FLAG_PAGED);

	/* More than there can be contiguous memory for */
	memory[0] = ExAllocatePool2(POOL_FLAG_PAGED, 4 * KMALLOC_MAX_SIZE, TAG);
	use(memory[0], 4 * KMALLOC_MAX_SIZE, true);
	ExFreePoolWithTag(memory[0], TAG);

	KeInitializeDpc(&dpc, allocate_in_dpc, memory);
	EXPECT(KeInsertQueueDpc(&dpc, NULL, NULL));
	KeFlushQueuedDpcs();
	use(memory[0], 100, false);
	use(memory[1], 5000, true);
	EXPECT(memory[2]);
	ExFreePoolWithTag(memory[0], TAG);
	ExFreePoolWithTag(memory[1], TAG);
	ExFreePool(NULL);
	ExFreePoolWithTag(NULL, TAG);
}

/* -ENOMEM when there is no memory, as a driver would say. */
int try_memory(void)
{
	PVOID one = ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG);
	PVOID two = ExAllocatePoolWithTag(PagedPool, 100000, TAG);
	bool both = one && two;

	ExFreePool(one);
	ExFreePool(two);
	return both ? 0 : -ENOMEM;
}
