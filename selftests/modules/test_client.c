// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registered clients by name. Registers none itself: that is in test_processor_client.c,
 * test_event_client.c, test_memory_client.c and test_rebalance_client.c.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "dhp.h"
#include "dhp_rebalance.h"
#include "test_client.h"
#include "test_command.h"
#include "test_log.h"
#include "test_probe.h"

#define HOLD_SECONDS 600

/*
 * Protects the list and the clients' flags. A callback takes it, so it must not be held in calls
 * in which dhp may wait. Tasks that wait for a change read without it.
 */
static DEFINE_MUTEX(clients_lock);
static LIST_HEAD(clients);
static bool resetting;		/* no callback holds */
static DECLARE_WAIT_QUEUE_HEAD(changed);

static struct client *find_client(const char *name)
{
	struct client *c;

	lockdep_assert_held(&clients_lock);
	list_for_each_entry(c, &clients, node)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* dhp does not call the client any more. */
void client_drop(struct client *c)
{
	probes_stop(&c->probes);
	mutex_lock(&clients_lock);
	list_del(&c->node);
	mutex_unlock(&clients_lock);
	kfree(c);
	wake_up_all(&changed);
}

/* Returns a claimed client that is not registered yet. */
struct client *client_new(const char *name, enum client_kind kind)
{
	size_t length = strlen(name) + 1;
	struct client *c = kzalloc(sizeof(*c) + length, GFP_KERNEL);

	if (!c)
		return ERR_PTR(complain(-ENOMEM, "no memory for another client"));
	strscpy(c->name, name, length);
	c->kind = kind;
	c->claimed = true;
	INIT_LIST_HEAD(&c->probes);

	mutex_lock(&clients_lock);
	if (find_client(name)) {
		mutex_unlock(&clients_lock);
		kfree(c);
		return ERR_PTR(complain(-EEXIST, "client '%.40s' exists already", name));
	}
	list_add_tail(&c->node, &clients);
	mutex_unlock(&clients_lock);
	return c;
}

struct client *client_claim(const char *name)
{
	struct client *c;

