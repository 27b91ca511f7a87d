// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that refuses CPUs: in the prepare step, in the online step, or in the teardown of the
 * online step. Steps are called in the order of loading, so it refuses before a driver that is
 * loaded after it, and behind one that is loaded before it. Not here: memory, which the kernel's
 * memory-notifier-error-inject refuses.
 */
#include <linux/cpuhotplug.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

enum step { NOTHING, PREPARE, ONLINE, OFFLINE };

static const char * const names[] = { "nothing", "prepare", "online", "offline" };
static enum step refused;

static int set_refused(const char *value, const struct kernel_param *param)
{
	int step = sysfs_match_string(names, value);

	if (step < 0)
		return step;
	WRITE_ONCE(refused, step);
	return 0;
}

static int get_refused(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", names[READ_ONCE(refused)]);
}

static const struct kernel_param_ops refuse_ops = {
	.set = set_refused,
	.get = get_refused,
};
module_param_cb(refuse, &refuse_ops, NULL, 0644);
MODULE_PARM_DESC(refuse, "the step that refuses: nothing, prepare, online, offline");

static int prepare_state, online_state;

static int refuse_prepare(unsigned int cpu)
{
	return READ_ONCE(refused) == PREPARE ? -EDOM : 0;
}

static int refuse_online(unsigned int cpu)
{
	return READ_ONCE(refused) == ONLINE ? -EDOM : 0;
}

static int refuse_offline(unsigned int cpu)
{
	return READ_ONCE(refused) == OFFLINE ? -EDOM : 0;
}

static int __init refuse_init(void)
{
	prepare_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "certify/refuse:prepare",
						  refuse_prepare, NULL);
	if (prepare_state < 0)
		return prepare_state;
	online_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "certify/refuse:online",
						 refuse_online, refuse_offline);
	if (online_state < 0) {
		cpuhp_remove_state_nocalls(prepare_state);
		return online_state;
	}
	return 0;
}
module_init(refuse_init);

static void __exit refuse_exit(void)
{
	cpuhp_remove_state_nocalls(online_state);
	cpuhp_remove_state_nocalls(prepare_state);
}
module_exit(refuse_exit);

MODULE_DESCRIPTION("Refuses CPUs that come or go");
MODULE_LICENSE("GPL");
