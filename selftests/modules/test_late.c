// SPDX-License-Identifier: GPL-2.0-only
/*
 * An operation that is faster than dhp's work item for the one before: a probe sends the item's
 * function to one here, which waits until the next operation comes to dhp and then calls it.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "test_command.h"
#include "test_late.h"

#ifdef CONFIG_KPROBES
static bool late;	/* the next item waits */
static bool waiting;
static bool begun;	/* the next operation has come */
static DECLARE_WAIT_QUEUE_HEAD(late_wait);

static void late_outcome(struct work_struct *work)
{
	unsigned int i;

	/* The probe that sets it must not wake anybody. */
	for (i = 0; i < 1500 && !READ_ONCE(begun); i++)
		msleep(20);
	work->func(work);
	WRITE_ONCE(waiting, false);
	wake_up_all(&late_wait);
}

static int at_outcome(struct kprobe *probe, struct pt_regs *regs)
{
	if (!xchg(&late, false))
		return 0;
	WRITE_ONCE(waiting, true);
	instruction_pointer_set(regs, (unsigned long)late_outcome);
	return 1;
}

/* With this, the kernel lets the one above change the instruction pointer. */
static void after_outcome(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static int at_operation(struct kprobe *probe, struct pt_regs *regs)
{
	if (READ_ONCE(waiting))
		WRITE_ONCE(begun, true);
	return 0;
}

static struct kprobe outcome = {
	.symbol_name = "dhp:outcome_fn",
	.pre_handler = at_outcome,
	.post_handler = after_outcome,
};

static struct kprobe prepare = {
	.symbol_name = "dhp:processor_prepare",
	.pre_handler = at_operation,
};

static struct kprobe *probes[] = { &outcome, &prepare };
static bool set;

void late_end(void)
{
	WRITE_ONCE(late, false);
	WRITE_ONCE(begun, true);
	wait_event(late_wait, !READ_ONCE(waiting));
	if (!set)
		return;
	unregister_kprobes(probes, ARRAY_SIZE(probes));
	set = false;
	/* They could not be registered again otherwise. */
	outcome.addr = NULL;
	prepare.addr = NULL;
}

int late_control(const struct command *command)
{
	int err;

	late_end();
	if (!strcmp(command->name, "end"))
		return 0;
	if (strcmp(command->name, "begin"))
		return complain(-EINVAL, "late: must be begin or end, not %.40s", command->name);
	err = register_kprobes(probes, ARRAY_SIZE(probes));
	if (err)
		return complain(err, "late: no probe");
	set = true;
	begun = false;
	WRITE_ONCE(late, true);
	return 0;
}
#else
int late_control(const struct command *command)
{
	return complain(-EOPNOTSUPP, "late: needs CONFIG_KPROBES");
}

void late_end(void)
{
}
#endif
