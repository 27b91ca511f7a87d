// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver has left behind when it is unloaded, or when loading it has failed: CPU hotplug
 * states, memory notifiers, timers, work items and per-CPU memory. Tracepoints and kprobes say what
 * the driver starts and ends. Its exit function has run, and its memory is still there, when the
 * kernel says that it goes: that is when this is looked at, and when what is left is ended, as it
 * would crash the machine. DEBUG_OBJECTS does that itself for timers and work items.
 *
 * Reading the parameter `left` lists it: CLASS FUNCTION LOAD OBJECT, a line each, where LOAD is the
 * number of the load. Lines `thread FUNCTION LOAD PID` are threads that had not ended by then. They
 * may end later, but their function has no name any more when the driver is unloaded. Writing to
 * the parameter forgets all. A line `overflow` comes first if the driver had more than MAX_ITEMS
 * at a time. Not here: what the file system or the list of threads shows.
 */
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#define MAX_ITEMS 4096
#define MAX_FRAMES 48
#define NAME_SIZE 48
#define RUN_SECONDS 20 /* that a work item gets to end */

static char *driver;
module_param(driver, charp, 0444);
MODULE_PARM_DESC(driver, "the name of the module to watch");

enum kind { STATE, NOTIFIER, TIMER, HRTIMER, DELAYED, QUEUED, RUNNING, PERCPU, THREAD };

static const char * const classes[] = {
	[STATE] = "state-left",
	[NOTIFIER] = "callback-after-unload",
	[TIMER] = "timer-left",
	[HRTIMER] = "timer-left",
	[DELAYED] = "work-left",
	[QUEUED] = "work-left",
	[RUNNING] = "work-left",
	[PERCPU] = "percpu-left",
	[THREAD] = "thread",
};

struct item {
	struct hlist_node node; /* of a hash chain, or of free_items */
	enum kind kind;
	const void *key;
	const void *address; /* of the driver's function */
	unsigned int load;
	bool left; /* for good */
	bool multi; /* a state with instances */
	char function[NAME_SIZE];
	char object[NAME_SIZE];
};

/* Protects all items. Tracepoints take it below locks of the kernel; nothing is taken below it. */
static DEFINE_RAW_SPINLOCK(lock);
/*
 * All are allocated when this is loaded: a tracepoint may be called with locks held that an
 * allocation needs, and certify_nomem would count the allocation as the driver's.
 */
static struct item *all_items;
static DEFINE_HASHTABLE(items, 10); /* by key */
static HLIST_HEAD(free_items);
static unsigned int nr_items; /* in the table */
static bool overflow;
static struct module *watched;
static unsigned int nr_loads;

static bool of_driver(const void *address)
{
	struct module *mod = READ_ONCE(watched);

	return mod && within_module((unsigned long)address, mod);
}

/* The innermost function of the driver on the way here. */
static noinline const void *driver_calls(void)
{
	unsigned long frames[MAX_FRAMES];
	unsigned int nr = stack_trace_save(frames, MAX_FRAMES, 1), i;

	for (i = 0; i < nr; i++)
		if (of_driver((void *)frames[i]))
			return (void *)frames[i];
	return NULL;
}

static struct item *find(enum kind kind, const void *key)
{
	struct item *item;

	lockdep_assert_held(&lock);
	hash_for_each_possible(items, item, node, (unsigned long)key)
		if (item->kind == kind && !item->left && item->key == key)
			return item;
	return NULL;
}

static void drop(struct item *item)
{
	lockdep_assert_held(&lock);
	hash_del(&item->node);
	hlist_add_head(&item->node, &free_items);
	WRITE_ONCE(nr_items, nr_items - 1);
}

/* No tracepoint says that queued work was cancelled. It may have been freed since. */
static bool still_queued(const struct item *item)
{
	struct work_struct work;

	return !copy_from_kernel_nofault(&work, item->key, sizeof(work)) &&
	       work.func == item->address &&
	       test_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(&work));
}

static void drop_cancelled(void)
{
	struct hlist_node *next;
	struct item *item;
	int bucket;

	lockdep_assert_held(&lock);
	hash_for_each_safe(items, bucket, next, item, node)
		if (item->kind == QUEUED && !item->left && !still_queued(item))
			drop(item);
}

/* Puts a copy into the table, instead of an earlier item with the same key. */
static void add(const struct item *new)
{
	struct item *item = find(new->kind, new->key);

	if (item)
		drop(item);
	/* Without room once, what is seen is not complete, and looking again is not worth it. */
	if (hlist_empty(&free_items) && !overflow)
		drop_cancelled();
	if (hlist_empty(&free_items)) {
		overflow = true;
		return;
	}
	item = hlist_entry(free_items.first, struct item, node);
	hlist_del(&item->node);
	*item = *new;
	hash_add(items, &item->node, (unsigned long)item->key);
	WRITE_ONCE(nr_items, nr_items + 1);
}

