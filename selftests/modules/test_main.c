// SPDX-License-Identifier: GPL-2.0-only
/*
 * dhp_test: a client of dhp that does what a script writes into /sys/kernel/debug/dhp_test/:
 *
 *	control	one command per write; the result is the errno of the write, and a read returns
 *		the reason of the last failure
 *	log	the calls that the clients got, in order
 *	pools	counters of the items and buffers of each pool; test_pool_user.c explains them
 *
 * The commands, and the file that each is in:
 *
 * test_processor_client.c
 *   processor NAME [flags=existing,removals|NUMBER] [fn=none] [probe=1]
 *	registers a client. With probe, it runs a thread on the CPU from COMPLETE to REMOVE_START.
 *   bulk PREFIX count=N [flags=]
 *	registers processor clients PREFIX1 to PREFIXn
 *
 * test_event_client.c, test_memory_client.c
 *   event NAME category=processor|memory|NUMBER [flags=existing|NUMBER] [fn=none]
 *   memory NAME [flags=adds,removals,existing|NUMBER] [fn=none]
 *	registers a client; a memory client has the flag removals if none are given
 *
 * test_rebalance_client.c
 *   rebalance NAME [lacks=query_stop|stop|start|all]
 *	registers a client, without one of the callbacks or without any
 *
 * test_client.c
 *   unregister NAME|PREFIX*
 *   unregister_bad processor|event|memory|rebalance pointer=null|error
 *   release NAME
 *	ends a `hold` action
 *
 * test_action.c
 *   veto NAME state=start|remove_start|query_stop errno=E [cpu=N|start=ADDRESS] [count=K]
 *	vetoes, or puts its stop off, the next K (1) times; count=0: always. start: only for the
 *	range that begins at this physical address.
 *   inside NAME state=STATE action=ACTION [arg=A] [cpu=N|start=ADDRESS] [count=K]
 *	does something in a callback; the file lists the actions
 *
 * test_query.c
 *   answers NAME [on=0|1]
 *	the client answers questions: with the veto that it is about to give. Scripts for the state
 *	query run there, too.
 *   ask cpu=N [removable=1]|start=ADDRESS size=BYTES [change=add|remove]
 *	the errno of the command is dhp_query()'s answer. removable: meanwhile, the kernel does not
 *	know that the machine needs the CPU.
 *
 * test_register_loop.c
 *   newcomers start|stop
 *	registers clients with `existing` and unregisters them, again and again; stop logs how many
 *	got all CPUs, how many were refused with EBUSY, and how many got neither
 *
 * test_memory_loop.c
 *   memory_newcomers start|stop
 *	the same with memory clients; stop logs how many registered, how many of them while a
 *	block was in transit, how many calls they got that were not the replay, and how many calls
 *	did not fit
 *
 * test_shutdown.c
 *   shutdown online|offline cpu=N
 *	brings a CPU online or takes it offline as if the machine were rebooting
 *
 * test_suspend.c
 *   asleep start|stop [register=NAME] [rebalance=NAME] [unregister=NAME] [add=N]
 *	from start to stop, each suspend logs when devices are suspended and resumed. When they
 *	are suspended, it registers event client NAME for CPUs with existing, registers rebalance
 *	client NAME, unregisters NAME, and adds a device for CPU N, as if that CPU became present.
 *
 * test_cpus.c
 *   hog cpu=N ms=M
 *	keeps CPU N from running anything but interrupts for M milliseconds
 *   hotplug forbid|allow
 *	makes the kernel refuse to bring any CPU online or take it offline
 *   gate shut|open
 *	holds a CPU that goes offline at a step before those of dhp, and logs it
 *
 * test_pool.c
 *   pool NAME [buffer_size=] [permille=] [min=] [max=] [stealing=1]
 *   pool NAME system=1
 *	uses the pool that all drivers share
 *   destroy_system
 *	tries to destroy that pool, which dhp refuses
 *   destroy NAME
 *   rest NAME
 *	ends load, ticks and storm
 *
 * test_pool_items.c
 *   submit NAME [cpu=N] [count=K] [sleep_us=] [twice=1] [irq=1] [keep=1 [again=1]]
 *	submits K (1) items, from a hard interrupt with irq. twice: submits the last one again,
 *	which must be refused. keep: for `cancel`. again: each item submits itself when it has run.
 *   cancel NAME
 *   flush NAME
 *
 * test_pool_buffers.c
 *   get NAME [count=K] [zeroed=1]
 *	gets K (1) buffers and keeps them; zeroed: they must be zero
 *   put NAME [count=K]
 *	puts K (all) of them
 *   watch NAME start=ADDRESS size=BYTES
 *	from now on, counts the buffers in this range of memory
 *   misuse NAME how=twice|inside|elsewhere|after [other=NAME]
 *	puts a buffer twice, puts an address inside of it, puts it to the other pool, or writes
 *	to it after it was put
 *
 * test_pool_load.c
 *   load NAME [hold_us=] [buffers=] [pairs=]
 *	until rest, submits items to every CPU, and gets and puts buffers, many at a time and in
 *	pairs
 *
 * test_pool_interrupts.c
 *   ticks NAME [period_us=] [hard=1]
 *	until rest, gets and puts buffers in timers on each CPU, in soft or hard interrupts
 *   storm NAME on=N cpu=M [period_us=]
 *	until rest, submits items for CPU M in hard interrupts on CPU N
 *
 * test_refused_submit.c
 *   refused NAME cpu=N [ms=]
 *	creates a pool for the duration. Does an item on CPU N see what this CPU stored before a
 *	submission that was refused? Logs the number of lost stores.
 *
 * test_balloon.c
 *   balloon mib=N
 *	takes memory from the kernel without any notification, or returns it, until it has N MiB
 *
 * test_pages.c
 *   pages ready
 *	creates the cache for `slab`
 *   pages KIND count=K block=N pages=P node=NODE
 *	keeps K pages of this kind in block N, which is P pages long. The kinds are those of
 *	refusals, and left_behind: bad memory that is not in the way. huge: of those that
 *	a file of hugetlbfs has there.
 *   pages none
 *	frees them all
 *
 * test_step.c
 *   step add|remove errno=E [blanks=1]
 *	adds a step behind those of dhp to the CPU hotplug state machine, which fails for CPUs that
 *	go online, or offline; with blanks=1, its name has blanks
 *   step none
 *	removes it
 *
 * test_late.c
 *   late begin|end
 *	dhp's work item for the outcome of an operation waits until the next operation comes to dhp
 *
 * This file
 *   note TEXT
 *	puts a word into the log
 *   clear
 *	empties the log
 *   reset
 *	unregisters and destroys everything, ends all waits, empties the log
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "test_action.h"
#include "test_balloon.h"
#include "test_client.h"
#include "test_command.h"
#include "test_cpus.h"
#include "test_event_client.h"
#include "test_log.h"
#include "test_memory_client.h"
#include "test_memory_loop.h"
#include "test_pages.h"
#include "test_pool.h"
#include "test_pool_buffers.h"
#include "test_pool_interrupts.h"
#include "test_pool_items.h"
#include "test_pool_load.h"
#include "test_pool_user.h"
#include "test_processor_client.h"
#include "test_rebalance_client.h"
#include "test_query.h"
#include "test_refused_submit.h"
#include "test_register_loop.h"
#include "test_script.h"
#include "test_shutdown.h"
#include "test_step.h"
#include "test_suspend.h"
#include "test_late.h"

static bool forget;
module_param(forget, bool, 0444);
MODULE_PARM_DESC(forget, "unload without unregistering, as no client should");

/* ---- Commands ------------------------------------------------------------- */

