// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver in Windows' shape: a thread and its data for every processor, and a budget
 * that follows the number of processors and the size of memory.
 *
 *	START		allocate the processor's data and create its thread
 *	COMPLETE	let the thread run
 *	FAILURE		take both away again
 *	arrivals	work out the budget anew, outside of any operation
 *
 * dhp_sample_native.c is the same driver without Windows' names. It also hears of
 * processors that leave, which a driver in Windows' shape does not.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "wdm.h"

struct sample_processor {
	ULONG index;
	struct task_struct *thread;
	unsigned long rounds;	/* of work done on the processor itself */
	unsigned long away;	/* of work done elsewhere, while it was offline */
};

/*
 * One entry for each index that can ever come; an entry is 8 bytes, the rest is not
 * there before its processor is. Synchronous callbacks are serialised, and Unload comes
 * after the last of them: no lock is needed.
 */
static struct sample_processor **processors;
static ULONG nr_processors;

static PVOID processor_registration;
static PVOID processor_entry;
static PVOID memory_entry;

/* What the driver would allow each processor to take: a thousandth of memory in all. */
static unsigned long budget_pages;

/*
 * Windows never takes a processor away, so a driver in its shape is not told when Linux
 * does, and its thread outlives the processor's absence. The scheduler then moves the
 * thread to another processor and forgets where it belonged; a thread made by
 * kthread_create_on_cpu() would stay astray when its processor is back. So this one is
 * created free and binds itself, anew in every round: while its processor is offline
 * that fails, and it works where it is. Work that is only right on the processor itself
 * asks, with preemption off, whether it is there, as below.
 */
static int sample_thread(void *data)
{
	struct sample_processor *processor = data;

	while (!kthread_should_stop()) {
		set_cpus_allowed_ptr(current, cpumask_of(processor->index));

		if (get_cpu() == processor->index)
			processor->rounds++;
		else
			processor->away++;
		put_cpu();

		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule_timeout(HZ / 10);
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

static NTSTATUS sample_start(ULONG index)
{
	struct sample_processor *processor;
	int nid = cpu_to_node(index);

	processor = kzalloc_node(sizeof(*processor), GFP_KERNEL, nid);
	if (!processor)
		return STATUS_INSUFFICIENT_RESOURCES;
	processor->index = index;
	/* It sleeps until it is woken for the first time. */
	processor->thread = kthread_create_on_node(sample_thread, processor, nid,
						   "dhp_wdm/%u", index);
	if (IS_ERR(processor->thread)) {
		NTSTATUS status = dhp_ntstatus_from_errno(PTR_ERR(processor->thread));

		kfree(processor);
		return status;
	}
	processors[index] = processor;
	pr_info("CPU %u: data and thread made on node %d\n", index, nid);
	return STATUS_SUCCESS;
}

static VOID sample_free(ULONG index)
{
	struct sample_processor *processor = processors[index];

	if (!processor)
		return;
	/* A thread that was never woken goes without having run. */
	kthread_stop(processor->thread);
	pr_info("CPU %u: freed after %lu rounds there and %lu elsewhere\n", index,
		processor->rounds, processor->away);
	kfree(processor);
	processors[index] = NULL;
}

static VOID SampleProcessorCallback(IN PVOID CallbackContext,
				    IN PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
				    IN OUT PNTSTATUS OperationStatus)
{
	PNTSTATUS CallbackStatus = CallbackContext;
	ULONG index = ChangeContext->NtNumber;
	NTSTATUS status;

	switch (ChangeContext->State) {
	case KeProcessorAddStartNotify:
		status = sample_start(index);
		if (!NT_SUCCESS(status)) {
			/* Veto; and let DriverEntry know, if it is still waiting. */
			*OperationStatus = status;
			*CallbackStatus = status;
		}
		break;
	case KeProcessorAddCompleteNotify:
		wake_up_process(processors[index]->thread);
		pr_info("CPU %u: in use, thread started\n", index);
		break;
	case KeProcessorAddFailureNotify:
		sample_free(index);
		break;
	}
}

static VOID sample_budget(VOID)
{
	ULONG active = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);

	/* Movable memory cannot hold what a driver allocates. */
	budget_pages = nr_free_buffer_pages() / 1000 / active;
	pr_info("budget: %lu pages for each of %u CPUs\n", budget_pages, active);
}

/* For processors and memory alike: what has come does not matter, the sum does. */
static NTSTATUS SampleArrivalCallback(IN PVOID NotificationStructure, IN PVOID Context)
{
	PDEVICE_INTERFACE_CHANGE_NOTIFICATION Notification = NotificationStructure;

	if (IsEqualGUID(&Notification->Event, &GUID_DEVICE_INTERFACE_ARRIVAL))
		sample_budget();
	return STATUS_SUCCESS;
}

static VOID sample_deregister(VOID)
{
	ULONG index;

	KeDeregisterProcessorChangeCallback(processor_registration);
	/* There are no more calls now; what they made is ours to free. */
	for (index = 0; index < nr_processors; index++)
		sample_free(index);
}

static VOID SampleUnload(IN PDRIVER_OBJECT DriverObject)
{
	IoUnregisterPlugPlayNotificationEx(memory_entry);
	IoUnregisterPlugPlayNotificationEx(processor_entry);
	sample_deregister();
	kvfree(processors);
}

static NTSTATUS SampleEntry(IN PDRIVER_OBJECT DriverObject, IN PUNICODE_STRING RegistryPath)
{
	/* Lives as long as the registration: later vetoes are written there, too. */
	static NTSTATUS CallbackStatus = STATUS_SUCCESS;
	NTSTATUS status;

	nr_processors = KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS);
	processors = kvcalloc(nr_processors, sizeof(*processors), GFP_KERNEL);
	if (!processors)
		return STATUS_INSUFFICIENT_RESOURCES;
	sample_budget();

	processor_registration =
		KeRegisterProcessorChangeCallback(SampleProcessorCallback, &CallbackStatus,
						  KE_PROCESSOR_CHANGE_ADD_EXISTING);
	if (!processor_registration) {
		/* Processors that had been started got FAILURE: nothing is left of them. */
		status = CallbackStatus != STATUS_SUCCESS ? CallbackStatus : STATUS_UNSUCCESSFUL;
		goto free_processors;
	}

	status = IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, 0,
						&GUID_DEVICE_PROCESSOR, DriverObject,
						SampleArrivalCallback, NULL,
						&processor_entry);
	if (!NT_SUCCESS(status))
		goto deregister;

	status = IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, 0,
						&GUID_DEVICE_MEMORY, DriverObject,
						SampleArrivalCallback, NULL, &memory_entry);
	if (!NT_SUCCESS(status))
		goto unregister_processor;

	DriverObject->DriverUnload = SampleUnload;
	return STATUS_SUCCESS;

unregister_processor:
	IoUnregisterPlugPlayNotificationEx(processor_entry);
deregister:
	sample_deregister();
free_processors:
	kvfree(processors);
	return status;
}

module_wdm_driver(SampleEntry);
