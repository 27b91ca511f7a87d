// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver in Windows style: a table over all CPUs, and an epoch that says which machine it
 * is for. While a CPU is being added nobody may use the table: a push lock is taken when the add
 * begins and given back when it has ended, in another call of the callback.
 *
 *	KeProcessorAddStartNotify	take the lock, make room for the CPU in the table
 *	KeProcessorAddCompleteNotify	put the CPU in, begin a new epoch, give the lock back
 *	KeProcessorAddFailureNotify	leave table and epoch as they were, give the lock back
 *
 * What to look at: a lock belongs to the thread that took it. That it may be given back in another
 * call is because all synchronous calls of a driver come from one thread. When the driver
 * registers, all CPUs get AddStart before the first one gets AddComplete, so the lock is taken with
 * the first AddStart that is open, and given back with the last.
 *
 * The parameter "table" shows epoch and table, for which it takes the lock shared, and waits
 * while a CPU is being added.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sysfs.h>

#include "wdm.h"

#define SAMPLE_TAG	0x68637045	/* Epch */

static EX_PUSH_LOCK Lock;
/* Under the lock: */
static ULONG Epoch;
static ULONG Entries;
static PULONG Table;

/* Adds that have begun and not ended; only the callback uses it, whose calls are serialised. */
static ULONG Open;
static PVOID Registration;
/* The lock is there: the parameter can be read before DriverEntry runs. */
static BOOLEAN Ready;

static VOID SampleAcquire(VOID)
{
	if (Open++)
		return;
	KeEnterCriticalRegion();
	ExAcquirePushLockExclusive(&Lock);
}

static VOID SampleRelease(VOID)
{
	if (--Open)
		return;
	ExReleasePushLockExclusive(&Lock);
	KeLeaveCriticalRegion();
}

static NTSTATUS SampleStart(VOID)
{
	PULONG Larger;

	SampleAcquire();
	/* For all that are open; without them, the old one would do. */
	Larger = ExAllocatePoolWithTag(PagedPool, (Entries + Open) * sizeof(*Larger), SAMPLE_TAG);
	if (!Larger) {
		/* The driver that vetoes gets no AddFailure. */
		SampleRelease();
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	if (Table) {
		RtlCopyMemory(Larger, Table, Entries * sizeof(*Larger));
		ExFreePoolWithTag(Table, SAMPLE_TAG);
	}
	Table = Larger;
	return STATUS_SUCCESS;
}

static VOID SampleComplete(_In_ ULONG Index)
{
	Table[Entries++] = Index;
	Epoch++;
	pr_info("CPU %u: epoch %u, %u CPUs\n", Index, Epoch, Entries);
	SampleRelease();
}

static VOID SampleFailure(_In_ ULONG Index)
{
	pr_info("CPU %u: not added, epoch %u stays\n", Index, Epoch);
	SampleRelease();
}

static VOID SampleProcessorCallback(_In_ PVOID CallbackContext,
				    _In_ PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
				    _Inout_ PNTSTATUS OperationStatus)
{
	PNTSTATUS CallbackStatus = CallbackContext;
	NTSTATUS Status;

	switch (ChangeContext->State) {
	case KeProcessorAddStartNotify:
		Status = SampleStart();
		if (!NT_SUCCESS(Status)) {
			*OperationStatus = Status;
			*CallbackStatus = Status;
		}
		break;
	case KeProcessorAddCompleteNotify:
		SampleComplete(ChangeContext->NtNumber);
		break;
	case KeProcessorAddFailureNotify:
		SampleFailure(ChangeContext->NtNumber);
		break;
	}
}

static int table_get(char *buffer, const struct kernel_param *param)
{
	int length;
	ULONG i;

	/* Pairs with the release in DriverEntry(). */
	if (!smp_load_acquire(&Ready))
		return -EAGAIN;
	KeEnterCriticalRegion();
	ExAcquirePushLockShared(&Lock);
	length = sysfs_emit(buffer, "epoch %u:", Epoch);
	for (i = 0; i < Entries; i++)
		length += sysfs_emit_at(buffer, length, " %u", Table[i]);
	length += sysfs_emit_at(buffer, length, "\n");
	ExReleasePushLockShared(&Lock);
	KeLeaveCriticalRegion();
	return length;
}

static const struct kernel_param_ops table_ops = {
	.get = table_get,
};
module_param_cb(table, &table_ops, NULL, 0444);
MODULE_PARM_DESC(table, "epoch, and the CPUs of the table");

/* The parameter can still be read. */
static VOID SampleFreeTable(VOID)
{
	KeEnterCriticalRegion();
	ExAcquirePushLockExclusive(&Lock);
	Entries = 0;
	ExFreePoolWithTag(Table, SAMPLE_TAG);
	Table = NULL;
	ExReleasePushLockExclusive(&Lock);
	KeLeaveCriticalRegion();
}

static VOID Unload(_In_ PDRIVER_OBJECT DriverObject)
{
	UNREFERENCED_PARAMETER(DriverObject);
	KeDeregisterProcessorChangeCallback(Registration);
	SampleFreeTable();
}

static NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
	/* Static, because the callback also writes to it after DriverEntry has returned. */
	static NTSTATUS CallbackStatus = STATUS_SUCCESS;

	UNREFERENCED_PARAMETER(RegistryPath);
	ExInitializePushLock(&Lock);
	/* Pairs with the acquire in table_get(). */
	smp_store_release(&Ready, TRUE);
	Registration = KeRegisterProcessorChangeCallback(SampleProcessorCallback, &CallbackStatus,
							 KE_PROCESSOR_CHANGE_ADD_EXISTING);
	if (!Registration) {
		SampleFreeTable();
		return CallbackStatus != STATUS_SUCCESS ? CallbackStatus : STATUS_UNSUCCESSFUL;
	}
	DriverObject->DriverUnload = Unload;
	return STATUS_SUCCESS;
}

module_wdm_driver(DriverEntry);
