// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last refusals: /sys/kernel/dhp/refusals; and for each a line in the kernel's log, a
 * tracepoint and an event for user space.
 *
 * What is known of a refusal comes from two sides. The part of dhp that is called in the operation
 * notes who refuses: a client, a step, another notifier. request.c sees the request itself, also
 * one that fails before any part of dhp is called, and the errno that the requester gets. Both
 * become one refusal: while a request is open, what is noted about its CPU or memory block
 * waits for its end. What is noted without a request is a refusal at once.
 *
 * All of this may happen where nothing can sleep. The rest is for a work item: it counts pages,
 * finds the name of a step, and makes the refusal known.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/errname.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "cpu_step.h"
#include "event.h"
#include "log.h"
#include "notify.h"
#include "refusal.h"
#include "uevent.h"

/* So many are kept. */
#define NR_REFUSALS 16

/* A line is no longer, with its newline. */
#define LINE_SIZE 448

/* refusal_lock protects these, in any context. */
static DEFINE_RAW_SPINLOCK(refusal_lock);
static struct dhp_refusal refusals[NR_REFUSALS];	/* number N is at N % NR_REFUSALS */
static u64 refusal_seq;		/* of the last one */

/*
 * The request that is open. The device hotplug lock allows one at a time, so the task that holds it
 * is the only one to open it. It does that without refusal_lock, as if in an NMI: it fills in the
 * rest first. It closes it with the lock held, so that what is being noted is in it, and what is
 * noted later is not.
 */
static bool request_open;
static struct dhp_refusal request;	/* and what is noted about it */
static unsigned long request_step;	/* how many steps had begun before that, see cpu_step.c */

/**
 * struct line - one refusal as text
 * @seq: its number; the line of number N is at N % NR_REFUSALS
 * @text: the line
 */
struct line {
	u64 seq;
	char text[LINE_SIZE];
};

/* published_mutex protects the lines; published_seq is also waited for. */
static DEFINE_MUTEX(published_mutex);
static struct line lines[NR_REFUSALS];
static u64 published_seq;	/* none up to this one is still to be published */
static DECLARE_WAIT_QUEUE_HEAD(published_wait);

static void publish_fn(struct work_struct *work);
static DECLARE_WORK(publish_work, publish_fn);

/* ---- Noting, in any context ----------------------------------------------- */

/* The kernel may keep the first pages of a block for itself; a request is about all of it. */
static bool about_request(const struct dhp_attempt *attempt)
{
	const struct dhp_attempt *asked = &request.attempt;

	/* Pairs with the release in dhp_refusal_request_begin(). */
	if (!smp_load_acquire(&request_open))
		return false;
	if (attempt->category != asked->category || attempt->add != asked->add)
		return false;
	if (attempt->category == DHP_PROCESSOR)
		return attempt->cpu == asked->cpu;
	return attempt->start_pfn >= asked->start_pfn &&
	       attempt->start_pfn < asked->start_pfn + asked->nr_pages;
}

/* With refusal_lock held. */
static void add_refusal(const struct dhp_refusal *refusal)
{
	struct dhp_refusal *new = &refusals[++refusal_seq % NR_REFUSALS];

	*new = *refusal;
	new->seq = refusal_seq;
	new->time_ns = ktime_get_ns();
	queue_work(dhp_freezable_wq, &publish_work);
}

/*
 * Newer kernels make several attempts in one request, and each is refused by one only. So what is
 * noted later is about a later attempt.
 */
static void note(const struct dhp_refusal *refusal)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&refusal_lock, flags);
	if (!about_request(&refusal->attempt)) {
		add_refusal(refusal);
	} else {
		request.by = refusal->by;
		request.step = refusal->step;
		request.err = refusal->err;
		memcpy(request.name, refusal->name, sizeof(request.name));
		request_step = dhp_cpu_step_begun();
	}
	raw_spin_unlock_irqrestore(&refusal_lock, flags);
}

/**
 * dhp_refusal_client() - a client has vetoed
 * @attempt: what
 * @client: its name
 * @err: the errno of the veto
 *
 * Context: Any.
 */
void dhp_refusal_client(const struct dhp_attempt *attempt, const char *client, int err)
{
	struct dhp_refusal refusal = { .attempt = *attempt, .by = DHP_BY_CLIENT, .err = err };

	strscpy(refusal.name, client, sizeof(refusal.name));
	note(&refusal);
}

/**
 * dhp_refusal_step() - a step of the CPU hotplug state machine has failed
 * @attempt: what was attempted
 * @step: the number of the step
 * @err: its errno
 *
 * Context: Any.
 */
void dhp_refusal_step(const struct dhp_attempt *attempt, int step, int err)
{
	struct dhp_refusal refusal = {
		.attempt = *attempt,
		.by = DHP_BY_STEP,
		.step = step,
		.err = err,
	};

	note(&refusal);
}

