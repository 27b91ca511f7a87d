// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event clients: they log their calls and run the scripts.
 *
 * A call is logged with what it finds wrong behind a '!', so that the comparison with the expected
 * log fails: a call during another call, an event that is older than the one before, and so on.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/string.h>

#include "dhp.h"
#include "test_client.h"
#include "test_command.h"
#include "test_event_client.h"
#include "test_log.h"
#include "test_script.h"

static atomic_t running;

/* Replayed events go to one client only, so they may be older than the last event. */
static const char *wrong_event(const struct dhp_event *event)
{
	static ktime_t last;

	if (!may_sleep())
		return " !atomic";
	if (ktime_after(event->time, ktime_get()))
		return " !time";
	if (event->existing)
		return "";
	if (ktime_before(event->time, last))
		return " !time";
	last = event->time;
	return "";
}

static void on_event(void *context, const struct dhp_event *event)
{
	bool alone = atomic_inc_return(&running) == 1;
	unsigned int state = event->action == DHP_EVENT_ARRIVAL ? ARRIVAL : REMOVAL;
	const char *wrong = alone ? wrong_event(event) : " !overlap";
	const char *existing = event->existing ? " existing" : "";
	struct client *c = context;
	char merged[24] = "";

	if (event->merged)
		snprintf(merged, sizeof(merged), " merged %u", event->merged);
	if (event->category == DHP_PROCESSOR)
		log_line("%s %s cpu %u seq %llu%s%s%s", c->name, state_name(state), event->cpu,
			 event->seq, existing, merged, wrong);
	else
		log_line("%s %s mem 0x%llx+0x%llx node %d seq %llu%s%s%s", c->name,
			 state_name(state), (u64)event->start, (u64)event->size, event->nid,
			 event->seq, existing, merged, wrong);
	scripts_run(c, state, event->category == DHP_PROCESSOR ? event->cpu : -1, NULL);
	atomic_dec(&running);
	if (c->left)
		client_drop(c);
}

int event_client_register(const char *name, long category, unsigned int flags, bool none)
{
	struct client *c = client_new(name, EVENT);

	if (IS_ERR(c))
		return PTR_ERR(c);
	return client_registered(c, dhp_register_event_callback(category, none ? NULL : on_event, c,
								flags));
}

static const struct flag known_flags[] = {
	{ "existing", DHP_EVENT_INCLUDE_EXISTING }, { }
};

int event_client(const struct command *command)
{
	const char *word = option(command, "category");
	unsigned int flags = 0;
	long category;
	bool none;
	int err;

	if (!word)
		return complain(-EINVAL, "event: category= is missing");
	if (!strcmp(word, "processor"))
		category = DHP_PROCESSOR;
	else if (!strcmp(word, "memory"))
		category = DHP_MEMORY;
	else if (kstrtol(word, 0, &category))
		return complain(-EINVAL, "category: '%.40s' is unknown; known: processor, memory",
				word);
	err = flags_option(command, known_flags, &flags);
	if (!err)
		err = fn_option(command, &none);
	return err ? err : event_client_register(command->name, category, flags, none);
}
