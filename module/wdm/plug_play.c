// SPDX-License-Identifier: GPL-2.0-only
/*
 * IoRegisterPlugPlayNotification(): an adapter that turns dhp's events into Windows'. The
 * native interface does all the notification; nothing is decided here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>
#include <linux/slab.h>

#include "notify/notify.h"
#include "part.h"
#include "registration.h"
#include "unicode_string.h"
#include "wdm.h"

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
	reg->event = dhp_register_event_adapter(what, dhp_wdm_event, reg, native, owner, fn);
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

/**
 * dhp_wdm_release_pnp() - unregister the PnP callbacks of a module that is being removed
 * @owner: the module
 *
 * Before their native parts are dropped: callbacks of the module may still run, and use a handle.
 */
void dhp_wdm_release_pnp(struct module *owner)
{
	struct dhp_wdm_registration *reg;

	while ((reg = dhp_wdm_take_left(owner))) {
		/* Modules come and go outside callbacks, so it is not refused. */
		WARN_ON(dhp_unregister_event_callback(reg->event));
		kfree(reg);
	}
}
