// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control file: takes commands apart, refuses bad ones, and has the others done.
 *
 *   processor NAME [flags=existing,removals|NUMBER] [fn=none] [probe=1]
 *   event NAME category=processor|memory|NUMBER [flags=existing|NUMBER] [fn=none]
 *   memory NAME [fn=none]
 *	registers a client. With probe, it runs a thread on the processor in COMPLETE.
 *   bulk PREFIX count=N [flags=]
 *	registers processor clients PREFIX1 to PREFIXn
 *   unregister NAME|PREFIX*
 *   unregister_bad processor|event|memory pointer=null|error
 *   veto NAME state=start|remove_start errno=E [cpu=N] [count=K]
 *	vetoes the next K (1) times; count=0: always
 *   inside NAME state=STATE action=ACTION [arg=A] [cpu=N] [count=K]
 *	does something from inside a callback; test_clients.c lists the actions
 *   release NAME
 *	ends a `hold` action
 *   newcomers start|stop
 *	clients register with `existing` and leave, again and again; stop logs how many were
 *	told of all processors, refused with EBUSY, or neither
 *   shutdown online|offline cpu=N
 *	brings a CPU up or takes it down as on the way to a reboot
 *   asleep start|stop [register=NAME] [unregister=NAME] [add=N]
 *	from start to stop, each suspend logs when devices are asleep and awake again; asleep,
 *	it registers event client NAME for processors with existing, unregisters NAME, and
 *	adds a device for processor N, as if it became present
 *   hog cpu=N ms=M
 *	keeps CPU N from running anything but interrupts for M milliseconds
 *   gate shut|open
 *	a CPU that goes offline waits at a step before dhp's, which it logs
 *   note TEXT
 *	puts a word into the log
 *   clear
 *	empties the log
 *   reset
 *	unregisters and destroys everything, releases who waits, empties the log
 *
 *   pool NAME [buffer_size=] [permille=] [min=] [max=]
 *   destroy NAME
 *   submit NAME [cpu=N] [count=K] [sleep_us=] [twice=1]
 *   flush NAME
 *   refused NAME cpu=N [ms=]
 *	makes a pool for the time, and looks from this CPU whether items that run on CPU N
 *	see what was stored before a submission that was refused; logs what was lost
 *   get NAME [count=K] [zeroed=1]
 *	takes K (1) buffers and keeps them; zeroed: they must be zero
 *   put NAME [count=K]		puts K (all) of them back
 *   watch NAME start=ADDRESS size=BYTES
 *	counts the buffers from this range of memory from now on
 *   misuse NAME how=twice|inside|elsewhere|after [other=NAME]
 *	puts a buffer twice, or with an address inside of it, or to the other pool, or
 *	writes to it after it was put
 *   load NAME [hold_us=] [buffers=] [pairs=]
 *	submits work everywhere, and takes and puts back buffers, many and in pairs, until
 *   ticks NAME [period_us=] [hard=1]
 *	takes and puts back buffers in timers on each CPU, in softirqs or hardirqs, until
 *   storm NAME on=N cpu=M [period_us=]
 *	submits items for CPU M in hard interrupts on CPU N, until
 *   rest NAME
 *
 *   balloon mib=N
 *	takes that much memory from the kernel, without any notification, and gives back what
 *	it has more
 */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "test.h"

static bool forget;
module_param(forget, bool, 0444);
MODULE_PARM_DESC(forget, "leave without unregistering, as no client should");

static DEFINE_MUTEX(complaint_lock);
static char complaint[256];

/* Keeps the reason of a refusal for a read of control. Returns @error. */
int complain(int error, const char *fmt, ...)
{
	va_list args;

	mutex_lock(&complaint_lock);
	va_start(args, fmt);
	vscnprintf(complaint, sizeof(complaint), fmt, args);
	va_end(args);
	mutex_unlock(&complaint_lock);
	return error;
}

const char *option(const struct command *command, const char *key)
{
	unsigned int i;

	for (i = 0; i < command->nr; i++)
		if (!strcmp(command->keys[i], key))
			return command->values[i];
	return NULL;
}

/* Leaves @value alone if there is no such option. */
int number_option(const struct command *command, const char *key, long *value)
{
	const char *text = option(command, key);

	if (!text)
		return 0;
	if (kstrtol(text, 0, value) || *value < INT_MIN || *value > INT_MAX)
		return complain(-EINVAL, "%s=%s is no number", key, text);
	return 0;
}

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

static int do_reset(const struct command *command)
{
	int err;

	newcomers_stop();
	asleep_stop();
	gate_remove();
	err = clients_reset();
	pools_reset();
	balloon_reset();
	log_clear();
	return err;
}

