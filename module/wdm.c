// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows' names: counting, a driver's entry and exit, and an adapter for each registration
 * that turns dhp's calls into Windows'. The native interface does all the notification;
 * nothing is decided here. Status values are in ntstatus.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "common.h"
#include "compat.h"
#include "wdm.h"
#include "wdm_part.h"

/* They are shown as %pUl shows the 16 bytes of a GUID. */
static_assert(sizeof(GUID) == 16);

const GUID GUID_DEVICE_INTERFACE_ARRIVAL = {
	0xcb3a4004, 0x46f0, 0x11d0, { 0xb0, 0x8f, 0x00, 0x60, 0x97, 0x13, 0x05, 0x3f }
};
EXPORT_SYMBOL_GPL(GUID_DEVICE_INTERFACE_ARRIVAL);

const GUID GUID_DEVICE_INTERFACE_REMOVAL = {
	0xcb3a4005, 0x46f0, 0x11d0, { 0xb0, 0x8f, 0x00, 0x60, 0x97, 0x13, 0x05, 0x3f }
};
EXPORT_SYMBOL_GPL(GUID_DEVICE_INTERFACE_REMOVAL);

const GUID GUID_DEVICE_PROCESSOR = {
	0x97fadb10, 0x4e33, 0x40ae, { 0x35, 0x9c, 0x8b, 0xef, 0x02, 0x9d, 0xbd, 0xd0 }
};
EXPORT_SYMBOL_GPL(GUID_DEVICE_PROCESSOR);

const GUID GUID_DEVICE_MEMORY = {
	0x3fd0f03d, 0x92e0, 0x45fb, { 0xb7, 0x5c, 0x5e, 0xd8, 0xff, 0xb0, 0x10, 0x21 }
};
EXPORT_SYMBOL_GPL(GUID_DEVICE_MEMORY);

/* ---- The driver --------------------------------------------------------- */

/* Fill @string with @prefix and @name, which are ASCII and fit into @buffer. */
static void dhp_wdm_string(UNICODE_STRING *string, WCHAR *buffer, size_t units,
			   const char *prefix, const char *name)
{
	size_t n = 0;

	while (*prefix && n < units - 1)
		buffer[n++] = *prefix++;
	while (*name && n < units - 1)
		buffer[n++] = *name++;
	buffer[n] = 0;

	string->Buffer = buffer;
	string->Length = n * sizeof(*buffer);
	string->MaximumLength = (n + 1) * sizeof(*buffer);
}

int __dhp_wdm_driver_init(struct dhp_wdm_driver *driver, PDRIVER_INITIALIZE entry,
			  struct module *owner, const char *name)
{
	DRIVER_OBJECT *object = &driver->object;
	/* The service's name is the end of its path. */
	WCHAR *service = driver->path + strlen(DHP_WDM_SERVICES);
	NTSTATUS status;
	int err;

	if (!entry) {
		pr_err("%s: module_wdm_driver() names no DriverEntry\n", name);
		return -EINVAL;
	}
	dhp_wdm_string(&driver->registry_path, driver->path, ARRAY_SIZE(driver->path),
		       DHP_WDM_SERVICES, name);
	dhp_wdm_string(&driver->extension.ServiceKeyName, service,
		       ARRAY_SIZE(driver->path) - strlen(DHP_WDM_SERVICES), "", name);
	dhp_wdm_string(&object->DriverName, driver->name, ARRAY_SIZE(driver->name),
		       "\\Driver\\", name);
	driver->extension.DriverObject = object;
	object->DriverExtension = &driver->extension;
	object->DriverInit = entry;

	status = entry(object, &driver->registry_path);
	if (!NT_SUCCESS(status)) {
		err = dhp_errno_from_ntstatus(status);
		pr_err("%s: DriverEntry failed with status 0x%08x (%pe)\n", name,
		       (u32)status, ERR_PTR(err));
		return err;
	}

