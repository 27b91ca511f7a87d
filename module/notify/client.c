// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is registered: the names and counts that all kinds of clients have, and
 * what to do about a module that leaves without unregistering.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mutex.h>
#include <linux/notifier.h>

#include "internal.h"

static DEFINE_MUTEX(client_mutex);
static LIST_HEAD(clients);
static unsigned int nr_clients;
static u64 last_id;

/**
 * dhp_client_add() - enter a client into the list of all
 * @info: part of the client
 * @fn: its callback; only its name matters
 * @kind: what it registers for
 * @owner: its module
 */
void dhp_client_add(struct dhp_client_info *info, void *fn, const char *kind,
		    struct module *owner)
{
	char symbol[DHP_NAME_LEN];
	char *end;

	/* %ps adds the module's name in brackets, which we say in front. */
	snprintf(symbol, sizeof(symbol), "%ps", fn);
	end = strpbrk(symbol, " +");
	if (end)
		*end = '\0';

	info->owner = owner;
	info->kind = kind;
	mutex_lock(&client_mutex);
	snprintf(info->name, sizeof(info->name), "%s/%s#%llu",
		 owner ? module_name(owner) : "kernel", symbol, ++last_id);
	list_add_tail(&info->node, &clients);
	WRITE_ONCE(nr_clients, nr_clients + 1);
	mutex_unlock(&client_mutex);
}

void dhp_client_del(struct dhp_client_info *info)
{
	mutex_lock(&client_mutex);
	list_del(&info->node);
	WRITE_ONCE(nr_clients, nr_clients - 1);
	mutex_unlock(&client_mutex);
}

unsigned int dhp_client_count(void)
{
	return READ_ONCE(nr_clients);
}

void dhp_client_show(struct seq_file *m)
{
	struct dhp_client_info *info;

	seq_puts(m, "client kind calls vetoes longest_us\n");
	mutex_lock(&client_mutex);
	list_for_each_entry(info, &clients, node)
		seq_printf(m, "%s %s %llu %llu %llu\n", info->name, info->kind,
			   READ_ONCE(info->calls), READ_ONCE(info->vetoes),
			   div_u64(READ_ONCE(info->longest_ns), NSEC_PER_USEC));
	mutex_unlock(&client_mutex);
}

static bool refuse(const char *what, const char *where)
{
	pr_warn("%s from inside %s is refused; use a kernel workqueue\n", what, where);
	return true;
}

/**
 * dhp_inside() - refuse what waits for callbacks, or for the CPU hotplug lock
 * @what: what it is, for the log
 *
 * Waiting for callbacks from inside one is a self-deadlock. A CPU that is being removed
 * waits for the work item that runs there, and what the item would wait for may wait for
 * the CPU.
 *
 * Return: whether the caller is a synchronous callback or a work item.
 */
bool dhp_inside(const char *what)
{
	if (dhp_processor_calling())
		return refuse(what, "a synchronous processor callback");
	if (dhp_item_running())
		return refuse(what, "a work item of a pool's");
	return dhp_memory_inside(what);
}

/**
 * dhp_memory_inside() - refuse what waits for memory callbacks
 * @what: what it is, for the log
 *
 * Return: whether the caller is a synchronous memory callback.
 */
bool dhp_memory_inside(const char *what)
{
	return dhp_memory_calling() && refuse(what, "a synchronous memory callback");
}

/* Has the module clients? */
static bool client_owner(struct module *owner)
{
	struct dhp_client_info *info;
	bool found = false;

	mutex_lock(&client_mutex);
	list_for_each_entry(info, &clients, node)
		found |= info->owner == owner;
	mutex_unlock(&client_mutex);
	return found;
}

/*
 * Drops what a module that is going has left behind. That waits for a callback that is
 * running, and there may be one that waits for this very module to go, because it asked
 * for it in vain. So whether there is anything is looked at first, with no lock held
 * that a callback runs under.
 *
 * Events come first, because their callbacks may register clients of all kinds; pools
 * last, because all callbacks may use them. What callbacks and items register meanwhile
 * is there in the next round.
 */
static void client_forget(struct module *owner)
{
	do {
		dhp_event_forget(owner);
		if (client_owner(owner)) {
			dhp_memory_forget(owner);
			/* It has what is left of Windows' processor callbacks unregistered. */
			dhp_wdm_settle(owner);
			dhp_processor_forget(owner);
		}
		dhp_pool_forget(owner);
	} while (client_owner(owner));
	dhp_wdm_settle(owner);
	dhp_wdm_forget(owner);
}

/*
 * A reference on the client's module would keep the exit function from ever
 * running, and that is where a client unregisters. So look after it has run,
 * while the module's memory is still there.
 */
static int client_module_event(struct notifier_block *nb, unsigned long event,
			       void *data)
{
	if (event == MODULE_STATE_GOING)
		client_forget(data);
	return NOTIFY_DONE;
}

static struct notifier_block client_module_nb = {
	.notifier_call = client_module_event,
};

int dhp_client_init(void)
{
	return register_module_notifier(&client_module_nb);
}

void dhp_client_exit(void)
{
	unregister_module_notifier(&client_module_nb);
}
