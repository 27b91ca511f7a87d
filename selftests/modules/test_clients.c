// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scripted clients: they write down each call that they get, and do in it
 * what they were told.
 *
 * What a call finds wrong by itself it writes behind its line, after a '!', so
 * that the comparison with the expected sequence fails: a second call at the
 * same time, a processor that is not in the state that it should be in, and so on.
 *
 * Actions of the `inside` command:
 *   unregister_self	unregister the client that is being called
 *   unregister		unregister client ARG
 *   register		register processor client ARG
 *   register_event	register client ARG for processor events
 *   register_memory	register memory client ARG
 *   destroy		destroy pool ARG
 *   write_status	write ARG into the status argument
 *   sleep_ms		sleep for ARG milliseconds
 *   request_module	ask for module ARG, and wait for the answer
 *   hold		wait for a `release` command
 *   online, offline	bring processor ARG up or down; in events only
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>

#include <linux/kmemleak.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pfn.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait.h>

#include "dhp.h"
#include "test.h"

#define HOLD_SECONDS 600

enum kind { PROCESSOR, EVENT, MEMORY, NR_KINDS };

/* The first six are dhp's own states of a processor. */
enum { ARRIVAL = DHP_PROCESSOR_REMOVE_FAILURE + 1, REMOVAL, NR_STATES };

static const char * const state_words[NR_STATES] = {
	[DHP_PROCESSOR_START] = "start",
	[DHP_PROCESSOR_COMPLETE] = "complete",
	[DHP_PROCESSOR_FAILURE] = "failure",
	[DHP_PROCESSOR_REMOVE_START] = "remove_start",
	[DHP_PROCESSOR_REMOVE_COMPLETE] = "remove_complete",
	[DHP_PROCESSOR_REMOVE_FAILURE] = "remove_failure",
	[ARRIVAL] = "arrival",
	[REMOVAL] = "removal",
};

static const char * const state_names[NR_STATES] = {
	[DHP_PROCESSOR_START] = "START",
	[DHP_PROCESSOR_COMPLETE] = "COMPLETE",
	[DHP_PROCESSOR_FAILURE] = "FAILURE",
	[DHP_PROCESSOR_REMOVE_START] = "REMOVE_START",
	[DHP_PROCESSOR_REMOVE_COMPLETE] = "REMOVE_COMPLETE",
	[DHP_PROCESSOR_REMOVE_FAILURE] = "REMOVE_FAILURE",
	[ARRIVAL] = "ARRIVAL",
	[REMOVAL] = "REMOVAL",
};

struct client;

static void act_unregister_self(struct client *c, const char *arg, int *status);
static void act_unregister(struct client *c, const char *arg, int *status);
static void act_register(struct client *c, const char *arg, int *status);
static void act_register_event(struct client *c, const char *arg, int *status);
static void act_register_memory(struct client *c, const char *arg, int *status);
static void act_destroy(struct client *c, const char *arg, int *status);
static void act_write_status(struct client *c, const char *arg, int *status);
static void act_sleep_ms(struct client *c, const char *arg, int *status);
static void act_request_module(struct client *c, const char *arg, int *status);
static void act_hold(struct client *c, const char *arg, int *status);
static void act_online(struct client *c, const char *arg, int *status);
static void act_offline(struct client *c, const char *arg, int *status);

enum argument { NONE, NAME, NUMBER };

static const struct action {
	const char *word;
	enum argument argument;
	bool events_only;
	void (*run)(struct client *c, const char *arg, int *status);
} actions[] = {
	{ "unregister_self", NONE, false, act_unregister_self },
	{ "unregister", NAME, false, act_unregister },
	{ "register", NAME, false, act_register },
	{ "register_event", NAME, false, act_register_event },
	{ "register_memory", NAME, false, act_register_memory },
	{ "destroy", NAME, false, act_destroy },
	{ "write_status", NUMBER, false, act_write_status },
	{ "sleep_ms", NUMBER, false, act_sleep_ms },
	{ "request_module", NAME, false, act_request_module },
	{ "hold", NONE, false, act_hold },
	{ "online", NUMBER, true, act_online },
	{ "offline", NUMBER, true, act_offline },
};

