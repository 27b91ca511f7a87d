// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: a client of dhp that has a queue for the first CPU
 * only, and refuses others when they have come. It is too late for that: only START can refuse.
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>

#include "dhp.h"

#define QUEUES 1

static bool used[QUEUES];
static struct dhp_processor_client *client;

static void changed(void *context, const struct dhp_processor_change *change, int *status)
{
	switch (change->state) {
	case DHP_PROCESSOR_COMPLETE:
		if (change->cpu < QUEUES)
			used[change->cpu] = true;
		else
			*status = -ENOSPC;
		break;
	case DHP_PROCESSOR_REMOVE_START:
		if (change->cpu < QUEUES)
			used[change->cpu] = false;
		break;
	case DHP_PROCESSOR_REMOVE_FAILURE:
		if (change->cpu < QUEUES)
			used[change->cpu] = true;
		break;
	default:
		break;
	}
}

static int __init faulty_init(void)
{
	client = dhp_register_processor_callback(changed, NULL, DHP_PROCESSOR_REMOVALS);
	return PTR_ERR_OR_ZERO(client);
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	dhp_unregister_processor_callback(client);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: a client of dhp that refuses too late");
MODULE_LICENSE("GPL");
