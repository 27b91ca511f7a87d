// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver in Windows style: a thread goes to each CPU in turn and reads something that
 * differs from CPU to CPU, here the CPU's own cycle counter. When a CPU is added, it is read in the
 * callback, by a thread that goes there.
 *
 *	DriverEntry			go over all CPUs
 *	KeProcessorAddCompleteNotify	go to the new one; it can run threads from now on
 *
 * What to look at: the loop ends where indexes end, and leaves out those that are not in use. One
 * that ends at the number of active CPUs misses the last ones, since indexes have gaps here. Each
 * way there is undone before the next one, and the thread looks where it is: a CPU may go offline
 * between two lines, and KeSetSystemGroupAffinityThread() has no answer.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/timex.h>

#include "wdm.h"

static PVOID Registration;

_IRQL_requires_max_(APC_LEVEL)
static BOOLEAN SampleRead(_In_ ULONG Index)
{
	GROUP_AFFINITY Affinity, Previous;
	PROCESSOR_NUMBER Number;
	ULONGLONG Cycles;
	BOOLEAN There;

	if (!NT_SUCCESS(KeGetProcessorNumberFromIndex(Index, &Number)))
		return FALSE;

	RtlZeroMemory(&Affinity, sizeof(Affinity));
	Affinity.Group = Number.Group;
	Affinity.Mask = (KAFFINITY)1 << Number.Number;
	KeSetSystemGroupAffinityThread(&Affinity, &Previous);

	Cycles = get_cycles();
	There = KeGetCurrentProcessorNumberEx(NULL) == Index;

	KeRevertToUserGroupAffinityThread(&Previous);

	if (There)
		pr_info("CPU %u: read there: %llu\n", Index, Cycles);
	return There;
}

static VOID SampleReadAll(VOID)
{
	ULONG End = KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS);
	ULONG Index, Read = 0;

	for (Index = 0; Index < End; Index++)
		Read += SampleRead(Index);
	pr_info("%u CPUs read, %u active\n", Read,
		KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS));
}

static VOID SampleProcessorCallback(_In_ PVOID CallbackContext,
				    _In_ PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
				    _Inout_ PNTSTATUS OperationStatus)
{
	UNREFERENCED_PARAMETER(CallbackContext);
	UNREFERENCED_PARAMETER(OperationStatus);

	if (ChangeContext->State != KeProcessorAddCompleteNotify)
		return;
	if (!SampleRead(ChangeContext->NtNumber))
		pr_info("CPU %u: not read\n", ChangeContext->NtNumber);
}

static VOID Unload(_In_ PDRIVER_OBJECT DriverObject)
{
	UNREFERENCED_PARAMETER(DriverObject);
	KeDeregisterProcessorChangeCallback(Registration);
}

static NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
	UNREFERENCED_PARAMETER(RegistryPath);

	/* First, so that no CPU is missed between the two; one may be read twice. */
	Registration = KeRegisterProcessorChangeCallback(SampleProcessorCallback, NULL, 0);
	if (!Registration)
		return STATUS_UNSUCCESSFUL;
	SampleReadAll();

	DriverObject->DriverUnload = Unload;
	return STATUS_SUCCESS;
}

module_wdm_driver(DriverEntry);