/* A veto is a script, too: one that writes the status and says nothing. */
static const struct action veto = { "veto", NUMBER, false, act_write_status };

/* Belongs to a name, so that it can be there before the client and its replay. */
struct script {
	struct list_head node;
	const struct action *action;
	const char *name;	/* the client's, behind arg */
	unsigned int state;
	long cpu;	/* -1: any */
	long count;	/* how often still; -1: always */
	u64 last_call;	/* the call that it was used for last */
	char arg[];
};

/*
 * @claimed: somebody registers or unregisters it, and it is theirs alone
 * @registrant: who is registering it with a replay; calls from there are that
 * @left: it has unregistered itself in the call that is running, whose end frees it
 * @released: `hold` need not wait
 */
struct client {
	struct list_head node;
	enum kind kind;
	void *handle;
	bool claimed;
	struct task_struct *registrant;
	bool left;
	bool released;
	bool removals;
	bool probe;
	struct list_head probes;
	char name[];
};

/*
 * Protects the lists, the clients' flags and the scripts. A callback takes it,
 * so nothing that dhp may wait in is called with it held. Who waits for one of
 * them to change looks without it.
 */
static DEFINE_MUTEX(clients_lock);
static LIST_HEAD(clients);
static LIST_HEAD(scripts);	/* until a reset, when nobody runs one any more */
static bool resetting;		/* nobody holds */
static DECLARE_WAIT_QUEUE_HEAD(changed);

static atomic_t running[NR_KINDS];
static atomic64_t calls;

/* ---- Probes ------------------------------------------------------------- */

/*
 * A thread that is bound to a processor from COMPLETE to REMOVE_START. It keeps
 * itself from being migrated, for the scheduler clears the processor of bound
 * threads, too, some steps before it tells anybody.
 */
struct probe {
	struct list_head node;
	unsigned int cpu;
	struct task_struct *task;
	atomic_t wanted;
	struct completion ran;
	bool elsewhere;
};

