// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which step of the CPU hotplug state machine has failed, and with which errno. The state machine
 * tells only the caller of the operation, and only the errno.
 *
 * The tracepoint cpuhp_exit is not enough: a step that is armed by cpuN/hotplug/fail fails
 * without being called, and a step whose list of instances is empty never shows in a trace. So a
 * kretprobe is on the function that runs a step. Without CONFIG_KRETPROBES, or when the kernel has
 * no such function, no failed step is known.
 *
 * At most one operation is in progress. When one of its steps fails, the steps that have succeeded
 * are undone, which must not fail. So the last failure is all that is remembered. If undoing fails
 * all the same, the kernel warns, and the step that failed first is not known any more.
 *
 * The probe may be a breakpoint, whose handler runs as if in an NMI: it takes no lock and reads
 * no clock. So the order of events is that of numbers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/spinlock.h>

#include "cpu_step.h"
#include "notify.h"

/**
 * struct step_call - one step that the state machine runs
 * @cpu: for this CPU
 * @step: its number
 * @add: its startup, not its teardown
 * @nr: how many steps had begun, it included
 * @err: how it failed
 */
struct step_call {
	unsigned int cpu;
	int step;
	bool add;
	unsigned long nr;
	int err;
};

static atomic_long_t steps_begun = ATOMIC_LONG_INIT(0);
static DEFINE_RAW_SPINLOCK(step_lock);	/* protects it */
static struct step_call last_failure;

/**
 * dhp_cpu_step_begun() - how many steps have begun so far
 *
 * Context: Any.
 * Return: a number for dhp_cpu_step_failed().
 */
unsigned long dhp_cpu_step_begun(void)
{
	return atomic_long_read(&steps_begun);
}

/**
 * dhp_cpu_step_failed() - which step of an operation has failed?
 * @cpu: the CPU that the operation is about
 * @add: it goes online, not offline
 * @since: how many steps had begun when the operation did
 * @step: receives the number of the step, or is NULL
 *
 * Context: Any.
 * Return: the errno of the step, or 0 if none is known to have failed.
 */
int dhp_cpu_step_failed(unsigned int cpu, bool add, unsigned long since, int *step)
{
	struct step_call last;
	unsigned long flags;

	raw_spin_lock_irqsave(&step_lock, flags);
	last = last_failure;
	raw_spin_unlock_irqrestore(&step_lock, flags);
	if (!last.err || last.cpu != cpu || last.add != add || last.nr <= since)
		return 0;
	if (step)
		*step = last.step;
	return last.err;
}

#if defined(CONFIG_KRETPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)

/*
 * This step waits for the steps that the CPU does itself, and fails because one of them has failed.
 */
static bool failed_inside(const struct step_call *call)
{
	return call->step == CPUHP_BRINGUP_CPU && last_failure.cpu == call->cpu &&
	       last_failure.add && call->add && last_failure.nr > call->nr;
}

/* cpuhp_invoke_callback(cpu, state, bringup, node, lastp) */
static int step_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct step_call *call = (void *)instance->data;

	/* One instance that is added or removed, not an operation. */
	if (regs_get_kernel_argument(regs, 3))
		return 1;
	call->cpu = regs_get_kernel_argument(regs, 0);
	call->step = regs_get_kernel_argument(regs, 1);
	call->add = (u8)regs_get_kernel_argument(regs, 2);
	call->nr = atomic_long_inc_return(&steps_begun);
	return 0;
}

static int step_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct step_call *call = (void *)instance->data;
	unsigned long flags;

	call->err = regs_return_value(regs);
	if (likely(!call->err))
		return 0;
	raw_spin_lock_irqsave(&step_lock, flags);
	if (!failed_inside(call))
		last_failure = *call;
	raw_spin_unlock_irqrestore(&step_lock, flags);
	return 0;
}

static struct kretprobe step_probe = {
	.kp.symbol_name = "cpuhp_invoke_callback",
	.entry_handler = step_entry,
	.handler = step_return,
	.data_size = sizeof(struct step_call),
	/* Two at a time in an operation; at boot and for new states there may be more. */
	.maxactive = 16,
};

static bool step_probed;

int dhp_cpu_step_init(void)
{
	int err = register_kretprobe(&step_probe);

	step_probed = !err;
	if (err)
		pr_info("steps of the CPU hotplug state machine that fail are not known: probing %s fails with %pe\n",
			step_probe.kp.symbol_name, ERR_PTR(err));
	return 0;
}

void dhp_cpu_step_exit(void)
{
	if (step_probed)
		unregister_kretprobe(&step_probe);
}

#else

int dhp_cpu_step_init(void)
{
	pr_info("steps of the CPU hotplug state machine that fail are not known: the kernel has no CONFIG_KRETPROBES\n");
	return 0;
}

void dhp_cpu_step_exit(void)
{
}

#endif
