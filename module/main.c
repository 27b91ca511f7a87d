// SPDX-License-Identifier: GPL-2.0-only
/*
 * Brings the parts up in order, and down in reverse; releases what a module has left
 * behind in them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "common.h"
#include "debugfs.h"
#include "notify/notify.h"
#include "pool/pool.h"
#include "settle.h"
#include "sysfs.h"
#include "wdm/names.h"
#include "wdm/part.h"

/**
 * struct part - a part of dhp; each needs those before it
 * @name: its name
 * @init: starts it, or NULL
 * @exit: stops it, or NULL
 * @release_owner: drops what a module that is being removed has left registered, or NULL
 * @free_owner: the same, when no callback of that module can run any more, or NULL
 */
struct part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
	void (*release_owner)(struct module *owner);
	void (*free_owner)(struct module *owner);
};

/*
 * What is released: events and rebalance first, because their callbacks may register clients
 * of all kinds; Windows' handles before the clients behind them; pools last, because all
 * callbacks may use them.
 */
static const struct part parts[] = {
	{ "sysfs directory", dhp_common_init, dhp_common_exit },
	{ "wdm's threads", .exit = dhp_affinity_exit },
	{ "wdm's DPCs", dhp_dpc_init, dhp_dpc_exit, .free_owner = dhp_dpc_free_owner },
	{ "wdm's PnP callbacks", .release_owner = dhp_wdm_release_pnp },
	{ "event", dhp_event_init, dhp_event_exit, dhp_event_release_owner },
	{ "rebalance", dhp_rebalance_init, dhp_rebalance_exit, dhp_rebalance_release_owner },
	{ "refusals", .exit = dhp_refusal_exit },
	{ "memory", dhp_memory_init, dhp_memory_exit, dhp_memory_release_owner },
	{ "wdm's CPU callbacks", .release_owner = dhp_wdm_release_processors },
	{ "started CPUs", dhp_started_init, dhp_started_exit },
	{ "CPU steps", dhp_cpu_step_init, dhp_cpu_step_exit },
	{ "processor", dhp_processor_init, dhp_processor_exit, dhp_processor_release_owner },
	{ "requests", dhp_request_init, dhp_request_exit },
	{ "present", dhp_present_init, dhp_present_exit },
	{ "pools", dhp_pools_init, dhp_pools_exit, dhp_pools_release_owner },
	{ "wdm", .exit = dhp_wdm_exit, .free_owner = dhp_wdm_free_owner },
	{ "settle", .exit = dhp_settle_exit },
	{ "sysfs", dhp_sysfs_init, dhp_sysfs_exit },
	{ "debugfs", dhp_debugfs_init, dhp_debugfs_exit },
};

static void parts_exit(int nr)
{
	while (nr--)
		if (parts[nr].exit)
			parts[nr].exit();
}

static int __init parts_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].init ? parts[i].init() : 0;
		if (ret) {
			pr_err("%s did not start: %pe; nothing stays loaded\n", parts[i].name,
			       ERR_PTR(ret));
			parts_exit(i);
			return ret;
		}
	}
	return 0;
}

/*
 * This waits for a callback that is running, and there may be one that waits for this very
 * module to go, because it asked for it in vain. So each part first looks, without a lock
 * that a callback runs under, whether there is anything to drop.
 *
 * What callbacks and items register meanwhile is there in the next round.
 */
static void release_owner(struct module *owner)
{
	const struct part *part;

	do {
		for (part = parts; part < parts + ARRAY_SIZE(parts); part++)
			if (part->release_owner)
				part->release_owner(owner);
	} while (dhp_client_of_owner(owner));
	for (part = parts; part < parts + ARRAY_SIZE(parts); part++)
		if (part->free_owner)
			part->free_owner(owner);
}

/*
 * A reference on the client's module would keep the exit function from ever running, and
 * that is where a client unregisters. So look after it has run, while the module's memory
 * is still there.
 */
static int module_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == MODULE_STATE_GOING)
		release_owner(data);
	return NOTIFY_DONE;
}

static struct notifier_block module_nb = {
	.notifier_call = module_event,
};

/*
 * Either all parts that follow a suspend are notified that it begins, or none. One that
 * is not, among those that are, would keep it waiting for ever. A suspend that comes
 * meanwhile is refused with -EBUSY, a hibernation waits.
 */
static int __init dhp_init(void)
{
	unsigned int flags;
	int ret;

	ret = register_module_notifier(&module_nb);
	if (ret)
		return ret;
	flags = lock_system_sleep();
	ret = parts_init();
	unlock_system_sleep(flags);
	if (ret)
		unregister_module_notifier(&module_nb);
	return ret;
}
module_init(dhp_init);

static void __exit dhp_exit(void)
{
	parts_exit(ARRAY_SIZE(parts));
	unregister_module_notifier(&module_nb);
}
module_exit(dhp_exit);

MODULE_DESCRIPTION("Lets drivers follow CPUs and memory that come and go");
MODULE_AUTHOR("The authors of dhp");
MODULE_VERSION(DHP_VERSION);
MODULE_LICENSE("GPL");
