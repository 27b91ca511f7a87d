// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver in Windows style. It has a thread and some data for every CPU, and a budget that
 * depends on the number of active CPUs and on the size of memory.
 *
 *	KeProcessorAddStartNotify	a CPU is being added: allocate its data, create its thread
 *	KeProcessorAddCompleteNotify	the CPU is active: wake the thread
 *	KeProcessorAddFailureNotify	the CPU is not added after all: stop the thread, free the
 *					data
 *	device interface arrivals	a CPU or memory has been added: compute the budget again
 *
 * dhp_sample_native.c is the same driver in Linux style. It is also notified when a CPU is removed,
 * which a driver in Windows style is not.
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
	unsigned long rounds;	/* rounds of work on this CPU */
	unsigned long away;	/* rounds of work on other CPUs, while it was offline */
};

/*
 * A pointer for each index that is possible; the data itself exists only for CPUs that were added.
 *
 * No lock is needed: synchronous callbacks are serialised, and Unload frees the data after it has
 * deregistered the callback.
 */
static struct sample_processor **processors;
static ULONG nr_processors;

static PVOID processor_registration;
static PVOID processor_entry;
static PVOID memory_entry;

/* The pages that the driver allows for each CPU: a thousandth of memory for all CPUs together. */
static unsigned long budget_pages;

/*
 * The thread of a CPU. Windows never removes a CPU, so a driver in Windows style is not notified
 * when Linux does, and the thread exists while its CPU is offline. The scheduler then moves the
 * thread to another CPU and drops its binding. A thread from kthread_create_on_cpu() would stay
 * there when its CPU is online again.
 *
 * So this thread is created without a binding and binds itself in every round. That fails while its
 * CPU is offline, and the thread works on another CPU. Work that is correct only on this CPU must
 * check, with preemption disabled, which CPU it is on.
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
	/* The thread does not run until AddComplete wakes it. */
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
	/* A thread that was never woken ends without running its function. */
	kthread_stop(processor->thread);
	pr_info("CPU %u: freed after %lu rounds there and %lu on other CPUs\n", index,
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
			/* Vetoes the add. SampleEntry reads the second one if it is registering. */
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

	/* Without movable memory, which cannot be used for what a driver allocates. */
	budget_pages = nr_free_buffer_pages() / 1000 / active;
	pr_info("budget: %lu pages for each of %u CPUs\n", budget_pages, active);
}

/* Arrivals of CPUs and of memory. The budget depends on the totals, not on what has changed. */
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
	/* The callback is not called any more. The driver must free what is left. */
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
	/* Static, because the callback also writes to it after SampleEntry has returned. */
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
		/* CPUs that got AddStart have got AddFailure, so nothing is left to free. */
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
