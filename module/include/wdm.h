/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' names for dhp: what a driver needs that follows its machine with
 * KeRegisterProcessorChangeCallback() and IoRegisterPlugPlayNotification(). The
 * headers that it includes have what such drivers use besides: the thread's
 * affinity, DPCs, events, push locks and pools of memory, each on what Linux has
 * for it. There is no more of Windows than that; the rest is Linux' own.
 *
 * Names, values and layouts are those of Windows' public headers for 64-bit
 * machines: ULONG has 32 bits here as there, KAFFINITY 64.
 *
 * Include Linux' headers first and this one last: IN and OUT are macros.
 */
#ifndef _DHP_WDM_H
#define _DHP_WDM_H

#include <linux/init.h>
#include <linux/module.h>

#include "dhp.h"
#include "wdm_affinity.h"
#include "wdm_base.h"
#include "wdm_dpc.h"
#include "wdm_event.h"
#include "wdm_lock.h"
#include "wdm_memory.h"

/* ---- Status values ------------------------------------------------------ */

/* Successes and informational values; warnings and errors are negative. */
#define NT_SUCCESS(status)		((NTSTATUS)(status) >= 0)

#define STATUS_SUCCESS			((NTSTATUS)0x00000000)
#define STATUS_TIMEOUT			((NTSTATUS)0x00000102)	/* a success */
#define STATUS_PENDING			((NTSTATUS)0x00000103)	/* a success */
#define STATUS_DEVICE_BUSY		((NTSTATUS)0x80000011)
#define STATUS_UNSUCCESSFUL		((NTSTATUS)0xC0000001)
#define STATUS_NOT_IMPLEMENTED		((NTSTATUS)0xC0000002)
#define STATUS_ACCESS_VIOLATION		((NTSTATUS)0xC0000005)
#define STATUS_INVALID_HANDLE		((NTSTATUS)0xC0000008)
#define STATUS_INVALID_PARAMETER	((NTSTATUS)0xC000000D)
#define STATUS_NO_SUCH_DEVICE		((NTSTATUS)0xC000000E)
#define STATUS_NO_SUCH_FILE		((NTSTATUS)0xC000000F)
#define STATUS_INVALID_DEVICE_REQUEST	((NTSTATUS)0xC0000010)
#define STATUS_NO_MEMORY		((NTSTATUS)0xC0000017)
#define STATUS_ACCESS_DENIED		((NTSTATUS)0xC0000022)
#define STATUS_BUFFER_TOO_SMALL		((NTSTATUS)0xC0000023)
#define STATUS_OBJECT_NAME_NOT_FOUND	((NTSTATUS)0xC0000034)
#define STATUS_OBJECT_NAME_COLLISION	((NTSTATUS)0xC0000035)
#define STATUS_SHARING_VIOLATION	((NTSTATUS)0xC0000043)
#define STATUS_PRIVILEGE_NOT_HELD	((NTSTATUS)0xC0000061)
#define STATUS_DISK_FULL		((NTSTATUS)0xC000007F)
#define STATUS_INTEGER_OVERFLOW		((NTSTATUS)0xC0000095)
#define STATUS_INSUFFICIENT_RESOURCES	((NTSTATUS)0xC000009A)
#define STATUS_IO_TIMEOUT		((NTSTATUS)0xC00000B5)
#define STATUS_NOT_SUPPORTED		((NTSTATUS)0xC00000BB)
#define STATUS_DEVICE_DOES_NOT_EXIST	((NTSTATUS)0xC00000C0)
#define STATUS_INTERNAL_ERROR		((NTSTATUS)0xC00000E5)
#define STATUS_CANCELLED		((NTSTATUS)0xC0000120)
#define STATUS_INVALID_DEVICE_STATE	((NTSTATUS)0xC0000184)
#define STATUS_IO_DEVICE_ERROR		((NTSTATUS)0xC0000185)
#define STATUS_POSSIBLE_DEADLOCK	((NTSTATUS)0xC0000194)
#define STATUS_RETRY			((NTSTATUS)0xC000022D)

