// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver in Windows style: each CPU has a state that only code on that CPU can set up, as
 * a register would be. The driver does that with a DPC when the CPU is in use, and waits for it.
 *
 *	KeProcessorAddStartNotify	allocate; the CPU does not run yet, so it cannot have a DPC
 *	KeProcessorAddCompleteNotify	the DPC sets the state up on the CPU and sets an event;
 *					the callback waits for the event
 *	KeProcessorAddFailureNotify	free; the state was never set up
 *
 * What to look at: the memory of the DPC and of the event lives until no DPC uses it any more,
 * which is when the wait has returned. A CPU that goes offline loses such a state: Windows never
 * takes one away, Linux does, and so the driver says that the CPUs which it holds stay. Until a
 * request to take one offline has been refused, its DPC may run on another CPU: the routine looks
 * where it is.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "ntddk.h"

#define SAMPLE_TAG	0x6c706d53	/* Smpl */

typedef struct _SAMPLE_PROCESSOR {
	ULONG Index;
	PROCESSOR_NUMBER Number;
	KDPC Dpc;
	KEVENT Done;
	BOOLEAN Enable;		/* what the DPC is to do */
	BOOLEAN Enabled;	/* the state */
	ULONG RanOn;
} SAMPLE_PROCESSOR, *PSAMPLE_PROCESSOR;

/* A pointer for each index. The callback's calls are serialised, and Unload comes after them. */
static PSAMPLE_PROCESSOR *Processors;
static ULONG NumberOfProcessors;
static PVOID Registration;

/* Runs on the CPU, at DISPATCH_LEVEL: it must not sleep. */
static VOID SampleDpc(_In_ PKDPC Dpc, _In_opt_ PVOID DeferredContext,
		      _In_opt_ PVOID SystemArgument1, _In_opt_ PVOID SystemArgument2)
{
	PSAMPLE_PROCESSOR Processor = DeferredContext;

	UNREFERENCED_PARAMETER(Dpc);
	UNREFERENCED_PARAMETER(SystemArgument1);
	UNREFERENCED_PARAMETER(SystemArgument2);

	Processor->RanOn = KeGetCurrentProcessorNumberEx(NULL);
	/* A driver for hardware writes to its register here. */
	if (Processor->RanOn == Processor->Index)
		Processor->Enabled = Processor->Enable;
	/* From here on Processor may be gone. */
	KeSetEvent(&Processor->Done, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS SampleSwitch(_Inout_ PSAMPLE_PROCESSOR Processor, _In_ BOOLEAN Enable)
{
	NTSTATUS Status;

	Status = KeSetTargetProcessorDpcEx(&Processor->Dpc, &Processor->Number);
	if (!NT_SUCCESS(Status))
		return Status;

	Processor->Enable = Enable;
	KeClearEvent(&Processor->Done);
	KeInsertQueueDpc(&Processor->Dpc, NULL, NULL);
	KeWaitForSingleObject(&Processor->Done, Executive, KernelMode, FALSE, NULL);
	return Processor->Enabled == Enable ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static NTSTATUS SampleStart(_In_ PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT Change)
{
	PSAMPLE_PROCESSOR Processor;

	/* Non-paged: a DPC uses it. */
	Processor = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Processor), SAMPLE_TAG);
	if (!Processor)
		return STATUS_INSUFFICIENT_RESOURCES;

	Processor->Index = Change->NtNumber;
	Processor->Number = Change->ProcNumber;
	KeInitializeDpc(&Processor->Dpc, SampleDpc, Processor);
	KeSetImportanceDpc(&Processor->Dpc, MediumHighImportance);
	KeInitializeEvent(&Processor->Done, NotificationEvent, FALSE);
	Processors[Processor->Index] = Processor;
	return STATUS_SUCCESS;
}

static VOID SampleComplete(_In_ ULONG Index)
{
	PSAMPLE_PROCESSOR Processor = Processors[Index];
	NTSTATUS Status = SampleSwitch(Processor, TRUE);

	/* COMPLETE cannot fail. A driver does without the CPU then. */
	if (NT_SUCCESS(Status))
		pr_info("CPU %u: set up by a DPC on CPU %u\n", Index, Processor->RanOn);
	else
		pr_info("CPU %u: not set up: status 0x%08x\n", Index, (ULONG)Status);
}

static VOID SampleFree(_In_ ULONG Index)
{
	PSAMPLE_PROCESSOR Processor = Processors[Index];

	if (!Processor)
		return;
	if (Processor->Enabled && NT_SUCCESS(SampleSwitch(Processor, FALSE)))
		pr_info("CPU %u: taken back by a DPC on CPU %u\n", Index, Processor->RanOn);
	else
		pr_info("CPU %u: nothing to take back\n", Index);
	Processors[Index] = NULL;
	ExFreePoolWithTag(Processor, SAMPLE_TAG);
}

static VOID SampleProcessorCallback(_In_ PVOID CallbackContext,
				    _In_ PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
				    _Inout_ PNTSTATUS OperationStatus)
{
	PNTSTATUS CallbackStatus = CallbackContext;
	NTSTATUS Status;

	PAGED_CODE();
	switch (ChangeContext->State) {
	case KeProcessorAddStartNotify:
		Status = SampleStart(ChangeContext);
		if (!NT_SUCCESS(Status)) {
			/* The first one vetoes the add, DriverEntry reads the second one. */
			*OperationStatus = Status;
			*CallbackStatus = Status;
		}
		break;
	case KeProcessorAddCompleteNotify:
		SampleComplete(ChangeContext->NtNumber);
		break;
	case KeProcessorAddFailureNotify:
		SampleFree(ChangeContext->NtNumber);
		break;
	}
}

static VOID Unload(_In_ PDRIVER_OBJECT DriverObject)
{
	ULONG Index;

	UNREFERENCED_PARAMETER(DriverObject);
	KeDeregisterProcessorChangeCallback(Registration);
	for (Index = 0; Index < NumberOfProcessors; Index++)
		SampleFree(Index);
	/* No DPC is in the middle of its last instructions when the code goes. */
	KeFlushQueuedDpcs();
	ExFreePoolWithTag(Processors, SAMPLE_TAG);
}

static NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
	/* Static, because the callback also writes to it after DriverEntry has returned. */
	static NTSTATUS CallbackStatus = STATUS_SUCCESS;

	UNREFERENCED_PARAMETER(RegistryPath);
	NumberOfProcessors = KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS);
	Processors = ExAllocatePool2(POOL_FLAG_PAGED, NumberOfProcessors * sizeof(*Processors),
				     SAMPLE_TAG);
	if (!Processors)
		return STATUS_INSUFFICIENT_RESOURCES;

	Registration = KeRegisterProcessorChangeCallback(SampleProcessorCallback, &CallbackStatus,
							 KE_PROCESSOR_CHANGE_ADD_EXISTING |
							 DHP_PROCESSOR_CHANGE_KEEP);
	if (!Registration) {
		/* CPUs that got AddStart have got AddFailure, so nothing is left but the array. */
		ExFreePoolWithTag(Processors, SAMPLE_TAG);
		return CallbackStatus != STATUS_SUCCESS ? CallbackStatus : STATUS_UNSUCCESSFUL;
	}

	DriverObject->DriverUnload = Unload;
	return STATUS_SUCCESS;
}

module_wdm_driver(DriverEntry);
