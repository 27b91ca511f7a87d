// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes all dynamic CPU hotplug states of the kernel, so that a test sees how dhp fails without
 * one. The kernel warns when there are no more.
 */
#include <linux/cpuhotplug.h>
#include <linux/module.h>

#define MAX_SLOTS 100

static bool online;
module_param(online, bool, 0444);
MODULE_PARM_DESC(online, "the online states, not the prepare states");

static int slots[MAX_SLOTS];
static unsigned int nr_slots;

static int nothing(unsigned int cpu)
{
	return 0;
}

static void release_slots(void)
{
	while (nr_slots)
		cpuhp_remove_state_nocalls(slots[--nr_slots]);
}

static int __init dhp_slots_init(void)
{
	enum cpuhp_state kind = online ? CPUHP_AP_ONLINE_DYN : CPUHP_BP_PREPARE_DYN;
	int slot;

	while (nr_slots < MAX_SLOTS) {
		slot = cpuhp_setup_state_nocalls(kind, "dhp_slots", nothing, nothing);
		if (slot == -ENOSPC)
			return 0;
		if (slot < 0) {
			release_slots();
			return slot;
		}
		slots[nr_slots++] = slot;
	}
	release_slots();
	return -E2BIG;
}
module_init(dhp_slots_init);

static void __exit dhp_slots_exit(void)
{
	release_slots();
}
module_exit(dhp_slots_exit);

MODULE_DESCRIPTION("takes all dynamic CPU hotplug states, for dhp's selftests");
MODULE_LICENSE("GPL");
