// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes CPUs offline and brings them online. If an operation fails, a client of this module must
 * have vetoed it: that CPU, with that errno, in that time.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/kthread.h>

#include "dhp.h"
#include "torture_count.h"
#include "torture_onoff.h"
#include "torture_random.h"
#include "torture_thread.h"
#include "torture_veto.h"

/*
 * The CPUs that are present when the module is loaded. add_cpu() dereferences NULL if the CPU is
 * unplugged at the same time, so the script that unplugs CPUs must leave these alone.
 */
static struct cpumask onoff_cpus;

int torture_onoff_init(void)
{
	unsigned int cpu, first = cpumask_first(cpu_online_mask);

	/* The kernel never takes the last CPU offline. */
	for_each_present_cpu(cpu)
		if (cpu != first && cpu_is_hotpluggable(cpu))
			cpumask_set_cpu(cpu, &onoff_cpus);
	return cpumask_empty(&onoff_cpus) ? -ENODEV : 0;
}

static unsigned int draw_cpu(struct rnd_state *random)
{
	u32 n = draw(random, cpumask_weight(&onoff_cpus));
	unsigned int cpu;

	for_each_cpu(cpu, &onoff_cpus)
		if (!n--)
			break;
	return cpu;
}

static void onoff(unsigned int cpu, bool online)
{
	enum dhp_processor_state state = online ? DHP_PROCESSOR_START :
						  DHP_PROCESSOR_REMOVE_START;
	u64 begun_ns = ktime_get_ns();
	int ret = online ? add_cpu(cpu) : remove_cpu(cpu);

	/* The CPU was in that state already: another task was faster. */
	if (ret == 1)
		return;
	count_up(online ? ONLINE_ATTEMPTS : OFFLINE_ATTEMPTS);
	if (!ret)
		count_up(online ? ONLINE_SUCCESSES : OFFLINE_SUCCESSES);
	else if (torture_vetoed(cpu, state, ret, begun_ns))
		count_up(online ? ONLINE_VETOED : OFFLINE_VETOED);
	else
		torture_err("P3 X3: CPU%u does not go %s: %pe, which no client vetoed with",
			    cpu, online ? "online" : "offline", ERR_PTR(ret));
}

/* One operation. The caller may take the CPU hotplug lock. */
void torture_onoff(struct rnd_state *random)
{
	unsigned int cpu = draw_cpu(random);

	onoff(cpu, !cpu_online(cpu));
}

void torture_onoff_run(struct torture_thread *thread)
{
	while (!kthread_should_stop()) {
		torture_onoff(&thread->random);
		/* Mostly no pause: the next operation begins before the outcome is delivered. */
		if (!draw(&thread->random, 4))
			torture_pause(thread, 30);
	}
}