static int do_note(const struct command *command)
{
	log_line("%s", command->name);
	return 0;
}

static int do_clear(const struct command *command)
{
	log_clear();
	return 0;
}

/* Keeps the scripts if a client is left, whose callback may still use them. */
static int reset_clients(void)
{
	int err = clients_reset();

	if (!err)
		scripts_reset();
	return err;
}

static int do_reset(const struct command *command)
{
	int err;

	register_loop_stop();
	memory_loop_stop();
	suspend_actions_stop();
	gate_remove();
	hotplug_allow();
	err = reset_clients();
	pools_reset();
	balloon_reset();
	pages_reset();
	step_remove();
	late_end();
	log_clear();
	return err;
}

static const struct verb verbs[] = {
	{ "processor", true, "flags fn probe ", processor_client },
	{ "event", true, "category flags fn ", event_client },
	{ "memory", true, "flags fn ", memory_client },
	{ "rebalance", true, "lacks ", rebalance_client },
	{ "bulk", true, "count flags ", processor_client_bulk },
	{ "unregister", true, "", client_unregister },
	{ "unregister_bad", true, "pointer ", client_unregister_bad },
	{ "veto", true, "state cpu start errno count ", action_veto },
	{ "answers", true, "on ", query_answers },
	{ "ask", false, "cpu start size change removable ", query_ask },
	{ "inside", true, "state cpu start action arg count ", action_inside },
	{ "release", true, "", client_release },
	{ "newcomers", true, "", register_loop_control },
	{ "memory_newcomers", true, "", memory_loop_control },
	{ "shutdown", true, "cpu ", shutdown_control },
	{ "asleep", true, "register rebalance unregister add ", suspend_control },
	{ "hog", false, "cpu ms ", cpu_hog },
	{ "gate", true, "", gate_control },
	{ "hotplug", true, "", hotplug_control },
	{ "note", true, "", do_note },
	{ "clear", false, "", do_clear },
	{ "reset", false, "", do_reset },
	{ "pool", true, "buffer_size permille min max stealing system ", pool_create },
	{ "destroy", true, "", pool_destroy },
	{ "destroy_system", false, "", pool_destroy_system },
	{ "submit", true, "cpu count sleep_us twice irq again keep ", items_submit },
	{ "cancel", true, "", items_cancel },
	{ "flush", true, "", items_flush },
	{ "refused", true, "cpu ms ", refused_submit },
	{ "get", true, "count zeroed ", buffers_get },
	{ "put", true, "count ", buffers_put },
	{ "watch", true, "start size ", buffers_watch },
	{ "misuse", true, "how other ", buffers_misuse },
	{ "load", true, "hold_us buffers pairs ", pool_load },
	{ "ticks", true, "period_us hard ", interrupts_ticks },
	{ "storm", true, "on cpu period_us ", interrupts_storm },
	{ "rest", true, "", pool_rest },
	{ "pages", true, "count block pages node ", pages_control },
	{ "step", true, "errno blanks ", step_control },
	{ "late", true, "", late_control },
	{ "balloon", false, "mib ", balloon_resize },
};

