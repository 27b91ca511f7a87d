// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pools by name, and what their users count. Creates none: that is in test_pool.c.
 *
 * The `pools` file has a line for each pool:
 *   NAME submitted S ran R twice T disorder D elsewhere E held H shared B watched W
 *	askew A dirty Y bad X last L cancelled C after F signalled G on LIST
 * submitted	items that were accepted
 * ran		items that ran
 * twice	items that ran more than once
 * disorder	items of one `submit` for one CPU that ran before an earlier one
 * elsewhere	items that ran on another CPU than the one they were submitted for
 * held		buffers that were got and not put
 * shared	buffers that another user wrote into while they were held
 * watched	buffers in the memory that `watch` has named
 * askew	buffers that are not aligned to a cache line
 * dirty	buffers that had to be zero and were not
 * bad		buffers in memory that the kernel had marked as bad before they were got
 * last		physical address of the last buffer
 * cancelled	items that were cancelled while they were queued
 * after	items that ran after dhp_work_cancel() had returned
 * signalled	items that had a pending signal at their end
 * on		CPUs that items have run on
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "test_command.h"
#include "test_pool_user.h"

DEFINE_MUTEX(pools_lock);	/* the list, and one command at a time */
LIST_HEAD(pools);

/* With pools_lock held, or while no command changes the list. */
struct pool_user *find_pool(const char *name)
{
	struct pool_user *user;

	list_for_each_entry(user, &pools, node)
		if (!strcmp(user->name, name))
			return user;
	complain(-ENOENT, "there is no pool '%.40s'", name);
	return NULL;
}

void pools_show(struct seq_file *m)
{
	struct pool_user *user;

	mutex_lock(&pools_lock);
	list_for_each_entry(user, &pools, node)
		seq_printf(m, "%s submitted %ld ran %ld twice %ld disorder %ld elsewhere %ld held %ld shared %ld watched %ld askew %ld dirty %ld bad %ld last %pa cancelled %ld after %ld signalled %ld on %*pbl\n",
			   user->name, atomic_long_read(&user->submitted),
			   atomic_long_read(&user->ran), atomic_long_read(&user->twice),
			   atomic_long_read(&user->disorder), atomic_long_read(&user->elsewhere),
			   atomic_long_read(&user->held), atomic_long_read(&user->shared),
			   atomic_long_read(&user->watched), atomic_long_read(&user->askew),
			   atomic_long_read(&user->dirty), atomic_long_read(&user->bad),
			   &user->last,
			   atomic_long_read(&user->cancelled), atomic_long_read(&user->after),
			   atomic_long_read(&user->signalled),
			   cpumask_pr_args(&user->on));
	mutex_unlock(&pools_lock);
}
