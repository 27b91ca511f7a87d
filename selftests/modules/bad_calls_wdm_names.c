// SPDX-License-Identifier: GPL-2.0-only
/* Bad calls of those of Windows' functions that are not notification. */
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bad_calls_wdm_names.h"
#include "bad_calls_tally.h"
#include "wdm.h"

static VOID never(PRKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
	MUST(false);
}

static void bad_dpc_calls(void)
{
	const struct {
		unsigned int group, number;
	} no_numbers[] = {
		{ 0, 64 }, { 0, 255 }, { 0xffff, 0 }, { 0xffff, 255 },
		{ nr_cpu_ids / 64, nr_cpu_ids % 64 }, { nr_cpu_ids / 64 + 1, 0 },
	};
	static const int no_targets[] = { -1, -128, 64, 127 };
	static const int no_importances[] = { 4, -1, INT_MAX, INT_MIN };
	unsigned int i;
	KDPC dpc = { };

	tally_begin("DPCs");
	TRY(!KeInsertQueueDpc(NULL, NULL, NULL));
	TRY(!KeInsertQueueDpc(&dpc, NULL, NULL));
	KeInitializeDpc(&dpc, NULL, NULL);
	TRY(!KeInsertQueueDpc(&dpc, NULL, NULL));

	KeInitializeDpc(&dpc, never, NULL);
	TRY(!KeRemoveQueueDpc(&dpc));
	TRY(KeSetTargetProcessorDpcEx(&dpc, NULL) == STATUS_INVALID_PARAMETER);
	for (i = 0; i < ARRAY_SIZE(no_numbers); i++) {
		PROCESSOR_NUMBER number = {
			.Group = no_numbers[i].group, .Number = no_numbers[i].number,
		};

		TRY_WITH(i, KeSetTargetProcessorDpcEx(&dpc, &number) == STATUS_INVALID_PARAMETER);
	}
	for (i = 0; i < ARRAY_SIZE(no_targets); i++) {
		KeSetTargetProcessorDpc(&dpc, no_targets[i]);
		TRY_WITH(no_targets[i], dpc.cpu == DHP_DPC_NO_TARGET);
	}
	for (i = 0; i < ARRAY_SIZE(no_importances); i++) {
		KeSetImportanceDpc(&dpc, (KDPC_IMPORTANCE)no_importances[i]);
		TRY_WITH(no_importances[i], dpc.importance == MediumImportance);
	}
	KeFlushQueuedDpcs();
}

static NTSTATUS wait(PVOID object)
{
	return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, NULL);
}

static void bad_event_calls(void)
{
	static const int no_types[] = { 2, -1, INT_MAX };
	KEVENT garbage, zeroes = { }, event;
	PRKEVENT const no_events[] = { NULL, &zeroes, &garbage };
	unsigned int i;

	tally_begin("events");
	memset(&garbage, 0xa5, sizeof(garbage));
	for (i = 0; i < ARRAY_SIZE(no_events); i++) {
		TRY_WITH(i, wait(no_events[i]) == STATUS_INVALID_PARAMETER);
		TRY_WITH(i, !KeSetEvent(no_events[i], 0, FALSE));
		TRY_WITH(i, !KeResetEvent(no_events[i]));
		TRY_WITH(i, !KeReadStateEvent(no_events[i]));
		KeClearEvent(no_events[i]);
	}
	MUST(!memchr_inv(&garbage, 0xa5, sizeof(garbage)));
	for (i = 0; i < ARRAY_SIZE(no_types); i++) {
		KeInitializeEvent(&event, SynchronizationEvent, TRUE);
		KeInitializeEvent(&event, (EVENT_TYPE)no_types[i], TRUE);
		TRY_WITH(no_types[i], wait(&event) == STATUS_INVALID_PARAMETER);
	}
}

static void bad_memory_calls(void)
{
	static const int no_types[] = { 2, 3, 4, 5, 513, -1, INT_MAX, INT_MIN };
	static const size_t too_much[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, 1ULL << 40 };
	const u64 both = POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED;
	unsigned int i;

	tally_begin("pools of memory");
	for (i = 0; i < ARRAY_SIZE(no_types); i++)
		TRY_WITH(no_types[i], !ExAllocatePoolWithTag((POOL_TYPE)no_types[i], 8, 1));
	TRY(!ExAllocatePool2(0, 8, 1));
	TRY(!ExAllocatePool2(both, 8, 1));
	TRY(!ExAllocatePool2(POOL_FLAG_UNINITIALIZED, 8, 1));
	for (i = 0; i < 32; i++) {
		POOL_FLAGS flag = BIT_ULL(i);

		if (flag & (both | POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED))
			continue;
		TRY_WITH(i, !ExAllocatePool2(flag | POOL_FLAG_PAGED, 8, 1));
		TRY_WITH(i, !ExAllocatePool2(flag | POOL_FLAG_NON_PAGED, 8, 1));
	}
	for (i = 0; i < ARRAY_SIZE(too_much); i++) {
		TRY_WITH(i, !ExAllocatePoolWithTag(PagedPool, too_much[i], 1));
		TRY_WITH(i, !ExAllocatePoolWithTag(NonPagedPoolNx, too_much[i], 1));
		TRY_WITH(i, !ExAllocatePool2(POOL_FLAG_PAGED, too_much[i], 1));
		TRY_WITH(i, !ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED,
					     too_much[i], 1));
	}
	TRY(!ExAllocatePoolWithTag(NonPagedPool, KMALLOC_MAX_SIZE + 1, 1));
	ExFreePool(NULL);
	ExFreePoolWithTag(NULL, 0);
}

static void bad_group_calls(void)
{
	const ULONG groups = KeQueryMaximumGroupCount();
	const ULONG no_groups[] = { groups, groups + 1, 0x7fff, 0x8000, 0xffff };
	GROUP_AFFINITY affinity, previous;
	unsigned int i;

	tally_begin("groups");
	for (i = 0; i < ARRAY_SIZE(no_groups); i++) {
		TRY_WITH(no_groups[i], !KeQueryGroupAffinity(no_groups[i]));
		affinity = (GROUP_AFFINITY){ .Group = no_groups[i], .Mask = 1 };
		previous.Mask = 1;
		KeSetSystemGroupAffinityThread(&affinity, &previous);
		TRY_WITH(no_groups[i], !previous.Mask && !previous.Group);
		KeRevertToUserGroupAffinityThread(&affinity);
	}
	KeSetSystemGroupAffinityThread(NULL, &previous);
	TRY(!previous.Mask);
	KeSetSystemGroupAffinityThread(NULL, NULL);
	KeRevertToUserGroupAffinityThread(NULL);
}

void bad_wdm_names_calls(void)
{
	bad_dpc_calls();
	bad_event_calls();
	bad_memory_calls();
	bad_group_calls();
}
