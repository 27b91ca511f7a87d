// SPDX-License-Identifier: GPL-2.0-only
/*
 * dhp_bad_calls: calls every function of dhp.h, dhp_query.h, dhp_rebalance.h, dhp_pool.h and wdm.h
 * with arguments that the function must refuse, and compares the answers with what the header
 * promises. The calls are made when the module is loaded. The kernel log names each wrong answer.
 *
 * /sys/kernel/debug/dhp_bad_calls has a line for each kind of call: KIND: TRIED WRONG.
 *
 * Calls for which the header promises nothing, because they are bugs of the caller, are left out.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "bad_calls_wdm_names.h"
#include "bad_calls_notify.h"
#include "bad_calls_pool.h"
#include "bad_calls_query.h"
#include "bad_calls_tally.h"
#include "bad_calls_wdm.h"

static int tallies_show(struct seq_file *m, void *unused)
{
	tallies_print(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tallies);

static struct dentry *file;

static int __init bad_calls_init(void)
{
	bad_notify_calls();
	bad_query_calls();
	bad_pool_calls();
	bad_wdm_calls();
	bad_wdm_names_calls();
	file = debugfs_create_file(KBUILD_MODNAME, 0400, NULL, NULL, &tallies_fops);
	return PTR_ERR_OR_ZERO(file);
}
module_init(bad_calls_init);

static void __exit bad_calls_exit(void)
{
	debugfs_remove(file);
}
module_exit(bad_calls_exit);

MODULE_DESCRIPTION("calls dhp's functions in wrong ways, for its selftests");
MODULE_LICENSE("GPL");
