// SPDX-License-Identifier: GPL-2.0-only
/*
 * W2, W4, W5 as far as they need no hotplug: values, the errno table, counting of CPUs. The checks
 * run when the module is loaded. Loading fails unless all of them hold, and the kernel log names
 * each one that does not. What the functions refuse is in bad_calls_wdm.c.
 *
 * `offline` is a CPU that was online once and is not now, `never_started` one that never was.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "wdm.h"

static int offline = -1;
module_param(offline, int, 0444);
static int never_started = -1;
module_param(never_started, int, 0444);

static unsigned int failed;

static void expect(bool holds, const char *what, int line)
{
	if (holds)
		return;
	pr_err("line %d: does not hold: %s\n", line, what);
	failed++;
}

#define EXPECT(condition) expect(condition, #condition, __LINE__)

/* Layouts of Windows' headers for 64-bit machines */
static_assert(sizeof(UNICODE_STRING) == 16);
static_assert(sizeof(PROCESSOR_NUMBER) == 4);
static_assert(sizeof(KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT) == 16);
static_assert(sizeof(DEVICE_INTERFACE_CHANGE_NOTIFICATION) == 48);
static_assert(sizeof(ULONG) == 4 && sizeof(KAFFINITY) == 8 && sizeof(NTSTATUS) == 4);

static void check_status(void)
{
	static const struct {
		NTSTATUS status;
		int err;
	} errno_table[] = {
		{ 0, 0 },
		{ (NTSTATUS)0xC0000001, -EIO },
		{ (NTSTATUS)0xC000000D, -EINVAL },
		{ (NTSTATUS)0xC000009A, -ENOMEM },
		{ (NTSTATUS)0xC00000BB, -EOPNOTSUPP },
		{ (NTSTATUS)0xC0000022, -EACCES },
		{ (NTSTATUS)0x80000011, -EBUSY },
		{ (NTSTATUS)0xC00000B5, -ETIMEDOUT },
		{ (NTSTATUS)0xC0000034, -ENOENT },
		{ (NTSTATUS)0xC0000120, -ECANCELED },
	};
	int err, i;

	for (i = 0; i < ARRAY_SIZE(errno_table); i++) {
		EXPECT(dhp_errno_from_ntstatus(errno_table[i].status) == errno_table[i].err);
		EXPECT(dhp_ntstatus_from_errno(errno_table[i].err) == errno_table[i].status);
	}

	/* Several statuses, one errno */
	EXPECT(dhp_errno_from_ntstatus(STATUS_NO_MEMORY) == -ENOMEM);
	/* Successes are not only 0, and failures not only errors. */
	EXPECT(NT_SUCCESS(STATUS_TIMEOUT) && !dhp_errno_from_ntstatus(STATUS_TIMEOUT));
	EXPECT(NT_SUCCESS(0x40000000) && !NT_SUCCESS(0x80000000));
	/* Not in the table */
	EXPECT(dhp_errno_from_ntstatus((NTSTATUS)0xC0FFEE00) == -EIO);
	EXPECT(dhp_ntstatus_from_errno(-EXDEV) == STATUS_UNSUCCESSFUL);
	EXPECT(dhp_ntstatus_from_errno(1) == STATUS_UNSUCCESSFUL);

	/* There and back is the same, or -EIO; and back once more changes nothing. */
	for (err = -MAX_ERRNO; err < 0; err++) {
		NTSTATUS status = dhp_ntstatus_from_errno(err);
		int back = dhp_errno_from_ntstatus(status);

		EXPECT(!NT_SUCCESS(status));
		EXPECT(back == err || back == -EIO || err == -ENOTSUPP);
		EXPECT(dhp_ntstatus_from_errno(back) == status);
	}
}

