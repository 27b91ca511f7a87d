// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver without a fault, on which `make certify` must find nothing: each write makes thousands
 * of requests, which wait in a queue for their turn. The first one is served until all others have
 * been cancelled. A request has a timer that would say that it waits for too long.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#define NR_REQUESTS 5000
#define NR_WAITING 1000 /* of them at a time */

struct request {
	struct work_struct work;
	struct timer_list deadline;
};

static struct workqueue_struct *queue; /* serves one request at a time */
static DECLARE_COMPLETION(cancelled);
/* Protects the counts, and lets one write at a time use the completion. */
static DEFINE_MUTEX(lock);
static unsigned long nr_cancelled;
static unsigned long nr_served;

static void serve(struct work_struct *work)
{
	wait_for_completion(&cancelled);
}

static void complain(struct timer_list *timer)
{
	pr_warn("a request waits for too long\n");
}

static void submit(struct request *request)
{
	INIT_WORK(&request->work, serve);
	timer_setup(&request->deadline, complain, 0);
	mod_timer(&request->deadline, jiffies + 600 * HZ);
	queue_work(queue, &request->work);
}

/* Whether it was still waiting. */
static bool cancel(struct request *request)
{
	timer_delete_sync(&request->deadline);
	return cancel_work_sync(&request->work);
}

static ssize_t clean_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	struct request *requests;
	unsigned int i;

	requests = kvcalloc(NR_REQUESTS, sizeof(*requests), GFP_KERNEL);
	if (!requests)
		return -ENOMEM;
	mutex_lock(&lock);
	reinit_completion(&cancelled);
	submit(&requests[0]);
	for (i = 1; i < NR_REQUESTS + NR_WAITING; i++) {
		if (i < NR_REQUESTS)
			submit(&requests[i]);
		if (i > NR_WAITING && cancel(&requests[i - NR_WAITING]))
			nr_cancelled++;
	}
	complete(&cancelled);
	flush_work(&requests[0].work);
	timer_delete_sync(&requests[0].deadline);
	nr_served++;
	mutex_unlock(&lock);
	kvfree(requests);
	return size;
}

/* How many were served, and how many were cancelled. */
static ssize_t clean_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char text[48];
	int length;

	mutex_lock(&lock);
	length = scnprintf(text, sizeof(text), "%lu %lu\n", nr_served, nr_cancelled);
	mutex_unlock(&lock);
	return simple_read_from_buffer(to, size, at, text, length);
}

static const struct file_operations clean_fops = {
	.owner = THIS_MODULE,
	.read = clean_read,
	.write = clean_write,
};

static struct miscdevice clean_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "clean_requests",
	.fops = &clean_fops,
};

static int __init clean_init(void)
{
	int ret;

	queue = alloc_ordered_workqueue("clean_requests", 0);
	if (!queue)
		return -ENOMEM;
	ret = misc_register(&clean_device);
	if (ret)
		destroy_workqueue(queue);
	return ret;
}
module_init(clean_init);

static void __exit clean_exit(void)
{
	misc_deregister(&clean_device);
	destroy_workqueue(queue);
}
module_exit(clean_exit);

MODULE_DESCRIPTION("A driver without a fault: many requests, most of which are cancelled");
MODULE_LICENSE("GPL");
