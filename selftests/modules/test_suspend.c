// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions in the middle of a suspend, when tasks are frozen and devices are suspended: the suspend
 * function of a driver may do them. The command is `asleep`.
 */
#include <linux/cpu.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dhp.h"
#include "test_client.h"
#include "test_command.h"
#include "test_event_client.h"
#include "test_log.h"
#include "test_rebalance_client.h"
#include "test_suspend.h"

static char to_register[32];
static char to_rebalance[32];
static char to_unregister[32];
static long to_add;
static struct device *added;
static struct platform_device *device;
static DEFINE_MUTEX(asleep_lock);

static void free_added(struct device *dev)
{
	kfree(dev);
}

/*
 * As when firmware adds a CPU: another device with that number. It has no files, so the CPU can be
 * one that is present and offline.
 */
static void add_cpu_device(void)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err = -ENOMEM;

	if (dev) {
		device_initialize(dev);
		dev->bus = &cpu_subsys;
		dev->id = to_add;
		dev->release = free_added;
		err = dev_set_name(dev, "dhp_test_cpu%ld", to_add) ?: device_add(dev);
		if (err)
			put_device(dev);
		else
			added = dev;
	}
	log_line("added %ld: %d", to_add, err);
}

static int asleep_suspend(struct device *dev)
{
	const struct command unregister = { .name = to_unregister };

	log_line("asleep");
	if (*to_register)
		log_line("%s registered: %d", to_register,
			 event_client_register(to_register, DHP_PROCESSOR,
					       DHP_EVENT_INCLUDE_EXISTING, false));
	if (*to_rebalance)
		log_line("%s registered: %d", to_rebalance,
			 rebalance_client_register(to_rebalance, NULL));
	if (*to_unregister)
		client_unregister(&unregister);
	if (to_add >= 0 && !added)
		add_cpu_device();
	return 0;
}

static int asleep_resume(struct device *dev)
{
	log_line("awake");
	return 0;
}

static const struct dev_pm_ops asleep_pm_ops = {
	.suspend = asleep_suspend,
	.resume = asleep_resume,
};

static struct platform_driver asleep_driver = {
	.driver = {
		.name = "dhp_test_asleep",
		.pm = &asleep_pm_ops,
	},
};

static int start(const struct command *command)
{
	int err;

	if (device)
		return complain(-EEXIST, "asleep: started already");
	to_add = -1;
	err = number_option(command, "add", &to_add);
	if (err)
		return err;
	strscpy(to_register, option(command, "register") ?: "", sizeof(to_register));
	strscpy(to_rebalance, option(command, "rebalance") ?: "", sizeof(to_rebalance));
	strscpy(to_unregister, option(command, "unregister") ?: "", sizeof(to_unregister));
	err = platform_driver_register(&asleep_driver);
	if (err)
		return complain(err, "asleep: no driver");
	device = platform_device_register_simple(asleep_driver.driver.name, -1, NULL, 0);
	if (!IS_ERR(device))
		return 0;
	err = PTR_ERR(device);
	device = NULL;
	platform_driver_unregister(&asleep_driver);
	return complain(err, "asleep: no device");
}

static void stop(void)
{
	if (!device)
		return;
	platform_device_unregister(device);
	device = NULL;
	platform_driver_unregister(&asleep_driver);
	if (added)
		device_unregister(added);
	added = NULL;
}

int suspend_control(const struct command *command)
{
	int err = 0;

	mutex_lock(&asleep_lock);
	if (!strcmp(command->name, "start"))
		err = start(command);
	else if (!strcmp(command->name, "stop"))
		stop();
	else
		err = complain(-EINVAL, "asleep: must be start or stop");
	mutex_unlock(&asleep_lock);
	return err;
}

void suspend_actions_stop(void)
{
	mutex_lock(&asleep_lock);
	stop();
	mutex_unlock(&asleep_lock);
}