	if (!object->DriverUnload) {
		/* Without it, nothing could stop what DriverEntry began. */
		__module_get(owner);
		pr_notice("%s: DriverEntry has set no DriverUnload, so the module cannot be removed\n",
			  name);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(__dhp_wdm_driver_init);

void __dhp_wdm_driver_exit(struct dhp_wdm_driver *driver)
{
	if (driver->object.DriverUnload)
		driver->object.DriverUnload(&driver->object);
}
EXPORT_SYMBOL_GPL(__dhp_wdm_driver_exit);

/* ---- Counting CPUs ------------------------------------------------ */

KAFFINITY KeQueryActiveProcessors(void)
{
	KAFFINITY active = 0;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		if (cpu >= MAXIMUM_PROCESSORS_PER_GROUP)
			break;
		active |= BIT_ULL(cpu);
	}
	return active;
}
EXPORT_SYMBOL_GPL(KeQueryActiveProcessors);

ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
	/* Look once, so that the number and the set agree. */
	KAFFINITY active = KeQueryActiveProcessors();

	if (ActiveProcessors)
		*ActiveProcessors = active;
	return hweight64(active);
}
EXPORT_SYMBOL_GPL(KeQueryActiveProcessorCount);

ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
	unsigned int cpu;
	ULONG n = 0;

	if (GroupNumber == ALL_PROCESSOR_GROUPS)
		return num_online_cpus();

	for_each_online_cpu(cpu)
		n += cpu / MAXIMUM_PROCESSORS_PER_GROUP == GroupNumber;
	return n;
}
EXPORT_SYMBOL_GPL(KeQueryActiveProcessorCountEx);

ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber)
{
	ULONG first = GroupNumber * MAXIMUM_PROCESSORS_PER_GROUP;

	if (GroupNumber == ALL_PROCESSOR_GROUPS)
		return nr_cpu_ids;
	if (first >= nr_cpu_ids)
		return 0;
	return min_t(ULONG, nr_cpu_ids - first, MAXIMUM_PROCESSORS_PER_GROUP);
}
EXPORT_SYMBOL_GPL(KeQueryMaximumProcessorCountEx);

ULONG KeQueryMaximumProcessorCount(void)
{
	return KeQueryMaximumProcessorCountEx(0);
}
EXPORT_SYMBOL_GPL(KeQueryMaximumProcessorCount);

static PROCESSOR_NUMBER dhp_wdm_number(unsigned int cpu)
{
	return (PROCESSOR_NUMBER){
		.Group = cpu / MAXIMUM_PROCESSORS_PER_GROUP,
		.Number = cpu % MAXIMUM_PROCESSORS_PER_GROUP,
	};
}

NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
	if (!ProcNumber || ProcIndex >= nr_cpu_ids || !cpu_possible(ProcIndex))
		return STATUS_INVALID_PARAMETER;

	*ProcNumber = dhp_wdm_number(ProcIndex);
	return STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(KeGetProcessorNumberFromIndex);

ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
	ULONG cpu;

	if (!ProcNumber || ProcNumber->Number >= MAXIMUM_PROCESSORS_PER_GROUP)
		return INVALID_PROCESSOR_INDEX;

	cpu = ProcNumber->Group * MAXIMUM_PROCESSORS_PER_GROUP + ProcNumber->Number;
	if (cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return INVALID_PROCESSOR_INDEX;
	return cpu;
}
EXPORT_SYMBOL_GPL(KeGetProcessorIndexFromNumber);

/* ---- Registrations ------------------------------------------------------ */

/**
 * struct dhp_wdm_registration - adapter between dhp's calls and a driver's callback
 * @node: in dhp_wdm_registrations
 * @owner: the driver's module
 * @context: the driver's context
 * @processor_fn: its synchronous callback, or NULL
 * @processor: the native registration, if @processor_fn is set
 * @dead: deregistered, but for the native part, which dhp_wdm_work does; in the list until
 *	then, and not a handle any more
 * @pnp_fn: its asynchronous callback, or NULL
 * @event: the native registration, if @pnp_fn is set
 *
 * Its address is the handle that the driver gets.
 */
struct dhp_wdm_registration {
	struct list_head node;
	struct module *owner;
	PVOID context;
	PPROCESSOR_CALLBACK_FUNCTION processor_fn;
	struct dhp_processor_client *processor;
	bool dead;
	PDRIVER_NOTIFICATION_CALLBACK_ROUTINE pnp_fn;
	struct dhp_event_client *event;
};

/*
 * All registrations whose handles are with a driver: what is not in here is not a
 * handle, nor is what is dead. The mutex is innermost, and nothing is called with it
 * held.
 */
