// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeRegisterProcessorChangeCallback(): an adapter that turns dhp's calls into Windows'. The
 * native interface does all the notification; what differs on Windows is here: statuses keep
 * their value, and a CPU that is in use stays so.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "common.h"
#include "compat.h"
#include "count.h"
#include "dhp_query.h"
#include "notify/notify.h"
#include "part.h"
#include "registration.h"
#include "thread.h"
#include "wdm.h"

/* The one whose synchronous callback runs; there is one at a time. */
static struct dhp_wdm_registration *dhp_wdm_running;
static DECLARE_WAIT_QUEUE_HEAD(dhp_wdm_wait);

static void dhp_wdm_bury(struct work_struct *work);
static DECLARE_WORK(dhp_wdm_work, dhp_wdm_bury);

/*
 * The last veto of an add. dhp passes on its errno, which can stand for more than one status.
 * In turns.
 */
static struct {
	unsigned int cpu;
	NTSTATUS status;
} last_veto;

/**
 * struct call - one call of a driver
 * @reg: its registration, which is gone afterwards if the callback has deregistered itself
 * @nt: what it is notified of
 * @operation: what it answers
 */
struct call {
	struct dhp_wdm_registration *reg;
	KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT nt;
	NTSTATUS operation;
};

static void dhp_wdm_call(void *data)
{
	struct call *call = data;

	call->reg->processor_fn(call->reg->context, &call->nt, &call->operation);
}

/* Does the current task replay to this driver, which it is registering? */
static bool in_replay(const struct dhp_wdm_registration *reg)
{
	return READ_ONCE(reg->registering) == current;
}

/* For every other driver, the last veto of an add is what made it fail, if anything vetoed it. */
static NTSTATUS failure_status(const struct dhp_wdm_registration *reg,
			       const struct dhp_processor_change *change)
{
	if (in_replay(reg))
		return reg->veto;
	if (last_veto.cpu == change->cpu &&
	    dhp_errno_from_ntstatus(last_veto.status) == change->status)
		return last_veto.status;
	return dhp_ntstatus_from_errno(change->status);
}

static void notify_driver(struct dhp_wdm_registration *reg,
			  KE_PROCESSOR_CHANGE_NOTIFY_STATE state,
			  const struct dhp_processor_change *change, int *status)
{
	struct call call = {
		.reg = reg,
		.nt.State = state,
		.nt.NtNumber = change->cpu,
		.nt.ProcNumber = dhp_wdm_number(change->cpu),
		.operation = STATUS_SUCCESS,
	};
	bool replay = in_replay(reg);

	if (state == KeProcessorAddStartNotify && !replay && last_veto.cpu == change->cpu)
		last_veto.status = STATUS_SUCCESS;
	if (state == KeProcessorAddFailureNotify)
		call.nt.Status = failure_status(reg, change);

	WRITE_ONCE(dhp_wdm_running, reg);
	/* Before the look whether it is dead; the partner is in dhp_wdm_finish(). */
	smp_mb();
	if (!READ_ONCE(reg->dead))
		dhp_wdm_thread_call(dhp_wdm_call, &call);
	/* @reg may be gone: a callback may deregister itself, though not in a replay. */
	smp_store_release(&dhp_wdm_running, NULL);
	wake_up_all(&dhp_wdm_wait);

	if (NT_SUCCESS(call.operation))
		return;
	/* Outside START, too: dhp says in the log that it has no effect. */
	*status = dhp_errno_from_ntstatus(call.operation);
	if (state != KeProcessorAddStartNotify)
		return;
	/* A veto in a replay ends a registration. The add of a CPU that is half-way goes on. */
	if (replay) {
		reg->veto = call.operation;
	} else {
		last_veto.cpu = change->cpu;
		last_veto.status = call.operation;
	}
}

static void dhp_wdm_processor(void *context,
			      const struct dhp_processor_change *change, int *status)
{
	struct dhp_wdm_registration *reg = context;
	bool away = reg->keep && test_bit(change->cpu, reg->away);

	switch (change->state) {
	case DHP_PROCESSOR_START:
		if (!away)
			notify_driver(reg, KeProcessorAddStartNotify, change, status);
		break;
	case DHP_PROCESSOR_COMPLETE:
		if (!away)
			notify_driver(reg, KeProcessorAddCompleteNotify, change, status);
		else
			clear_bit(change->cpu, reg->away);
		break;
	case DHP_PROCESSOR_FAILURE:
		if (!away)
			notify_driver(reg, KeProcessorAddFailureNotify, change, status);
		break;
	/* Windows has no removals. They come with DHP_PROCESSOR_CHANGE_KEEP only. */
	case DHP_PROCESSOR_REMOVE_START:
		if (!READ_ONCE(reg->dead))
			*status = -EBUSY;
		break;
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		set_bit(change->cpu, reg->away);
		break;
	case DHP_PROCESSOR_REMOVE_FAILURE:
		break;
	}
}

/* Of a driver that keeps its CPUs. Its own START cannot be asked. */
static int dhp_wdm_query(void *context, const struct dhp_query *query)
{
	const struct dhp_wdm_registration *reg = context;

	if (query->change == DHP_QUERY_REMOVE)
		return READ_ONCE(reg->dead) ? 0 : -EBUSY;
	return test_bit(query->cpu, reg->away) ? 0 : DHP_QUERY_UNKNOWN;
}

