// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: it lets one memory block go offline at a time, and
 * takes no notice when that was cancelled. From then on it refuses every other one.
 */
#include <linux/init.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/notifier.h>

/* A block is going offline. The notifiers of memory are called one after the other. */
static bool leaving;

static int memory_changed(struct notifier_block *nb, unsigned long action, void *data)
{
	switch (action) {
	case MEM_GOING_OFFLINE:
		if (leaving)
			return notifier_from_errno(-EBUSY);
		leaving = true;
		break;
	case MEM_OFFLINE:
		leaving = false;
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block faulty_notifier = {
	.notifier_call = memory_changed,
};

static int __init faulty_init(void)
{
	return register_memory_notifier(&faulty_notifier);
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	unregister_memory_notifier(&faulty_notifier);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: refuses to let memory go, without a reason");
MODULE_LICENSE("GPL");
