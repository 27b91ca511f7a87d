// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory clients that register with existing memory and unregister, again and again, while a script
 * takes blocks offline and online. Each client keeps a table of the sections of memory that it
 * knows, and each of its calls must fit the table. All sections that were online at the start of
 * the loop must stay online, and each client must get them in its replay. The command is
 * `memory_newcomers`.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "dhp.h"
#include "test_command.h"
#include "test_log.h"
#include "test_memory_loop.h"

enum { NONE, STARTED, ONLINE, REMOVING };

/* From which entry of the table to which one. */
static const u8 steps[][2] = {
	[DHP_MEMORY_START]	     = { NONE, STARTED },
	[DHP_MEMORY_COMPLETE]	     = { STARTED, ONLINE },
	[DHP_MEMORY_FAILURE]	     = { STARTED, NONE },
	[DHP_MEMORY_REMOVE_START]    = { ONLINE, REMOVING },
	[DHP_MEMORY_REMOVE_COMPLETE] = { REMOVING, NONE },
	[DHP_MEMORY_REMOVE_FAILURE]  = { REMOVING, ONLINE },
};

/* So many at a time: each stays for some of the script's changes. */
#define SLOTS 16

static struct slot {
	struct dhp_memory_client *client;
	struct xarray table;
} slots[SLOTS];

static DEFINE_MUTEX(loop_lock);
static struct task_struct *loop;	/* NULL while stopped */
static DEFINE_XARRAY(base);		/* sections that every client must get */
static unsigned int registered, joined, live, wrong;

static unsigned long get(struct xarray *table, unsigned long section)
{
	void *entry = xa_load(table, section);

	return entry ? xa_to_value(entry) : NONE;
}

static void on_memory(void *context, const struct dhp_memory_change *change, int *status)
{
	unsigned long section = change->start_pfn >> PFN_SECTION_SHIFT;
	unsigned long end = (change->start_pfn + change->nr_pages - 1) >> PFN_SECTION_SHIFT;
	struct xarray *table = context;

	for (; section <= end; section++) {
		if (get(table, section) != steps[change->state][0])
			wrong++;
		if (steps[change->state][1] == NONE)
			xa_erase(table, section);
		else if (xa_err(xa_store(table, section, xa_mk_value(steps[change->state][1]),
					 GFP_KERNEL)))
			*status = -ENOMEM;
	}
	if (current != loop)
		live++;
}

static struct dhp_memory_client *newcomer(struct xarray *table)
{
	return dhp_register_memory_callback(on_memory, table,
					    DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS |
					    DHP_MEMORY_ADD_EXISTING);
}

/* Another block may be in transit, and its outcome may be known by now. */
static void check_table(struct xarray *table)
{
	unsigned long section;
	unsigned int others = 0;
	void *entry;

	xa_for_each(&base, section, entry)
		if (get(table, section) != ONLINE)
			wrong++;
	xa_for_each(table, section, entry)
		if (xa_to_value(entry) != ONLINE)
			others++;
	if (others && !joined++)
		log_line("newcomers: one registered during a change");
}

static void unregister_slot(struct slot *slot)
{
	if (slot->client)
		dhp_unregister_memory_callback(slot->client);
	slot->client = NULL;
	xa_destroy(&slot->table);
}

static void register_slot(struct slot *slot)
{
	struct dhp_memory_client *client = newcomer(&slot->table);

	if (IS_ERR(client)) {
		wrong++;
		return;
	}
	slot->client = client;
	registered++;
	check_table(&slot->table);
}

static int loop_thread(void *unused)
{
	unsigned int i;

	for (i = 0; !kthread_should_stop(); i = (i + 1) % SLOTS) {
		unregister_slot(&slots[i]);
		register_slot(&slots[i]);
		usleep_range(1000, 10000);
	}
	for (i = 0; i < SLOTS; i++)
		unregister_slot(&slots[i]);
	return 0;
}

static int memory_loop_start(void)
{
	struct dhp_memory_client *client;
	struct task_struct *task;
	unsigned int i;
	int err = 0;

	mutex_lock(&loop_lock);
	if (loop) {
		err = complain(-EBUSY, "memory_newcomers: started already");
		goto unlock;
	}
	client = newcomer(&base);
	if (IS_ERR(client)) {
		err = complain(PTR_ERR(client), "memory_newcomers: dhp refused the first one");
		goto unlock;
	}
	dhp_unregister_memory_callback(client);
	for (i = 0; i < SLOTS; i++)
		xa_init(&slots[i].table);
	registered = 0;
	joined = 0;
	live = 0;
	wrong = 0;
	task = kthread_create(loop_thread, NULL, "dhp_newcomers");
	if (IS_ERR(task)) {
		err = complain(PTR_ERR(task), "memory_newcomers: no thread");
		xa_destroy(&base);
		goto unlock;
	}
	loop = task;
	wake_up_process(task);
unlock:
	mutex_unlock(&loop_lock);
	return err;
}

void memory_loop_stop(void)
{
	mutex_lock(&loop_lock);
	if (loop) {
		kthread_stop(loop);
		loop = NULL;
		xa_destroy(&base);
		log_line("newcomers registered %u, during a change %u, live calls %u, wrong %u",
			 registered, joined, live, wrong);
	}
	mutex_unlock(&loop_lock);
}

int memory_loop_control(const struct command *command)
{
	if (!strcmp(command->name, "start"))
		return memory_loop_start();
	if (strcmp(command->name, "stop"))
		return complain(-EINVAL, "memory_newcomers: must be start or stop, not %.40s",
				command->name);
	memory_loop_stop();
	return 0;
}