static struct dhp_wdm_registration *
dhp_wdm_new(PPROCESSOR_CALLBACK_FUNCTION fn, PVOID context, ULONG flags, struct module *owner)
{
	struct dhp_wdm_registration *reg;
	bool keep = flags & DHP_PROCESSOR_CHANGE_KEEP;

	reg = kzalloc(struct_size(reg, away, keep ? BITS_TO_LONGS(nr_cpu_ids) : 0), GFP_KERNEL);
	if (!reg)
		return NULL;
	reg->owner = owner;
	reg->context = context;
	reg->processor_fn = fn;
	reg->keep = keep;
	return reg;
}

PVOID __dhp_wdm_register_processor(PPROCESSOR_CALLBACK_FUNCTION fn, PVOID context,
				   ULONG flags, struct module *owner)
{
	NTSTATUS veto = STATUS_SUCCESS;
	unsigned int native = 0;
	struct dhp_wdm_registration *reg;
	int err;

	err = -EINVAL;
	if (!fn)
		goto err_log;
	err = -EOPNOTSUPP;
	if (flags & ~(KE_PROCESSOR_CHANGE_ADD_EXISTING | DHP_PROCESSOR_CHANGE_KEEP))
		goto err_log;
	if (flags & KE_PROCESSOR_CHANGE_ADD_EXISTING)
		native |= DHP_PROCESSOR_ADD_EXISTING;
	if (flags & DHP_PROCESSOR_CHANGE_KEEP)
		native |= DHP_PROCESSOR_REMOVALS;

	err = dhp_wdm_thread_start();
	if (err)
		goto err_log;
	err = -ENOMEM;
	reg = dhp_wdm_new(fn, context, flags, owner);
	if (!reg)
		goto err_log;
	reg->registering = current;
	reg->processor = dhp_register_processor_adapter(dhp_wdm_processor, reg, native, owner, fn);
	if (IS_ERR(reg->processor)) {
		err = PTR_ERR(reg->processor);
		veto = reg->veto;
		goto err_free;
	}
	if (reg->keep)
		dhp_processor_set_query(reg->processor, dhp_wdm_query);
	/* Another task may be notifying the driver already. */
	WRITE_ONCE(reg->registering, NULL);
	dhp_wdm_publish(reg);
	return reg;

err_free:
	kfree(reg);
err_log:
	/* NULL cannot say why. */
	if (veto)
		pr_notice("KeRegisterProcessorChangeCallback(%ps, flags 0x%x) failed: vetoed with status 0x%08x (%pe)\n",
			  fn, flags, (u32)veto, ERR_PTR(err));
	else
		pr_notice("KeRegisterProcessorChangeCallback(%ps, flags 0x%x) failed: %pe\n",
			  fn, flags, ERR_PTR(err));
	return NULL;
}
EXPORT_SYMBOL_GPL(__dhp_wdm_register_processor);

static void dhp_wdm_bury(struct work_struct *work)
{
	struct dhp_wdm_registration *reg;

	while ((reg = dhp_wdm_dead(NULL))) {
		dhp_unregister_processor_callback(reg->processor);
		/* It is in the list until then, for dhp_wdm_release_processors(). */
		dhp_wdm_free(reg);
	}
}

/**
 * dhp_wdm_release_processors() - unregister the CPU callbacks of a module that is being removed
 * @owner: the module
 *
 * Those that it has deregistered and those that it has left behind: a handle that still
 * works must not outlive its native part.
 */
void dhp_wdm_release_processors(struct module *owner)
{
	dhp_wdm_declare_dead(owner);
	if (!dhp_wdm_dead(owner))
		return;
	queue_work(system_dfl_wq, &dhp_wdm_work);
	flush_work(&dhp_wdm_work);
}

/**
 * dhp_wdm_free_owner() - drop all that is left of a module that is being removed
 * @owner: the module, none of whose callbacks can run any more
 */
void dhp_wdm_free_owner(struct module *owner)
{
	dhp_wdm_release_processors(owner);
	dhp_wdm_free_left(owner);
}

void dhp_wdm_exit(void)
{
	flush_work(&dhp_wdm_work);
	dhp_wdm_thread_stop();
}

/*
 * For a registration that is dead: no call of it begins any more, and one that is running
 * is waited for, but none of other registrations. dhp_wdm_work may free it meanwhile.
 */
static void dhp_wdm_finish(struct dhp_wdm_registration *reg)
{
	/* Before the look whether it is running; the partner is in notify_driver(). */
	smp_mb();
	/* Pairs with the release there: what the callback did is done. */
	wait_event(dhp_wdm_wait, smp_load_acquire(&dhp_wdm_running) != reg);
	queue_work(system_dfl_wq, &dhp_wdm_work);
}

VOID KeDeregisterProcessorChangeCallback(PVOID CallbackHandle)
{
	/* A CPU that is being removed may wait for the item, with a callback running. */
	bool later = !dhp_in(DHP_IN_PROCESSOR) && (dhp_in(DHP_IN_MEMORY) || dhp_in(DHP_IN_ITEM));
	struct dhp_wdm_registration *reg = dhp_wdm_take(CallbackHandle, true, later);

	if (!reg) {
		pr_err("%s(%p) from %pS: not what KeRegisterProcessorChangeCallback() returned\n",
		       __func__, CallbackHandle, __builtin_return_address(0));
		return;
	}

	if (later) {
		dhp_wdm_finish(reg);
		return;
	}
	dhp_unregister_processor_adapter(reg->processor);
	kfree(reg);
}
EXPORT_SYMBOL_GPL(KeDeregisterProcessorChangeCallback);
