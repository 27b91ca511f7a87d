// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: a table for each memory
 * block that goes online, made before, and freed when the block is offline again or has not come.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/memory.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/xarray.h>

struct table {
	unsigned long nr_pages;
	unsigned long uses;
	bool online;
};

/* By the first page frame of the block. */
static DEFINE_XARRAY(tables);
/* Protects what is in the tables, and uses. Memory blocks change one at a time. */
static DEFINE_MUTEX(lock);
static unsigned long uses;

static int add_table(const struct memory_notify *change)
{
	struct table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret;

	if (!table)
		return -ENOMEM;
	table->nr_pages = change->nr_pages;
	ret = xa_insert(&tables, change->start_pfn, table, GFP_KERNEL);
	if (ret)
		kfree(table);
	return ret;
}

/* CANCEL_ONLINE also comes for blocks whose GOING_ONLINE another driver has refused before. */
static void remove_table(const struct memory_notify *change)
{
	mutex_lock(&lock);
	kfree(xa_erase(&tables, change->start_pfn));
	mutex_unlock(&lock);
}

/* OFFLINE and CANCEL_OFFLINE also come for blocks that were online before the driver was loaded. */
static void set_online(const struct memory_notify *change, bool online)
{
	struct table *table;

	mutex_lock(&lock);
	table = xa_load(&tables, change->start_pfn);
	if (table)
		table->online = online;
	mutex_unlock(&lock);
}

static int memory_changed(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct memory_notify *change = data;

	switch (action) {
	case MEM_GOING_ONLINE:
		return notifier_from_errno(add_table(change));
	case MEM_ONLINE:
	case MEM_CANCEL_OFFLINE:
		set_online(change, true);
		break;
	case MEM_GOING_OFFLINE:
		set_online(change, false);
		break;
	case MEM_OFFLINE:
	case MEM_CANCEL_ONLINE:
		remove_table(change);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block clean_notifier = {
	.notifier_call = memory_changed,
};

/* A write, of anything, uses each table. */
static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct table *table;
	unsigned long pfn;

	mutex_lock(&lock);
	uses++;
	xa_for_each(&tables, pfn, table)
		if (table->online)
			table->uses++;
	mutex_unlock(&lock);
	return size;
}

/* The uses, and a line for each table: the first page frame, how many pages, and its uses. */
static int clean_show(struct seq_file *seq, void *unused)
{
	struct table *table;
	unsigned long pfn;

	mutex_lock(&lock);
	seq_printf(seq, "uses %lu\n", uses);
	xa_for_each(&tables, pfn, table)
		seq_printf(seq, "%lu %lu %lu\n", pfn, table->nr_pages, table->uses);
	mutex_unlock(&lock);
	return 0;
}

static int clean_open(struct inode *inode, struct file *file)
{
	/* misc_open() has set it, and single_open() is going to. */
	file->private_data = NULL;
	return single_open(file, clean_show, NULL);
}

static const struct file_operations clean_fops = {
	.owner = THIS_MODULE,
	.open = clean_open,
	.read = seq_read,
	.write = clean_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static struct miscdevice clean_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "clean_memory_table",
	.fops = &clean_fops,
};

static void free_tables(void)
{
	struct table *table;
	unsigned long pfn;

	xa_for_each(&tables, pfn, table)
		kfree(table);
	xa_destroy(&tables);
}

static int __init clean_init(void)
{
	int ret;

	ret = register_memory_notifier(&clean_notifier);
	if (ret)
		return ret;
	ret = misc_register(&clean_device);
	if (ret) {
		unregister_memory_notifier(&clean_notifier);
		free_tables();
	}
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	misc_deregister(&clean_device);
	unregister_memory_notifier(&clean_notifier);
	free_tables();
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: a table for each memory block");
MODULE_LICENSE("GPL");