static LIST_HEAD(dhp_wdm_registrations);
static DEFINE_MUTEX(dhp_wdm_mutex);

/* The one whose synchronous callback runs; there is one at a time. */
static struct dhp_wdm_registration *dhp_wdm_running;
static DECLARE_WAIT_QUEUE_HEAD(dhp_wdm_wait);

static void dhp_wdm_bury(struct work_struct *work);
static DECLARE_WORK(dhp_wdm_work, dhp_wdm_bury);

static void dhp_wdm_publish(struct dhp_wdm_registration *reg)
{
	mutex_lock(&dhp_wdm_mutex);
	list_add(&reg->node, &dhp_wdm_registrations);
	mutex_unlock(&dhp_wdm_mutex);
}

/*
 * Take the registration behind @handle out of the list, or with @later declare it dead;
 * NULL if there is none.
 */
static struct dhp_wdm_registration *dhp_wdm_take(PVOID handle, bool synchronous, bool later)
{
	struct dhp_wdm_registration *reg, *found = NULL;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node) {
		if (reg == handle && !!reg->processor_fn == synchronous && !reg->dead) {
			if (later)
				WRITE_ONCE(reg->dead, true);
			else
				list_del(&reg->node);
			found = reg;
			break;
		}
	}
	mutex_unlock(&dhp_wdm_mutex);
	return found;
}

/*
 * The module @owner is gone and has left registrations behind. Their native parts have been
 * dropped, and the log has said so; what is left is the memory.
 */
static void dhp_wdm_free_left(struct module *owner)
{
	struct dhp_wdm_registration *reg, *next;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry_safe(reg, next, &dhp_wdm_registrations, node) {
		if (reg->owner == owner) {
			list_del(&reg->node);
			kfree(reg);
		}
	}
	mutex_unlock(&dhp_wdm_mutex);
}

static void dhp_wdm_processor(void *context,
			      const struct dhp_processor_change *change, int *status)
{
	struct dhp_wdm_registration *reg = context;
	KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT nt = {
		.NtNumber = change->cpu,
		.Status = dhp_ntstatus_from_errno(change->status),
		.ProcNumber = dhp_wdm_number(change->cpu),
	};
	NTSTATUS operation = STATUS_SUCCESS;

	switch (change->state) {
	case DHP_PROCESSOR_START:
		nt.State = KeProcessorAddStartNotify;
		break;
	case DHP_PROCESSOR_COMPLETE:
		nt.State = KeProcessorAddCompleteNotify;
		break;
	case DHP_PROCESSOR_FAILURE:
		nt.State = KeProcessorAddFailureNotify;
		break;
	default:
		/* Windows has no removals, and none were asked for. */
		return;
	}

	WRITE_ONCE(dhp_wdm_running, reg);
	/* Before the look whether it is dead; the partner is in dhp_wdm_finish(). */
	smp_mb();
	if (!READ_ONCE(reg->dead))
		reg->processor_fn(reg->context, &nt, &operation);
	/* @reg may be gone: a callback may deregister itself. */
	smp_store_release(&dhp_wdm_running, NULL);
	wake_up_all(&dhp_wdm_wait);

	/* Outside START, too: dhp says in the log that it has no effect. */
	if (!NT_SUCCESS(operation))
		*status = dhp_errno_from_ntstatus(operation);
}

PVOID __dhp_wdm_register_processor(PPROCESSOR_CALLBACK_FUNCTION fn, PVOID context,
				   ULONG flags, struct module *owner)
{
	unsigned int native = 0;
	struct dhp_wdm_registration *reg;
	int err;

	err = -EINVAL;
	if (!fn)
		goto err_log;
	err = -EOPNOTSUPP;
	if (flags & ~KE_PROCESSOR_CHANGE_ADD_EXISTING)
		goto err_log;
	if (flags & KE_PROCESSOR_CHANGE_ADD_EXISTING)
		native |= DHP_PROCESSOR_ADD_EXISTING;

	err = -ENOMEM;
	reg = kzalloc(sizeof(*reg), GFP_KERNEL);
	if (!reg)
		goto err_log;
	reg->owner = owner;
	reg->context = context;
	reg->processor_fn = fn;
	reg->processor = __dhp_register_processor_callback(dhp_wdm_processor, reg,
							   native, owner);
	if (IS_ERR(reg->processor)) {
		err = PTR_ERR(reg->processor);
		goto err_free;
	}
	dhp_wdm_publish(reg);
	return reg;

err_free:
	kfree(reg);
err_log:
	/* NULL cannot say why. */
	pr_notice("KeRegisterProcessorChangeCallback(%ps, flags 0x%x) failed: %pe\n",
		  fn, flags, ERR_PTR(err));
	return NULL;
}
EXPORT_SYMBOL_GPL(__dhp_wdm_register_processor);

