/* SPDX-License-Identifier: GPL-2.0-only */
/* The registered clients by name: each is claimed while it is registered or unregistered. */
#ifndef _TEST_CLIENT_H
#define _TEST_CLIENT_H

#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/types.h>

enum client_kind { PROCESSOR, EVENT, MEMORY, REBALANCE, NR_KINDS };

/**
 * struct client - a client of dhp
 * @node: in the list of all clients
 * @kind: its kind
 * @handle: dhp's handle, NULL while it is being registered
 * @claimed: one task registers or unregisters it, and no other task may do so
 * @registrant: the task that is registering it with a replay; calls in this task are the replay
 * @left: it has unregistered itself in the running call, which must drop it at its end
 * @released: a `hold` action ends
 * @removals: a processor client with the flag REMOVALS
 * @stopped: a rebalance client that has not been started, or was stopped
 * @probe: a processor client that runs threads on its CPUs
 * @probes: these threads; see test_probe.h
 * @name: its name
 */
struct client {
	struct list_head node;
	enum client_kind kind;
	void *handle;
	bool claimed;
	struct task_struct *registrant;
	bool left;
	bool released;
	bool removals;
	bool stopped;
	bool probe;
	struct list_head probes;
	char name[];
};

struct command;

struct client *client_new(const char *name, enum client_kind kind);
int client_registered(struct client *c, void *handle);
void client_drop(struct client *c);
struct client *client_claim(const char *name);
void client_unclaim(struct client *c);
void client_await_handle(struct client *c);
bool client_await_release(struct client *c);
int client_unregister_handle(enum client_kind kind, void *handle);
int client_unregister_claimed(struct client *c);
int clients_reset(void);
void clients_abandon(void);

/* Commands */
int client_unregister(const struct command *command);
int client_unregister_bad(const struct command *command);
int client_release(const struct command *command);

/* May a callback that is running here sleep? */
static inline bool may_sleep(void)
{
	return in_task() && !irqs_disabled() && !preempt_count();
}

#endif /* _TEST_CLIENT_H */
