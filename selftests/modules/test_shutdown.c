// SPDX-License-Identifier: GPL-2.0-only
/*
 * An operation on a CPU while the kernel believes that it is on its way to a reboot. Some
 * architectures take CPUs down there, or bring the one up that reboots; x86 does neither,
 * so the kernel's own state is set for as long as the operation takes.
 */
#include <linux/cpu.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "test.h"

int shutdown_control(const struct command *command)
{
	bool up = !strcmp(command->name, "online");
	long cpu = -1;
	int err;

	if (!up && strcmp(command->name, "offline"))
		return complain(-EINVAL, "shutdown: '%.40s' should be online or offline",
				command->name);
	err = number_option(command, "cpu", &cpu);
	if (err)
		return err;
	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_present(cpu))
		return complain(-EINVAL, "shutdown: cpu=%ld should be a CPU that is present", cpu);
	system_state = SYSTEM_RESTART;
	err = up ? add_cpu(cpu) : remove_cpu(cpu);
	system_state = SYSTEM_RUNNING;
	return err ? complain(err, "CPU%ld does not go %s", cpu, command->name) : 0;
}
