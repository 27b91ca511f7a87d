// SPDX-License-Identifier: GPL-2.0-only
/* Bad calls of the functions of wdm.h. */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/string.h>

#include "bad_calls_tally.h"
#include "bad_calls_wdm.h"
#include "wdm.h"

static VOID on_processor(PVOID CallbackContext,
			 PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
			 PNTSTATUS OperationStatus)
{
}

static NTSTATUS on_pnp(PVOID NotificationStructure, PVOID Context)
{
	return STATUS_SUCCESS;
}

/* None is a handle. The last is an address that could be one. */
static int no_registration;
static void *const no_handles[] = {
	NULL, (void *)-EINVAL, (void *)-MAX_ERRNO, (void *)1, &no_registration
};

static void bad_processor_calls(void)
{
	unsigned int bit, i;
	PVOID handle;

	tally_begin("KeRegisterProcessorChangeCallback");
	TRY(!KeRegisterProcessorChangeCallback(NULL, NULL, 0));
	TRY(!KeRegisterProcessorChangeCallback(NULL, NULL, KE_PROCESSOR_CHANGE_ADD_EXISTING));
	/* The last bit is DHP_PROCESSOR_CHANGE_KEEP. */
	for (bit = 1; bit < 31; bit++) {
		TRY_WITH(bit, !KeRegisterProcessorChangeCallback(on_processor, NULL, BIT(bit)));
		TRY_WITH(bit, !KeRegisterProcessorChangeCallback(on_processor, NULL,
								 BIT(bit) | BIT(0)));
		TRY_WITH(bit, !KeRegisterProcessorChangeCallback(on_processor, NULL, BIT(bit) |
								 DHP_PROCESSOR_CHANGE_KEEP));
	}
	TRY(!KeRegisterProcessorChangeCallback(NULL, NULL, DHP_PROCESSOR_CHANGE_KEEP));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		KeDeregisterProcessorChangeCallback(no_handles[i]);

	/* A handle is valid once, and only for its own kind. */
	handle = KeRegisterProcessorChangeCallback(on_processor, NULL, 0);
	MUST(handle);
	TRY(IoUnregisterPlugPlayNotification(handle) == STATUS_INVALID_PARAMETER);
	TRY(IoUnregisterPlugPlayNotificationEx(handle) == STATUS_INVALID_PARAMETER);
	KeDeregisterProcessorChangeCallback(handle);
	KeDeregisterProcessorChangeCallback(handle);
}

static DRIVER_OBJECT driver;

/* Is the answer @status, and was no handle returned? */
static bool answers(int category, ULONG flags, const GUID *guid, PDRIVER_OBJECT object,
		    PDRIVER_NOTIFICATION_CALLBACK_ROUTINE fn, NTSTATUS status)
{
	PVOID entry = &entry;

	return IoRegisterPlugPlayNotification((IO_NOTIFICATION_EVENT_CATEGORY)category, flags,
					      guid, object, fn, NULL, &entry) == status &&
	       !entry;
}

static void bad_guids(const GUID *guid, int category)
{
	GUID other;
	unsigned int i;

	for (i = 0; i < sizeof(other); i++) {
		other = *guid;
		((UCHAR *)&other)[i] ^= 0x10;
		TRY_WITH(i, answers(category, 0, &other, &driver, on_pnp, STATUS_NOT_SUPPORTED));
	}
}

static void bad_pnp_calls(void)
{
	static const int categories[] = {
		EventCategoryReserved, EventCategoryHardwareProfileChange,
		EventCategoryTargetDeviceChange, EventCategoryKernelSoftRestart, 5, -1, INT_MAX,
		INT_MIN
	};
	static const GUID zero;
	const ULONG existing = PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES;
	const int change = EventCategoryDeviceInterfaceChange;
	const GUID * const guids[] = { &GUID_DEVICE_PROCESSOR, &GUID_DEVICE_MEMORY };
	unsigned int bit, i;
	PVOID entry;

	tally_begin("IoRegisterPlugPlayNotification");
	for (i = 0; i < ARRAY_SIZE(categories); i++) {
		TRY_WITH(categories[i], answers(categories[i], 0, NULL, &driver, on_pnp,
						STATUS_NOT_SUPPORTED));
		TRY_WITH(categories[i], answers(categories[i], existing, guids[0], &driver, on_pnp,
						STATUS_NOT_SUPPORTED));
	}
	TRY(answers(change, 0, NULL, &driver, on_pnp, STATUS_INVALID_PARAMETER));
	for (i = 0; i < ARRAY_SIZE(guids); i++) {
		TRY_WITH(i, answers(change, 0, guids[i], NULL, on_pnp, STATUS_INVALID_PARAMETER));
		TRY_WITH(i, answers(change, 0, guids[i], &driver, NULL, STATUS_INVALID_PARAMETER));
		TRY_WITH(i, IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, 0,
							   guids[i], &driver, on_pnp, NULL, NULL) ==
			 STATUS_INVALID_PARAMETER);
		for (bit = 1; bit < 32; bit++)
			TRY_WITH(bit, answers(change, BIT(bit) | existing, guids[i], &driver,
					      on_pnp, STATUS_NOT_SUPPORTED));
		bad_guids(guids[i], change);
	}
	TRY(answers(change, 0, &zero, &driver, on_pnp, STATUS_NOT_SUPPORTED));
	TRY(answers(change, 0, &GUID_DEVICE_INTERFACE_ARRIVAL, &driver, on_pnp,
		    STATUS_NOT_SUPPORTED));
	TRY(answers(change, 0, &GUID_DEVICE_INTERFACE_REMOVAL, &driver, on_pnp,
		    STATUS_NOT_SUPPORTED));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, IoUnregisterPlugPlayNotificationEx(no_handles[i]) ==
			 STATUS_INVALID_PARAMETER);

	MUST(IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, existing, guids[0],
					    &driver, on_pnp, NULL, &entry) == STATUS_SUCCESS);
	KeDeregisterProcessorChangeCallback(entry);
	MUST(IoUnregisterPlugPlayNotificationEx(entry) == STATUS_SUCCESS);
	TRY(IoUnregisterPlugPlayNotificationEx(entry) == STATUS_INVALID_PARAMETER);
}