static void forget(enum kind kind, const void *key)
{
	struct item *item;
	unsigned long flags;

	if (!READ_ONCE(nr_items))
		return;
	raw_spin_lock_irqsave(&lock, flags);
	item = find(kind, key);
	if (item)
		drop(item);
	raw_spin_unlock_irqrestore(&lock, flags);
}

static void note(enum kind kind, const void *key, const void *address, const char *object,
		 bool multi)
{
	struct item new = {
		.kind = kind, .key = key, .address = address, .multi = multi,
		.load = READ_ONCE(nr_loads),
	};
	unsigned long flags;

	snprintf(new.function, sizeof(new.function), "%ps", address);
	new.function[strcspn(new.function, " +")] = 0;
	strscpy(new.object, object, sizeof(new.object));
	raw_spin_lock_irqsave(&lock, flags);
	add(&new);
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* ---------------------------------------------------------------- timers */

static void on_timer_start(void *unused, struct timer_list *timer)
{
	struct delayed_work *work;

	if (of_driver(timer->function)) {
		note(TIMER, timer, timer->function, "timer", false);
	} else if (timer->function == delayed_work_timer_fn) {
		work = container_of(timer, struct delayed_work, timer);
		if (of_driver(work->work.func))
			note(DELAYED, timer, work->work.func, "delayed work", false);
	}
}

static void on_timer_cancel(void *unused, struct timer_list *timer)
{
	forget(TIMER, timer);
	forget(DELAYED, timer);
}

static void on_hrtimer_start(void *unused, struct hrtimer *timer)
{
	if (of_driver(ACCESS_PRIVATE(timer, function)))
		note(HRTIMER, timer, ACCESS_PRIVATE(timer, function), "hrtimer", false);
}

static void on_hrtimer_cancel(void *unused, struct hrtimer *timer)
{
	forget(HRTIMER, timer);
}

/* ---------------------------------------------------------------- work */

static void on_queue(void *unused, unsigned int cpu, void *pool, struct work_struct *work)
{
	if (of_driver(work->func))
		note(QUEUED, work, work->func, "queued work", false);
}

static void on_execute_start(void *unused, struct work_struct *work)
{
	forget(QUEUED, work);
	if (of_driver(work->func))
		note(RUNNING, work, work->func, "running work", false);
}

static void on_execute_end(void *unused, struct work_struct *work)
{
	forget(RUNNING, work);
}

/* ---------------------------------------------------------------- per-CPU memory */

static void on_percpu_alloc(void *unused, unsigned long call_site, bool reserved, bool atomic,
			    size_t size, size_t align, void *base, int offset, void __percpu *ptr)
{
	const void *address;
	char object[NAME_SIZE];

	if (reserved || !ptr || !READ_ONCE(watched))
		return;
	address = driver_calls();
	if (!address)
		return;
	snprintf(object, sizeof(object), "%zu bytes for each CPU", size);
	note(PERCPU, (void *)(__force unsigned long)ptr, address, object, false);
}

static void on_percpu_free(void *unused, void *base, int offset, void __percpu *ptr)
{
	forget(PERCPU, (void *)(__force unsigned long)ptr);
}

/* ---------------------------------------------------------------- states and notifiers */

struct setup {
	unsigned long state;
	const void *callback;
	bool multi;
	char name[NAME_SIZE];
};

static int setup_begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct setup *setup = (void *)ri->data;
	const void *startup = (void *)regs_get_kernel_argument(regs, 3);
	const void *teardown = (void *)regs_get_kernel_argument(regs, 4);
	const char *name = (void *)regs_get_kernel_argument(regs, 1);

	setup->callback = of_driver(startup) ? startup : of_driver(teardown) ? teardown : NULL;
	if (!setup->callback)
		return 1;
	setup->state = (u32)regs_get_kernel_argument(regs, 0);
	setup->multi = regs_get_kernel_argument(regs, 5) & 1;
	strscpy(setup->name, name ?: "", sizeof(setup->name));
	return 0;
}

static int setup_ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct setup *setup = (void *)ri->data;
	int ret = regs_return_value(regs);

	if (ret >= 0)
		note(STATE, (void *)(ret ? (unsigned long)ret : setup->state), setup->callback,
		     setup->name, setup->multi);
	return 0;
}

static struct kretprobe setup_probe = {
	.kp.symbol_name = "__cpuhp_setup_state_cpuslocked",
	.entry_handler = setup_begins,
	.handler = setup_ends,
	.data_size = sizeof(struct setup),
};

