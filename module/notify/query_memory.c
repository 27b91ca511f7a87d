// SPDX-License-Identifier: GPL-2.0-only
/*
 * May memory come or go? What the kernel is known to refuse, and then the clients, while no memory
 * changes. The pages that are in the way are counted in pages.c.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/numa.h>
#include <linux/pfn.h>
#include <linux/range.h>
#include <linux/sched.h>

#include "asking.h"
#include "common.h"
#include "compat.h"
#include "memory_clients.h"
#include "online.h"
#include "pages.h"
#include "query_memory.h"

#define REASON_SIZE (DHP_PAGES_PRINT_SIZE + 64)

/* How often pages that are in the way are looked at, and how long to wait in between. */
#define COUNT_TRIES 3
#define COUNT_MS 20

/**
 * struct survey - the memory blocks of a range
 * @nr: how many
 * @nr_online: how many are online
 * @nr_absent: how many are not there
 * @first_pfn: of the first one that is online
 * @end_pfn: behind the last one that is online
 * @in_transit: one of them is going online or offline
 * @nid: node of the first one that is online
 * @never_offline: why one that is online can never go offline, in words, or NULL
 */
struct survey {
	unsigned long nr;
	unsigned long nr_online;
	unsigned long nr_absent;
	unsigned long first_pfn;
	unsigned long end_pfn;
	bool in_transit;
	int nid;
	const char *never_offline;
};

/* ---- Blocks --------------------------------------------------------------- */

static unsigned long block_pages(void)
{
	return PHYS_PFN(memory_block_size_bytes());
}

/* The kernel has a table of so many sections of memory. */
static bool addressable(unsigned long end_pfn)
{
	return pfn_to_section_nr(end_pfn - 1) < NR_MEM_SECTIONS;
}

/*
 * The kernel counts a block that is there at boot as online if any of its sections is there:
 * firmware may leave out the others, also the first one.
 */
static bool block_online(unsigned long pfn)
{
	unsigned long end_pfn = pfn + block_pages();

	for (; pfn < end_pfn; pfn += PAGES_PER_SECTION)
		if (online_section_nr(pfn_to_section_nr(pfn)))
			return true;
	return false;
}

static bool block_absent(unsigned long pfn)
{
	unsigned long end_pfn = pfn + block_pages();

	for (; pfn < end_pfn; pfn += PAGES_PER_SECTION)
		if (present_section_nr(pfn_to_section_nr(pfn)))
			return false;
	return true;
}

static int add_size(struct resource *resource, void *size)
{
	*(u64 *)size += resource_size(resource);
	return 0;
}

/* Firmware leaves holes in memory that is there at boot. */
static bool block_has_holes(unsigned long pfn)
{
	u64 size = 0;

	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY,
			    PFN_PHYS(pfn), PFN_PHYS(pfn + block_pages()) - 1, &size, add_size);
	return size != memory_block_size_bytes();
}

static bool block_has_zones(unsigned long pfn)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));
	unsigned long end_pfn = pfn + block_pages();

	for (; pfn < end_pfn; pfn += PAGES_PER_SUBSECTION)
		if (page_zone(pfn_to_page(pfn)) != zone)
			return true;
	return false;
}

/* Why a block that is online can never go offline, in words, or NULL. */
static const char *never_offline(unsigned long pfn)
{
	if (block_has_holes(pfn))
		return "a memory block of it has holes";
	if (block_has_zones(pfn))
		return "a memory block of it is in two zones";
	return NULL;
}

/* It may begin with a hole. */
static int block_nid(unsigned long pfn)
{
	unsigned long end_pfn = pfn + block_pages();

	for (; pfn < end_pfn; pfn += PAGES_PER_SUBSECTION)
		if (pfn_to_online_page(pfn))
			return pfn_to_nid(pfn);
	return NUMA_NO_NODE;
}

static void survey(const struct dhp_query *query, struct survey *survey)
{
	unsigned long pfn = PHYS_PFN(query->start);
	unsigned long end_pfn = pfn + PHYS_PFN(query->size);

	lockdep_assert_held(&dhp_online_mutex);

	*survey = (struct survey){
		.nr = PHYS_PFN(query->size) / block_pages(),
		.in_transit = dhp_online_in_transit(pfn, end_pfn),
	};
	if (!addressable(end_pfn)) {
		survey->nr_absent = survey->nr;
		return;
	}
	for (; pfn < end_pfn; pfn += block_pages()) {
		if (block_online(pfn)) {
			if (!survey->nr_online++) {
				survey->first_pfn = pfn;
				survey->nid = block_nid(pfn);
			}
			if (!survey->never_offline)
				survey->never_offline = never_offline(pfn);
			survey->end_pfn = pfn + block_pages();
		} else if (block_absent(pfn)) {
			survey->nr_absent++;
		}
		cond_resched();
	}
}

/* ---- The kernel's answer -------------------------------------------------- */

static bool look_again(const struct dhp_pages *pages)
{
	return pages->unmovable_pfn != DHP_PAGES_NO_PFN || pages->nr[DHP_PAGES_PINNED];
}

/*
 * Counts the pages that are in the way. A page that is just being allocated, or moved, looks like
 * the kernel's own, or pinned; hence it looks again. Returns whether the kernel is sure to refuse:
 * the first page that it never moves was the same each time.
 */
