// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory clients: they log their calls and run the scripts. A call during another call is logged
 * with "!overlap", so that the comparison with the expected log fails.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/pfn.h>

#include "dhp.h"
#include "test_client.h"
#include "test_command.h"
#include "test_log.h"
#include "test_memory_client.h"
#include "test_script.h"

static atomic_t running;

static void on_memory(void *context, const struct dhp_memory_change *change)
{
	static const unsigned int states[] = {
		[DHP_MEMORY_REMOVE_START] = DHP_PROCESSOR_REMOVE_START,
		[DHP_MEMORY_REMOVE_COMPLETE] = DHP_PROCESSOR_REMOVE_COMPLETE,
		[DHP_MEMORY_REMOVE_FAILURE] = DHP_PROCESSOR_REMOVE_FAILURE,
	};
	bool alone = atomic_inc_return(&running) == 1;
	unsigned int state = states[change->state];
	struct client *c = context;

	log_line("%s %s mem 0x%llx+0x%llx node %d%s", c->name, state_name(state),
		 (u64)PFN_PHYS(change->start_pfn), (u64)PFN_PHYS(change->nr_pages), change->nid,
		 alone ? "" : " !overlap");
	scripts_run(c, state, -1, NULL);
	atomic_dec(&running);
	if (c->left)
		client_drop(c);
}

int memory_client_register(const char *name, bool none)
{
	struct client *c = client_new(name, MEMORY);

	if (IS_ERR(c))
		return PTR_ERR(c);
	return client_registered(c, dhp_register_memory_callback(none ? NULL : on_memory, c));
}

int memory_client(const struct command *command)
{
	bool none;
	int err = fn_option(command, &none);

	return err ? err : memory_client_register(command->name, none);
}