static const struct verb {
	const char *word;
	bool named;
	const char *keys;	/* those that are known, each with a blank behind it */
	int (*run)(const struct command *command);
} verbs[] = {
	{ "processor", true, "flags fn probe ", client_processor },
	{ "event", true, "category flags fn ", client_event },
	{ "memory", true, "fn ", client_memory },
	{ "bulk", true, "count flags ", client_bulk },
	{ "unregister", true, "", client_unregister },
	{ "unregister_bad", true, "pointer ", client_unregister_bad },
	{ "veto", true, "state cpu errno count ", client_veto },
	{ "inside", true, "state cpu action arg count ", client_inside },
	{ "release", true, "", client_release },
	{ "newcomers", true, "", newcomers_control },
	{ "shutdown", true, "cpu ", shutdown_control },
	{ "asleep", true, "register unregister add ", asleep_control },
	{ "hog", false, "cpu ms ", cpu_hog },
	{ "gate", true, "", gate_control },
	{ "note", true, "", do_note },
	{ "clear", false, "", do_clear },
	{ "reset", false, "", do_reset },
	{ "pool", true, "buffer_size permille min max stealing ", pool_create },
	{ "destroy", true, "", pool_destroy },
	{ "submit", true, "cpu count sleep_us twice irq again keep ", pool_submit },
	{ "cancel", true, "", pool_cancel },
	{ "flush", true, "", pool_flush },
	{ "refused", true, "cpu ms ", refused_look },
	{ "get", true, "count zeroed ", pool_get },
	{ "put", true, "count ", pool_put },
	{ "watch", true, "start size ", pool_watch },
	{ "misuse", true, "how other ", pool_misuse },
	{ "load", true, "hold_us buffers pairs ", pool_load },
	{ "ticks", true, "period_us hard ", pool_ticks },
	{ "storm", true, "on cpu period_us ", pool_storm },
	{ "rest", true, "", pool_rest },
	{ "balloon", false, "mib ", balloon_resize },
};

static bool knows(const struct verb *verb, const char *key)
{
	size_t length = strlen(key);
	const char *at = verb->keys;

	while (*at) {
		size_t word = strchr(at, ' ') - at;

		if (word == length && !strncmp(at, key, length))
			return true;
		at += word + 1;
	}
	return false;
}

static const struct verb *find_verb(const char *word)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].word, word))
			return &verbs[i];
	return NULL;
}

static int run(char *text)
{
	struct command command = { .name = "" };
	const struct verb *verb;
	char *word, *value;

	word = strsep(&text, " ");
	verb = find_verb(word);
	if (!verb)
		return complain(-EINVAL, "unknown command '%.40s'", word);

	while (text) {
		word = strsep(&text, " ");
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value) {
			if (!verb->named || *command.name)
				return complain(-EINVAL, "%s: one word too many: '%.40s'",
						verb->word, word);
			command.name = word;
			continue;
		}
		*value++ = '\0';
		if (!knows(verb, word))
			return complain(-EINVAL, "%s: unknown option '%.40s'; known: %s",
					verb->word, word, *verb->keys ? verb->keys : "none");
		if (option(&command, word))
			return complain(-EINVAL, "%s: %s is given twice", verb->word, word);
		if (command.nr == MAX_OPTIONS)
			return complain(-EINVAL, "%s: too many options", verb->word);
		command.keys[command.nr] = word;
		command.values[command.nr++] = value;
	}
	if (verb->named && !*command.name)
		return complain(-EINVAL, "%s: a name is missing", verb->word);
	return verb->run(&command);
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t count,
			     loff_t *pos)
{
	char *text;
	int err;

	if (count >= PAGE_SIZE)
		return complain(-EINVAL, "a command is shorter than a page");
	text = memdup_user_nul(buffer, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	complain(0, "%s", "");
	if (strlen(text) != count)
		err = complain(-EINVAL, "a command has no zero bytes");
	else if (strchr(strim(text), '\n'))
		err = complain(-EINVAL, "one command per write, please");
	else
		err = run(strim(text));
	kfree(text);
	return err ? err : count;
}

static int control_show(struct seq_file *m, void *v)
{
	mutex_lock(&complaint_lock);
	seq_printf(m, "%s\n", complaint);
	mutex_unlock(&complaint_lock);
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
	newcomers_stop();
	asleep_stop();
	gate_remove();
	if (forget) {
		clients_forget();
		pools_forget();
	} else {
		clients_reset();
		pools_reset();
	}
	balloon_reset();
	log_close();
}

module_init(dhp_test_init);
module_exit(dhp_test_exit);

MODULE_DESCRIPTION("scriptable client of dhp's, for its selftests");
MODULE_LICENSE("GPL");