/* A dead registration, of @owner's if that is not NULL; NULL if there is none. */
static struct dhp_wdm_registration *dhp_wdm_dead(struct module *owner)
{
	struct dhp_wdm_registration *reg, *found = NULL;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node)
		if (reg->dead && (!owner || reg->owner == owner))
			found = reg;
	mutex_unlock(&dhp_wdm_mutex);
	return found;
}

static void dhp_wdm_bury(struct work_struct *work)
{
	struct dhp_wdm_registration *reg;

	while ((reg = dhp_wdm_dead(NULL))) {
		dhp_unregister_processor_callback(reg->processor);
		/* It is in the list until then, for dhp_wdm_release_processors(). */
		mutex_lock(&dhp_wdm_mutex);
		list_del(&reg->node);
		mutex_unlock(&dhp_wdm_mutex);
		kfree(reg);
	}
}

/**
 * dhp_wdm_release_processors() - unregister the CPU callbacks of a module that is being removed
 * @owner: the module
 *
 * Those that it has deregistered and those that it has left behind: a handle that still
 * works must not outlive its native part.
 */
void dhp_wdm_release_processors(struct module *owner)
{
	struct dhp_wdm_registration *reg;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node) {
		if (reg->owner != owner || !reg->processor_fn || reg->dead)
			continue;
		pr_err("%s is removed without KeDeregisterProcessorChangeCallback() for %ps; dropped\n",
		       module_name(owner), reg->processor_fn);
		WRITE_ONCE(reg->dead, true);
	}
	mutex_unlock(&dhp_wdm_mutex);
	if (!dhp_wdm_dead(owner))
		return;
	queue_work(system_dfl_wq, &dhp_wdm_work);
	flush_work(&dhp_wdm_work);
}

/**
 * dhp_wdm_free_owner() - drop all that is left of a module that is being removed
 * @owner: the module, none of whose callbacks can run any more
 */
void dhp_wdm_free_owner(struct module *owner)
{
	dhp_wdm_release_processors(owner);
	dhp_wdm_free_left(owner);
}

void dhp_wdm_exit(void)
{
	flush_work(&dhp_wdm_work);
}

/*
 * For a registration that is dead: no call of it begins any more, and one that is running
 * is waited for, but none of other registrations. dhp_wdm_work may free it meanwhile.
 */
static void dhp_wdm_finish(struct dhp_wdm_registration *reg)
{
	/* Before the look whether it is running; the partner is in dhp_wdm_processor(). */
	smp_mb();
	/* Pairs with the release there: what the callback did is done. */
	wait_event(dhp_wdm_wait, smp_load_acquire(&dhp_wdm_running) != reg);
	queue_work(system_dfl_wq, &dhp_wdm_work);
}

VOID KeDeregisterProcessorChangeCallback(PVOID CallbackHandle)
{
	/* A CPU that is being removed may wait for the item, with a callback running. */
	bool later = !dhp_in(DHP_IN_PROCESSOR) && (dhp_in(DHP_IN_MEMORY) || dhp_in(DHP_IN_ITEM));
	struct dhp_wdm_registration *reg = dhp_wdm_take(CallbackHandle, true, later);

	if (!reg) {
		pr_err("%s(%p) from %pS: not what KeRegisterProcessorChangeCallback() returned\n",
		       __func__, CallbackHandle, __builtin_return_address(0));
		return;
	}

	if (later) {
		dhp_wdm_finish(reg);
		return;
	}
	dhp_unregister_processor_callback(reg->processor);
	kfree(reg);
}
EXPORT_SYMBOL_GPL(KeDeregisterProcessorChangeCallback);

