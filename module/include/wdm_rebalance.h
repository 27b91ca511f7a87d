/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rebalance for drivers in Windows style. wdm.h includes this file.
 *
 * Windows' Plug and Play manager sends IRP_MN_QUERY_STOP_DEVICE, IRP_MN_STOP_DEVICE and
 * IRP_MN_START_DEVICE to a driver when resources are spread again, for example because a
 * processor was added. Here these are three routines by name: there are no IRPs and no device
 * objects. No interrupt and no other resource of a device is assigned anew: a driver arranges
 * again what it has arranged itself over the processors. The rules are those of
 * &dhp_rebalance_ops.
 */
#ifndef _DHP_WDM_REBALANCE_H
#define _DHP_WDM_REBALANCE_H

#ifndef _DHP_WDM_H
#error "include wdm.h, which includes this file"
#endif

#include <linux/err.h>

#include "dhp_rebalance.h"

/* What the routine for IRP_MN_START_DEVICE gets; valid during the call. */
typedef const struct dhp_machine *PDHP_MACHINE;

/*
 * Stands for IRP_MN_QUERY_STOP_DEVICE. STATUS_SUCCESS: the driver can be stopped. A warning or an
 * error puts that off, and the driver is asked again later. On Windows, it would not be.
 */
typedef NTSTATUS DRIVER_QUERY_STOP_ROUTINE(PVOID Context);
typedef NTSTATUS
(*PDRIVER_QUERY_STOP_ROUTINE)(PVOID Context);

/*
 * Stands for IRP_MN_STOP_DEVICE. IRP_MN_CANCEL_STOP_DEVICE has no counterpart: a driver that was
 * asked and has agreed is stopped.
 */
typedef VOID DRIVER_STOP_ROUTINE(PVOID Context);
typedef VOID
(*PDRIVER_STOP_ROUTINE)(PVOID Context);

/* Stands for IRP_MN_START_DEVICE, also the first one. It cannot fail. */
typedef VOID DRIVER_START_ROUTINE(PVOID Context, PDHP_MACHINE Machine);
typedef VOID
(*PDRIVER_START_ROUTINE)(PVOID Context, PDHP_MACHINE Machine);

/**
 * struct _DHP_REBALANCE - a registration; the driver's, from DhpRegisterRebalance() to
 *	DhpUnregisterRebalance()
 * @QueryStop: may the driver be stopped? NULL: always
 * @Stop: stop
 * @Start: start with this machine
 * @Context: handed to the routines; stays the driver's
 * @Client: dhp's; the driver does not touch it
 */
struct _DHP_REBALANCE {
	PDRIVER_QUERY_STOP_ROUTINE QueryStop;
	PDRIVER_STOP_ROUTINE Stop;
	PDRIVER_START_ROUTINE Start;
	PVOID Context;
	struct dhp_rebalance_client *Client;
};

typedef struct _DHP_REBALANCE DHP_REBALANCE, *PDHP_REBALANCE;

static inline int __dhp_wdm_query_stop(void *context)
{
	const DHP_REBALANCE *rebalance = context;

	if (!rebalance->QueryStop)
		return 0;
	return dhp_errno_from_ntstatus(rebalance->QueryStop(rebalance->Context));
}

static inline void __dhp_wdm_stop(void *context)
{
	const DHP_REBALANCE *rebalance = context;

	rebalance->Stop(rebalance->Context);
}

static inline void __dhp_wdm_start(void *context, const struct dhp_machine *machine)
{
	const DHP_REBALANCE *rebalance = context;

	rebalance->Start(rebalance->Context, machine);
}

/**
 * DhpRegisterRebalance() - be stopped and started when the machine has changed
 * @Rebalance: the routines and their context; it must stay as it is until it is unregistered
 *
 * As dhp_register_rebalance(): the first call is a start alone, which may come before this
 * has returned.
 *
 * Context: Process context; may sleep. Also from inside callbacks of every kind.
 * Return: STATUS_SUCCESS; STATUS_INVALID_PARAMETER for NULL, or without a stop or a start;
 * STATUS_INSUFFICIENT_RESOURCES.
 */
static inline NTSTATUS DhpRegisterRebalance(PDHP_REBALANCE Rebalance)
{
	static const struct dhp_rebalance_ops ops = {
		.query_stop = __dhp_wdm_query_stop,
		.stop = __dhp_wdm_stop,
		.start = __dhp_wdm_start,
	};
	struct dhp_rebalance_client *client;

	if (!Rebalance || !Rebalance->Stop || !Rebalance->Start)
		return STATUS_INVALID_PARAMETER;
	WRITE_ONCE(Rebalance->Client, NULL);
	client = dhp_register_rebalance(&ops, Rebalance);
	if (IS_ERR(client))
		return dhp_ntstatus_from_errno(PTR_ERR(client));
	WRITE_ONCE(Rebalance->Client, client);
	return STATUS_SUCCESS;
}

/**
 * DhpUnregisterRebalance() - not to be stopped and started any more
 * @Rebalance: what DhpRegisterRebalance() has registered
 *
 * As dhp_unregister_rebalance(): it waits for a running routine, and after a stop for the
 * start, unless it is called from inside a rebalance routine.
 *
 * Context: Process context; may sleep.
 * Return: STATUS_SUCCESS; STATUS_INVALID_PARAMETER when @Rebalance is not registered, or when
 * DhpRegisterRebalance() has not returned yet; STATUS_POSSIBLE_DEADLOCK from inside a synchronous
 * callback or a pool's work item, where it is refused with a warning in the log.
 */
static inline NTSTATUS DhpUnregisterRebalance(PDHP_REBALANCE Rebalance)
{
	struct dhp_rebalance_client *client;
	int err;

	/* First, since afterwards @Rebalance may be gone: a routine may unregister and free it. */
	client = Rebalance ? xchg(&Rebalance->Client, NULL) : NULL;
	err = dhp_unregister_rebalance(client);
	if (err == -EDEADLK)
		WRITE_ONCE(Rebalance->Client, client);
	return dhp_ntstatus_from_errno(err);
}

#endif /* _DHP_WDM_REBALANCE_H */