static int remove_begins(struct kprobe *probe, struct pt_regs *regs)
{
	forget(STATE, (void *)(unsigned long)(u32)regs_get_kernel_argument(regs, 0));
	return 0;
}

static struct kprobe remove_probe = {
	.symbol_name = "__cpuhp_remove_state_cpuslocked",
	.pre_handler = remove_begins,
};

static int register_begins(struct kprobe *probe, struct pt_regs *regs)
{
	struct notifier_block *nb = (void *)regs_get_kernel_argument(regs, 0);

	if (of_driver(nb->notifier_call))
		note(NOTIFIER, nb, nb->notifier_call, "memory notifier", false);
	return 0;
}

static struct kprobe register_probe = {
	.symbol_name = "register_memory_notifier",
	.pre_handler = register_begins,
};

static int unregister_begins(struct kprobe *probe, struct pt_regs *regs)
{
	forget(NOTIFIER, (void *)regs_get_kernel_argument(regs, 0));
	return 0;
}

static struct kprobe unregister_probe = {
	.symbol_name = "unregister_memory_notifier",
	.pre_handler = unregister_begins,
};

static struct kprobe * const probes[] = { &remove_probe, &register_probe, &unregister_probe };

/* ---------------------------------------------------------------- the driver goes */

/* Ends what was left, without a word to the driver. */
static void end(const struct item *item)
{
	bool checked = IS_ENABLED(CONFIG_DEBUG_OBJECTS_TIMERS);
	void *key = (void *)item->key;

	switch (item->kind) {
	case STATE:
		if (!item->multi)
			cpuhp_remove_state_nocalls((unsigned long)key);
		break;
	case NOTIFIER:
		unregister_memory_notifier(key);
		break;
	case TIMER:
		if (!checked)
			timer_delete_sync(key);
		break;
	case HRTIMER:
		if (!checked)
			hrtimer_cancel(key);
		break;
	case DELAYED:
		if (!checked)
			cancel_delayed_work_sync(container_of((struct timer_list *)key,
							      struct delayed_work, timer));
		break;
	case QUEUED:
		if (!checked)
			cancel_work_sync(key);
		break;
	default:
		break;
	}
}

static bool runs(enum kind kind, const void *key)
{
	unsigned long flags;
	struct item *item;

	raw_spin_lock_irqsave(&lock, flags);
	item = find(kind, key);
	raw_spin_unlock_irqrestore(&lock, flags);
	return item;
}

/* Takes an item of this kind that is left. A work item that runs has to end first. */
static bool take(enum kind kind, struct item *taken)
{
	unsigned long flags;
	struct item *item;
	int bucket;

	raw_spin_lock_irqsave(&lock, flags);
	hash_for_each(items, bucket, item, node) {
		if (item->kind != kind || item->left)
			continue;
		item->left = kind != RUNNING;
		*taken = *item;
		raw_spin_unlock_irqrestore(&lock, flags);
		return true;
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	return false;
}

/* @item ran when the driver went. It may have ended by now. */
static void ran_on(struct item *item)
{
	struct item *running;

	raw_spin_lock_irq(&lock);
	running = find(RUNNING, item->key);
	if (running)
		drop(running);
	item->left = true;
	add(item);
	raw_spin_unlock_irq(&lock);
}

/* One that kthread_stop() has waited for is still in the list for a moment. */
static void note_threads(void)
{
	struct task_struct *process, *thread;
	char object[NAME_SIZE];
	const void *function;
	unsigned int flags;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		/* The thread itself may change other flags meanwhile. */
		flags = data_race(thread->flags);
		if (!(flags & PF_KTHREAD) || flags & PF_EXITING)
			continue;
		function = kthread_func(thread);
		if (!of_driver(function))
			continue;
		snprintf(object, sizeof(object), "%d", thread->pid);
		note(THREAD, thread, function, object, false);
	}
	rcu_read_unlock();
}

static void look(void)
{
	enum kind kind;
	struct item item;
	unsigned int i;

	note_threads();
	while (take(RUNNING, &item)) {
		for (i = 0; i < RUN_SECONDS * 50 && runs(RUNNING, item.key); i++)
			msleep(20);
		ran_on(&item);
	}
	raw_spin_lock_irq(&lock);
	drop_cancelled();
	raw_spin_unlock_irq(&lock);
	for (kind = STATE; kind <= QUEUED; kind++)
		while (take(kind, &item))
			end(&item);
}

static int module_changes(struct notifier_block *nb, unsigned long state, void *data)
{
	struct module *mod = data;

	if (strcmp(mod->name, driver))
		return NOTIFY_DONE;
	if (state == MODULE_STATE_COMING) {
		WRITE_ONCE(nr_loads, nr_loads + 1);
		WRITE_ONCE(watched, mod);
	} else if (state == MODULE_STATE_GOING) {
		look();
		WRITE_ONCE(watched, NULL);
	}
	return NOTIFY_DONE;
}

