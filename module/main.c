// SPDX-License-Identifier: GPL-2.0-only
/* Brings the parts up in order, and down in reverse. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/suspend.h>

#include "internal.h"

/* In the order of who needs whom; the pool is the first client of all others. */
static const struct {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{ "debugfs",	dhp_debugfs_init,	dhp_debugfs_exit },
	{ "client",	dhp_client_init,	dhp_client_exit },
	{ "event",	dhp_event_init,		dhp_event_exit },
	{ "memory",	dhp_memory_init,	dhp_memory_exit },
	{ "processor",	dhp_processor_init,	dhp_processor_exit },
	{ "present",	dhp_present_init,	dhp_present_exit },
	{ "wdm",	NULL,			dhp_wdm_exit },
	{ "sysfs",	dhp_sysfs_init,		dhp_sysfs_exit },
	{ "pool",	dhp_pool_init,		dhp_pool_exit },
};

static void parts_exit(int nr)
{
	while (nr--)
		parts[nr].exit();
}

static int __init parts_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].init ? parts[i].init() : 0;
		if (ret) {
			pr_err("%s did not start: error %d; nothing stays loaded\n",
			       parts[i].name, ret);
			parts_exit(i);
			return ret;
		}
	}
	return 0;
}

/*
 * Either all parts that want to know are told that a suspend begins, or none. One that
 * is not told, among those that are, would keep it waiting for ever. A suspend that
 * comes meanwhile is refused with -EBUSY, a hibernation waits.
 */
static int __init dhp_init(void)
{
	unsigned int flags = lock_system_sleep();
	int ret = parts_init();

	unlock_system_sleep(flags);
	return ret;
}
module_init(dhp_init);

static void __exit dhp_exit(void)
{
	parts_exit(ARRAY_SIZE(parts));
}
module_exit(dhp_exit);

MODULE_DESCRIPTION("Lets drivers follow processors and memory that come and go");
MODULE_AUTHOR("The authors of dhp");
MODULE_VERSION(DHP_VERSION);
MODULE_LICENSE("GPL");
