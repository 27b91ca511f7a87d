// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: its CPU callback waits two seconds for hardware to
 * settle, and everything that changes CPUs waits with it.
 */
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/percpu.h>

#define SETTLE_MS 2000

static DEFINE_PER_CPU(bool, ready);
static enum cpuhp_state state;

static int came_online(unsigned int cpu)
{
	msleep(SETTLE_MS);
	per_cpu(ready, cpu) = true;
	return 0;
}

static int went_offline(unsigned int cpu)
{
	per_cpu(ready, cpu) = false;
	return 0;
}

static int __init faulty_init(void)
{
	int ret;

	/* What belongs to CPUs that are online already has settled long ago. */
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "faulty/slow:online", came_online,
					went_offline);
	if (ret < 0)
		return ret;
	state = ret;
	return 0;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	cpuhp_remove_state_nocalls(state);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: two seconds in each online");
MODULE_LICENSE("GPL");