static bool count_pages(const struct survey *survey, struct dhp_pages *pages)
{
	unsigned long nr_pages = survey->end_pfn - survey->first_pfn;
	unsigned int tries = COUNT_TRIES;
	unsigned long unmovable_pfn;
	bool same;

	dhp_pages_count(survey->first_pfn, nr_pages, pages);
	unmovable_pfn = pages->unmovable_pfn;
	same = unmovable_pfn != DHP_PAGES_NO_PFN;
	while (look_again(pages) && --tries) {
		msleep(COUNT_MS);
		dhp_pages_count(survey->first_pfn, nr_pages, pages);
		same &= pages->unmovable_pfn == unmovable_pfn;
	}
	return same;
}

/* What pages of the range are in the way. */
static struct dhp_answer pages_answer(const struct survey *survey, char *reason)
{
	struct dhp_pages pages;
	bool refuses;
	int len;

	refuses = count_pages(survey, &pages);
	len = scnprintf(reason, REASON_SIZE, "pages in the way: ");
	dhp_pages_print(reason + len, REASON_SIZE - len, &pages);
	if (refuses)
		return dhp_kernel_answer(DHP_ANSWER_NO, -EBUSY, reason);
	/* Those on no LRU list are back on one in a moment. */
	pages.nr[DHP_PAGES_BUSY] = 0;
	len = scnprintf(reason, REASON_SIZE, "pages that may be in the way: ");
	if (dhp_pages_print(reason + len, REASON_SIZE - len, &pages))
		return dhp_kernel_answer(DHP_ANSWER_UNKNOWN, 0, reason);
	return dhp_kernel_answer(DHP_ANSWER_YES, 0,
		"but pages may become pinned, memory to move them to may be short, and another notifier may refuse");
}

/* Memory that is not there: can it be plugged? */
static struct dhp_answer plug_answer(const struct dhp_query *query, const struct survey *survey,
				     char *reason)
{
	struct range range = mhp_get_pluggable_range(true);
	u64 size = (u64)survey->nr_absent * memory_block_size_bytes();
	u64 memmap = PHYS_PFN(size) * sizeof(struct page);
	u64 available = PFN_PHYS(max(si_mem_available(), 0L));

	if (query->start < range.start || query->start + query->size - 1 > range.end) {
		snprintf(reason, REASON_SIZE, "memory must be within %#llx-%#llx", range.start,
			 range.end);
		return dhp_kernel_answer(DHP_ANSWER_NO, -E2BIG, reason);
	}
	if (memmap > available && !dhp_memmap_on_memory(size)) {
		snprintf(reason, REASON_SIZE,
			 "its struct pages need %llu MiB, and %llu MiB are available",
			 memmap >> 20, available >> 20);
		return dhp_kernel_answer(DHP_ANSWER_NO, -ENOMEM, reason);
	}
	if (survey->nr_absent < survey->nr)
		return dhp_kernel_answer(DHP_ANSWER_YES, 0,
			"but a part of it is not there and must be plugged, a device may use its addresses, memory for its struct pages may be short, and another notifier may refuse");
	return dhp_kernel_answer(DHP_ANSWER_YES, 0,
		"but it is not there and must be plugged, a device may use its addresses, memory for its struct pages may be short, and another notifier may refuse");
}

/* Without the mutex, because counting pages takes it itself, for a moment at a time. */
static struct dhp_answer kernel_answer(const struct dhp_query *query, const struct survey *survey,
				       char *reason)
{
	if (survey->in_transit)
		return dhp_kernel_answer(DHP_ANSWER_UNKNOWN, 0,
			"a memory block of it is going online or offline now");
	if (query->change == DHP_QUERY_REMOVE) {
		if (survey->never_offline)
			return dhp_kernel_answer(DHP_ANSWER_NO, -EINVAL, survey->never_offline);
		return pages_answer(survey, reason);
	}
	if (survey->nr_absent)
		return plug_answer(query, survey, reason);
	return dhp_kernel_answer(DHP_ANSWER_YES, 0,
		"but memory may be short, and another notifier may refuse");
}

/* ---- All answers ---------------------------------------------------------- */

void dhp_query_memory(struct dhp_asking *asking)
{
	bool add = asking->query.change == DHP_QUERY_ADD;
	char reason[REASON_SIZE];
	struct dhp_answer answer;
	struct survey found;
	bool idle;

	mutex_lock(&dhp_online_mutex);
	survey(&asking->query, &found);
	mutex_unlock(&dhp_online_mutex);
	if (found.nr_online)
		asking->query.nid = found.nid;
	idle = !found.in_transit && found.nr_online == (add ? found.nr : 0);
	if (idle)
		answer = dhp_kernel_answer(DHP_ANSWER_YES, 0, add ?
					   "nothing to do: all of it is online" :
					   "nothing to do: nothing of it is online");
	else
		answer = kernel_answer(&asking->query, &found, reason);

	mutex_lock(&dhp_online_mutex);
	dhp_context_enter(DHP_IN_MEMORY);
	dhp_asking_answer(asking, &answer);
	if (!idle)
		dhp_memory_clients_ask(asking);
	dhp_context_leave(DHP_IN_MEMORY);
	dhp_memory_clients_free_left();
	mutex_unlock(&dhp_online_mutex);
}

int dhp_memory_set_query(struct dhp_memory_client *client, dhp_query_fn fn)
{
	if (IS_ERR_OR_NULL(client))
		return -EINVAL;
	if (dhp_in(DHP_IN_MEMORY)) {
		dhp_memory_client_set_query(client, fn);
		return 0;
	}
	mutex_lock(&dhp_online_mutex);
	dhp_memory_client_set_query(client, fn);
	mutex_unlock(&dhp_online_mutex);
	return 0;
}
EXPORT_SYMBOL_GPL(dhp_memory_set_query);