/**
 * dhp_ntstatus_from_errno() - say an errno in Windows' words
 * @err: 0 or a negative errno
 *
 * Context: Any.
 * Return: STATUS_SUCCESS for 0, STATUS_UNSUCCESSFUL for what has no counterpart. For
 * every errno that has one, dhp_errno_from_ntstatus() leads back to it; only
 * -ENOTSUPP, which user space does not know, comes back as -EOPNOTSUPP.
 */
NTSTATUS dhp_ntstatus_from_errno(int err);

/**
 * dhp_errno_from_ntstatus() - say a status in Linux' words
 * @status: any NTSTATUS
 *
 * Context: Any.
 * Return: 0 for every status that NT_SUCCESS() takes for a success, STATUS_TIMEOUT
 * among them; otherwise a negative errno, -EIO for what has no counterpart.
 */
int dhp_errno_from_ntstatus(NTSTATUS status);

/* ---- The driver --------------------------------------------------------- */

struct _DRIVER_OBJECT;

typedef NTSTATUS DRIVER_INITIALIZE(struct _DRIVER_OBJECT *DriverObject,
				   PUNICODE_STRING RegistryPath);
typedef NTSTATUS (*PDRIVER_INITIALIZE)(struct _DRIVER_OBJECT *DriverObject,
				       PUNICODE_STRING RegistryPath);
typedef VOID DRIVER_UNLOAD(struct _DRIVER_OBJECT *DriverObject);
typedef void (*PDRIVER_UNLOAD)(struct _DRIVER_OBJECT *DriverObject);

/**
 * struct _DRIVER_EXTENSION - a driver's relations, as far as they exist here
 * @DriverObject: the driver
 * @ServiceKeyName: the module's name
 */
struct _DRIVER_EXTENSION {
	struct _DRIVER_OBJECT *DriverObject;
	UNICODE_STRING ServiceKeyName;
};

typedef struct _DRIVER_EXTENSION DRIVER_EXTENSION;
typedef struct _DRIVER_EXTENSION *PDRIVER_EXTENSION;

/**
 * struct _DRIVER_OBJECT - a driver
 * @DriverExtension: filled in
 * @DriverName: ``\Driver\NAME``, NAME being the module's name
 * @DriverInit: DriverEntry
 * @DriverUnload: NULL, for DriverEntry to set; called when the module is removed.
 *	A driver that leaves it NULL cannot be removed, as on Windows.
 *
 * There is no device stack here, so there is nothing about devices and requests.
 */
struct _DRIVER_OBJECT {
	PDRIVER_EXTENSION DriverExtension;
	UNICODE_STRING DriverName;
	PDRIVER_INITIALIZE DriverInit;
	PDRIVER_UNLOAD DriverUnload;
};

typedef struct _DRIVER_OBJECT DRIVER_OBJECT;
typedef struct _DRIVER_OBJECT *PDRIVER_OBJECT;

#define DHP_WDM_SERVICES "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"

/* What module_wdm_driver() keeps of a driver; all of it is wdm/driver.c's. */
struct dhp_wdm_driver {
	DRIVER_OBJECT object;
	DRIVER_EXTENSION extension;
	UNICODE_STRING registry_path;
	WCHAR name[sizeof("\\Driver\\") + MODULE_NAME_LEN];
	WCHAR path[sizeof(DHP_WDM_SERVICES) + MODULE_NAME_LEN];
};

int __dhp_wdm_driver_init(struct dhp_wdm_driver *driver, PDRIVER_INITIALIZE entry,
			  struct module *owner, const char *name);
void __dhp_wdm_driver_exit(struct dhp_wdm_driver *driver);

/**
 * module_wdm_driver() - name a driver's DriverEntry to the module loader
 * @driver_entry: the driver's DRIVER_INITIALIZE routine
 *
 * Stands once in a module, after DriverEntry and in place of module_init() and
 * module_exit(). Loading the module calls DriverEntry with a driver object and
 * the path ``\Registry\Machine\System\CurrentControlSet\Services\NAME``; both are
 * valid until the module is gone, and there is no registry behind the path. If
 * DriverEntry fails, loading the module fails with the errno that
 * dhp_errno_from_ntstatus() gives for its status, and DriverUnload is not called.
 * Without a DriverEntry it fails with -EINVAL.
 *
 * It also says MODULE_LICENSE("GPL"), without which the kernel would not link the
 * module to dhp, and a MODULE_DESCRIPTION().
 *
 * Kernels from 6.8 on warn of a function that is neither static nor declared.
 * Windows' headers have the same remedy for it: ``DRIVER_INITIALIZE DriverEntry;``
 */
