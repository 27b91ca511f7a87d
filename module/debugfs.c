// SPDX-License-Identifier: GPL-2.0-only
/*
 * For people who look at dhp at work: who is registered, and a log of the last
 * notifications with their durations. Nothing depends on it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/spinlock.h>

#include "internal.h"
#include "notify/trace.h"

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

static DEFINE_SPINLOCK(log_lock);
static struct log_entry log_ring[LOG_LEN];
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
 * Returns the entry to fill, with log_lock held. With a thousand clients this is a
 * good part of what their calls cost. @client has DHP_NAME_LEN bytes.
 */
static __always_inline struct log_entry *log_begin(const char *client, enum log_kind kind,
						   u64 start_ns, u64 end_ns)
{
	struct log_entry *entry;

	spin_lock(&log_lock);
	entry = &log_ring[log_count++ % LOG_LEN];
	entry->time_ns = start_ns;
	entry->duration_ns = end_ns - start_ns;
	entry->kind = kind;
	memcpy(entry->client, client, sizeof(entry->client));
	return entry;
}

void dhp_log_processor(const char *client, const struct dhp_processor_change *change,
		       int status, u64 start_ns, u64 end_ns)
{
	struct log_entry *entry;

	status = status ?: change->status;
	entry = log_begin(client, LOG_PROCESSOR, start_ns, end_ns);
	entry->processor = *change;
	entry->status = status;
	spin_unlock(&log_lock);
	trace_dhp_processor(client, change, status, end_ns - start_ns);
}

void dhp_log_memory(const char *client, const struct dhp_memory_change *change,
		    u64 start_ns, u64 end_ns)
{
	struct log_entry *entry = log_begin(client, LOG_MEMORY, start_ns, end_ns);

	entry->memory = *change;
	spin_unlock(&log_lock);
	trace_dhp_memory(client, change, end_ns - start_ns);
}

/* @client is NULL for an event that nobody was told. */
void dhp_log_event(const char *client, const struct dhp_event *event, u64 start_ns,
		   u64 end_ns)
{
	static const char nobody[DHP_NAME_LEN] = "none";
	struct log_entry *entry;

	client = client ?: nobody;
	entry = log_begin(client, LOG_EVENT, start_ns, end_ns);
	entry->event = *event;
	spin_unlock(&log_lock);
	trace_dhp_event(client, event, end_ns - start_ns);
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

/* Copies entry @number, or the oldest one behind it that is there still, and says which. */
static u64 log_read(u64 number, struct log_entry *entry)
{
	spin_lock(&log_lock);
	if (log_count > LOG_LEN)
		number = max(number, log_count - LOG_LEN);
	*entry = log_ring[number % LOG_LEN];
	spin_unlock(&log_lock);
	return number;
}

static u64 log_end(void)
{
	u64 end;

	spin_lock(&log_lock);
	end = log_count;
	spin_unlock(&log_lock);
	return end;
}

/* Whoever notifies must not wait for who reads. */
static int log_show(struct seq_file *m, void *unused)
{
	struct log_entry entry;
	u64 number, end = log_end();

	for (number = 0; number < end; number++) {
		number = log_read(number, &entry);
		if (number < end)
			log_show_entry(m, &entry);
	}
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
	debugfs_root = debugfs_create_dir("dhp", NULL);
	debugfs_create_file("clients", 0400, debugfs_root, NULL, &clients_fops);
	debugfs_create_file("log", 0400, debugfs_root, NULL, &log_fops);
	return 0;
}

void dhp_debugfs_exit(void)
{
	debugfs_remove(debugfs_root);
}