/**
 * dhp_refusal_canceled() - memory that was about to change does not
 * @attempt: what was attempted
 * @where: "before" or "behind": the notifier that has refused is called before or after that of
 *	dhp. NULL: no notifier has refused
 *
 * The errno is known only from the request.
 *
 * Context: Any.
 */
void dhp_refusal_canceled(const struct dhp_attempt *attempt, const char *where)
{
	struct dhp_refusal refusal = {
		.attempt = *attempt,
		.by = where ? DHP_BY_NOTIFIER : DHP_BY_KERNEL,
		.err = -ECANCELED,
	};

	strscpy(refusal.name, where ?: "", sizeof(refusal.name));
	note(&refusal);
}

/**
 * dhp_refusal_request_begin() - the device core is asked for something
 * @attempt: what; the device hotplug lock allows one at a time
 *
 * Context: Any, NMI included, with the device hotplug lock held. Until request_open is set nobody
 * reads what is written here.
 */
void dhp_refusal_request_begin(const struct dhp_attempt *attempt)
{
	request = (struct dhp_refusal){ .attempt = *attempt };
	request_step = dhp_cpu_step_begun();
	/* Pairs with the acquire in about_request(). */
	smp_store_release(&request_open, true);
}

/**
 * dhp_refusal_request_step() - find a step that has failed later than what is noted
 *
 * The step in which a client has vetoed fails, too, but it began before the veto was noted.
 *
 * Context: At the end of a request, when nothing is noted about it any more.
 * Return: a number for dhp_cpu_step_failed().
 */
unsigned long dhp_refusal_request_step(void)
{
	return request_step;
}

/* Was the last attempt refused by another one than what is noted? Memory's errno is not known. */
static bool noted_earlier(int ret)
{
	return request.err != ret && request.err != -ECANCELED;
}

static void by_kernel(void)
{
	request.by = DHP_BY_KERNEL;
	request.name[0] = '\0';
}

/**
 * dhp_refusal_request_end() - the device core has an answer
 * @attempt: as it was begun
 * @ret: what the requester gets; negative if it was refused
 *
 * Context: Any.
 */
void dhp_refusal_request_end(const struct dhp_attempt *attempt, int ret)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&refusal_lock, flags);
	if (about_request(attempt)) {
		WRITE_ONCE(request_open, false);
		if (noted_earlier(ret))
			by_kernel();
		request.err = ret;
		if (ret < 0)
			add_refusal(&request);
	}
	raw_spin_unlock_irqrestore(&refusal_lock, flags);
}

/* ---- Publishing, in a work item -------------------------------------------- */

/*
 * Finds the name of a step in lines like "235: sched:active". It takes a mutex of the state machine
 * that a callback must not wait for. A blank would end the field, and becomes "_".
 */
static void find_step_name(struct dhp_refusal *refusal)
{
	static char text[PAGE_SIZE];	/* as long as the file can be; one work item */
	struct file *file = NULL;
	char prefix[16];
	char *line, *end;
	ssize_t len;
	loff_t pos = 0;

	strscpy(refusal->name, "?", sizeof(refusal->name));
	scoped_with_init_fs()
		file = filp_open("/sys/devices/system/cpu/hotplug/states", O_RDONLY, 0);
	if (IS_ERR(file))
		return;
	len = kernel_read(file, text, sizeof(text) - 1, &pos);
	filp_close(file, NULL);
	if (len <= 0)
		return;
	text[len] = '\0';
	snprintf(prefix, sizeof(prefix), "%3d: ", refusal->step);
	for (line = text; line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (str_has_prefix(line, prefix))
			strscpy(refusal->name, line + strlen(prefix), sizeof(refusal->name));
	}
	strreplace(refusal->name, ' ', '_');
}

static void complete_refusal(struct dhp_refusal *refusal)
{
	const struct dhp_attempt *attempt = &refusal->attempt;

	if (refusal->by == DHP_BY_STEP)
		find_step_name(refusal);
	if (attempt->category == DHP_MEMORY && !attempt->add && refusal->by == DHP_BY_KERNEL) {
		dhp_pages_count(attempt->start_pfn, attempt->nr_pages, &refusal->pages);
		refusal->counted = true;
	}
}

