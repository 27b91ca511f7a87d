/* SPDX-License-Identifier: GPL-2.0-only */
/* What all kinds of clients have in common: a name, counts, and how one is called. */
#ifndef _DHP_NOTIFY_CLIENT_H
#define _DHP_NOTIFY_CLIENT_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/types.h>

#define DHP_NAME_LEN 64

struct module;

/**
 * struct dhp_client_info - what all kinds of clients have in common
 * @node: in the list of all clients
 * @owner: the client's module, NULL for built-in code
 * @kind: what it registered for
 * @name: MODULE/CALLBACK#NUMBER
 * @warned_query: the log has said that its answer to a question is ignored
 * @calls: how often it was called
 * @vetoes: how often it vetoed
 * @longest_ns: its longest call
 * @warned: the log has said that its status is ignored
 *
 * The counts and @warned are written by the one task at a time that calls clients of that kind, and
 * read at any time.
 */
struct dhp_client_info {
	struct list_head node;
	struct module *owner;
	const char *kind;
	char name[DHP_NAME_LEN];
	bool warned_query;
	u64 calls;
	u64 vetoes;
	u64 longest_ns;
	bool warned;
};

void dhp_client_add(struct dhp_client_info *info, void *fn, const char *kind,
		    struct module *owner);
void dhp_client_del(struct dhp_client_info *info);
int dhp_client_answer(struct dhp_client_info *info, int answer, bool may_veto,
		      const char *state, const char *what);
void dhp_client_warn_left(const struct dhp_client_info *info, const char *callback);

/**
 * dhp_client_called() - account for a call of a client
 * @info: the client's
 * @start_ns: when the call began
 *
 * Return: when it ended, that is, now.
 */
static inline u64 dhp_client_called(struct dhp_client_info *info, u64 start_ns)
{
	u64 end_ns = ktime_get_ns();

	WRITE_ONCE(info->calls, info->calls + 1);
	if (end_ns - start_ns > info->longest_ns)
		WRITE_ONCE(info->longest_ns, end_ns - start_ns);
	return end_ns;
}

#endif /* _DHP_NOTIFY_CLIENT_H */