static void check_guids(void)
{
	static const UCHAR processor[] = {
		0x10, 0xdb, 0xfa, 0x97, 0x33, 0x4e, 0xae, 0x40,
		0x35, 0x9c, 0x8b, 0xef, 0x02, 0x9d, 0xbd, 0xd0
	};
	static const UCHAR memory[] = {
		0x3d, 0xf0, 0xd0, 0x3f, 0xe0, 0x92, 0xfb, 0x45,
		0xb7, 0x5c, 0x5e, 0xd8, 0xff, 0xb0, 0x10, 0x21
	};

	EXPECT(!memcmp(&GUID_DEVICE_PROCESSOR, processor, 16));
	EXPECT(!memcmp(&GUID_DEVICE_MEMORY, memory, 16));
	EXPECT(IsEqualGUID(&GUID_DEVICE_MEMORY, &GUID_DEVICE_MEMORY));
	EXPECT(!IsEqualGUID(&GUID_DEVICE_INTERFACE_ARRIVAL, &GUID_DEVICE_INTERFACE_REMOVAL));
}

/* Does its index have a number, and its number an index? */
static bool is_started(ULONG cpu)
{
	PROCESSOR_NUMBER number = { .Group = cpu / 64, .Number = cpu % 64 }, found = { 0 };
	NTSTATUS status = KeGetProcessorNumberFromIndex(cpu, &found);

	if (status == STATUS_SUCCESS) {
		EXPECT(found.Group == number.Group && found.Number == number.Number);
		EXPECT(!found.Reserved);
		EXPECT(KeGetProcessorIndexFromNumber(&number) == cpu);
		return true;
	}
	EXPECT(status == STATUS_INVALID_PARAMETER);
	EXPECT(KeGetProcessorIndexFromNumber(&number) == INVALID_PROCESSOR_INDEX);
	return false;
}

/* Nothing is plugged while this runs. */
static void check_counting(void)
{
	ULONG groups = 0, sum = 0, group, cpu;
	KAFFINITY active = 0;

	EXPECT(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS) == num_online_cpus());
	EXPECT(KeQueryMaximumProcessorCountEx(ALL_PROCESSOR_GROUPS) == nr_cpu_ids);
	EXPECT(KeQueryActiveProcessorCount(NULL) == KeQueryActiveProcessorCountEx(0));
	EXPECT(KeQueryActiveProcessorCount(&active) == hweight64(active));
	EXPECT(active == KeQueryActiveProcessors());
	EXPECT(KeQueryMaximumProcessorCount() == min(nr_cpu_ids, 64U));

	for (group = 0; group < ALL_PROCESSOR_GROUPS; group++) {
		sum += KeQueryActiveProcessorCountEx(group);
		groups += !!KeQueryMaximumProcessorCountEx(group);
	}
	EXPECT(sum == num_online_cpus());
	EXPECT(groups == DIV_ROUND_UP(nr_cpu_ids, 64));

	for_each_possible_cpu(cpu) {
		EXPECT(is_started(cpu) || !cpu_online(cpu));
		if (cpu < 64)
			EXPECT(cpu_online(cpu) == !!(active & BIT_ULL(cpu)));
	}
	EXPECT(offline < 0 || is_started(offline));
	EXPECT(never_started < 0 || !is_started(never_started));
}

static bool ends_with(PCUNICODE_STRING string, const char *end)
{
	size_t n = string->Length / sizeof(WCHAR), len = strlen(end), i;

	if (n < len || string->Buffer[n])
		return false;
	for (i = 0; i < len; i++)
		if (string->Buffer[n - len + i] != end[i])
			return false;
	return true;
}

static VOID Unload(PDRIVER_OBJECT DriverObject)
{
}

static NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
	DriverObject->DriverUnload = Unload;

	check_status();
	check_guids();
	check_counting();
	EXPECT(ends_with(RegistryPath,
			 "\\CurrentControlSet\\Services\\" KBUILD_MODNAME));
	EXPECT(ends_with(&DriverObject->DriverName, "\\Driver\\" KBUILD_MODNAME));
	EXPECT(ends_with(&DriverObject->DriverExtension->ServiceKeyName, KBUILD_MODNAME));
	EXPECT(DriverObject->DriverInit == DriverEntry);

	return failed ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

module_wdm_driver(DriverEntry);
