// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle's two watchers: event clients, one for each category, that are registered as long as
 * the module is loaded and get every event. At the end, the machine must be what their events say.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/printk.h>

#include "dhp.h"
#include "torture_count.h"
#include "torture_oracle.h"
#include "torture_oracle_event.h"
#include "torture_oracle_memory.h"
#include "torture_oracle_processor.h"
#include "torture_oracle_rebalance.h"

#define SETTLE_SECONDS 120	/* an emulated machine may be slow */

static struct oracle_event watch[2];	/* by category */
static struct dhp_event_client *watcher[2];
static DECLARE_COMPLETION(caught_up);

static void on_watch(void *context, const struct dhp_event *event)
{
	struct oracle_event *o = context;

	/* dhp replays existing CPUs when both watchers are registered. They miss no later event. */
	if (event->existing && o->category == DHP_PROCESSOR)
		oracle_event_watch(event->seq);
	oracle_event_enter(o, event);
	oracle_event_leave();
}

static void on_caught_up(void *context, const struct dhp_event *event)
{
	complete_all(&caught_up);
}

static void unwatch(void)
{
	enum dhp_category category;

	for (category = DHP_PROCESSOR; category <= DHP_MEMORY; category++) {
		dhp_unregister_event_callback(watcher[category]);
		oracle_event_free(&watch[category]);
	}
}

static int watch_category(enum dhp_category category)
{
	watch[category].watcher = true;
	watcher[category] = dhp_register_event_callback(category, on_watch, &watch[category],
							DHP_EVENT_INCLUDE_EXISTING);
	return PTR_ERR_OR_ZERO(watcher[category]);
}

int oracle_init(void)
{
	int ret;

	oracle_event_begin(&watch[DHP_MEMORY], DHP_MEMORY, true);
	oracle_event_begin(&watch[DHP_PROCESSOR], DHP_PROCESSOR, true);
	ret = watch_category(DHP_MEMORY);
	if (!ret)
		ret = watch_category(DHP_PROCESSOR);
	if (ret) {
		pr_err("the watchers cannot be registered: %pe\n", ERR_PTR(ret));
		goto unwatch;
	}
	ret = oracle_rebalance_init();
	if (ret)
		goto unwatch;
	return 0;

unwatch:
	unwatch();
	return ret;
}

static void nothing(void *context, const struct dhp_processor_change *change, int *status)
{
}

/*
 * Registering a processor client delivers all outcomes. dhp replays existing CPUs to a new event
 * client after it has delivered all earlier events.
 */
static bool catch_up(void)
{
	struct dhp_processor_client *processor;
	struct dhp_event_client *event;
	bool good;

	processor = dhp_register_processor_callback(nothing, NULL, 0);
	dhp_unregister_processor_callback(processor);
	event = dhp_register_event_callback(DHP_PROCESSOR, on_caught_up, NULL,
					    DHP_EVENT_INCLUDE_EXISTING);
	if (IS_ERR(processor) || IS_ERR(event))
		torture_err("R1: clients cannot be registered at the end");
	good = wait_for_completion_timeout(&caught_up, SETTLE_SECONDS * HZ);
	dhp_unregister_event_callback(event);
	return good;
}

/* Nothing changes any more: the machine must be what the events say. */
void oracle_check_end(void)
{
	unsigned long section;
	unsigned int cpu;
	void *entry;

	if (!catch_up())
		torture_err("A10: events are still missing after %u seconds", SETTLE_SECONDS);
	cpus_read_lock();
	for_each_possible_cpu(cpu)
		if (watch[DHP_PROCESSOR].existing &&
		    oracle_event_arrived(&watch[DHP_PROCESSOR], cpu) != cpu_online(cpu))
			torture_err("A1 A9: by its events, CPU%u is not %s", cpu,
				    cpu_online(cpu) ? "online" : "offline");
	cpus_read_unlock();
	xa_for_each(&watch[DHP_MEMORY].known, section, entry)
		if (oracle_event_arrived(&watch[DHP_MEMORY], section) !=
		    oracle_section_online(section))
			torture_err("A1 A9: by its events, section of memory %lu is in another state",
				    section);
	oracle_rebalance_check_end();
	if (!oracle_processors_empty() || !oracle_memories_empty())
		torture_err("this module has left clients behind");
}

void oracle_exit(void)
{
	oracle_rebalance_exit();
	unwatch();
}