static void dhp_wdm_event(void *context, const struct dhp_event *event)
{
	struct dhp_wdm_registration *reg = context;
	PDRIVER_NOTIFICATION_CALLBACK_ROUTINE fn = reg->pnp_fn;
	UNICODE_STRING link;
	DEVICE_INTERFACE_CHANGE_NOTIFICATION nt = {
		.Version = 1,
		.Size = sizeof(nt),
		.Event = event->action == DHP_EVENT_ARRIVAL ?
				GUID_DEVICE_INTERFACE_ARRIVAL :
				GUID_DEVICE_INTERFACE_REMOVAL,
		.SymbolicLinkName = &link,
	};
	phys_addr_t last = event->start + event->size - 1;
	char name[96];		/* the longest has 90 */
	WCHAR wide[sizeof(name)];
	NTSTATUS status;

	if (event->category == DHP_PROCESSOR) {
		nt.InterfaceClassGuid = GUID_DEVICE_PROCESSOR;
		scnprintf(name, sizeof(name), "\\??\\ACPI#Processor#%u#{%pUl}",
			  event->cpu, &GUID_DEVICE_PROCESSOR);
	} else {
		nt.InterfaceClassGuid = GUID_DEVICE_MEMORY;
		scnprintf(name, sizeof(name), "\\??\\ACPI#PNP0C80#%llx-%llx#{%pUl}",
			  (u64)event->start, (u64)last, &GUID_DEVICE_MEMORY);
	}
	dhp_wdm_string(&link, wide, ARRAY_SIZE(wide), "", name);

	status = fn(&nt, reg->context);

	/* The callback may have unregistered itself: @reg may be gone by now. */
	if (!NT_SUCCESS(status))
		pr_notice_ratelimited("%ps returned status 0x%08x, which changes nothing: the event is over\n",
				      fn, (u32)status);
}

NTSTATUS __dhp_wdm_register_pnp(IO_NOTIFICATION_EVENT_CATEGORY category, ULONG flags,
				const GUID *guid, PDRIVER_OBJECT driver,
				PDRIVER_NOTIFICATION_CALLBACK_ROUTINE fn,
				PVOID context, PVOID *entry, struct module *owner)
{
	struct dhp_wdm_registration *reg;
	unsigned int native = 0;
	enum dhp_category what;
	NTSTATUS status;

	if (entry)
		*entry = NULL;
	if (category != EventCategoryDeviceInterfaceChange)
		return STATUS_NOT_SUPPORTED;
	if (!guid || !driver || !fn || !entry)
		return STATUS_INVALID_PARAMETER;
	if (flags & ~PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES)
		return STATUS_NOT_SUPPORTED;

	if (IsEqualGUID(guid, &GUID_DEVICE_PROCESSOR))
		what = DHP_PROCESSOR;
	else if (IsEqualGUID(guid, &GUID_DEVICE_MEMORY))
		what = DHP_MEMORY;
	else
		return STATUS_NOT_SUPPORTED;

	if (flags & PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES)
		native |= DHP_EVENT_INCLUDE_EXISTING;

	reg = kzalloc(sizeof(*reg), GFP_KERNEL);
	if (!reg)
		return STATUS_INSUFFICIENT_RESOURCES;
	reg->owner = owner;
	reg->context = context;
	reg->pnp_fn = fn;
	reg->event = __dhp_register_event_callback(what, dhp_wdm_event, reg, native,
						   owner);
	if (IS_ERR(reg->event)) {
		status = dhp_ntstatus_from_errno(PTR_ERR(reg->event));
		kfree(reg);
		return status;
	}
	dhp_wdm_publish(reg);
	*entry = reg;
	return STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(__dhp_wdm_register_pnp);

NTSTATUS IoUnregisterPlugPlayNotificationEx(PVOID NotificationEntry)
{
	struct dhp_wdm_registration *reg = dhp_wdm_take(NotificationEntry, false, false);

	int err;

	if (!reg)
		return STATUS_INVALID_PARAMETER;

	/* Refused from inside a synchronous callback or an item, with a warning: it stays. */
	err = dhp_unregister_event_callback(reg->event);
	if (err) {
		dhp_wdm_publish(reg);
		return dhp_ntstatus_from_errno(err);
	}
	kfree(reg);
	return STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(IoUnregisterPlugPlayNotificationEx);
