// SPDX-License-Identifier: GPL-2.0-only
/* A driver's entry and exit, between the module loader and DriverEntry. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/printk.h>

#include "unicode_string.h"
#include "wdm.h"

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
