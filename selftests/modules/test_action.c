// SPDX-License-Identifier: GPL-2.0-only
/*
 * The actions that a script can do in a callback, and the commands `veto` and `inside`.
 *
 *   unregister_self	unregister the client that is being called
 *   unregister		unregister client ARG
 *   register		register processor client ARG
 *   register_event	register client ARG for events of CPUs
 *   register_memory	register memory client ARG
 *   register_rebalance	register rebalance client ARG
 *   read_settle	read /sys/kernel/dhp/settle
 *   destroy		destroy pool ARG
 *   write_status	write ARG into the status argument
 *   sleep_ms		sleep for ARG milliseconds
 *   request_module	request module ARG, and wait for the answer
 *   ask		ask whether CPU ARG may go
 *   hold		wait for a `release` command
 *   online, offline	bring CPU ARG online or take it offline; in events and rebalance calls only
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/string.h>

#include "compat.h"
#include "dhp.h"
#include "test_action.h"
#include "test_client.h"
#include "test_command.h"
#include "test_event_client.h"
#include "test_log.h"
#include "test_memory_client.h"
#include "test_pool.h"
#include "test_processor_client.h"
#include "test_query.h"
#include "test_rebalance_client.h"
#include "test_script.h"

static void act_unregister_self(struct client *c, const char *arg, int *status)
{
	struct client *claimed;
	int err;

	if (c->kind == EVENT || c->kind == REBALANCE)
		client_await_handle(c);
	claimed = client_claim(c->name);
	if (IS_ERR(claimed)) {
		log_line("%s unregister_self: claimed", c->name);
		return;
	}
	err = client_unregister_handle(c->kind, c->handle);
	log_line("%s unregister_self: %d", c->name, err);
	if (err)
		client_unclaim(c);
	else
		c->left = true;
}

static void act_unregister(struct client *c, const char *arg, int *status)
{
	struct client *other = client_claim(arg);
	int err = PTR_ERR_OR_ZERO(other);

	if (!err)
		err = client_unregister_claimed(other);
	log_line("%s unregister %s: %d", c->name, arg, err);
}

static void act_register(struct client *c, const char *arg, int *status)
{
	log_line("%s register %s: %d", c->name, arg,
		 processor_client_register(arg, 0, false, false));
}

static void act_register_event(struct client *c, const char *arg, int *status)
{
	log_line("%s register_event %s: %d", c->name, arg,
		 event_client_register(arg, DHP_PROCESSOR, 0, false));
}

static void act_register_memory(struct client *c, const char *arg, int *status)
{
	log_line("%s register_memory %s: %d", c->name, arg,
		 memory_client_register(arg, DHP_MEMORY_REMOVALS, false));
}

static void act_register_rebalance(struct client *c, const char *arg, int *status)
{
	log_line("%s register_rebalance %s: %d", c->name, arg,
		 rebalance_client_register(arg, NULL));
}

static void act_read_settle(struct client *c, const char *arg, int *status)
{
	struct file *file;
	ssize_t answer;
	loff_t pos = 0;
	char text[24];

	scoped_with_init_fs()
		file = filp_open("/sys/kernel/dhp/settle", O_RDONLY, 0);
	answer = PTR_ERR_OR_ZERO(file);
	if (!answer) {
		answer = kernel_read(file, text, sizeof(text), &pos);
		filp_close(file, NULL);
	}
	log_line("%s read_settle: %zd", c->name, min_t(ssize_t, answer, 0));
}

static void act_destroy(struct client *c, const char *arg, int *status)
{
	pool_destroy_inside(arg);
	log_line("%s destroy %s", c->name, arg);
}

static void act_write_status(struct client *c, const char *arg, int *status)
{
	if (status)
		*status = script_number(arg);
}

static void act_sleep_ms(struct client *c, const char *arg, int *status)
{
	msleep(script_number(arg));
	log_line("%s slept", c->name);
}

/* The answer is the exit status of modprobe, shifted left by 8 bits. */
static void act_request_module(struct client *c, const char *arg, int *status)
{
	int answer = request_module("%s", arg);

	log_line("%s request_module %s: %s", c->name, arg, answer ? "refused" : "loaded");
}

static void act_hold(struct client *c, const char *arg, int *status)
{
	log_line("%s %s", c->name, client_await_release(c) ? "released" : "!never_released");
}

static void act_online(struct client *c, const char *arg, int *status)
{
	log_line("%s online %s: %d", c->name, arg, add_cpu(script_number(arg)));
}

static void act_offline(struct client *c, const char *arg, int *status)
{
	log_line("%s offline %s: %d", c->name, arg, remove_cpu(script_number(arg)));
}

static void act_ask(struct client *c, const char *arg, int *status)
{
	log_line("%s ask %s: %d", c->name, arg, query_ask_cpu(script_number(arg)));
}

static const struct action actions[] = {
	{ "unregister_self", NONE, .run = act_unregister_self },
	{ "unregister", NAME, .run = act_unregister },
	{ "register", NAME, .run = act_register },
	{ "register_event", NAME, .run = act_register_event },
	{ "register_memory", NAME, .run = act_register_memory },
	{ "register_rebalance", NAME, .run = act_register_rebalance },
	{ "read_settle", NONE, .run = act_read_settle },
	{ "destroy", NAME, .run = act_destroy },
	{ "write_status", NUMBER, .vetoes = true, .run = act_write_status },
	{ "sleep_ms", NUMBER, .run = act_sleep_ms },
	{ "request_module", NAME, .run = act_request_module },
	{ "ask", NUMBER, .run = act_ask },
	{ "hold", NONE, .run = act_hold },
	{ "online", NUMBER, .events_only = true, .run = act_online },
	{ "offline", NUMBER, .events_only = true, .run = act_offline },
};

/* A veto is a script that writes the status and logs nothing. */
static const struct action veto = { "veto", NUMBER, .vetoes = true, .run = act_write_status };

int action_veto(const struct command *command)
{
	const char *arg = option(command, "errno");

	if (!arg)
		return complain(-EINVAL, "veto: errno=E is missing");
	return script_add(command, &veto, arg);
}

int action_inside(const struct command *command)
{
	const char *word = option(command, "action");
	unsigned int i;

	for (i = 0; word && i < ARRAY_SIZE(actions); i++)
		if (!strcmp(word, actions[i].word))
			return script_add(command, &actions[i], option(command, "arg"));
	return complain(-EINVAL, "inside: action= is missing or unknown; see test_action.c");
}
