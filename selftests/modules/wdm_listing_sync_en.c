// SPDX-License-Identifier: GPL-2.0-only
/*
 * W1: the listing of Windows' page "Registering for Synchronous Driver Notification",
 * as its English edition prints it. Only these things differ: each "..." is
 * replaced, the semicolon in front of the body of Unload is removed, and the last line is
 * added. wdm_listing_sync.h has the replacements.
 */

// Prototype for the synchronous
// notification callback function
VOID
  SyncProcessorCallback(
    IN PVOID CallbackContext,
    IN PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
    IN PNTSTATUS OperationStatus
    );

PVOID CallbackRegistrationHandle;
NTSTATUS CallbackStatus = STATUS_SUCCESS;

// The driver's DriverEntry routine
NTSTATUS  DriverEntry(
    PDRIVER_OBJECT DriverObject,
    PUNICODE_STRING RegistryPath
    )
{
  DriverObject->DriverUnload = Unload;

  // Register the callback function
  CallbackRegistrationHandle =
    KeRegisterProcessorChangeCallback(
      SyncProcessorCallback,
      &CallbackStatus,
      KE_PROCESSOR_CHANGE_ADD_EXISTING
      );

  // Check the result
  if (CallbackRegistrationHandle == NULL)
  {
    // Perform any necessary cleanup
    listing_report("not registered");

    // Check the callback status
    if (CallbackStatus != STATUS_SUCCESS)
    {
      // Return the error status from the callback function
      return CallbackStatus;
    }
    else
    {
      // Return a generic error status
      return STATUS_UNSUCCESSFUL;
    }
  }

  listing_report("registered");

  return STATUS_SUCCESS;
}

// The driver's Unload routine
VOID
  Unload(
    IN PDRIVER_OBJECT DriverObject
    )
{
  listing_report("unloading");

  // Unregister the callback function
  KeDeregisterProcessorChangeCallback(
    CallbackRegistrationHandle
    );

  listing_report("unregistered");
}

module_wdm_driver(DriverEntry);
