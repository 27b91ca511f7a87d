// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that become present. Bringing them online is up to the administrator, or up to us
 * with the parameter auto_online.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/suspend.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "common.h"
#include "compat.h"
#include "notify.h"

static bool auto_online;
module_param(auto_online, dhp_bool, 0644);
MODULE_PARM_DESC(auto_online, "bring a CPU that becomes present online (default: no)");

/* How often bringing a CPU online is tried when the kernel answers -EBUSY. */
#define BUSY_TRIES 3

static cpumask_t present_new;

/*
 * How often the work item is queued or running. It is waited for without flush_work(): a
 * reader of settle holds the mutex of the file that it reads, the work item takes that of
 * another one, and lockdep cannot distinguish them.
 */
static atomic_t present_pending = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(present_wait);
static bool present_suspended;

/*
 * add_cpu() looks its device up only after it has waited for the device hotplug
 * lock, and follows a NULL pointer when the CPU was unplugged meanwhile. An open sysfs
 * file pins the device, so that is the safe way in. The write asks to be restarted while
 * the lock is taken.
 */
static int present_online(unsigned int cpu)
{
	unsigned long deadline = jiffies + 30 * HZ;
	struct file *file;
	char path[64];
	loff_t pos;
	ssize_t ret;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	scoped_with_init_fs()
		file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		pos = 0;
		ret = kernel_write(file, "1", 1, &pos);
		if (ret != -ERESTARTNOINTR)
			break;
		clear_tsk_thread_flag(current, TIF_SIGPENDING);
		msleep(20);
	} while (time_before(jiffies, deadline));
	filp_close(file, NULL);
	return ret < 0 ? ret : 0;
}

/*
 * While a suspend is in progress, the kernel brings no CPU online: -EBUSY. Firmware may add
 * one meanwhile; it is tried again when the suspend is over. Our notifier is called a moment
 * after a suspend begins, hence the pause. A client's veto may be -EBUSY, too; that client is
 * asked again then.
 */
static int present_online_awake(unsigned int cpu)
{
	unsigned int tries;
	int ret = -EBUSY;

	for (tries = 0; tries < BUSY_TRIES && ret == -EBUSY; tries++) {
		if (tries)
			msleep(100);
		wait_event_idle(present_wait, !READ_ONCE(present_suspended));
		ret = present_online(cpu);
	}
	return ret;
}

static void present_done(void)
{
	atomic_dec(&present_pending);
	wake_up_all(&present_wait);
}

static void present_work_fn(struct work_struct *work)
{
	unsigned int cpu;
	int ret;

	/* More may come while we are at it. */
	while ((cpu = data_race(cpumask_first(&present_new))) < nr_cpu_ids) {
		cpumask_clear_cpu(cpu, &present_new);
		ret = present_online_awake(cpu);
		if (ret)
			pr_warn("CPU%u has become present, but bringing it online failed with %pe; write 1 to its online file to try again\n",
				cpu, ERR_PTR(ret));
	}
	present_done();
}

static DECLARE_WORK(present_work, present_work_fn);

/* Called with the CPU hotplug lock write-held: leave the rest to a work item. */
static int present_bus_event(struct notifier_block *nb, unsigned long event,
			     void *data)
{
	struct device *dev = data;

	if (event == BUS_NOTIFY_ADD_DEVICE && READ_ONCE(auto_online)) {
		cpumask_set_cpu(dev->id, &present_new);
		atomic_inc(&present_pending);
		if (!queue_work(system_dfl_wq, &present_work))
			present_done();
	}
	return NOTIFY_DONE;
}

static int present_pm_event(struct notifier_block *nb, unsigned long event, void *data)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		WRITE_ONCE(present_suspended, true);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		WRITE_ONCE(present_suspended, false);
		wake_up_all(&present_wait);
		break;
	}
	return NOTIFY_DONE;
}

/* Behind cpu_hotplug_pm_callback(), whose priority is 0: afterwards, CPUs may come again. */
static struct notifier_block present_pm_nb = {
	.notifier_call = present_pm_event,
	.priority = -1,
};

int dhp_present_settle(void)
{
	return wait_event_interruptible(present_wait, !atomic_read(&present_pending));
}

static struct notifier_block present_nb = {
	.notifier_call = present_bus_event,
};

int dhp_present_init(void)
{
	int err = register_pm_notifier(&present_pm_nb);

	if (err)
		return err;
	err = bus_register_notifier(&cpu_subsys, &present_nb);
	if (err)
		unregister_pm_notifier(&present_pm_nb);
	return err;
}

void dhp_present_exit(void)
{
	bus_unregister_notifier(&cpu_subsys, &present_nb);
	unregister_pm_notifier(&present_pm_nb);
	/* The work item does not wait for the end of a suspend any more. */
	WRITE_ONCE(present_suspended, false);
	wake_up_all(&present_wait);
	if (cancel_work_sync(&present_work))
		present_done();
}
