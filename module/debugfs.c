// SPDX-License-Identifier: GPL-2.0-only
/* debugfs dhp/: the clients, and the log of the last notifications. */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "debugfs.h"
#include "notify/notify.h"

static struct dentry *debugfs_root;

static int clients_show(struct seq_file *m, void *unused)
{
	dhp_client_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(clients);

static int log_show(struct seq_file *m, void *unused)
{
	dhp_log_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(log);

int dhp_debugfs_init(void)
{
	debugfs_root = debugfs_create_dir("dhp", NULL);
	debugfs_create_file("clients", 0400, debugfs_root, NULL, &clients_fops);
	debugfs_create_file("log", 0400, debugfs_root, NULL, &log_fops);
	return 0;
}

void dhp_debugfs_exit(void)
{
	debugfs_remove(debugfs_root);
}
