// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory clients: they log their calls and run the scripts.
 *
 * A call is logged with what it finds wrong behind a '!', so that the comparison with the expected
 * log fails: a call during another call, a range that is in the wrong state, and so on.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pfn.h>

#include "dhp.h"
#include "test_client.h"
#include "test_command.h"
#include "test_log.h"
#include "test_memory_client.h"
#include "test_script.h"

static atomic_t running;

/* A replayed range may begin with a hole; then its first page says nothing. */
static bool replaying(struct client *c)
{
	return READ_ONCE(c->registrant) == current;
}

static const char *wrong_memory(struct client *c, const struct dhp_memory_change *change,
				int *status)
{
	bool online = pfn_to_online_page(change->start_pfn);

	if (!may_sleep())
		return " !atomic";
	if (!status)
		return " !no_status";
	if (*status)
		return " !status";
	if (!replaying(c) && change->nid != pfn_to_nid(change->start_pfn))
		return " !node";

	switch (change->state) {
	case DHP_MEMORY_START:
	case DHP_MEMORY_REMOVE_COMPLETE:
		return online && !replaying(c) ? " !online" : "";
	case DHP_MEMORY_COMPLETE:
	case DHP_MEMORY_REMOVE_FAILURE:
		return online || replaying(c) ? "" : " !offline";
	default:
		return "";
	}
}

static void on_memory(void *context, const struct dhp_memory_change *change, int *status)
{
	bool alone = atomic_inc_return(&running) == 1;
	u64 start = PFN_PHYS(change->start_pfn);
	struct client *c = context;
	char errno[24] = "";
	const char *wrong;

	wrong = alone ? "" : " !overlap";
	if (alone)
		wrong = wrong_memory(c, change, status);
	if (change->status)
		snprintf(errno, sizeof(errno), " status %d", change->status);
	log_line("%s %s mem 0x%llx+0x%llx node %d%s%s", c->name, state_name(change->state), start,
		 (u64)PFN_PHYS(change->nr_pages), change->nid, errno, wrong);
	scripts_run(c, change->state, start, status);
	atomic_dec(&running);
	if (c->left)
		client_drop(c);
}

int memory_client_register(const char *name, unsigned int flags, bool none)
{
	struct client *c = client_new(name, MEMORY);

	if (IS_ERR(c))
		return PTR_ERR(c);
	WRITE_ONCE(c->registrant, current);
	return client_registered(c, dhp_register_memory_callback(none ? NULL : on_memory, c,
								 flags));
}

static const struct flag known_flags[] = {
	{ "adds", DHP_MEMORY_ADDS }, { "removals", DHP_MEMORY_REMOVALS },
	{ "existing", DHP_MEMORY_ADD_EXISTING }, { }
};

int memory_client(const struct command *command)
{
	unsigned int flags = DHP_MEMORY_REMOVALS;
	bool none;
	int err;

	err = flags_option(command, known_flags, &flags);
	if (!err)
		err = fn_option(command, &none);
	return err ? err : memory_client_register(command->name, flags, none);
}
