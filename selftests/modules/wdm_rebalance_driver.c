// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver with Windows' names that is rebalanced. Its parameters count the calls, and show the
 * machine of the last start. `refuse` is how many more times it puts its stop off; with
 * `unregister`, it unregisters itself in its next stop.
 */
#include <linux/moduleparam.h>

#include "wdm.h"

static unsigned int refuse;
module_param(refuse, uint, 0644);
static bool unregister;
module_param(unregister, bool, 0644);
static unsigned int queries;
module_param(queries, uint, 0444);
static unsigned int stops;
module_param(stops, uint, 0444);
static unsigned int starts;
module_param(starts, uint, 0444);
static unsigned int processors;
module_param(processors, uint, 0444);
static unsigned int errors;
module_param(errors, uint, 0444);

static DRIVER_QUERY_STOP_ROUTINE on_query_stop;
static DRIVER_STOP_ROUTINE on_stop;
static DRIVER_START_ROUTINE on_start;

static DHP_REBALANCE rebalance = {
	.QueryStop = on_query_stop,
	.Stop = on_stop,
	.Start = on_start,
	.Context = &rebalance,
};

static NTSTATUS on_query_stop(PVOID Context)
{
	errors += Context != &rebalance;
	queries++;
	if (!refuse)
		return STATUS_SUCCESS;
	refuse--;
	return STATUS_DEVICE_BUSY;
}

static VOID on_stop(PVOID Context)
{
	errors += Context != &rebalance;
	stops++;
	if (unregister)
		errors += DhpUnregisterRebalance(&rebalance) != STATUS_SUCCESS;
}

static VOID on_start(PVOID Context, PDHP_MACHINE Machine)
{
	errors += Context != &rebalance;
	starts++;
	processors = Machine->nr_cpus;
}

static VOID driver_unload(PDRIVER_OBJECT DriverObject)
{
	if (!unregister)
		DhpUnregisterRebalance(&rebalance);
}

static NTSTATUS driver_entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
	DriverObject->DriverUnload = driver_unload;
	return DhpRegisterRebalance(&rebalance);
}
module_wdm_driver(driver_entry);

MODULE_DESCRIPTION("driver with Windows' names that is rebalanced, for dhp's selftests");
MODULE_LICENSE("GPL");
