// SPDX-License-Identifier: GPL-2.0-only
/*
 * For people who look at dhp at work: who is registered, and a log of the last
 * notifications with their durations. Nothing depends on it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

#define LOG_LEN 1024

enum log_kind { LOG_PROCESSOR, LOG_MEMORY, LOG_EVENT };

struct log_entry {
	u64 time_ns;
	u64 duration_ns;
	enum log_kind kind;
	int status;
	char client[DHP_NAME_LEN];
	union {
		struct dhp_processor_change processor;
		struct dhp_memory_change memory;
		struct dhp_event event;
	};
};

static DEFINE_MUTEX(log_mutex);
static struct log_entry *log_ring;
static u64 log_count;
static struct dentry *debugfs_root;

const char *dhp_processor_state_name(enum dhp_processor_state state)
{
	static const char * const names[] = {
		[DHP_PROCESSOR_START] = "START",
		[DHP_PROCESSOR_COMPLETE] = "COMPLETE",
		[DHP_PROCESSOR_FAILURE] = "FAILURE",
		[DHP_PROCESSOR_REMOVE_START] = "REMOVE_START",
		[DHP_PROCESSOR_REMOVE_COMPLETE] = "REMOVE_COMPLETE",
		[DHP_PROCESSOR_REMOVE_FAILURE] = "REMOVE_FAILURE",
	};

	return names[state];
}

static const char *memory_state_name(enum dhp_memory_state state)
{
	static const char * const names[] = {
		[DHP_MEMORY_REMOVE_START] = "REMOVE_START",
		[DHP_MEMORY_REMOVE_COMPLETE] = "REMOVE_COMPLETE",
		[DHP_MEMORY_REMOVE_FAILURE] = "REMOVE_FAILURE",
	};

	return names[state];
}

/*
 * Returns the entry to fill, with log_mutex held. An event may have had no client.
 * With a thousand clients this is a good part of what their calls cost.
 */
static struct log_entry *log_begin(struct dhp_client_info *info, enum log_kind kind,
				   u64 start_ns, u64 duration_ns)
{
	static const char nobody[DHP_NAME_LEN] = "none";
	struct log_entry *entry;

	mutex_lock(&log_mutex);
	entry = &log_ring[log_count++ % LOG_LEN];
	entry->time_ns = start_ns;
	entry->duration_ns = duration_ns;
	entry->kind = kind;
	entry->status = 0;
	memcpy(entry->client, info ? info->name : nobody, sizeof(entry->client));
	return entry;
}

void dhp_log_processor(struct dhp_client_info *info,
		       const struct dhp_processor_change *change, int status,
		       u64 start_ns, u64 duration_ns)
{
	struct log_entry *entry = log_begin(info, LOG_PROCESSOR, start_ns, duration_ns);

	entry->processor = *change;
	entry->status = status ?: change->status;
	mutex_unlock(&log_mutex);
	trace_dhp_processor(info->name, change->state, change->cpu, change->nid,
			    status ?: change->status, duration_ns);
}

void dhp_log_memory(struct dhp_client_info *info,
		    const struct dhp_memory_change *change, u64 start_ns,
		    u64 duration_ns)
{
	struct log_entry *entry = log_begin(info, LOG_MEMORY, start_ns, duration_ns);

	entry->memory = *change;
	mutex_unlock(&log_mutex);
	trace_dhp_memory(info->name, change->state, change->start_pfn,
			 change->nr_pages, duration_ns);
}

void dhp_log_event(struct dhp_client_info *info, const struct dhp_event *event,
		   u64 start_ns, u64 duration_ns)
{
	struct log_entry *entry = log_begin(info, LOG_EVENT, start_ns, duration_ns);

	entry->event = *event;
	mutex_unlock(&log_mutex);
	trace_dhp_event(info ? info->name : "none", event->seq, event->action, event->category,
			event->cpu, event->start, event->size, event->nid,
			event->merged, event->existing, duration_ns);
}

static void log_show_entry(struct seq_file *m, const struct log_entry *entry)
{
	u32 ns;
	u64 seconds = div_u64_rem(entry->time_ns, NSEC_PER_SEC, &ns);
	phys_addr_t start;

	seq_printf(m, "%llu.%06u ", seconds, ns / (u32)NSEC_PER_USEC);
	switch (entry->kind) {
	case LOG_PROCESSOR:
		seq_printf(m, "%s cpu=%u node=%d client=%s result=%d",
			   dhp_processor_state_name(entry->processor.state),
			   entry->processor.cpu, entry->processor.nid,
			   entry->client, entry->status);
		break;
	case LOG_MEMORY:
		start = PFN_PHYS(entry->memory.start_pfn);
		seq_printf(m, "%s mem=%#llx-%#llx node=%d client=%s",
			   memory_state_name(entry->memory.state), (u64)start,
			   (u64)(start + PFN_PHYS(entry->memory.nr_pages) - 1),
			   entry->memory.nid, entry->client);
		break;
	case LOG_EVENT:
		seq_puts(m, entry->event.action == DHP_EVENT_ARRIVAL ?
			 "ARRIVAL" : "REMOVAL");
		if (entry->event.category == DHP_PROCESSOR)
			seq_printf(m, " cpu=%u", entry->event.cpu);
		else
			seq_printf(m, " mem=%#llx-%#llx",
				   (u64)entry->event.start,
				   (u64)(entry->event.start +
					 entry->event.size - 1));
		seq_printf(m, " node=%d seq=%llu%s client=%s",
			   entry->event.nid, entry->event.seq,
			   entry->event.existing ? " existing" : "",
			   entry->client);
		if (entry->event.merged)
			seq_printf(m, " merged=%u", entry->event.merged);
		break;
	}
	seq_printf(m, " took=%lluus\n",
		   div_u64(entry->duration_ns, NSEC_PER_USEC));
}

static int log_show(struct seq_file *m, void *unused)
{
	u64 i;

	mutex_lock(&log_mutex);
	for (i = log_count > LOG_LEN ? log_count - LOG_LEN : 0; i < log_count; i++)
		log_show_entry(m, &log_ring[i % LOG_LEN]);
	mutex_unlock(&log_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(log);

static int clients_show(struct seq_file *m, void *unused)
{
	dhp_client_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(clients);

int dhp_debugfs_init(void)
{
	log_ring = kvcalloc(LOG_LEN, sizeof(*log_ring), GFP_KERNEL);
	if (!log_ring)
		return -ENOMEM;

	debugfs_root = debugfs_create_dir("dhp", NULL);
	debugfs_create_file("clients", 0400, debugfs_root, NULL, &clients_fops);
	debugfs_create_file("log", 0400, debugfs_root, NULL, &log_fops);
	return 0;
}

void dhp_debugfs_exit(void)
{
	debugfs_remove(debugfs_root);
	kvfree(log_ring);
}