static struct notifier_block module_nb = {
	.notifier_call = module_changes,
};

/* ---------------------------------------------------------------- what is left */

/* A whole line, as a part of it would name another function. */
static int add_line(char *buffer, int size, const struct item *item)
{
	int length = snprintf(buffer + size, PAGE_SIZE - size, "%s %s %u %s\n",
			      classes[item->kind], item->function, item->load, item->object);

	if (size + length < PAGE_SIZE)
		return size + length;
	buffer[size] = '\0';
	return size;
}

static int get_left(char *buffer, const struct kernel_param *param)
{
	int size = 0, bucket;
	struct item *item;

	raw_spin_lock_irq(&lock);
	if (overflow)
		size += scnprintf(buffer + size, PAGE_SIZE - size, "overflow - 0 items\n");
	hash_for_each(items, bucket, item, node)
		if (item->left || item->kind == THREAD)
			size = add_line(buffer, size, item);
	/* Of these there may be many. */
	hash_for_each(items, bucket, item, node)
		if (!item->left && item->kind == PERCPU)
			size = add_line(buffer, size, item);
	raw_spin_unlock_irq(&lock);
	return size;
}

static int forget_left(const char *value, const struct kernel_param *param)
{
	struct hlist_node *next;
	struct item *item;
	int bucket;

	raw_spin_lock_irq(&lock);
	hash_for_each_safe(items, bucket, next, item, node)
		drop(item);
	overflow = false;
	raw_spin_unlock_irq(&lock);
	return 0;
}

static const struct kernel_param_ops left_ops = {
	.get = get_left,
	.set = forget_left,
};
module_param_cb(left, &left_ops, NULL, 0644);

/* ---------------------------------------------------------------- tracepoints */

static struct {
	const char *name;
	void *call;
	struct tracepoint *tp;
} points[] = {
	{ "timer_start", on_timer_start },
	{ "timer_cancel", on_timer_cancel },
	{ "hrtimer_start", on_hrtimer_start },
	{ "hrtimer_cancel", on_hrtimer_cancel },
	{ "workqueue_queue_work", on_queue },
	{ "workqueue_execute_start", on_execute_start },
	{ "workqueue_execute_end", on_execute_end },
	{ "percpu_alloc_percpu", on_percpu_alloc },
	{ "percpu_free_percpu", on_percpu_free },
};

static void match(struct tracepoint *tp, void *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (!strcmp(tp->name, points[i].name))
			points[i].tp = tp;
}

static void detach(unsigned int nr)
{
	while (nr--)
		tracepoint_probe_unregister(points[nr].tp, points[nr].call, NULL);
	tracepoint_synchronize_unregister();
}

static int attach(void)
{
	unsigned int i;
	int ret;

	for_each_kernel_tracepoint(match, NULL);
	for (i = 0; i < ARRAY_SIZE(points); i++) {
		ret = points[i].tp ? tracepoint_probe_register(points[i].tp, points[i].call,
							       NULL) : -ENOENT;
		if (ret) {
			detach(i);
			return ret;
		}
	}
	return 0;
}

static int __init left_init(void)
{
	unsigned int i;
	int ret;

	if (!driver)
		return -EINVAL;
	all_items = kvcalloc(MAX_ITEMS, sizeof(*all_items), GFP_KERNEL);
	if (!all_items)
		return -ENOMEM;
	for (i = 0; i < MAX_ITEMS; i++)
		hlist_add_head(&all_items[i].node, &free_items);
	ret = attach();
	if (ret)
		goto free;
	ret = register_kretprobe(&setup_probe);
	if (ret)
		goto detach;
	ret = register_kprobes((struct kprobe **)probes, ARRAY_SIZE(probes));
	if (ret)
		goto setup;
	ret = register_module_notifier(&module_nb);
	if (ret)
		goto probes;
	return 0;

probes:
	unregister_kprobes((struct kprobe **)probes, ARRAY_SIZE(probes));
setup:
	unregister_kretprobe(&setup_probe);
detach:
	detach(ARRAY_SIZE(points));
free:
	kvfree(all_items);
	return ret;
}
module_init(left_init);

static void __exit left_exit(void)
{
	unregister_module_notifier(&module_nb);
	unregister_kprobes((struct kprobe **)probes, ARRAY_SIZE(probes));
	unregister_kretprobe(&setup_probe);
	detach(ARRAY_SIZE(points));
	kvfree(all_items);
}
module_exit(left_exit);

MODULE_DESCRIPTION("Says what a driver leaves behind");
MODULE_LICENSE("GPL");
