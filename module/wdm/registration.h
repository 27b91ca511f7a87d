/* SPDX-License-Identifier: GPL-2.0-only */
/* What a driver has registered. */
#ifndef _DHP_WDM_REGISTRATION_H
#define _DHP_WDM_REGISTRATION_H

#include <linux/list.h>

#include "wdm.h"

/**
 * struct dhp_wdm_registration - adapter between dhp's calls and a driver's callback
 * @node: in dhp_wdm_registrations
 * @owner: the driver's module
 * @context: the driver's context
 * @processor_fn: its synchronous callback, or NULL
 * @processor: the native registration, if @processor_fn is set
 * @registering: the task that registers it, while it does
 * @veto: the status with which it has vetoed while it was registered
 * @keep: the CPUs that it holds stay
 * @dead: deregistered, but for the native part, which dhp_wdm_work does; in the list until
 *	then, and not a handle any more
 * @pnp_fn: its asynchronous callback, or NULL
 * @event: the native registration, if @pnp_fn is set
 * @away: with @keep, a bit for each CPU that has gone offline all the same. The driver was
 *	not notified and still holds it, so it is not notified either when the CPU comes back.
 *
 * Its address is the handle that the driver gets.
 */
struct dhp_wdm_registration {
	struct list_head node;
	struct module *owner;
	PVOID context;
	PPROCESSOR_CALLBACK_FUNCTION processor_fn;
	struct dhp_processor_client *processor;
	struct task_struct *registering;
	NTSTATUS veto;
	bool keep;
	bool dead;
	PDRIVER_NOTIFICATION_CALLBACK_ROUTINE pnp_fn;
	struct dhp_event_client *event;
	unsigned long away[];
};

void dhp_wdm_publish(struct dhp_wdm_registration *reg);
struct dhp_wdm_registration *dhp_wdm_take(PVOID handle, bool synchronous, bool later);
struct dhp_wdm_registration *dhp_wdm_take_left(struct module *owner);
void dhp_wdm_declare_dead(struct module *owner);
struct dhp_wdm_registration *dhp_wdm_dead(struct module *owner);
void dhp_wdm_free(struct dhp_wdm_registration *reg);
void dhp_wdm_free_left(struct module *owner);

#endif /* _DHP_WDM_REGISTRATION_H */
