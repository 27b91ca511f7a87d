// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processors go offline and come online. Each refusal has to be a veto of ours, with
 * that errno, for that processor, in that time.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/kthread.h>

#include "torture.h"

/*
 * Those that are present when the module is loaded. add_cpu() follows a NULL pointer
 * when a processor is unplugged under it, so whoever plugs must leave these alone.
 */
static struct cpumask onoff_cpus;

int torture_onoff_init(void)
{
	unsigned int cpu, first = cpumask_first(cpu_online_mask);

	/* The kernel never gives away the last one. */
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

	/* It was there already: somebody else was faster. */
	if (ret == 1)
		return;
	count_up(online ? ONLINE_ATTEMPTS : OFFLINE_ATTEMPTS);
	if (!ret)
		count_up(online ? ONLINE_SUCCESSES : OFFLINE_SUCCESSES);
	else if (oracle_vetoed(cpu, state, ret, begun_ns))
		count_up(online ? ONLINE_VETOED : OFFLINE_VETOED);
	else
		torture_err("P3 X3: CPU%u does not go %s: error %d, which nobody vetoed with", cpu,
			    online ? "online" : "offline", ret);
}

/* Once, from wherever the hotplug lock may be taken. */
void torture_onoff(struct rnd_state *random)
{
	unsigned int cpu = draw_cpu(random);

	onoff(cpu, !cpu_online(cpu));
}

void torture_onoff_run(struct torture_thread *thread)
{
	while (!kthread_should_stop()) {
		torture_onoff(&thread->random);
		/* Mostly none, so that the next one begins before the outcome is told. */
		if (!draw(&thread->random, 4))
			torture_pause(thread, 30);
	}
}