#define module_wdm_driver(driver_entry)						\
static struct dhp_wdm_driver __dhp_wdm_driver;					\
static int __init __dhp_wdm_module_init(void)					\
{										\
	return __dhp_wdm_driver_init(&__dhp_wdm_driver, driver_entry,		\
				     THIS_MODULE, KBUILD_MODNAME);		\
}										\
module_init(__dhp_wdm_module_init);						\
static void __exit __dhp_wdm_module_exit(void)					\
{										\
	__dhp_wdm_driver_exit(&__dhp_wdm_driver);				\
}										\
module_exit(__dhp_wdm_module_exit);						\
MODULE_DESCRIPTION("Driver in Windows' shape, on dhp");				\
MODULE_LICENSE("GPL")

/* ---- Counting processors ------------------------------------------------ */

/**
 * KeQueryActiveProcessorCount() - how many processors are in use in group 0
 * @ActiveProcessors: if not NULL, receives KeQueryActiveProcessors(), of which the
 *	result is the number of bits
 *
 * Context: Any. What it and its likes return may be old by the time it is looked
 * at, except in a synchronous callback, where no processor comes or goes.
 * Return: number of processors, 0 to 64.
 */
ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors);

/**
 * KeQueryActiveProcessorCountEx() - how many processors are in use
 * @GroupNumber: a group, or ALL_PROCESSOR_GROUPS
 *
 * Indexes can have gaps: this is a number of processors, not the end of a loop
 * over them. That is KeQueryMaximumProcessorCountEx().
 *
 * Context: Any.
 * Return: number of processors; 0 for a group that does not exist.
 */
ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber);

/**
 * KeQueryActiveProcessors() - which processors are in use in group 0
 *
 * Context: Any.
 * Return: bit N for the processor with index N.
 */
KAFFINITY KeQueryActiveProcessors(void);

/**
 * KeQueryMaximumProcessorCount() - where the processors of group 0 end
 *
 * Context: Any.
 * Return: as KeQueryMaximumProcessorCountEx(0).
 */
ULONG KeQueryMaximumProcessorCount(void);

/**
 * KeQueryMaximumProcessorCountEx() - where the processors end
 * @GroupNumber: a group, or ALL_PROCESSOR_GROUPS
 *
 * Context: Any.
 * Return: for all groups, a number greater than the index of every processor
 * that can ever come; for one group, greater than every number in it. It is the
 * size of an array with an entry for each, never changes, and can be in the
 * thousands. 0 for a group that does not exist.
 */
ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber);

/**
 * KeGetProcessorNumberFromIndex() - group and number of a processor
 * @ProcIndex: its index
 * @ProcNumber: receives them
 *
 * Context: Any.
 * Return: STATUS_SUCCESS; or STATUS_INVALID_PARAMETER when the processor with this index
 * was never started, or @ProcNumber is NULL. Nothing is written then. A processor counts as
 * started from its KeProcessorAddStartNotify on, and stays started when it goes offline; it
 * counts as never started when its first add has failed before it was online, or when it was
 * online for less than a tick before dhp was loaded and not then.
 */
NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex,
				       PPROCESSOR_NUMBER ProcNumber);

/**
 * KeGetProcessorIndexFromNumber() - index of a processor
 * @ProcNumber: its group and number
 *
 * Context: Any.
 * Return: the index; or INVALID_PROCESSOR_INDEX when @ProcNumber is NULL or a processor that
 * was never started, see KeGetProcessorNumberFromIndex().
 */
ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber);

/* ---- Synchronous processor notification --------------------------------- */

/**
 * enum _KE_PROCESSOR_CHANGE_NOTIFY_STATE - what is happening to a processor
 * @KeProcessorAddStartNotify: %DHP_PROCESSOR_START
 * @KeProcessorAddCompleteNotify: %DHP_PROCESSOR_COMPLETE
 * @KeProcessorAddFailureNotify: %DHP_PROCESSOR_FAILURE
 */