	mutex_lock(&clients_lock);
	c = find_client(name);
	if (!c)
		c = ERR_PTR(complain(-ENOENT, "there is no client '%.40s'", name));
	else if (c->claimed)
		c = ERR_PTR(complain(-EBUSY, "client '%.40s' is being registered or unregistered",
				     name));
	else
		c->claimed = true;
	mutex_unlock(&clients_lock);
	return c;
}

void client_unclaim(struct client *c)
{
	mutex_lock(&clients_lock);
	c->claimed = false;
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
}

int client_unregister_handle(enum client_kind kind, void *handle)
{
	switch (kind) {
	case PROCESSOR:
		return dhp_unregister_processor_callback(handle);
	case EVENT:
		return dhp_unregister_event_callback(handle);
	case REBALANCE:
		return dhp_unregister_rebalance(handle);
	default:
		return dhp_unregister_memory_callback(handle);
	}
}

/* Ends what client_new() began. */
int client_registered(struct client *c, void *handle)
{
	if (IS_ERR_OR_NULL(handle)) {
		client_drop(c);
		return handle ? complain(PTR_ERR(handle), "dhp refused") :
				complain(-ENOTRECOVERABLE, "dhp returned NULL");
	}
	mutex_lock(&clients_lock);
	WRITE_ONCE(c->handle, handle);
	WRITE_ONCE(c->registrant, NULL);
	c->claimed = false;
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
	return 0;
}

/* A call may come before the registration has returned the handle. */
void client_await_handle(struct client *c)
{
	wait_event_timeout(changed, READ_ONCE(c->handle), HOLD_SECONDS * HZ);
}

/*
 * Waits for a `release` command, or a reset; returns false if neither comes. As an idle task, so
 * that the kernel does not report it as hung.
 */
bool client_await_release(struct client *c)
{
	bool released;

	released = wait_event_idle_timeout(changed, READ_ONCE(c->released) || READ_ONCE(resetting),
					   HOLD_SECONDS * HZ);
	mutex_lock(&clients_lock);
	WRITE_ONCE(c->released, false);
	mutex_unlock(&clients_lock);
	return released;
}

/* Unregisters a claimed client. If dhp refuses, the client is as before. */
int client_unregister_claimed(struct client *c)
{
	int err;

	mutex_lock(&clients_lock);
	WRITE_ONCE(c->released, true);
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
	err = client_unregister_handle(c->kind, c->handle);
	if (err)
		client_unclaim(c);
	else
		client_drop(c);
	return err;
}

static int unregister_prefix(const char *prefix, size_t length)
{
	struct client *c;
	int err = 0;
	bool found;

	do {
		found = false;
		mutex_lock(&clients_lock);
		list_for_each_entry(c, &clients, node) {
			if (!c->claimed && !strncmp(c->name, prefix, length)) {
				c->claimed = true;
				found = true;
				break;
			}
		}
		mutex_unlock(&clients_lock);
		if (found)
			err = client_unregister_claimed(c);
	} while (found && !err);
	return err;
}

/*
 * Logs when it begins and when it has ended. It does not end a `hold`, so that a test can see it
 * wait.
 */
int client_unregister(const struct command *command)
{
	size_t length = strlen(command->name);
	struct client *c;
	int err;

	if (command->name[length - 1] == '*')
		return unregister_prefix(command->name, length - 1);
	c = client_claim(command->name);
	if (IS_ERR(c))
		return PTR_ERR(c);
	log_line("%s unregister", command->name);
	err = client_unregister_handle(c->kind, c->handle);
	if (err) {
		client_unclaim(c);
		return complain(err, "dhp refused");
	}
	client_drop(c);
	log_line("%s unregistered", command->name);
	return 0;
}

int client_unregister_bad(const struct command *command)
{
	static const char * const kinds[] = { "processor", "event", "memory", "rebalance" };
	const char *pointer = option(command, "pointer");
	unsigned int kind;

	if (!pointer || (strcmp(pointer, "null") && strcmp(pointer, "error")))
		return complain(-EINVAL, "unregister_bad: pointer must be null or error");
	for (kind = 0; kind < NR_KINDS; kind++)
		if (!strcmp(command->name, kinds[kind]))
			break;
	if (kind == NR_KINDS)
		return complain(-ENOENT, "'%.40s' is not a kind of client", command->name);
	return complain(client_unregister_handle(kind, strcmp(pointer, "null") ?
						      ERR_PTR(-EIO) : NULL), "dhp's answer");
}

static void set_resetting(bool value)
{
	mutex_lock(&clients_lock);
	WRITE_ONCE(resetting, value);
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
}

/* Waits for claimed clients: another task registers or unregisters them. */
int clients_reset(void)
{
	unsigned long end = jiffies + HOLD_SECONDS * HZ;
	bool gone;

	set_resetting(true);
	do {
		unregister_prefix("", 0);
		gone = wait_event_timeout(changed, list_empty(&clients), HZ / 10);
	} while (!gone && time_before(jiffies, end));
	set_resetting(false);
	return gone ? 0 : complain(-EBUSY, "clients are left that cannot be unregistered");
}

/* dhp may call them until the module is freed, so they must stay. */
void clients_abandon(void)
{
	struct client *c;

	set_resetting(true);
	mutex_lock(&clients_lock);
	list_for_each_entry(c, &clients, node)
		kmemleak_not_leak(c);
	mutex_unlock(&clients_lock);
}

int client_release(const struct command *command)
{
	struct client *c;

	mutex_lock(&clients_lock);
	c = find_client(command->name);
	if (c)
		WRITE_ONCE(c->released, true);
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
	return c ? 0 : complain(-ENOENT, "there is no client '%.40s'", command->name);
}