/* Returns where the fields behind the time begin. The kernel's log has a time of its own. */
static int format_line(char *line, size_t size, const struct dhp_refusal *refusal)
{
	const struct dhp_attempt *attempt = &refusal->attempt;
	char pages[DHP_PAGES_PRINT_SIZE];
	u64 start = PFN_PHYS((u64)attempt->start_pfn);
	u32 ns;
	u64 seconds = div_u64_rem(refusal->time_ns, NSEC_PER_SEC, &ns);
	int len, begin;

	begin = scnprintf(line, size, "seq=%llu time=%llu.%06u ", refusal->seq, seconds,
			  ns / (u32)NSEC_PER_USEC);
	len = begin;
	if (attempt->category == DHP_PROCESSOR)
		len += scnprintf(line + len, size - len, "cpu=%u", attempt->cpu);
	else
		len += scnprintf(line + len, size - len, "mem=%#llx-%#llx", start,
				 start + PFN_PHYS((u64)attempt->nr_pages) - 1);
	len += scnprintf(line + len, size - len, " action=%s by=%s",
			 attempt->add ? "add" : "remove", dhp_refusal_by_name(refusal->by));
	if (refusal->name[0])
		len += scnprintf(line + len, size - len, " name=%s", refusal->name);
	if (refusal->by == DHP_BY_STEP)
		len += scnprintf(line + len, size - len, " step=%d", refusal->step);
	len += scnprintf(line + len, size - len, " errno=%pe", ERR_PTR(refusal->err));
	if (refusal->counted && dhp_pages_print(pages, sizeof(pages), &refusal->pages))
		len += scnprintf(line + len, size - len, " pages: %s", pages);
	scnprintf(line + len, size - len, "\n");
	return begin;
}

/* Copies the oldest refusal that is not published. @lost receives how many were not kept. */
static bool next_refusal(struct dhp_refusal *refusal, u64 *lost)
{
	unsigned long flags;
	bool found = false;
	u64 seq;

	*lost = 0;
	raw_spin_lock_irqsave(&refusal_lock, flags);
	if (published_seq < refusal_seq) {
		seq = published_seq + 1;
		if (refusal_seq - published_seq > NR_REFUSALS)
			seq = refusal_seq - NR_REFUSALS + 1;
		*lost = seq - published_seq - 1;
		*refusal = refusals[seq % NR_REFUSALS];
		found = true;
	}
	raw_spin_unlock_irqrestore(&refusal_lock, flags);
	return found;
}

static void publish_fn(struct work_struct *work)
{
	struct dhp_refusal refusal;
	struct line *line;
	u64 lost;
	int begin;

	while (next_refusal(&refusal, &lost)) {
		if (lost)
			pr_info("%llu refusals are not listed: they came too quickly\n", lost);
		complete_refusal(&refusal);
		line = &lines[refusal.seq % NR_REFUSALS];
		mutex_lock(&published_mutex);
		begin = format_line(line->text, LINE_SIZE, &refusal);
		line->seq = refusal.seq;
		/* With the line complete; pairs with dhp_refusal_show(). */
		smp_store_release(&published_seq, refusal.seq);
		mutex_unlock(&published_mutex);
		/* Nothing else writes lines. qemu/plug_refusal.py reads this one on a console. */
		pr_info("refusal: %s", line->text + begin);
		dhp_log_refusal(&refusal);
		dhp_uevent_refusal(&refusal);
		wake_up_all(&published_wait);
	}
}

/* ---- Reading --------------------------------------------------------------- */

static u64 last_seq(void)
{
	unsigned long flags;
	u64 seq;

	raw_spin_lock_irqsave(&refusal_lock, flags);
	seq = refusal_seq;
	raw_spin_unlock_irqrestore(&refusal_lock, flags);
	return seq;
}

/**
 * dhp_refusal_show() - print the last refusals, the oldest first
 * @page: where to, as for a file in sysfs
 *
 * It waits until what has been refused before is published, or is known not to be kept. Lines that
 * are too long for one page together push out the oldest ones.
 *
 * Context: Process context; sleeps where a signal, or the freezer, can end it.
 * Return: the number of bytes, or -ERESTARTSYS when a signal came.
 */
ssize_t dhp_refusal_show(char *page)
{
	u64 seq, oldest, first, last = last_seq();
	const struct line *line;
	ssize_t len = 0;
	size_t sum = 0;

	/* Pairs with publish_fn(). */
	if (wait_event_interruptible(published_wait, smp_load_acquire(&published_seq) >= last))
		return -ERESTARTSYS;
	mutex_lock(&published_mutex);
	last = published_seq;
	/* The line of a refusal that was not kept is not there, but an older one. */
	oldest = last > NR_REFUSALS ? last - NR_REFUSALS + 1 : 1;
	for (first = last; first >= oldest; first--) {
		line = &lines[first % NR_REFUSALS];
		if (line->seq == first)
			sum += strlen(line->text);
		if (sum > PAGE_SIZE - 1)
			break;
	}
	for (seq = first + 1; seq <= last; seq++) {
		line = &lines[seq % NR_REFUSALS];
		if (line->seq == seq)
			len += sysfs_emit_at(page, len, "%s", line->text);
	}
	mutex_unlock(&published_mutex);
	return len;
}

/* When nothing notes any refusal any more. */
void dhp_refusal_exit(void)
{
	cancel_work_sync(&publish_work);
}
