// SPDX-License-Identifier: GPL-2.0-only
/*
 * wdm_names: checks of those of Windows' names that are not notification, W9. Writing the name of
 * a check into the parameter "check" runs it in the writer's thread. The write fails with EIO
 * unless all that the check expects holds; the log names what does not. What the functions refuse
 * is in bad_calls_wdm_names.c.
 *
 * The checks are in the other files; here is what runs them, and those that are small.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "wdm_names.h"

static unsigned int failed;

void wdm_expect(bool holds, const char *what, long long value, int line)
{
	if (holds)
		return;
	pr_err("line %d, with %lld: does not hold: %s\n", line, value, what);
	failed++;
}

unsigned int wdm_other_cpu(void)
{
	unsigned int cpu, found = nr_cpu_ids;

	for_each_online_cpu(cpu)
		if (cpu)
			found = cpu;
	return found;
}

/* ---- Small names -------------------------------------------------------- */

struct small {
	UCHAR first;
	LARGE_INTEGER second;
};

C_ASSERT(sizeof(LARGE_INTEGER) == 8);
C_ASSERT(sizeof(GROUP_AFFINITY) == 16);
C_ASSERT(sizeof(SIZE_T) == 8 && sizeof(LONGLONG) == 8 && sizeof(CCHAR) == 1);
C_ASSERT(FIELD_OFFSET(struct small, second) == 8);
C_ASSERT(LowImportance == 0 && MediumImportance == 1 && HighImportance == 2);
C_ASSERT(NotificationEvent == 0 && SynchronizationEvent == 1);
C_ASSERT(NonPagedPool == 0 && PagedPool == 1 && NonPagedPoolNx == 512);

_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
static FORCEINLINE BOOLEAN copies(_Out_writes_bytes_(size) PVOID to, _In_opt_ PVOID from,
				  _In_ SIZE_T size)
{
	if (!from)
		return FALSE;
	RtlCopyMemory(to, from, size);
	return TRUE;
}

_Function_class_(PROCESSOR_CALLBACK_FUNCTION)
_Use_decl_annotations_
static VOID reads_state(_In_ PVOID CallbackContext,
			_In_ PKE_PROCESSOR_CHANGE_NOTIFICATION_CONTEXT ChangeContext,
			_Inout_ PNTSTATUS OperationStatus)
{
	UNREFERENCED_PARAMETER(CallbackContext);
	*OperationStatus = ChangeContext->Status;
}

void check_small(void)
{
	PPROCESSOR_CALLBACK_FUNCTION callback = reads_state;
	KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT change = { .Status = STATUS_INTERNAL_ERROR };
	NTSTATUS status = STATUS_SUCCESS;
	UCHAR from[5] = "abcd", to[5] = "";
	LARGE_INTEGER big = { .QuadPart = -1 };

	PAGED_CODE();
	EXPECT(copies(to, from, sizeof(to)) && !memcmp(to, "abcd", 5));
	EXPECT(!copies(to, NULL, sizeof(to)));
	RtlZeroMemory(to, 2);
	EXPECT(!to[0] && !to[1] && to[2] == 'c');
	EXPECT(big.LowPart == 0xffffffff && big.HighPart == -1 && big.u.HighPart == -1);
	big.u.LowPart = 7;
	big.HighPart = 1;
	EXPECT(big.QuadPart == 0x100000007);
	EXPECT(KeGetCurrentThread() == current && PsGetCurrentThread() == current);
	callback(NULL, &change, &status);
	EXPECT(status == (NTSTATUS)0xC00000E5);

	EXPECT(dhp_errno_from_ntstatus((NTSTATUS)0xC00000E5) == -ENOTRECOVERABLE);
	EXPECT(dhp_ntstatus_from_errno(-ENOTRECOVERABLE) == STATUS_INTERNAL_ERROR);
	EXPECT(dhp_errno_from_ntstatus((NTSTATUS)0xC0000184) == -EBADFD);
	EXPECT(dhp_ntstatus_from_errno(-EBADFD) == STATUS_INVALID_DEVICE_STATE);
	EXPECT(IsEqualGUID(&GUID_DEVICE_PROCESSOR, &GUID_DEVICE_PROCESSOR));
}

void check_lock(void)
{
	static EX_PUSH_LOCK lock;

	ExInitializePushLock(&lock);
	KeEnterCriticalRegion();
	ExAcquirePushLockExclusive(&lock);
	EXPECT(!down_read_trylock(&lock));
	ExReleasePushLockExclusive(&lock);

	ExAcquirePushLockShared(&lock);
	EXPECT(!down_write_trylock(&lock));
	if (down_read_trylock(&lock))
		ExReleasePushLockShared(&lock);
	else
		EXPECT(!"shared twice");
	EXPECT(!down_write_trylock(&lock));
	ExReleasePushLockShared(&lock);
	KeLeaveCriticalRegion();

	if (down_write_trylock(&lock))
		ExReleasePushLockExclusive(&lock);
	else
		EXPECT(!"released");
}

/* ---- Running ------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*check)(void);
} checks[] = {
	{ "small", check_small },
	{ "lock", check_lock },
	{ "memory", check_memory },
	{ "affinity", check_affinity },
	{ "affinity_thread", check_affinity_thread },
	{ "affinity_worker", check_affinity_worker },
	{ "affinity_offline", check_affinity_offline },
	{ "dpc", check_dpc },
	{ "dpc_order", check_dpc_order },
	{ "dpc_everywhere", check_dpc_everywhere },
	{ "dpc_memory", check_dpc_memory },
	{ "dpc_crowd", check_dpc_crowd },
	{ "dpc_offline", check_dpc_offline },
	{ "dpc_churn", check_dpc_churn },
	{ "leave_dpc", leave_dpc },
	{ "leave_running_dpc", leave_running_dpc },
	{ "leave_dpcs_hopping", leave_dpcs_hopping },
	{ "event", check_event },
	{ "event_timeout", check_event_timeout },
	{ "event_crowd", check_event_crowd },
	{ "event_stack", check_event_stack },
	{ "event_race", check_event_race },
};

static int check_set(const char *value, const struct kernel_param *param)
{
	unsigned int i;

	failed = 0;
	if (sysfs_streq(value, "try_affinity"))
		return try_affinity();
	if (sysfs_streq(value, "try_memory"))
		return try_memory();
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		if (!sysfs_streq(value, checks[i].name))
			continue;
		checks[i].check();
		return failed ? -EIO : 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops check_ops = {
	.set = check_set,
};
module_param_cb(check, &check_ops, NULL, 0200);
MODULE_PARM_DESC(check, "name of a check to run");

static VOID Unload(PDRIVER_OBJECT DriverObject)
{
}

static NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
	DriverObject->DriverUnload = Unload;
	return STATUS_SUCCESS;
}

module_wdm_driver(DriverEntry);
