// SPDX-License-Identifier: GPL-2.0-only
/* Who is registered: the names and counts that all kinds of clients have. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>

#include "client.h"
#include "notify.h"

static DEFINE_MUTEX(client_mutex);
static LIST_HEAD(clients);
static unsigned int nr_clients;
static u64 last_id;

/**
 * dhp_client_add() - enter a client into the list of all
 * @info: part of the client
 * @fn: its callback; only its name matters
 * @kind: what it registers for
 * @owner: its module
 */
void dhp_client_add(struct dhp_client_info *info, void *fn, const char *kind,
		    struct module *owner)
{
	char symbol[DHP_NAME_LEN];
	char *end;

	/* %ps adds the module's name in brackets, which we say in front. */
	snprintf(symbol, sizeof(symbol), "%ps", fn);
	end = strpbrk(symbol, " +");
	if (end)
		*end = '\0';

	info->owner = owner;
	info->kind = kind;
	mutex_lock(&client_mutex);
	snprintf(info->name, sizeof(info->name), "%s/%s#%llu",
		 owner ? module_name(owner) : "kernel", symbol, ++last_id);
	list_add_tail(&info->node, &clients);
	WRITE_ONCE(nr_clients, nr_clients + 1);
	mutex_unlock(&client_mutex);
}

void dhp_client_del(struct dhp_client_info *info)
{
	mutex_lock(&client_mutex);
	list_del(&info->node);
	WRITE_ONCE(nr_clients, nr_clients - 1);
	mutex_unlock(&client_mutex);
}

/**
 * dhp_client_answer() - what to do about a status that a synchronous client has written
 * @info: the client's
 * @answer: the status, not 0
 * @may_veto: the client can refuse what it is notified of
 * @state: the name of the state that it is notified of
 * @what: what is changing
 *
 * Return: the errno of a veto, or 0.
 */
int dhp_client_answer(struct dhp_client_info *info, int answer, bool may_veto,
		      const char *state, const char *what)
{
	if (may_veto && IS_ERR_VALUE((long)answer)) {
		WRITE_ONCE(info->vetoes, info->vetoes + 1);
		pr_info("%s vetoes %s of %s with %pe\n", info->name, state, what, ERR_PTR(answer));
		return answer;
	}
	if (!info->warned)
		pr_warn("%s wrote status %d in %s of %s, which is ignored; a negative errno in START or REMOVE_START is a veto while the operation can be refused\n",
			info->name, answer, state, what);
	info->warned = true;
	return 0;
}

/* A module is being removed, and this callback of its is still registered. */
void dhp_client_warn_left(const struct dhp_client_info *info, const char *callback)
{
	pr_err("%s is removed without unregistering %s callback %s; dropped\n",
	       module_name(info->owner), callback, info->name);
}

/* Without a lock that a callback runs under. */
bool dhp_client_of_owner(struct module *owner)
{
	struct dhp_client_info *info;
	bool found = false;

	mutex_lock(&client_mutex);
	list_for_each_entry(info, &clients, node)
		found |= info->owner == owner;
	mutex_unlock(&client_mutex);
	return found;
}

unsigned int dhp_client_count(void)
{
	return READ_ONCE(nr_clients);
}

void dhp_client_show(struct seq_file *m)
{
	struct dhp_client_info *info;

	seq_puts(m, "client kind calls vetoes longest_us\n");
	mutex_lock(&client_mutex);
	list_for_each_entry(info, &clients, node)
		seq_printf(m, "%s %s %llu %llu %llu\n", info->name, info->kind,
			   READ_ONCE(info->calls), READ_ONCE(info->vetoes),
			   div_u64(READ_ONCE(info->longest_ns), NSEC_PER_USEC));
	mutex_unlock(&client_mutex);
}
