// SPDX-License-Identifier: GPL-2.0-only
/* Counting CPUs in Windows' way: active ones, possible ones, groups of 64. */
#include <linux/cpumask.h>

#include "count.h"
#include "notify/notify.h"
#include "wdm.h"

/**
 * dhp_wdm_group() - which CPUs of a group are in a mask?
 * @mask: the mask
 * @group: the group's number
 *
 * Return: a bit for each of them; 0 if there is no such group.
 */
KAFFINITY dhp_wdm_group(const struct cpumask *mask, USHORT group)
{
	KAFFINITY affinity = 0;
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		if (cpu / MAXIMUM_PROCESSORS_PER_GROUP == group)
			affinity |= BIT_ULL(cpu % MAXIMUM_PROCESSORS_PER_GROUP);
	return affinity;
}

KAFFINITY KeQueryActiveProcessors(void)
{
	return dhp_wdm_group(cpu_online_mask, 0);
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
	if (GroupNumber == ALL_PROCESSOR_GROUPS)
		return num_online_cpus();

	return hweight64(dhp_wdm_group(cpu_online_mask, GroupNumber));
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

/**
 * dhp_wdm_number() - group and number of a CPU
 * @cpu: the CPU
 *
 * Return: them.
 */
PROCESSOR_NUMBER dhp_wdm_number(unsigned int cpu)
{
	return (PROCESSOR_NUMBER){
		.Group = cpu / MAXIMUM_PROCESSORS_PER_GROUP,
		.Number = cpu % MAXIMUM_PROCESSORS_PER_GROUP,
	};
}

NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
	if (!ProcNumber || !dhp_processor_started(ProcIndex))
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
	if (!dhp_processor_started(cpu))
		return INVALID_PROCESSOR_INDEX;
	return cpu;
}
EXPORT_SYMBOL_GPL(KeGetProcessorIndexFromNumber);
