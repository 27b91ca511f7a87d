/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the page about synchronous notification leaves out: the callback, of which it has only the
 * prototype, and what replaces each of its "...". The Kbuild file includes this after wdm.h, before
 * each of the three listings.
 *
 * /sys/module/NAME/parameters has what the callback has seen, for tests: starts, completes,
 * failures, last_failure (the NTSTATUS of the last failure), held (CPUs that got START and not
 * FAILURE), errors (calls that violate the order of an add). veto_cpu and veto_status make START
 * fail.
 */
#ifndef _WDM_LISTING_SYNC_H
#define _WDM_LISTING_SYNC_H

#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

/* The page defines these without a declaration. */
DRIVER_INITIALIZE DriverEntry;
DRIVER_UNLOAD Unload;
PROCESSOR_CALLBACK_FUNCTION SyncProcessorCallback;
extern PVOID CallbackRegistrationHandle;
extern NTSTATUS CallbackStatus;

static int veto_cpu = -1;
module_param(veto_cpu, int, 0644);
MODULE_PARM_DESC(veto_cpu, "CPU whose START is vetoed; -1 for none");
static unsigned int veto_status = (unsigned int)STATUS_INSUFFICIENT_RESOURCES;
module_param(veto_status, uint, 0644);
MODULE_PARM_DESC(veto_status, "NTSTATUS that vetoes it");

/* Only the callback writes these, and its calls are serialised. */
static unsigned int starts;
module_param(starts, uint, 0444);
static unsigned int completes;
module_param(completes, uint, 0444);
static unsigned int failures;
module_param(failures, uint, 0444);
static unsigned int last_failure;
module_param(last_failure, uint, 0444);
static unsigned int held;
module_param(held, uint, 0444);
static unsigned int errors;
module_param(errors, uint, 0444);

static struct cpumask listing_started;
static struct cpumask listing_completed;

VOID SyncProcessorCallback(IN PVOID CallbackContext,
			   IN PKE_PROCESSOR_CHANGE_NOTIFY_CONTEXT ChangeContext,
			   IN PNTSTATUS OperationStatus)
{
	ULONG cpu = ChangeContext->NtNumber;
	PNTSTATUS registration_status = CallbackContext;

	/* Both names must be of the same CPU, and the status is not set yet. */
	errors += KeGetProcessorIndexFromNumber(&ChangeContext->ProcNumber) != cpu;
	errors += *OperationStatus != STATUS_SUCCESS;

	switch (ChangeContext->State) {
	case KeProcessorAddStartNotify:
		starts++;
		if (cpu == veto_cpu) {
			/* dhp reads the first one, DriverEntry the second. */
			*OperationStatus = (NTSTATUS)veto_status;
			*registration_status = (NTSTATUS)veto_status;
			if (!NT_SUCCESS(veto_status))
				return;
		}
		errors += cpumask_test_and_set_cpu(cpu, &listing_started);
		held++;
		break;
	case KeProcessorAddCompleteNotify:
		completes++;
		errors += !cpumask_test_cpu(cpu, &listing_started);
		errors += cpumask_test_and_set_cpu(cpu, &listing_completed);
		errors += ChangeContext->Status != STATUS_SUCCESS;
		break;
	case KeProcessorAddFailureNotify:
		failures++;
		last_failure = (unsigned int)ChangeContext->Status;
		errors += !cpumask_test_and_clear_cpu(cpu, &listing_started);
		errors += cpumask_test_cpu(cpu, &listing_completed);
		errors += NT_SUCCESS(ChangeContext->Status);
		held--;
		break;
	default:
		errors++;
	}
}

static inline void listing_report(const char *when)
{
	pr_info("%s: %s: starts=%u completes=%u failures=%u held=%u errors=%u\n",
		KBUILD_MODNAME, when, starts, completes, failures, held, errors);
}

#endif /* _WDM_LISTING_SYNC_H */
