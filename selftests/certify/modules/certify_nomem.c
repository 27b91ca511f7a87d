// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations of a driver that fail: number `nth` of those that a function of the driver makes, by
 * itself or through the kernel, counted from when `nth` is written. `count` is how many there were,
 * `failed` is the function whose allocation failed. Slab objects and pages fail, not per-CPU memory
 * itself. Allocations that may not fail do not.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#define MAX_FRAMES 48
#define NAME_SIZE 64

static char *driver;
module_param(driver, charp, 0444);
MODULE_PARM_DESC(driver, "the name of the module whose allocations fail");

static unsigned int nth;
static atomic_t count = ATOMIC_INIT(0);
static char failed[NAME_SIZE];
static struct module *watched;

static int set_nth(const char *value, const struct kernel_param *param)
{
	int ret;

	WRITE_ONCE(nth, 0);
	atomic_set(&count, 0);
	failed[0] = 0;
	ret = param_set_uint(value, param);
	return ret;
}

static const struct kernel_param_ops nth_ops = {
	.set = set_nth,
	.get = param_get_uint,
};
module_param_cb(nth, &nth_ops, &nth, 0644);

static int get_count(char *buffer, const struct kernel_param *param)
{
	return scnprintf(buffer, PAGE_SIZE, "%d\n", atomic_read(&count));
}

static const struct kernel_param_ops count_ops = {
	.get = get_count,
};
module_param_cb(count, &count_ops, NULL, 0444);
module_param_string(failed, failed, sizeof(failed), 0444);

/* The innermost function of the driver on the way here, if there is one. */
static noinline unsigned long driver_calls(struct module *mod)
{
	unsigned long frames[MAX_FRAMES];
	unsigned int nr = stack_trace_save(frames, MAX_FRAMES, 0), i;

	for (i = 0; i < nr; i++)
		if (within_module(frames[i], mod))
			return frames[i];
	return 0;
}

/* A probe that is a breakpoint counts as an NMI, and so as a hard interrupt, too. */
static bool interrupts_a_task(void)
{
	return in_serving_softirq() || hardirq_count() > (in_nmi() ? HARDIRQ_OFFSET : 0);
}

/* Whether this allocation is the one to fail. */
static bool fails(gfp_t gfp)
{
	struct module *mod = READ_ONCE(watched);
	unsigned long address;

	if (!mod || !READ_ONCE(nth) || gfp & __GFP_NOFAIL || interrupts_a_task())
		return false;
	address = driver_calls(mod);
	if (!address || atomic_inc_return(&count) != READ_ONCE(nth))
		return false;
	snprintf(failed, sizeof(failed), "%ps", (void *)address);
	return true;
}

static int slab_begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return !fails((__force gfp_t)regs_get_kernel_argument(regs, 1));
}

static int slab_ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	regs_set_return_value(regs, -ENOMEM);
	return 0;
}

static int page_begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return !fails((__force gfp_t)regs_get_kernel_argument(regs, 0));
}

static int page_ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	regs_set_return_value(regs, true);
	return 0;
}

static struct kretprobe slab_probe = {
	.kp.symbol_name = "should_failslab",
	.entry_handler = slab_begins,
	.handler = slab_ends,
	.maxactive = 64,
};

static struct kretprobe page_probe = {
	.kp.symbol_name = "should_fail_alloc_page",
	.entry_handler = page_begins,
	.handler = page_ends,
	.maxactive = 64,
};

static struct kretprobe * const probes[] = { &slab_probe, &page_probe };

static int module_changes(struct notifier_block *nb, unsigned long state, void *data)
{
	struct module *mod = data;

	if (strcmp(mod->name, driver))
		return NOTIFY_DONE;
	if (state == MODULE_STATE_COMING) {
		/* busybox's insmod tries again in another way when loading fails. */
		atomic_set(&count, 0);
		WRITE_ONCE(watched, mod);
	} else if (state == MODULE_STATE_GOING) {
		WRITE_ONCE(watched, NULL);
	}
	return NOTIFY_DONE;
}

static struct notifier_block module_nb = {
	.notifier_call = module_changes,
};

static int __init nomem_init(void)
{
	int ret;

	if (!driver)
		return -EINVAL;
	ret = register_kretprobes((struct kretprobe **)probes, ARRAY_SIZE(probes));
	if (ret)
		return ret;
	ret = register_module_notifier(&module_nb);
	if (ret)
		unregister_kretprobes((struct kretprobe **)probes, ARRAY_SIZE(probes));
	return ret;
}
module_init(nomem_init);

static void __exit nomem_exit(void)
{
	unregister_module_notifier(&module_nb);
	unregister_kretprobes((struct kretprobe **)probes, ARRAY_SIZE(probes));
}
module_exit(nomem_exit);

MODULE_DESCRIPTION("Makes allocations of a driver fail");
MODULE_LICENSE("GPL");