static int probe_thread(void *data)
{
	struct probe *probe = data;

	migrate_disable();
	while (!kthread_should_stop()) {
		if (atomic_xchg(&probe->wanted, 0)) {
			if (raw_smp_processor_id() != probe->cpu)
				probe->elsewhere = true;
			complete(&probe->ran);
		}
		set_current_state(TASK_INTERRUPTIBLE);
		if (!atomic_read(&probe->wanted) && !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	migrate_enable();
	return 0;
}

static void stop_probe(struct probe *probe)
{
	kthread_stop(probe->task);
	list_del(&probe->node);
	kfree(probe);
}

/* ---- Clients ------------------------------------------------------------ */

static struct client *find_client(const char *name)
{
	struct client *c;

	lockdep_assert_held(&clients_lock);
	list_for_each_entry(c, &clients, node)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* For a client that is not called any more. */
static void drop_client(struct client *c)
{
	struct probe *probe, *next;

	list_for_each_entry_safe(probe, next, &c->probes, node)
		stop_probe(probe);
	mutex_lock(&clients_lock);
	list_del(&c->node);
	mutex_unlock(&clients_lock);
	kfree(c);
	wake_up_all(&changed);
}

/* A client that is not registered yet, claimed. */
static struct client *new_client(const char *name, enum kind kind)
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
		return ERR_PTR(complain(-EEXIST, "there is a client '%.40s' already", name));
	}
	list_add_tail(&c->node, &clients);
	mutex_unlock(&clients_lock);
	return c;
}

static struct client *claim_client(const char *name)
{
	struct client *c;

	mutex_lock(&clients_lock);
	c = find_client(name);
	if (!c)
		c = ERR_PTR(complain(-ENOENT, "there is no client '%.40s'", name));
	else if (c->claimed)
		c = ERR_PTR(complain(-EBUSY, "client '%.40s' comes or goes just now", name));
	else
		c->claimed = true;
	mutex_unlock(&clients_lock);
	return c;
}

static void unclaim_client(struct client *c)
{
	mutex_lock(&clients_lock);
	c->claimed = false;
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
}

static int unregister_handle(enum kind kind, void *handle)
{
	switch (kind) {
	case PROCESSOR:
		return dhp_unregister_processor_callback(handle);
	case EVENT:
		return dhp_unregister_event_callback(handle);
	default:
		return dhp_unregister_memory_callback(handle);
	}
}

/* ---- What a call checks ------------------------------------------------- */

/* Does the thread get to run, and where? */
static const char *ask_probe(struct probe *probe)
{
	atomic_set(&probe->wanted, 1);
	wake_up_process(probe->task);
	if (!wait_for_completion_timeout(&probe->ran, 30 * HZ))
		return " !thread_late";
	return probe->elsewhere ? " !thread_elsewhere" : "";
}

/* The probes are touched in the client's callbacks only, which are serialised. */
static const char *start_probe(struct client *c, unsigned int cpu)
{
	struct probe *probe = kzalloc(sizeof(*probe), GFP_KERNEL);
	const char *wrong;

	if (!probe)
		return " !no_memory";
	init_completion(&probe->ran);
	probe->cpu = cpu;
	probe->task = kthread_create_on_cpu(probe_thread, probe, cpu, "dhp_probe/%u");
	if (IS_ERR(probe->task)) {
		kfree(probe);
		return " !no_thread";
	}
	list_add_tail(&probe->node, &c->probes);
	wrong = ask_probe(probe);
	/* It would hold the processor up, which goes without a word. */
	if (!c->removals)
		stop_probe(probe);
	return wrong;
}

static const char *end_probe(struct client *c, unsigned int cpu)
{
	struct probe *probe;
	const char *wrong;

	list_for_each_entry(probe, &c->probes, node) {
		if (probe->cpu == cpu) {
			wrong = ask_probe(probe);
			stop_probe(probe);
			return wrong;
		}
	}
	return " !no_probe";
}

/* A processor may come as soon as the replay has ended, which is before we hear of it. */
static bool replaying(struct client *c)
{
	return READ_ONCE(c->registrant) == current;
}

static bool may_sleep(void)
{
	return in_task() && !irqs_disabled() && !preempt_count();
}

static const char *wrong_processor(struct client *c, const struct dhp_processor_change *change,
				   int *status)
{
	unsigned int cpu = change->cpu;

	if (!may_sleep())
		return " !atomic";
	if (!status)
		return " !no_status";
	if (*status)
		return " !status";
	if (change->nid != NUMA_NO_NODE && change->nid != cpu_to_node(cpu))
		return " !node";

	switch (change->state) {
	case DHP_PROCESSOR_START:
		return cpu_online(cpu) == replaying(c) ? "" : " !online";
	case DHP_PROCESSOR_COMPLETE:
	case DHP_PROCESSOR_REMOVE_FAILURE:
		if (c->probe && !cpu_active(cpu))
			return " !inactive";
		return c->probe ? start_probe(c, cpu) : "";
	case DHP_PROCESSOR_REMOVE_START:
		if (!cpu_online(cpu))
			return " !offline";
		return c->probe ? end_probe(c, cpu) : "";
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		return cpu_online(cpu) ? " !online" : "";
	default:
		return "";
	}
}

/* ---- Calls -------------------------------------------------------------- */

static struct script *next_script(struct client *c, u64 call, unsigned int state, long cpu)
{
	struct script *script, *found = NULL;

	mutex_lock(&clients_lock);
	list_for_each_entry(script, &scripts, node) {
		if (script->last_call == call || script->state != state || !script->count ||
		    (script->cpu >= 0 && script->cpu != cpu) || strcmp(script->name, c->name))
			continue;
		script->last_call = call;
		if (script->count > 0)
			script->count--;
		found = script;
		break;
	}
	mutex_unlock(&clients_lock);
	return found;
}

static void run_scripts(struct client *c, unsigned int state, long cpu, int *status)
{
	u64 call = atomic64_inc_return(&calls);
	struct script *script;

	while ((script = next_script(c, call, state, cpu))) {
		if (script->action->events_only && c->kind != EVENT)
			log_line("%s !%s: only from inside an event", c->name,
				 script->action->word);
		else
			script->action->run(c, script->arg, status);
	}
}

static void on_processor(void *context, const struct dhp_processor_change *change, int *status)
{
	bool alone = atomic_inc_return(&running[PROCESSOR]) == 1;
	struct client *c = context;
	const char *wrong;

	wrong = alone ? "" : " !overlap";
	if (alone)
		wrong = wrong_processor(c, change, status);
	log_line("%s %s %u %d%s", c->name, state_names[change->state], change->cpu,
		 change->status, wrong);
	run_scripts(c, change->state, change->cpu, status);
	atomic_dec(&running[PROCESSOR]);
	if (c->left)
		drop_client(c);
}

static void on_memory(void *context, const struct dhp_memory_change *change)
{
	static const unsigned int states[] = {
		[DHP_MEMORY_REMOVE_START] = DHP_PROCESSOR_REMOVE_START,
		[DHP_MEMORY_REMOVE_COMPLETE] = DHP_PROCESSOR_REMOVE_COMPLETE,
		[DHP_MEMORY_REMOVE_FAILURE] = DHP_PROCESSOR_REMOVE_FAILURE,
	};
	bool alone = atomic_inc_return(&running[MEMORY]) == 1;
	unsigned int state = states[change->state];
	struct client *c = context;

	log_line("%s %s mem 0x%llx+0x%llx node %d%s", c->name, state_names[state],
		 (u64)PFN_PHYS(change->start_pfn), (u64)PFN_PHYS(change->nr_pages), change->nid,
		 alone ? "" : " !overlap");
	run_scripts(c, state, -1, NULL);
	atomic_dec(&running[MEMORY]);
	if (c->left)
		drop_client(c);
}

/* Replayed events go to their client only, so they may be older than the last one. */
static const char *wrong_event(const struct dhp_event *event)
{
	static ktime_t last;

	if (!may_sleep())
		return " !atomic";
	if (ktime_after(event->time, ktime_get()))
		return " !time";
	if (event->existing)
		return "";
	if (ktime_before(event->time, last))
		return " !time";
	last = event->time;
	return "";
}

static void on_event(void *context, const struct dhp_event *event)
{
	bool alone = atomic_inc_return(&running[EVENT]) == 1;
	unsigned int state = event->action == DHP_EVENT_ARRIVAL ? ARRIVAL : REMOVAL;
	const char *wrong = alone ? wrong_event(event) : " !overlap";
	const char *existing = event->existing ? " existing" : "";
	struct client *c = context;
	char merged[24] = "";

	if (event->merged)
		snprintf(merged, sizeof(merged), " merged %u", event->merged);
	if (event->category == DHP_PROCESSOR)
		log_line("%s %s cpu %u seq %llu%s%s%s", c->name, state_names[state], event->cpu,
			 event->seq, existing, merged, wrong);
	else
		log_line("%s %s mem 0x%llx+0x%llx node %d seq %llu%s%s%s", c->name,
			 state_names[state], (u64)event->start, (u64)event->size, event->nid,
			 event->seq, existing, merged, wrong);
	run_scripts(c, state, event->category == DHP_PROCESSOR ? event->cpu : -1, NULL);
	atomic_dec(&running[EVENT]);
	if (c->left)
		drop_client(c);
}

/* ---- Registering and unregistering -------------------------------------- */

static int parse_flags(const struct command *command, unsigned int existing,
		       unsigned int removals, unsigned int *flags)
{
	const char *text = option(command, "flags");
	char *copy, *rest, *word;
	int err = 0;

	*flags = 0;
	if (!text)
		return 0;
	if (!kstrtouint(text, 0, flags))
		return 0;
	copy = kstrdup(text, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	*flags = 0;
	while (!err && (word = strsep(&rest, ","))) {
		if (!strcmp(word, "existing"))
			*flags |= existing;
		else if (removals && !strcmp(word, "removals"))
			*flags |= removals;
		else
			err = complain(-EINVAL, "flags: '%.40s' is no flag; existing%s are", word,
				       removals ? " and removals" : "");
	}
	kfree(copy);
	return err;
}

static int parse_fn(const struct command *command, bool *none)
{
	const char *text = option(command, "fn");

	*none = text;
	if (text && strcmp(text, "none"))
		return complain(-EINVAL, "fn=none is the only other one there is");
	return 0;
}

/* Ends what new_client() began. */
static int finish_registration(struct client *c, void *handle)
{
	if (IS_ERR_OR_NULL(handle)) {
		drop_client(c);
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

static int register_processor(const char *name, unsigned int flags, bool none, bool probe)
{
	struct client *c = new_client(name, PROCESSOR);

	if (IS_ERR(c))
		return PTR_ERR(c);
	c->probe = probe;
	c->removals = flags & DHP_PROCESSOR_REMOVALS;
	WRITE_ONCE(c->registrant, flags & DHP_PROCESSOR_ADD_EXISTING ? current : NULL);
	return finish_registration(c, dhp_register_processor_callback(none ? NULL : on_processor,
								      c, flags));
}

static int register_event(const char *name, long category, unsigned int flags, bool none)
{
	struct client *c = new_client(name, EVENT);

	if (IS_ERR(c))
		return PTR_ERR(c);
	return finish_registration(c, dhp_register_event_callback(category,
								  none ? NULL : on_event, c,
								  flags));
}

static int register_memory(const char *name, bool none)
{
	struct client *c = new_client(name, MEMORY);

	if (IS_ERR(c))
		return PTR_ERR(c);
	return finish_registration(c, dhp_register_memory_callback(none ? NULL : on_memory, c));
}

int client_processor(const struct command *command)
{
	unsigned int flags;
	long probe = 0;
	bool none;
	int err;

	err = parse_flags(command, DHP_PROCESSOR_ADD_EXISTING, DHP_PROCESSOR_REMOVALS, &flags);
	if (!err)
		err = parse_fn(command, &none);
	if (!err)
		err = number_option(command, "probe", &probe);
	return err ? err : register_processor(command->name, flags, none, probe);
}

int client_event(const struct command *command)
{
	const char *word = option(command, "category");
	unsigned int flags;
	long category;
	bool none;
	int err;

	if (!word)
		return complain(-EINVAL, "event: which category?");
	if (!strcmp(word, "processor"))
		category = DHP_PROCESSOR;
	else if (!strcmp(word, "memory"))
		category = DHP_MEMORY;
	else if (kstrtol(word, 0, &category))
		return complain(-EINVAL, "category: '%.40s' is none; processor and memory are",
				word);
	err = parse_flags(command, DHP_EVENT_INCLUDE_EXISTING, 0, &flags);
	if (!err)
		err = parse_fn(command, &none);
	return err ? err : register_event(command->name, category, flags, none);
}

int client_memory(const struct command *command)
{
	bool none;
	int err = parse_fn(command, &none);

	return err ? err : register_memory(command->name, none);
}

int client_bulk(const struct command *command)
{
	unsigned int flags;
	long i, count = 0;
	char name[80];
	int err;

	err = parse_flags(command, DHP_PROCESSOR_ADD_EXISTING, DHP_PROCESSOR_REMOVALS, &flags);
	if (!err)
		err = number_option(command, "count", &count);
	if (err)
		return err;
	if (count < 1 || strlen(command->name) > 40)
		return complain(-EINVAL, "bulk: count=N, one or more, and a short prefix, please");
	for (i = 1; i <= count && !err; i++) {
		snprintf(name, sizeof(name), "%s%ld", command->name, i);
		err = register_processor(name, flags, false, false);
	}
	return err;
}

/* For a client that is claimed. A refusal leaves it as it was. */
static int unregister_claimed(struct client *c)
{
	int err;

	mutex_lock(&clients_lock);
	WRITE_ONCE(c->released, true);
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
	err = unregister_handle(c->kind, c->handle);
	if (err)
		unclaim_client(c);
	else
		drop_client(c);
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
			err = unregister_claimed(c);
	} while (found && !err);
	return err;
}

/*
 * Says in the log when it begins and when it has ended. It does not release a
 * callback that holds, for a test wants to see it wait.
 */
int client_unregister(const struct command *command)
{
	size_t length = strlen(command->name);
	struct client *c;
	int err;

	if (command->name[length - 1] == '*')
		return unregister_prefix(command->name, length - 1);
	c = claim_client(command->name);
	if (IS_ERR(c))
		return PTR_ERR(c);
	log_line("%s unregister", command->name);
	err = unregister_handle(c->kind, c->handle);
	if (err) {
		unclaim_client(c);
		return complain(err, "dhp refused");
	}
	drop_client(c);
	log_line("%s unregistered", command->name);
	return 0;
}

int client_unregister_bad(const struct command *command)
{
	static const char * const kinds[] = { "processor", "event", "memory" };
	const char *pointer = option(command, "pointer");
	unsigned int kind;

	if (!pointer || (strcmp(pointer, "null") && strcmp(pointer, "error")))
		return complain(-EINVAL, "unregister_bad: pointer=null or pointer=error?");
	for (kind = 0; kind < NR_KINDS; kind++)
		if (!strcmp(command->name, kinds[kind]))
			break;
	if (kind == NR_KINDS)
		return complain(-ENOENT, "'%.40s' is no kind of client", command->name);
	return complain(unregister_handle(kind, strcmp(pointer, "null") ? ERR_PTR(-EIO) : NULL),
			"dhp's answer");
}

static void set_resetting(bool value)
{
	mutex_lock(&clients_lock);
	WRITE_ONCE(resetting, value);
	mutex_unlock(&clients_lock);
	wake_up_all(&changed);
}

/* Claimed clients are waited for: somebody is about to be done with them. */
int clients_reset(void)
{
	unsigned long end = jiffies + HOLD_SECONDS * HZ;
	struct script *script, *next;
	bool gone;

	set_resetting(true);
	do {
		unregister_prefix("", 0);
		gone = wait_event_timeout(changed, list_empty(&clients), HZ / 10);
	} while (!gone && time_before(jiffies, end));
	set_resetting(false);
	if (!gone)
		return complain(-EBUSY, "clients are left that cannot be unregistered");

	mutex_lock(&clients_lock);
	list_for_each_entry_safe(script, next, &scripts, node)
		kfree(script);
	INIT_LIST_HEAD(&scripts);
	mutex_unlock(&clients_lock);
	return 0;
}

/* They may be called until the module's memory goes, so theirs has to stay. */
void clients_forget(void)
{
	struct script *script;
	struct client *c;

	set_resetting(true);
	mutex_lock(&clients_lock);
	list_for_each_entry(c, &clients, node)
		kmemleak_not_leak(c);
	list_for_each_entry(script, &scripts, node)
		kmemleak_not_leak(script);
	mutex_unlock(&clients_lock);
}

/* ---- Scripts ------------------------------------------------------------ */

static int add_script(const struct command *command, const struct action *action,
		      const char *arg)
{
	const char *word = option(command, "state");
	const char *cpu_word = option(command, "cpu");
	long cpu = -1, count = 1, number;
	size_t arg_size, name_size;
	struct script *script;
	unsigned int state;
	int err = 0;

	if (!word)
		return complain(-EINVAL, "in which state=?");
	for (state = 0; state < NR_STATES; state++)
		if (!strcmp(word, state_words[state]))
			break;
	if (state == NR_STATES)
		return complain(-EINVAL, "state=%.40s is none; see test_clients.c", word);
	if (cpu_word && strcmp(cpu_word, "any"))
		err = number_option(command, "cpu", &cpu);
	if (!err)
		err = number_option(command, "count", &count);
	if (err)
		return err;
	if (count < 0)
		return complain(-EINVAL, "count=%ld: how often is that?", count);
	if (!arg && action->argument != NONE)
		return complain(-EINVAL, "%s: arg=%s is missing", action->word,
				action->argument == NAME ? "NAME" : "NUMBER");
	if (arg && action->argument == NUMBER && kstrtol(arg, 0, &number))
		return complain(-EINVAL, "%s: arg=%.40s is no number", action->word, arg);

	arg_size = (arg ? strlen(arg) : 0) + 1;
	name_size = strlen(command->name) + 1;
	script = kzalloc(sizeof(*script) + arg_size + name_size, GFP_KERNEL);
	if (!script)
		return complain(-ENOMEM, "no memory for another script");
	if (arg)
		strscpy(script->arg, arg, arg_size);
	strscpy(script->arg + arg_size, command->name, name_size);
	script->name = script->arg + arg_size;
	script->action = action;
	script->state = state;
	script->cpu = cpu;
	script->count = count ? count : -1;

	mutex_lock(&clients_lock);
	list_add_tail(&script->node, &scripts);
	mutex_unlock(&clients_lock);
	return 0;
}

int client_veto(const struct command *command)
{
	const char *arg = option(command, "errno");

	if (!arg)
		return complain(-EINVAL, "veto: errno=E is missing");
	return add_script(command, &veto, arg);
}

int client_inside(const struct command *command)
{
	const char *word = option(command, "action");
	unsigned int i;

	for (i = 0; word && i < ARRAY_SIZE(actions); i++)
		if (!strcmp(word, actions[i].word))
			return add_script(command, &actions[i], option(command, "arg"));
	return complain(-EINVAL, "inside: which action? see test_clients.c");
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

/* ---- Actions ------------------------------------------------------------ */

static void act_unregister_self(struct client *c, const char *arg, int *status)
{
	struct client *claimed;
	int err;

	/* An event may come before the registration has handed out the handle. */
	if (c->kind == EVENT)
		wait_event_timeout(changed, READ_ONCE(c->handle), HOLD_SECONDS * HZ);
	claimed = claim_client(c->name);
	if (IS_ERR(claimed)) {
		log_line("%s unregister_self: claimed", c->name);
		return;
	}
	err = unregister_handle(c->kind, c->handle);
	log_line("%s unregister_self: %d", c->name, err);
	if (err)
		unclaim_client(c);
	else
		c->left = true;
}

static void act_unregister(struct client *c, const char *arg, int *status)
{
	struct client *other = claim_client(arg);
	int err = PTR_ERR_OR_ZERO(other);

	if (!err)
		err = unregister_claimed(other);
	log_line("%s unregister %s: %d", c->name, arg, err);
}

static void act_register(struct client *c, const char *arg, int *status)
{
	log_line("%s register %s: %d", c->name, arg, register_processor(arg, 0, false, false));
}

static void act_register_event(struct client *c, const char *arg, int *status)
{
	log_line("%s register_event %s: %d", c->name, arg,
		 register_event(arg, DHP_PROCESSOR, 0, false));
}

static void act_register_memory(struct client *c, const char *arg, int *status)
{
	log_line("%s register_memory %s: %d", c->name, arg, register_memory(arg, false));
}

static void act_destroy(struct client *c, const char *arg, int *status)
{
	pool_destroy_inside(arg);
	log_line("%s destroy %s", c->name, arg);
}

/* Scripts hold numbers that were checked. */
static long number_of(const char *arg)
{
	long number = 0;

	return kstrtol(arg, 0, &number) ? 0 : number;
}

static void act_write_status(struct client *c, const char *arg, int *status)
{
	if (status)
		*status = number_of(arg);
}

static void act_sleep_ms(struct client *c, const char *arg, int *status)
{
	msleep(number_of(arg));
	log_line("%s slept", c->name);
}

/* The answer is the exit status of modprobe, which the kernel shifts by eight bits. */
static void act_request_module(struct client *c, const char *arg, int *status)
{
	int answer = request_module("%s", arg);

	log_line("%s request_module %s: %s", c->name, arg, answer ? "refused" : "loaded");
}

/* As an idle task, for which the kernel does not look after a while whether it hangs. */
static void act_hold(struct client *c, const char *arg, int *status)
{
	if (wait_event_idle_timeout(changed, READ_ONCE(c->released) || READ_ONCE(resetting),
				    HOLD_SECONDS * HZ))
		log_line("%s released", c->name);
	else
		log_line("%s !never_released", c->name);
	mutex_lock(&clients_lock);
	WRITE_ONCE(c->released, false);
	mutex_unlock(&clients_lock);
}

static void act_online(struct client *c, const char *arg, int *status)
{
	log_line("%s online %s: %d", c->name, arg, add_cpu(number_of(arg)));
}

static void act_offline(struct client *c, const char *arg, int *status)
{
	log_line("%s offline %s: %d", c->name, arg, remove_cpu(number_of(arg)));
}
