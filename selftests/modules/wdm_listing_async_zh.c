// SPDX-License-Identifier: GPL-2.0-only
/*
 * W1: the listings of Windows' page "Processing an Asynchronous Driver Notification",
 * as its Chinese edition prints them, with each "..." replaced; wdm_listing_async.h has the
 * replacements. The page has no DriverEntry: everything below the line is added.
 */

// Asynchronous processor notification callback function
NTSTATUS
  AsyncProcessorCallback(
    IN PVOID NotificationStructure,
    IN PVOID Context
    )
{
  PDEVICE_INTERFACE_CHANGE_NOTIFICATION Notification;
  ULONG ProcessorCount;
  KAFFINITY ActiveProcessors;

  Notification = 
    (PDEVICE_INTERFACE_CHANGE_NOTIFICATION)
      NotificationStructure;

  // Verify that this notification is about a processor
  // that is being added to the hardware partition.
  if (IsEqualGUID(
        &Notification->Event,
        &GUID_DEVICE_INTERFACE_ARRIVAL
        ))
  {
    // Get the current processor count and affinity
    ProcessorCount =
      KeQueryActiveProcessorCount(
        &ActiveProcessors
        );

    // Adjust any resource allocations that are based
    // on the number of processors.
    processors = ProcessorCount;

    // Adjust the assignment of resources that are
    // assigned to specific processors.
    affinity = ActiveProcessors;

    // Begin scheduling any per processor threads
    // on the new processor.
    listing_name(processor_last, Notification->SymbolicLinkName);

    // Adjust the scheduling of DPCs and other threads
    // (this driver has none)

    // Adjust any load balancing algorithms
    processor_arrivals++;
  }

  // Always return success status
 return STATUS_SUCCESS;
}

// Asynchronous memory notification callback function
NTSTATUS
  AsyncMemoryCallback(
    IN PVOID NotificationStructure,
    IN PVOID Context
    )
{
  PDEVICE_INTERFACE_CHANGE_NOTIFICATION Notification;

  Notification = 
    (PDEVICE_INTERFACE_CHANGE_NOTIFICATION)
      NotificationStructure;

  // Verify that this notification is about memory
  // that is being added to the hardware partition.
  if (IsEqualGUID(
        &Notification->Event,
        &GUID_DEVICE_INTERFACE_ARRIVAL
        ))
  {
    // Increase the size of any memory buffers
    // for optimal performance of the driver.
    listing_name(memory_last, Notification->SymbolicLinkName);
    memory_arrivals++;
  }

  // Always return success status
  return STATUS_SUCCESS;
}

/* ------------------------------------------------------------------------- */

static bool existing;
module_param(existing, bool, 0444);
MODULE_PARM_DESC(existing, "also report what is there already");

static PVOID processor_entry, memory_entry;

static VOID Unload(PDRIVER_OBJECT DriverObject)
{
	IoUnregisterPlugPlayNotificationEx(memory_entry);
	IoUnregisterPlugPlayNotificationEx(processor_entry);
}

static NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
	ULONG flags = existing ? PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES : 0;
	NTSTATUS status;

	DriverObject->DriverUnload = Unload;

	status = IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, flags,
						(PVOID)&GUID_DEVICE_PROCESSOR, DriverObject,
						AsyncProcessorCallback, NULL,
						&processor_entry);
	if (!NT_SUCCESS(status))
		return status;

	status = IoRegisterPlugPlayNotification(EventCategoryDeviceInterfaceChange, flags,
						(PVOID)&GUID_DEVICE_MEMORY, DriverObject,
						AsyncMemoryCallback, NULL, &memory_entry);
	if (!NT_SUCCESS(status))
		IoUnregisterPlugPlayNotificationEx(processor_entry);
	return status;
}

module_wdm_driver(DriverEntry);