/* ---- Files ---------------------------------------------------------------- */

static ssize_t control_write(struct file *file, const char __user *buffer, size_t count,
			     loff_t *pos)
{
	char *text;
	int err;

	if (count >= PAGE_SIZE)
		return complain(-EINVAL, "a command must be shorter than a page");
	text = memdup_user_nul(buffer, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	complain(0, "%s", "");
	if (strlen(text) != count)
		err = complain(-EINVAL, "a command must not contain a zero byte");
	else if (strchr(strim(text), '\n'))
		err = complain(-EINVAL, "only one command per write");
	else
		err = command_run(strim(text), verbs, ARRAY_SIZE(verbs));
	kfree(text);
	return err ? err : count;
}

static int control_show(struct seq_file *m, void *v)
{
	complaint_print(m);
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	return single_open(file, control_show, NULL);
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.read = seq_read,
	.write = control_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int log_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &log_seq_operations);
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.open = log_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
};

static int pools_open_show(struct seq_file *m, void *v)
{
	pools_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pools_open);

static struct dentry *directory;

static int __init dhp_test_init(void)
{
	directory = debugfs_create_dir(KBUILD_MODNAME, NULL);
	if (IS_ERR(directory))
		return PTR_ERR(directory);
	debugfs_create_file("control", 0600, directory, NULL, &control_fops);
	debugfs_create_file("log", 0400, directory, NULL, &log_fops);
	debugfs_create_file("pools", 0400, directory, NULL, &pools_open_fops);
	return 0;
}

static void __exit dhp_test_exit(void)
{
	debugfs_remove_recursive(directory);
	register_loop_stop();
	memory_loop_stop();
	suspend_actions_stop();
	gate_remove();
	hotplug_allow();
	if (forget) {
		clients_abandon();
		scripts_abandon();
		pools_abandon();
	} else {
		reset_clients();
		pools_reset();
	}
	balloon_reset();
	pages_reset();
	step_remove();
	late_end();
	log_close();
}

module_init(dhp_test_init);
module_exit(dhp_test_exit);

MODULE_DESCRIPTION("scriptable client of dhp, for its selftests");
MODULE_LICENSE("GPL");
