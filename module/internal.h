/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What dhp's parts know of each other and no client needs.
 *
 * Lock order, outermost first:
 *
 *	CPU hotplug lock > memory hotplug lock > memory_mutex > event_lock
 *	CPU hotplug lock > processor_mutex > event_lock
 *	any of them > client_mutex, log_lock, the locks of a pool
 *
 * processor_mutex is also taken without the CPU hotplug lock, and never waited for by a
 * task that holds that lock for reading: see processor.c.
 *
 * No lock is held while an asynchronous client runs.
 */
#ifndef _DHP_INTERNAL_H
#define _DHP_INTERNAL_H

#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/workqueue.h>

#include "dhp.h"
#include "dhp_pool.h"

#define DHP_NAME_LEN 64

/**
 * struct dhp_client_info - what all kinds of clients have in common
 * @node: in the list of all clients
 * @owner: the client's module, NULL for built-in code
 * @kind: what it registered for
 * @name: MODULE/CALLBACK#NUMBER
 * @calls: how often it was called
 * @vetoes: how often it vetoed
 * @longest_ns: its longest call
 *
 * The counts are written under the lock that serialises the client's callbacks, and
 * read without.
 */
struct dhp_client_info {
	struct list_head node;
	struct module *owner;
	const char *kind;
	char name[DHP_NAME_LEN];
	u64 calls;
	u64 vetoes;
	u64 longest_ns;
};

/* client.c: who is registered */
int dhp_client_init(void);
void dhp_client_exit(void);
void dhp_client_add(struct dhp_client_info *info, void *fn, const char *kind,
		    struct module *owner);
void dhp_client_del(struct dhp_client_info *info);
unsigned int dhp_client_count(void);
void dhp_client_show(struct seq_file *m);
bool dhp_inside(const char *what);
bool dhp_memory_inside(const char *what);

static inline void dhp_client_called(struct dhp_client_info *info, u64 duration_ns)
{
	WRITE_ONCE(info->calls, info->calls + 1);
	if (duration_ns > info->longest_ns)
		WRITE_ONCE(info->longest_ns, duration_ns);
}

/* processor.c: synchronous processor notification */
int dhp_processor_init(void);
void dhp_processor_exit(void);
int dhp_processor_settle(void);
void dhp_processor_forget(struct module *owner);
bool dhp_processor_calling(void);

/* present.c: processors that become present */
int dhp_present_init(void);
void dhp_present_exit(void);
int dhp_present_settle(void);

/**
 * struct dhp_range - a contiguous range of memory
 * @start: first physical address
 * @size: bytes
 * @nid: its node
 */
struct dhp_range {
	phys_addr_t start;
	phys_addr_t size;
	int nid;
};

/* memory.c: memory notification */
int dhp_memory_init(void);
void dhp_memory_exit(void);
void dhp_memory_freeze(void);
void dhp_memory_thaw(void);
bool dhp_memory_calling(void);
int dhp_memory_ranges(struct dhp_range **ranges);
void dhp_memory_forget(struct module *owner);

/*
 * event.c: asynchronous delivery
 *
 * What calls clients from a work item queues it here: it does not run while tasks are
 * frozen for a suspend or a hibernation. It exists from dhp_event_init() to
 * dhp_event_exit(), that is, for longer than the sources of events. A task must not wait
 * uninterruptibly for such a work item: when the item is frozen, the task cannot be, and
 * the suspend fails.
 */
extern struct workqueue_struct *dhp_freezable_wq;
int dhp_event_init(void);
void dhp_event_exit(void);
void dhp_event_processor(enum dhp_event_action action, unsigned int cpu);
void dhp_event_processor_known(unsigned int cpu);
void dhp_event_memory(enum dhp_event_action action, const struct dhp_range *range);
void dhp_event_hold_run(enum dhp_event_action action, const struct dhp_range *range);
void dhp_event_release_run(void);
int dhp_event_settle(u64 *seq);
u64 dhp_event_sequence(void);
void dhp_event_forget(struct module *owner);

/* pool.c and worker.c */
int dhp_pool_init(void);
void dhp_pool_exit(void);
void dhp_pool_forget(struct module *owner);
bool dhp_item_running(void);

/* wdm.c */
void dhp_wdm_exit(void);
void dhp_wdm_settle(struct module *owner);
void dhp_wdm_forget(struct module *owner);

/* param.c: a type for module_param() */
extern const struct kernel_param_ops param_ops_dhp_bool;
#define param_check_dhp_bool param_check_bool

/* sysfs.c */
int dhp_sysfs_init(void);
void dhp_sysfs_exit(void);

/* debugfs.c: who is registered, and the log of the last notifications */
int dhp_debugfs_init(void);
void dhp_debugfs_exit(void);
const char *dhp_processor_state_name(enum dhp_processor_state state);
void dhp_log_processor(const char *client, const struct dhp_processor_change *change,
		       int status, u64 start_ns, u64 end_ns);
void dhp_log_memory(const char *client, const struct dhp_memory_change *change,
		    u64 start_ns, u64 end_ns);
void dhp_log_event(const char *client, const struct dhp_event *event, u64 start_ns,
		   u64 end_ns);

#endif /* _DHP_INTERNAL_H */
