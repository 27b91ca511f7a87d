// SPDX-License-Identifier: GPL-2.0-only
/*
 * Creates and destroys pools. Before a pool is destroyed, everything that this module runs on it
 * is stopped.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dhp_pool.h"
#include "test_command.h"
#include "test_pool.h"
#include "test_pool_buffers.h"
#include "test_pool_interrupts.h"
#include "test_pool_items.h"
#include "test_pool_load.h"
#include "test_pool_user.h"

int pool_create(const struct command *command)
{
	long buffer_size = 0, permille = 4, min = 0, max = 0, stealing = 0, system = 0;
	size_t length = strlen(command->name) + 1;
	struct dhp_pool_config config = { .name = command->name };
	struct pool_user *user;
	int err;

	err = number_option(command, "buffer_size", &buffer_size);
	if (!err)
		err = number_option(command, "permille", &permille);
	if (!err)
		err = number_option(command, "min", &min);
	if (!err)
		err = number_option(command, "max", &max);
	if (!err)
		err = number_option(command, "stealing", &stealing);
	if (!err)
		err = number_option(command, "system", &system);
	if (err)
		return err;
	config.buffer_size = buffer_size;
	config.buffer_permille = permille;
	config.buffers_min = min;
	config.buffers_max = max;
	config.stealing = stealing;

	user = kzalloc(sizeof(*user) + length, GFP_KERNEL);
	if (!user)
		return complain(-ENOMEM, "no memory for another pool");
	strscpy(user->name, command->name, length);
	user->buffer_size = system ? PAGE_SIZE : buffer_size;
	user->system = system;
	INIT_LIST_HEAD(&user->buffers);

	/* Not under the lock, so that other commands run while a callback holds this one. */
	user->pool = system ? dhp_system_pool() : dhp_pool_create(&config);
	if (IS_ERR_OR_NULL(user->pool)) {
		err = user->pool ? complain(PTR_ERR(user->pool), "dhp refused") :
		      system ? complain(-ENODEV, "dhp has no pool of its own") :
			       complain(-ENOTRECOVERABLE, "dhp returned NULL");
		kfree(user);
		return err;
	}
	mutex_lock(&pools_lock);
	list_add_tail(&user->node, &pools);
	mutex_unlock(&pools_lock);
	return 0;
}

static void stop_users(struct pool_user *user)
{
	load_stop(user);
	ticks_stop(user);
	storm_stop(user);
}

int pool_rest(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		stop_users(user);
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

/* Stops everything but items that end by themselves. */
static void quiesce(struct pool_user *user)
{
	stop_users(user);
	items_cancel_kept(user);
}

/* A pool that all drivers share stays: its items have run, and its buffers are put. */
static void leave_system_pool(struct pool_user *user)
{
	while (user->nr_buffers) {
		buffer_put_first(user, &user->buffers);
		user->nr_buffers--;
	}
	dhp_pool_flush(user->pool);
}

/* Does not put the buffers that are held: a test looks at how the pool reports that. */
static int destroy(struct pool_user *user)
{
	long bad;

	quiesce(user);
	if (user->system)
		leave_system_pool(user);
	else
		dhp_pool_destroy(user->pool);
	bad = atomic_long_read(&user->submitted) - atomic_long_read(&user->ran) -
	      atomic_long_read(&user->cancelled);
	kfree(user);
	return bad ? complain(-EIO, "%ld items did not run", bad) : 0;
}

/* In a callback, in which dhp refuses it and the pool stays. */
void pool_destroy_inside(const char *name)
{
	struct pool_user *user = find_pool(name);

	if (user)
		dhp_pool_destroy(user->pool);
}

int pool_destroy(const struct command *command)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user)
		list_del(&user->node);
	mutex_unlock(&pools_lock);
	return user ? destroy(user) : -ENOENT;
}

int pool_destroy_system(const struct command *command)
{
	dhp_pool_destroy(dhp_system_pool());
	return 0;
}

void pools_reset(void)
{
	struct pool_user *user;

	do {
		mutex_lock(&pools_lock);
		user = list_first_entry_or_null(&pools, struct pool_user, node);
		if (user)
			list_del(&user->node);
		mutex_unlock(&pools_lock);
		if (user) {
			for (; user->nr_buffers; user->nr_buffers--)
				buffer_put_first(user, &user->buffers);
			destroy(user);
		}
	} while (user);
}

/*
 * The pools stay, and their items, which run later and use struct pool_user. Nothing may be left
 * in a pool that all drivers share.
 */
void pools_abandon(void)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	list_for_each_entry(user, &pools, node) {
		quiesce(user);
		if (user->system)
			leave_system_pool(user);
		kmemleak_not_leak(user);
		WRITE_ONCE(user->abandoned, true);
	}
	mutex_unlock(&pools_lock);
}
