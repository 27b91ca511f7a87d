// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers have registered: the handles that are good, and which are left when a module
 * is removed. What is behind a handle is in processor_callback.c and plug_play.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mutex.h>
#include <linux/slab.h>

#include "registration.h"

/*
 * All registrations whose handles are with a driver: what is not in here is not a
 * handle, nor is what is dead. The mutex is innermost, and nothing is called with it
 * held.
 */
static LIST_HEAD(dhp_wdm_registrations);
static DEFINE_MUTEX(dhp_wdm_mutex);

/**
 * dhp_wdm_publish() - make a registration a handle
 * @reg: the registration
 */
void dhp_wdm_publish(struct dhp_wdm_registration *reg)
{
	mutex_lock(&dhp_wdm_mutex);
	list_add(&reg->node, &dhp_wdm_registrations);
	mutex_unlock(&dhp_wdm_mutex);
}

/**
 * dhp_wdm_take() - end a handle
 * @handle: what a driver takes for one
 * @synchronous: it should be that of a CPU callback
 * @later: declare the registration dead; otherwise take it out of the list
 *
 * Return: the registration behind it; NULL if there is none.
 */
struct dhp_wdm_registration *dhp_wdm_take(PVOID handle, bool synchronous, bool later)
{
	struct dhp_wdm_registration *reg, *found = NULL;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node) {
		if (reg == handle && !!reg->processor_fn == synchronous && !reg->dead) {
			if (later)
				WRITE_ONCE(reg->dead, true);
			else
				list_del(&reg->node);
			found = reg;
			break;
		}
	}
	mutex_unlock(&dhp_wdm_mutex);
	return found;
}

/**
 * dhp_wdm_declare_dead() - end the handles of CPU callbacks that a module has left behind
 * @owner: the module, which is being removed
 */
void dhp_wdm_declare_dead(struct module *owner)
{
	struct dhp_wdm_registration *reg;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node) {
		if (reg->owner != owner || !reg->processor_fn || reg->dead)
			continue;
		pr_err("%s is removed without KeDeregisterProcessorChangeCallback() for %ps; dropped\n",
		       module_name(owner), reg->processor_fn);
		WRITE_ONCE(reg->dead, true);
	}
	mutex_unlock(&dhp_wdm_mutex);
}

/**
 * dhp_wdm_take_left() - end the handle of a PnP callback that a module has left behind
 * @owner: the module, which is being removed
 *
 * Return: the registration, taken out of the list; NULL if there is none.
 */
struct dhp_wdm_registration *dhp_wdm_take_left(struct module *owner)
{
	struct dhp_wdm_registration *reg, *found = NULL;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node) {
		if (reg->owner == owner && reg->pnp_fn) {
			list_del(&reg->node);
			found = reg;
			break;
		}
	}
	mutex_unlock(&dhp_wdm_mutex);
	if (found)
		pr_err("%s is removed without IoUnregisterPlugPlayNotificationEx() for %ps; dropped\n",
		       module_name(owner), found->pnp_fn);
	return found;
}

/**
 * dhp_wdm_dead() - find a registration that is dead
 * @owner: its module, or NULL for any
 *
 * Return: one; NULL if there is none.
 */
struct dhp_wdm_registration *dhp_wdm_dead(struct module *owner)
{
	struct dhp_wdm_registration *reg, *found = NULL;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry(reg, &dhp_wdm_registrations, node)
		if (reg->dead && (!owner || reg->owner == owner))
			found = reg;
	mutex_unlock(&dhp_wdm_mutex);
	return found;
}

/**
 * dhp_wdm_free() - free a registration that is in the list
 * @reg: the registration, which has no native part any more
 */
void dhp_wdm_free(struct dhp_wdm_registration *reg)
{
	mutex_lock(&dhp_wdm_mutex);
	list_del(&reg->node);
	mutex_unlock(&dhp_wdm_mutex);
	kfree(reg);
}

/**
 * dhp_wdm_free_left() - free the registrations that a module has left behind
 * @owner: the module
 *
 * Their native parts have been dropped, and the log has said so; what is left is the memory.
 */
void dhp_wdm_free_left(struct module *owner)
{
	struct dhp_wdm_registration *reg, *next;

	mutex_lock(&dhp_wdm_mutex);
	list_for_each_entry_safe(reg, next, &dhp_wdm_registrations, node) {
		if (reg->owner == owner) {
			list_del(&reg->node);
			kfree(reg);
		}
	}
	mutex_unlock(&dhp_wdm_mutex);
}
