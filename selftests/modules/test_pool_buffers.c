// SPDX-License-Identifier: GPL-2.0-only
/* Buffers: no buffer may have two owners, which each stamp it with another number. */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/string.h>

#include "dhp_pool.h"
#include "test_command.h"
#include "test_pool_buffers.h"
#include "test_pool_user.h"

/* The first bytes of a buffer that is held. */
struct stamp {
	struct list_head node;
	u64 value;
};

static atomic64_t stamps;

/*
 * A second owner of the buffer overwrites the stamps at its ends and in its pages. KCSAN must not
 * watch this: it would watch nothing else, and be so slow that dhp gives up waiting for the buffers
 * of memory that is being removed.
 */
static __no_kcsan void stamp_buffer(struct pool_user *user, void *buffer, u64 value)
{
	size_t at;

	for (at = sizeof(struct stamp); at + sizeof(u64) <= user->buffer_size; at += 1024)
		*(u64 *)(buffer + at) = value;
	*(u64 *)(buffer + user->buffer_size - sizeof(u64)) = value;
	((struct stamp *)buffer)->value = value;
}

static __no_kcsan void check_buffer(struct pool_user *user, void *buffer)
{
	u64 value = ((struct stamp *)buffer)->value;
	bool good = *(u64 *)(buffer + user->buffer_size - sizeof(u64)) == value;
	size_t at;

	for (at = sizeof(struct stamp); at + sizeof(u64) <= user->buffer_size; at += 1024)
		good = good && *(u64 *)(buffer + at) == value;
	if (!good)
		atomic_long_inc(&user->shared);
}

static void keep_buffer(struct pool_user *user, struct stamp *stamp, struct list_head *buffers)
{
	size_t at;

	if (!IS_ALIGNED((unsigned long)stamp, L1_CACHE_BYTES))
		atomic_long_inc(&user->askew);
	for (at = 0; at < user->buffer_size; at += PAGE_SIZE)
		if (PageHWPoison(virt_to_page((void *)stamp + at)))
			atomic_long_inc(&user->bad);
	WRITE_ONCE(user->last, virt_to_phys(stamp));
	if (virt_to_phys(stamp) - READ_ONCE(user->watch_start) < READ_ONCE(user->watch_size))
		atomic_long_inc(&user->watched);
	stamp_buffer(user, stamp, atomic64_inc_return(&stamps));
	list_add_tail(&stamp->node, buffers);
	atomic_long_inc(&user->held);
}

bool buffer_get(struct pool_user *user, struct list_head *buffers)
{
	void *buffer = dhp_buffer_get(user->pool);

	if (buffer)
		keep_buffer(user, buffer, buffers);
	return buffer;
}

static bool get_zeroed(struct pool_user *user, struct list_head *buffers)
{
	void *buffer = dhp_buffer_get_zeroed(user->pool);

	if (!buffer)
		return false;
	if (memchr_inv(buffer, 0, user->buffer_size))
		atomic_long_inc(&user->dirty);
	keep_buffer(user, buffer, buffers);
	return true;
}

void buffer_put_first(struct pool_user *user, struct list_head *buffers)
{
	struct stamp *stamp = list_first_entry(buffers, struct stamp, node);

	list_del(&stamp->node);
	check_buffer(user, stamp);
	atomic_long_dec(&user->held);
	dhp_buffer_put(user->pool, stamp);
}

int buffers_get(const struct command *command)
{
	bool (*get)(struct pool_user *user, struct list_head *buffers);
	struct pool_user *user;
	long count = 1, zeroed = 0, i;
	int err = number_option(command, "count", &count);

	if (!err)
		err = number_option(command, "zeroed", &zeroed);
	if (err)
		return err;
	get = zeroed ? get_zeroed : buffer_get;
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user || !user->buffer_size) {
		err = user ? complain(-EINVAL, "the pool has no buffers") : -ENOENT;
		goto unlock;
	}
	for (i = 0; i < count; i++, user->nr_buffers++) {
		if (!get(user, &user->buffers)) {
			err = complain(-ENOBUFS, "got %ld of %ld buffers", i, count);
			break;
		}
	}
unlock:
	mutex_unlock(&pools_lock);
	return err;
}

int buffers_put(const struct command *command)
{
	struct pool_user *user;
	long count = LONG_MAX;
	int err = number_option(command, "count", &count);

	if (err)
		return err;
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (!user)
		err = -ENOENT;
	for (; user && count > 0 && user->nr_buffers; count--, user->nr_buffers--)
		buffer_put_first(user, &user->buffers);
	mutex_unlock(&pools_lock);
	return err;
}

/* number_option() accepts an int at most, which is too short for an address. */
int buffers_watch(const struct command *command)
{
	const char *start = option(command, "start");
	const char *size = option(command, "size");
	struct pool_user *user;
	u64 from, bytes;

	if (!start || !size || kstrtou64(start, 0, &from) || kstrtou64(size, 0, &bytes))
		return complain(-EINVAL, "watch: start=ADDRESS and size=BYTES must be numbers");
	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	if (user) {
		WRITE_ONCE(user->watch_start, from);
		WRITE_ONCE(user->watch_size, bytes);
		atomic_long_set(&user->watched, 0);
	}
	mutex_unlock(&pools_lock);
	return user ? 0 : -ENOENT;
}

/* What no driver may do. */
static int misuse_buffer(struct pool_user *user, struct pool_user *other, const char *how)
{
	u8 *buffer = dhp_buffer_get(user->pool);

	if (!buffer)
		return complain(-ENOBUFS, "no buffer to misuse");
	if (!strcmp(how, "twice")) {
		dhp_buffer_put(user->pool, buffer);
		dhp_buffer_put(user->pool, buffer);
	} else if (!strcmp(how, "inside")) {
		dhp_buffer_put(user->pool, buffer + L1_CACHE_BYTES);
		dhp_buffer_put(user->pool, buffer);
	} else if (!strcmp(how, "elsewhere")) {
		dhp_buffer_put(other->pool, buffer);
		dhp_buffer_put(user->pool, buffer);
	} else if (!strcmp(how, "after")) {
		dhp_buffer_put(user->pool, buffer);
		buffer[user->buffer_size / 2] = 0;
	} else {
		dhp_buffer_put(user->pool, buffer);
		return complain(-EINVAL,
				"misuse: how must be twice, inside, elsewhere or after, not '%s'",
				how);
	}
	return 0;
}

int buffers_misuse(const struct command *command)
{
	const char *how = option(command, "how"), *name = option(command, "other");
	struct pool_user *user, *other;
	int err = -ENOENT;

	mutex_lock(&pools_lock);
	user = find_pool(command->name);
	other = name ? find_pool(name) : user;
	if (user && other)
		err = misuse_buffer(user, other, how ?: "");
	mutex_unlock(&pools_lock);
	return err;
}