enum _KE_PROCESSOR_CHANGE_NOTIFY_STATE {
	KeProcessorAddStartNotify,
	KeProcessorAddCompleteNotify,
	KeProcessorAddFailureNotify,
};

typedef enum _KE_PROCESSOR_CHANGE_NOTIFY_STATE KE_PROCESSOR_CHANGE_NOTIFY_STATE;

/**
 * struct _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT - one synchronous notification
 * @State: what is happening
 * @NtNumber: the processor's index, which is Linux' CPU number
 * @Status: for KeProcessorAddFailureNotify why the processor did not come: the status
 *	with which a driver has vetoed, or what dhp_ntstatus_from_errno() makes of the errno of
 *	anything else; otherwise STATUS_SUCCESS
 * @ProcNumber: its group and number
 *
 * Lives for the duration of the call only.
 */
struct _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT {
	KE_PROCESSOR_CHANGE_NOTIFY_STATE State;
	ULONG NtNumber;
	NTSTATUS Status;
	PROCESSOR_NUMBER ProcNumber;
};

typedef struct _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT;
typedef struct _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT *PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT;
/* Another spelling in Windows' own pages. */
typedef struct _KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT *PKE_PROCESSOR_CHANGE_NOTIFICATION_CONTEXT;

/*
 * A synchronous processor callback, in the context of dhp_processor_fn.
 * *OperationStatus is STATUS_SUCCESS on entry. A warning or an error written there
 * during KeProcessorAddStartNotify vetoes the add; the request to bring the processor
 * online then fails with dhp_errno_from_ntstatus() of it.
 */
typedef VOID
PROCESSOR_CALLBACK_FUNCTION(PVOID CallbackContext,
			    PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
			    PNTSTATUS OperationStatus);
typedef VOID
(*PPROCESSOR_CALLBACK_FUNCTION)(PVOID CallbackContext,
				PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
				PNTSTATUS OperationStatus);

/* Replay KeProcessorAddStartNotify and KeProcessorAddCompleteNotify. */
#define KE_PROCESSOR_CHANGE_ADD_EXISTING	1
/* dhp's own, no value of Windows': processors that the driver holds do not go offline. */
#define DHP_PROCESSOR_CHANGE_KEEP		0x80000000

PVOID __dhp_wdm_register_processor(PPROCESSOR_CALLBACK_FUNCTION fn, PVOID context,
				   ULONG flags, struct module *owner);

/**
 * KeRegisterProcessorChangeCallback() - follow processors synchronously
 * @CallbackFunction: the callback
 * @CallbackContext: handed to it; stays the caller's
 * @Flags: KE_PROCESSOR_CHANGE_ADD_EXISTING, DHP_PROCESSOR_CHANGE_KEEP, or 0
 *
 * As dhp_register_processor_callback(), without removals: when a processor that the driver
 * holds goes offline and comes back, it is not reported, and the driver keeps its resources
 * for it.
 *
 * With DHP_PROCESSOR_CHANGE_KEEP it does not go offline: a request to take one offline that
 * the driver holds, because it was notified of its start and not of a failure, fails with
 * -EBUSY, and the log names the driver. Suspend and the way to a reboot take processors down
 * all the same; those that come back are not reported.
 *
 * All synchronous calls of all drivers come from one thread, ``dhp-wdm``, so what
 * KeProcessorAddStartNotify acquires, KeProcessorAddCompleteNotify or
 * KeProcessorAddFailureNotify may release. A driver that vetoes gets no failure: it releases
 * what it has acquired before it returns.
 *
 * Context: Process context; may sleep.
 * Return: a handle for KeDeregisterProcessorChangeCallback(), or NULL, when
 * nothing stays registered. The log then has the errno. dhp does not know what
 * @CallbackContext is and writes nothing there: a driver that wants to know the
 * status of its own veto stores it there itself, from its callback.
 */
static inline PVOID
KeRegisterProcessorChangeCallback(PPROCESSOR_CALLBACK_FUNCTION CallbackFunction,
				  PVOID CallbackContext, ULONG Flags)
{
	return __dhp_wdm_register_processor(CallbackFunction, CallbackContext, Flags,
					    THIS_MODULE);
}

