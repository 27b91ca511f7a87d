// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULTY, to show what `make certify` finds: it keeps a replica of its text on each node, and gives
 * none back until it is unloaded. A replica in a DIMM keeps the DIMM from being unplugged.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/uaccess.h>

/* Protects the text and its replicas. */
static DEFINE_MUTEX(lock);
static char text[PAGE_SIZE];
static size_t length;
/* By node; NULL on nodes without memory for it. */
static struct page **replicas;

static void fill_replicas(void)
{
	int nid;

	lockdep_assert_held(&lock);
	for_each_node_state(nid, N_MEMORY) {
		if (!replicas[nid])
			replicas[nid] = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE |
							 __GFP_NOWARN, 0);
		if (replicas[nid])
			memcpy(page_address(replicas[nid]), text, length);
	}
}

static ssize_t write_text(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	if (size > sizeof(text))
		return -EFBIG;
	mutex_lock(&lock);
	length = 0;
	if (copy_from_user(text, from, size)) {
		mutex_unlock(&lock);
		return -EFAULT;
	}
	length = size;
	fill_replicas();
	mutex_unlock(&lock);
	return size;
}

static ssize_t read_text(struct file *file, char __user *to, size_t size, loff_t *at)
{
	struct page *replica;
	const char *nearest;
	ssize_t done;

	mutex_lock(&lock);
	replica = replicas[numa_node_id()];
	nearest = replica ? page_address(replica) : text;
	done = simple_read_from_buffer(to, size, at, nearest, length);
	mutex_unlock(&lock);
	return done;
}

static const struct file_operations faulty_fops = {
	.owner = THIS_MODULE,
	.read = read_text,
	.write = write_text,
};

static struct miscdevice faulty_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "faulty_pins_page",
	.fops = &faulty_fops,
};

static int __init faulty_init(void)
{
	int ret;

	replicas = kcalloc(nr_node_ids, sizeof(*replicas), GFP_KERNEL);
	if (!replicas)
		return -ENOMEM;
	ret = misc_register(&faulty_device);
	if (ret)
		kfree(replicas);
	return ret;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
	int nid;

	misc_deregister(&faulty_device);
	for_each_node(nid)
		if (replicas[nid])
			__free_page(replicas[nid]);
	kfree(replicas);
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A driver with a fault: never gives back a page of a DIMM");
MODULE_LICENSE("GPL");
