// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver with Windows' names that deregisters its callback in unusual places. The parameter
 * `where` selects the place: start and complete are the callback itself, memory is a synchronous
 * memory callback, event an asynchronous one, item a work item of a pool. Writing `submit` submits
 * the item. With `hold`, the callback waits in START until `hold` is cleared. With `forget`, the
 * driver unregisters nothing when it is unloaded, and the item waits as well.
 *
 * `deregistered` is set after the deregistration has returned. `calls` counts the calls, and `late`
 * the calls that begin after that.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "dhp_pool.h"
#include "wdm.h"

#define HOLD_SECONDS 60

static char *where = "start";
module_param(where, charp, 0444);
static bool forget;
module_param(forget, bool, 0444);
static bool deregistered;
module_param(deregistered, bool, 0444);
static unsigned int calls;
module_param(calls, uint, 0444);
static unsigned int late;
module_param(late, uint, 0444);

static DECLARE_WAIT_QUEUE_HEAD(changed);
static bool hold;

static PVOID handle;
static struct dhp_pool *pool;
static struct dhp_work item;
static struct dhp_memory_client *memory;
static struct dhp_event_client *event;

static int set_hold(const char *value, const struct kernel_param *param)
{
	int err = param_set_bool(value, param);

	wake_up_all(&changed);
	return err;
}

static const struct kernel_param_ops hold_ops = {
	.set = set_hold,
	.get = param_get_bool,
};
module_param_cb(hold, &hold_ops, &hold, 0644);

static int set_submit(const char *value, const struct kernel_param *param)
{
	return pool && dhp_pool_submit(pool, &item) ? 0 : -EAGAIN;
}

static const struct kernel_param_ops submit_ops = {
	.set = set_submit,
};
module_param_cb(submit, &submit_ops, NULL, 0200);

static void deregister_in(const char *place)
{
	if (strcmp(place, where) || !handle)
		return;
	KeDeregisterProcessorChangeCallback(handle);
	handle = NULL;
	WRITE_ONCE(deregistered, true);
}

static VOID on_processor(PVOID CallbackContext,
			 PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
			 PNTSTATUS OperationStatus)
{
	if (READ_ONCE(deregistered))
		late++;
	calls++;
	if (ChangeContext->State == KeProcessorAddStartNotify) {
		wait_event_timeout(changed, !READ_ONCE(hold), HOLD_SECONDS * HZ);
		deregister_in("start");
	} else {
		deregister_in("complete");
	}
}

static void on_item(struct dhp_work *work)
{
	if (forget)
		wait_event_timeout(changed, !READ_ONCE(hold), HOLD_SECONDS * HZ);
	deregister_in("item");
}

static void on_memory(void *context, const struct dhp_memory_change *change, int *status)
{
	deregister_in("memory");
}

static void on_event(void *context, const struct dhp_event *change)
{
	deregister_in("event");
}

static VOID Unload(PDRIVER_OBJECT DriverObject)
{
	if (forget)
		return;
	dhp_unregister_event_callback(event);
	dhp_unregister_memory_callback(memory);
	dhp_pool_destroy(pool);
	if (handle)
		KeDeregisterProcessorChangeCallback(handle);
}

static NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
	const struct dhp_pool_config config = { .name = "deregister" };
	int err;

	DriverObject->DriverUnload = Unload;
	dhp_work_init(&item, on_item);
	handle = KeRegisterProcessorChangeCallback(on_processor, NULL, 0);
	if (!handle)
		return STATUS_UNSUCCESSFUL;
	pool = dhp_pool_create(&config);
	err = PTR_ERR_OR_ZERO(pool);
	if (err)
		goto deregister;
	memory = dhp_register_memory_callback(on_memory, NULL, DHP_MEMORY_REMOVALS);
	err = PTR_ERR_OR_ZERO(memory);
	if (err)
		goto destroy_pool;
	event = dhp_register_event_callback(DHP_PROCESSOR, on_event, NULL, 0);
	err = PTR_ERR_OR_ZERO(event);
	if (err)
		goto unregister_memory;
	return STATUS_SUCCESS;

unregister_memory:
	dhp_unregister_memory_callback(memory);
destroy_pool:
	dhp_pool_destroy(pool);
deregister:
	KeDeregisterProcessorChangeCallback(handle);
	return dhp_ntstatus_from_errno(err);
}

module_wdm_driver(DriverEntry);

MODULE_DESCRIPTION("Deregisters a Windows callback from inside others");
MODULE_LICENSE("GPL");