/**
 * KeDeregisterProcessorChangeCallback() - stop following processors
 * @CallbackHandle: what KeRegisterProcessorChangeCallback() returned
 *
 * As dhp_unregister_processor_callback(), with three differences. It has no result, and so it
 * never refuses: it may be called from inside any callback and from a pool's work item, too. In
 * a memory callback and in an item it waits for a running callback of this registration, not for
 * those of others. And if the driver has been notified of the start of an add and not of its
 * outcome, the outcome comes first, so that what KeProcessorAddStartNotify has acquired is
 * released: the call waits for the operation, and a processor that stays half-way counts as
 * failed. There is no outcome when it is called from inside a synchronous callback or an item.
 *
 * A handle that is not one is named in the log.
 *
 * Context: Process context; may sleep. Outside callbacks and items, not with the CPU hotplug
 * lock held, and not with what the callback takes.
 */
VOID KeDeregisterProcessorChangeCallback(PVOID CallbackHandle);

/* ---- Asynchronous notification ------------------------------------------ */

/* In DEVICE_INTERFACE_CHANGE_NOTIFICATION's Event */
extern const GUID GUID_DEVICE_INTERFACE_ARRIVAL;
extern const GUID GUID_DEVICE_INTERFACE_REMOVAL;

/* For IoRegisterPlugPlayNotification()'s EventCategoryData */
extern const GUID GUID_DEVICE_PROCESSOR;
extern const GUID GUID_DEVICE_MEMORY;

/**
 * enum _IO_NOTIFICATION_EVENT_CATEGORY - Windows' kinds of asynchronous events
 * @EventCategoryReserved: not supported
 * @EventCategoryHardwareProfileChange: not supported
 * @EventCategoryDeviceInterfaceChange: something arrived or was removed
 * @EventCategoryTargetDeviceChange: not supported
 * @EventCategoryKernelSoftRestart: not supported
 */
enum _IO_NOTIFICATION_EVENT_CATEGORY {
	EventCategoryReserved,
	EventCategoryHardwareProfileChange,
	EventCategoryDeviceInterfaceChange,
	EventCategoryTargetDeviceChange,
	EventCategoryKernelSoftRestart,
};

typedef enum _IO_NOTIFICATION_EVENT_CATEGORY IO_NOTIFICATION_EVENT_CATEGORY;

/**
 * struct _DEVICE_INTERFACE_CHANGE_NOTIFICATION - one asynchronous event
 * @Version: 1
 * @Size: of this structure, in bytes
 * @Event: GUID_DEVICE_INTERFACE_ARRIVAL, or GUID_DEVICE_INTERFACE_REMOVAL, which
 *	Windows defines and never sends for processors and memory. A ported driver
 *	looks for ARRIVAL only and is not disturbed.
 * @InterfaceClassGuid: GUID_DEVICE_PROCESSOR or GUID_DEVICE_MEMORY
 * @SymbolicLinkName: what it is about, in a form like Windows':
 *	``\??\ACPI#Processor#CPU#{97fadb10-4e33-40ae-359c-8bef029dbdd0}`` with the
 *	processor's index in decimal, or
 *	``\??\ACPI#PNP0C80#FIRST-LAST#{3fd0f03d-92e0-45fb-b75c-5ed8ffb01021}`` with
 *	the range's first and last physical address in hexadecimal. There is nothing
 *	to open under that name.
 *
 * Lives for the duration of the call only, @SymbolicLinkName too.
 */
struct _DEVICE_INTERFACE_CHANGE_NOTIFICATION {
	USHORT Version;
	USHORT Size;
	GUID Event;
	GUID InterfaceClassGuid;
	PUNICODE_STRING SymbolicLinkName;
};

typedef struct _DEVICE_INTERFACE_CHANGE_NOTIFICATION DEVICE_INTERFACE_CHANGE_NOTIFICATION;
typedef struct _DEVICE_INTERFACE_CHANGE_NOTIFICATION *PDEVICE_INTERFACE_CHANGE_NOTIFICATION;

