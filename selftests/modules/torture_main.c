// SPDX-License-Identifier: GPL-2.0-only
/*
 * dhp_torture: from when it is loaded to when it is unloaded, threads do at random what drivers and
 * administrators do with dhp:
 *
 *	torture_clients.c	register and unregister clients of every kind
 *	torture_pool.c		create, use and destroy pools
 *	torture_onoff.c		take CPUs offline and bring them online
 *
 * An oracle compares each call that a client gets with the contract:
 *
 *	torture_oracle.c		two clients that get every event; the final check
 *	torture_oracle_processor.c	the calls of processor clients
 *	torture_oracle_memory.c		the calls of memory clients
 *	torture_oracle_event.c		the calls of event clients
 *	torture_oracle_rebalance.c	the calls of rebalance clients
 *
 * This file starts and stops all of it. When the module is unloaded, one line in the kernel log
 * begins with SUCCESS or FAILURE, as that of rcutorture does. Until then,
 * /sys/kernel/debug/dhp_torture/statistics has the counters. torture.sh adds what needs user
 * space: sysfs, hardware that is plugged, drivers that are loaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "torture_clients.h"
#include "torture_count.h"
#include "torture_onoff.h"
#include "torture_oracle.h"
#include "torture_oracle_processor.h"
#include "torture_pool.h"
#include "torture_random.h"
#include "torture_thread.h"
#include "torture_veto.h"

static unsigned int client_threads = 3;
module_param(client_threads, uint, 0444);
MODULE_PARM_DESC(client_threads, "threads that register and unregister clients (3)");

static unsigned int pool_threads = 2;
module_param(pool_threads, uint, 0444);
MODULE_PARM_DESC(pool_threads, "threads that create, use and destroy a pool each (2)");

static unsigned int onoff_threads = 1;
module_param(onoff_threads, uint, 0444);
MODULE_PARM_DESC(onoff_threads, "threads that take CPUs offline and bring them online (1)");

static unsigned int audit_threads = 1;

static const struct torture_kind kinds[] = {
	{ "clients",	&client_threads,	torture_clients_run },
	{ "pools",	&pool_threads,		torture_pools_run },
	{ "onoff",	&onoff_threads,		torture_onoff_run },
	{ "audit",	&audit_threads,		oracle_audit },
};

static struct dentry *directory;

/* ---- Results -------------------------------------------------------------- */

static int statistics_show(struct seq_file *m, void *v)
{
	unsigned int cpu;

	seq_printf(m, "seed %lu\n", torture_random_seed());
	seq_printf(m, "findings %ld\n", torture_findings());
	seq_printf(m, "transitions %ld\n", count_transitions());
	counts_print(m);
	for_each_present_cpu(cpu)
		seq_printf(m, "vetoes_of_cpu%u %u\n", cpu, torture_vetoes(cpu));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(statistics);

/* A/B is attempts and successes; A/B/C has the vetoed ones as well. */
static void print_summary(void)
{
	long found = torture_findings();

	pr_alert("End of test: %s: seed=%lu transitions=%ld (processors=%ld memory=%ld) online=%ld/%ld/%ld offline=%ld/%ld/%ld clients=%ld/%ld/%ld calls=%ld/%ld/%ld/%ld triples=%ld vetoes=%ld/%ld/%ld/%ld/%ld pools=%ld/%ld items=%ld/%ld/%ld buffers=%ld/%ld audits=%ld findings=%ld\n",
		 found ? "FAILURE" : "SUCCESS", torture_random_seed(), count_transitions(),
		 counted(PROCESSOR_EVENTS), counted(MEMORY_EVENTS),
		 counted(ONLINE_ATTEMPTS), counted(ONLINE_SUCCESSES), counted(ONLINE_VETOED),
		 counted(OFFLINE_ATTEMPTS), counted(OFFLINE_SUCCESSES), counted(OFFLINE_VETOED),
		 counted(CLIENT_ATTEMPTS), counted(CLIENT_SUCCESSES), counted(CLIENT_VETOED),
		 counted(PROCESSOR_CALLS), counted(EVENT_CALLS), counted(MEMORY_CALLS),
		 counted(REBALANCE_CALLS), counted(REBALANCE_TRIPLES),
		 counted(START_VETOES), counted(REMOVE_VETOES), counted(REPLAY_VETOES),
		 counted(MEMORY_VETOES), counted(MEMORY_REPLAY_VETOES),
		 counted(POOL_ATTEMPTS), counted(POOL_SUCCESSES),
		 counted(ITEMS_ACCEPTED), counted(ITEMS_RAN), counted(ITEMS_CANCELLED),
		 counted(BUFFERS_TAKEN), counted(BUFFERS_PUT), counted(AUDITS), found);
}

/* ---- Loading and unloading ------------------------------------------------- */

static int __init dhp_torture_init(void)
{
	int ret;

	if (client_threads > 64 || pool_threads > 64 || onoff_threads > 64) {
		pr_err("client_threads=%u pool_threads=%u onoff_threads=%u: each must be at most 64\n",
		       client_threads, pool_threads, onoff_threads);
		return -EINVAL;
	}
	if (torture_veto_permille > 1000) {
		pr_err("veto_permille=%u: it must be at most 1000\n", torture_veto_permille);
		return -EINVAL;
	}
	ret = torture_onoff_init();
	if (ret) {
		pr_err("no CPU of this machine can be taken offline\n");
		return ret;
	}
	ret = torture_veto_init();
	if (ret)
		return ret;
	ret = oracle_init();
	if (ret)
		goto free_vetoes;
	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("statistics", 0400, directory, NULL, &statistics_fops);
	pr_info("begins: seed=%lu client_threads=%u pool_threads=%u onoff_threads=%u veto_permille=%u\n",
		torture_random_seed(), client_threads, pool_threads, onoff_threads,
		torture_veto_permille);
	ret = torture_threads_start(kinds, ARRAY_SIZE(kinds));
	if (ret)
		goto remove_directory;
	return 0;

remove_directory:
	debugfs_remove_recursive(directory);
	torture_clients_exit();
	oracle_exit();
free_vetoes:
	torture_veto_exit();
	return ret;
}

static void __exit dhp_torture_exit(void)
{
	torture_threads_stop();
	debugfs_remove_recursive(directory);
	oracle_check_end();
	torture_clients_exit();
	oracle_exit();
	torture_veto_exit();
	counts_check();
	print_summary();
}

module_init(dhp_torture_init);
module_exit(dhp_torture_exit);

MODULE_DESCRIPTION("tortures dhp, for its selftests");
MODULE_LICENSE("GPL");
