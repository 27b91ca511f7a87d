// SPDX-License-Identifier: GPL-2.0-only
/*
 * A step of the CPU hotplug state machine that fails, as another driver's may. The kernel can only
 * be asked not to call a step, see cpuN/hotplug/fail.
 */
#include <linux/cpuhotplug.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "test_command.h"
#include "test_step.h"

static int step_state = -1;
static long startup_error, teardown_error;

static int step_startup(unsigned int cpu)
{
	return startup_error;
}

static int step_teardown(unsigned int cpu)
{
	return teardown_error;
}

void step_remove(void)
{
	if (step_state >= 0)
		cpuhp_remove_state_nocalls(step_state);
	step_state = -1;
}

int step_control(const struct command *command)
{
	long err = 0, blanks = 0;
	int ret;

	step_remove();
	if (!strcmp(command->name, "none"))
		return 0;
	ret = number_option(command, "errno", &err);
	if (!ret)
		ret = number_option(command, "blanks", &blanks);
	if (ret)
		return ret;
	startup_error = strcmp(command->name, "add") ? 0 : err;
	teardown_error = strcmp(command->name, "remove") ? 0 : err;
	if (!startup_error == !teardown_error || err >= 0)
		return complain(-EINVAL, "step %s: add, remove or none; errno=%ld: below zero",
				command->name, err);
	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
					blanks ? "dhp_test: a step" : "dhp_test:step", step_startup,
					step_teardown);
	if (ret < 0)
		return complain(ret, "no step is free");
	step_state = ret;
	return 0;
}
