// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU operation while the machine reboots. Some architectures take CPUs offline there, or bring
 * the one online that reboots. x86 does neither, so this sets the kernel's system_state for the
 * duration of the operation.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "test_command.h"
#include "test_shutdown.h"

int shutdown_control(const struct command *command)
{
	bool up = !strcmp(command->name, "online");
	long cpu = -1;
	int err;

	if (!up && strcmp(command->name, "offline"))
		return complain(-EINVAL, "shutdown: must be online or offline, not '%.40s'",
				command->name);
	err = number_option(command, "cpu", &cpu);
	if (err)
		return err;
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_present(cpu))
		return complain(-EINVAL, "shutdown: cpu=%ld is not a present CPU", cpu);
	system_state = SYSTEM_RESTART;
	err = up ? add_cpu(cpu) : remove_cpu(cpu);
	system_state = SYSTEM_RUNNING;
	return err ? complain(err, "CPU%ld does not go %s", cpu, command->name) : 0;
}
