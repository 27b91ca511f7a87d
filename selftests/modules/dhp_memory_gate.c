// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memory notifier that holds a block in transit, as a slow one of the kernel would. It does
 * not use dhp.
 *
 * While the parameter `shut` is set, a block waits that is going offline, or online with the
 * parameter `online`. When it goes on, `error` is the notifier's answer. `waits` is set while a
 * block waits. With the parameter `pin`, the notifier does not wait itself: it pins a page of the
 * block, which the kernel then tries to move until a signal comes or the module is unloaded.
 */
#include <linux/jiffies.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/wait.h>

#define HOLD_SECONDS 60

static DECLARE_WAIT_QUEUE_HEAD(opened);
static bool shut = true;

static int set_shut(const char *value, const struct kernel_param *param)
{
	int err = param_set_bool(value, param);

	wake_up_all(&opened);
	return err;
}

static const struct kernel_param_ops shut_ops = {
	.set = set_shut,
	.get = param_get_bool,
};
module_param_cb(shut, &shut_ops, &shut, 0644);

static int priority;
module_param(priority, int, 0444);
MODULE_PARM_DESC(priority, "above 0: it is called before dhp; below 0: after dhp");
static bool online;
module_param(online, bool, 0444);
MODULE_PARM_DESC(online, "hold blocks that go online, not those that go offline");
static int error;
module_param(error, int, 0644);
MODULE_PARM_DESC(error, "the negative errno with which to refuse, 0 for none");
static bool pin;
module_param(pin, bool, 0444);
MODULE_PARM_DESC(pin, "pin a page of the block instead of waiting");
static bool waits;
module_param(waits, bool, 0444);

static struct page *pinned_page;

static void pin_page(const struct memory_notify *arg)
{
	unsigned long pfn, end_pfn = arg->start_pfn + arg->nr_pages;
	struct page *page;

	for (pfn = arg->start_pfn; pfn < end_pfn && !pinned_page; pfn++) {
		page = pfn_to_online_page(pfn);
		if (page && PageLRU(page) && get_page_unless_zero(page))
			pinned_page = page;
	}
	WRITE_ONCE(waits, pinned_page);
}

static int gate(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action != (online ? MEM_GOING_ONLINE : MEM_GOING_OFFLINE))
		return NOTIFY_DONE;
	if (pin) {
		pin_page(data);
		return NOTIFY_OK;
	}
	WRITE_ONCE(waits, true);
	wait_event_idle_timeout(opened, !READ_ONCE(shut), HOLD_SECONDS * HZ);
	WRITE_ONCE(waits, false);
	return notifier_from_errno(error);
}

static struct notifier_block gate_nb = {
	.notifier_call = gate,
};

static int __init gate_init(void)
{
	gate_nb.priority = priority;
	return register_memory_notifier(&gate_nb);
}
module_init(gate_init);

static void __exit gate_exit(void)
{
	unregister_memory_notifier(&gate_nb);
	if (pinned_page)
		put_page(pinned_page);
}
module_exit(gate_exit);

MODULE_DESCRIPTION("Holds a memory block on its way online or offline");
MODULE_LICENSE("GPL");