static ULONG index_of(unsigned int group, unsigned int number)
{
	PROCESSOR_NUMBER processor = { .Group = group, .Number = number };

	return KeGetProcessorIndexFromNumber(&processor);
}

static void bad_counting_calls(void)
{
	const ULONG groups = DIV_ROUND_UP(nr_cpu_ids, MAXIMUM_PROCESSORS_PER_GROUP);
	const ULONG no_groups[] = { groups, groups + 1, 0x7fff, 0x8000, 0xfffe };
	const ULONG no_indexes[] = { nr_cpu_ids, nr_cpu_ids + 1, 65536, INT_MAX, BIT(31), ~0U };
	static const UCHAR no_numbers[] = { 64, 65, 127, 128, 255 };
	PROCESSOR_NUMBER processor = { .Group = 77 };
	unsigned int i;

	tally_begin("KeGetProcessorNumberFromIndex");
	for (i = 0; i < ARRAY_SIZE(no_groups); i++) {
		TRY_WITH(no_groups[i], !KeQueryActiveProcessorCountEx(no_groups[i]));
		TRY_WITH(no_groups[i], !KeQueryMaximumProcessorCountEx(no_groups[i]));
		TRY_WITH(no_groups[i], index_of(no_groups[i], 0) == INVALID_PROCESSOR_INDEX);
	}
	for (i = 0; i < ARRAY_SIZE(no_indexes); i++)
		TRY_WITH(no_indexes[i], KeGetProcessorNumberFromIndex(no_indexes[i], &processor) ==
			 STATUS_INVALID_PARAMETER);
	for (i = 0; i < ARRAY_SIZE(no_numbers); i++)
		TRY_WITH(no_numbers[i], index_of(0, no_numbers[i]) == INVALID_PROCESSOR_INDEX);
	TRY(index_of(nr_cpu_ids / MAXIMUM_PROCESSORS_PER_GROUP,
		     nr_cpu_ids % MAXIMUM_PROCESSORS_PER_GROUP) == INVALID_PROCESSOR_INDEX);
	TRY(index_of(0xffff, 0) == INVALID_PROCESSOR_INDEX);
	TRY(KeGetProcessorIndexFromNumber(NULL) == INVALID_PROCESSOR_INDEX);
	TRY(KeGetProcessorNumberFromIndex(0, NULL) == STATUS_INVALID_PARAMETER);
	TRY(KeGetProcessorNumberFromIndex(~0U, NULL) == STATUS_INVALID_PARAMETER);
	/* The failed calls have written nothing. */
	MUST(processor.Group == 77);
}

static void bad_status_calls(void)
{
	static const int no_errnos[] = { 1, INT_MAX, INT_MIN, -MAX_ERRNO - 1, -512, -EXDEV };
	static const u32 no_statuses[] = { 0xffffffff, 0x80000000, 0x80000001, 0xc0000000,
					   0xc0ffee00 };
	unsigned int i;

	tally_begin("status values");
	for (i = 0; i < ARRAY_SIZE(no_errnos); i++)
		TRY_WITH(no_errnos[i],
			 dhp_ntstatus_from_errno(no_errnos[i]) == STATUS_UNSUCCESSFUL);
	for (i = 0; i < ARRAY_SIZE(no_statuses); i++)
		TRY_WITH(no_statuses[i], dhp_errno_from_ntstatus(no_statuses[i]) == -EIO);
}

static void bad_drivers(void)
{
	static struct dhp_wdm_driver empty;

	tally_begin("module_wdm_driver");
	TRY(__dhp_wdm_driver_init(&empty, NULL, THIS_MODULE, KBUILD_MODNAME) == -EINVAL);
	MUST(!memchr_inv(&empty, 0, sizeof(empty)));
	/* Without DriverUnload, nothing is called. */
	__dhp_wdm_driver_exit(&empty);
}

static VOID on_stop(PVOID Context)
{
}

static VOID on_start(PVOID Context, PDHP_MACHINE Machine)
{
}

static void bad_rebalance_calls(void)
{
	static DHP_REBALANCE bad[] = { { }, { .Stop = on_stop }, { .Start = on_start } };
	static DHP_REBALANCE good = { .Stop = on_stop, .Start = on_start };
	unsigned int i;

	tally_begin("DhpRegisterRebalance");
	TRY(DhpRegisterRebalance(NULL) == STATUS_INVALID_PARAMETER);
	TRY(DhpUnregisterRebalance(NULL) == STATUS_INVALID_PARAMETER);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		TRY_WITH(i, DhpRegisterRebalance(&bad[i]) == STATUS_INVALID_PARAMETER);
		TRY_WITH(i, DhpUnregisterRebalance(&bad[i]) == STATUS_INVALID_PARAMETER);
	}
	MUST(DhpRegisterRebalance(&good) == STATUS_SUCCESS);
	MUST(DhpUnregisterRebalance(&good) == STATUS_SUCCESS);
	TRY(DhpUnregisterRebalance(&good) == STATUS_INVALID_PARAMETER);
}

void bad_wdm_calls(void)
{
	bad_drivers();
	bad_processor_calls();
	bad_pnp_calls();
	bad_counting_calls();
	bad_status_calls();
	bad_rebalance_calls();
}
