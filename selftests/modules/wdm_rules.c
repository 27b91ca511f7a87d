// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver with Windows' names that relies on what Windows promises to synchronous callbacks. It
 * registers `callbacks` (1 or 2) callbacks with `flags`. `pid` is the thread of its first call,
 * `strangers` counts calls in other threads. With `lock`, each callback takes a mutex of its own in
 * its first START and releases it when the last of these CPUs has got COMPLETE or FAILURE; `locked`
 * counts what is held, and `errors` what no driver should see. The last callback vetoes `veto_cpu`
 * with `veto_status`.
 *
 * With `hotplug_lock`, each call takes the CPU hotplug lock, which is forbidden. With `inside`, the
 * first call unregisters a native client and tries to register a callback. With `pnp`, the driver
 * asks for arrivals of processors, too. With `forget`, it unregisters nothing when it is unloaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "wdm.h"

static uint callbacks = 1;
module_param(callbacks, uint, 0444);
static uint flags;
module_param(flags, uint, 0444);
static bool lock;
module_param(lock, bool, 0444);
static int veto_cpu = -1;
module_param(veto_cpu, int, 0644);
static uint veto_status = (uint)STATUS_UNSUCCESSFUL;
module_param(veto_status, uint, 0644);
static bool hotplug_lock;
module_param(hotplug_lock, bool, 0444);
static bool inside;
module_param(inside, bool, 0444);
static bool pnp;
module_param(pnp, bool, 0444);
static bool forget;
module_param(forget, bool, 0444);

static int pid;
module_param(pid, int, 0444);
static uint strangers;
module_param(strangers, uint, 0444);
static uint starts;
module_param(starts, uint, 0444);
static uint completes;
module_param(completes, uint, 0444);
static uint failures;
module_param(failures, uint, 0444);
static uint last_failure;
module_param(last_failure, uint, 0444);
static int locked;
module_param(locked, int, 0444);
static uint errors;
module_param(errors, uint, 0444);

/* Not in the structure below: lockdep takes mutexes that are initialised in one line for one. */
static DEFINE_MUTEX(first_mutex);
static DEFINE_MUTEX(last_mutex);

static struct rules_client {
	PVOID handle;
	struct mutex *mutex;	/* held from a START to its outcome */
	uint started;	/* CPUs whose add is not over */
	struct cpumask held;
} clients[2] = {
	{ .mutex = &first_mutex },
	{ .mutex = &last_mutex },
};

static struct dhp_processor_client *native;
static PVOID pnp_entry;

/* Windows' locks can be acquired by their owner again; this one is counted instead. */
static void take(struct rules_client *client)
{
	if (client->started++ || !lock)
		return;
	mutex_lock(client->mutex);
	locked++;
}

static void release(struct rules_client *client)
{
	if (!client->started) {
		errors++;
		return;
	}
	if (--client->started || !lock)
		return;
	mutex_unlock(client->mutex);
	locked--;
}

static void on_native(void *context, const struct dhp_processor_change *change, int *status)
{
}

static VOID on_processor(PVOID CallbackContext,
			 PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
			 PNTSTATUS OperationStatus);

static void do_inside(void)
{
	inside = false;
	errors += dhp_unregister_processor_callback(native) != 0;
	errors += !!KeRegisterProcessorChangeCallback(on_processor, &clients[0], 0);
}

static VOID on_processor(PVOID CallbackContext,
			 PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
			 PNTSTATUS OperationStatus)
{
	struct rules_client *client = CallbackContext;

	if (!pid)
		pid = current->pid;
	strangers += pid != current->pid;
	if (hotplug_lock) {
		cpus_read_lock();
		cpus_read_unlock();
	}
	if (inside)
		do_inside();

	switch (ChangeContext->State) {
	case KeProcessorAddStartNotify:
		starts++;
		errors += cpumask_test_and_set_cpu(ChangeContext->NtNumber, &client->held);
		take(client);
		if (client == &clients[callbacks - 1] && (int)ChangeContext->NtNumber == veto_cpu) {
			/* There will be no failure notification for this CPU. */
			release(client);
			cpumask_clear_cpu(ChangeContext->NtNumber, &client->held);
			*OperationStatus = (NTSTATUS)veto_status;
		}
		break;
	case KeProcessorAddCompleteNotify:
		completes++;
		errors += !cpumask_test_cpu(ChangeContext->NtNumber, &client->held);
		release(client);
		break;
	case KeProcessorAddFailureNotify:
		failures++;
		last_failure = (uint)ChangeContext->Status;
		errors += !cpumask_test_and_clear_cpu(ChangeContext->NtNumber, &client->held);
		release(client);
		break;
	}
}

static NTSTATUS on_event(PVOID NotificationStructure, PVOID Context)
{
	return STATUS_SUCCESS;
}

static void deregister(void)
{
	uint i;

	if (pnp_entry)
		IoUnregisterPlugPlayNotificationEx(pnp_entry);
	for (i = 0; i < callbacks; i++)
		if (clients[i].handle)
			KeDeregisterProcessorChangeCallback(clients[i].handle);
}

static VOID Unload(PDRIVER_OBJECT DriverObject)
{
	if (!forget)
		deregister();
	if (locked || errors)
		pr_err("unloaded with locked=%d errors=%u\n", locked, errors);
}

static NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
	bool with_native = inside;
	NTSTATUS status;
	uint i;

	if (callbacks < 1 || callbacks > ARRAY_SIZE(clients))
		return STATUS_INVALID_PARAMETER;
	DriverObject->DriverUnload = Unload;
	if (with_native) {
		native = dhp_register_processor_callback(on_native, NULL, 0);
		if (IS_ERR(native))
			return dhp_ntstatus_from_errno(PTR_ERR(native));
	}
	if (pnp) {
		status = IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, 0,
							(PVOID)&GUID_DEVICE_PROCESSOR, DriverObject,
							on_event, NULL, &pnp_entry);
		if (!NT_SUCCESS(status))
			return status;
	}
	for (i = 0; i < callbacks; i++) {
		clients[i].handle = KeRegisterProcessorChangeCallback(on_processor, &clients[i],
								      flags);
		if (!clients[i].handle)
			goto failed;
	}
	return STATUS_SUCCESS;

failed:
	pr_info("not registered: starts=%u completes=%u failures=%u last_failure=0x%08x locked=%d strangers=%u errors=%u\n",
		starts, completes, failures, last_failure, locked, strangers, errors);
	deregister();
	if (with_native && inside)
		dhp_unregister_processor_callback(native);
	return (NTSTATUS)veto_status;
}

module_wdm_driver(DriverEntry);

MODULE_DESCRIPTION("Relies on what Windows promises to synchronous callbacks");
MODULE_LICENSE("GPL");