/*
 * An asynchronous callback, in the context of dhp_event_fn. NotificationStructure
 * is a PDEVICE_INTERFACE_CHANGE_NOTIFICATION. The result changes nothing; a
 * failure is mentioned in the log.
 */
typedef NTSTATUS DRIVER_NOTIFICATION_CALLBACK_ROUTINE(PVOID NotificationStructure,
						      PVOID Context);
typedef NTSTATUS (*PDRIVER_NOTIFICATION_CALLBACK_ROUTINE)(PVOID NotificationStructure,
							  PVOID Context);

/* Replay an arrival for everything that is there already. */
#define PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES	0x00000001

NTSTATUS __dhp_wdm_register_pnp(IO_NOTIFICATION_EVENT_CATEGORY category, ULONG flags,
				const GUID *guid, PDRIVER_OBJECT driver,
				PDRIVER_NOTIFICATION_CALLBACK_ROUTINE fn,
				PVOID context, PVOID *entry, struct module *owner);

/**
 * IoRegisterPlugPlayNotification() - follow arrivals asynchronously
 * @EventCategory: EventCategoryDeviceInterfaceChange
 * @EventCategoryFlags: PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES, or 0
 * @EventCategoryData: pointer to GUID_DEVICE_PROCESSOR or GUID_DEVICE_MEMORY
 * @DriverObject: the driver
 * @CallbackRoutine: the callback
 * @Context: handed to it; stays the caller's
 * @NotificationEntry: receives a handle for IoUnregisterPlugPlayNotificationEx();
 *	NULL on failure. The first call can come before it is written.
 *
 * As dhp_register_event_callback(). Existing processors and memory are replayed
 * exactly once each; Windows may repeat one.
 *
 * Context: Process context; may sleep.
 * Return: STATUS_SUCCESS; STATUS_INVALID_PARAMETER for a NULL pointer other than
 * @Context; STATUS_NOT_SUPPORTED for another category, GUID or flag;
 * STATUS_INSUFFICIENT_RESOURCES; STATUS_POSSIBLE_DEADLOCK from inside a synchronous
 * memory callback of dhp's own.
 */
static inline NTSTATUS
IoRegisterPlugPlayNotification(IO_NOTIFICATION_EVENT_CATEGORY EventCategory,
			       ULONG EventCategoryFlags,
			       const VOID *EventCategoryData,
			       PDRIVER_OBJECT DriverObject,
			       PDRIVER_NOTIFICATION_CALLBACK_ROUTINE CallbackRoutine,
			       PVOID Context, PVOID *NotificationEntry)
{
	return __dhp_wdm_register_pnp(EventCategory, EventCategoryFlags,
				      EventCategoryData, DriverObject,
				      CallbackRoutine, Context, NotificationEntry,
				      THIS_MODULE);
}

/**
 * IoUnregisterPlugPlayNotificationEx() - stop following arrivals
 * @NotificationEntry: what IoRegisterPlugPlayNotification() gave
 *
 * Waits for a running callback; no call begins after it has returned. From inside
 * the very callback it does not wait, and works too.
 *
 * Context: Process context; may sleep.
 * Return: STATUS_SUCCESS; STATUS_INVALID_PARAMETER when @NotificationEntry is not
 * such a handle; STATUS_POSSIBLE_DEADLOCK from inside a synchronous callback or a pool's
 * work item, where it is refused with a warning in the log.
 */
NTSTATUS IoUnregisterPlugPlayNotificationEx(PVOID NotificationEntry);

/**
 * IoUnregisterPlugPlayNotification() - stop following arrivals
 * @NotificationEntry: what IoRegisterPlugPlayNotification() gave
 *
 * The same as IoUnregisterPlugPlayNotificationEx(): it waits, too, which on Windows
 * it does not.
 *
 * Context: Process context; may sleep.
 * Return: as IoUnregisterPlugPlayNotificationEx().
 */
static inline NTSTATUS IoUnregisterPlugPlayNotification(PVOID NotificationEntry)
{
	return IoUnregisterPlugPlayNotificationEx(NotificationEntry);
}

#include "wdm_rebalance.h"

#endif /* _DHP_WDM_H */
