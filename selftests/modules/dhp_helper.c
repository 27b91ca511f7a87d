// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does not use dhp, for clients that call request_module(). With refuse=1 its init
 * function fails.
 */
#include <linux/init.h>
#include <linux/module.h>

static bool refuse;
module_param(refuse, bool, 0444);
MODULE_PARM_DESC(refuse, "init fails with ENODEV");

static int __init helper_init(void)
{
	return refuse ? -ENODEV : 0;
}
module_init(helper_init);

static void __exit helper_exit(void)
{
}
module_exit(helper_exit);

MODULE_DESCRIPTION("A module that test clients request");
MODULE_LICENSE("GPL");
