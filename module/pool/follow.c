// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool as a client of dhp: the only file of the pool that knows dhp.h. It turns
 * notifications into calls: of cpu.c for CPUs, vacate.c for memory that goes offline,
 * buffer_resize.c for the pool's size.
 */

#include <linux/err.h>

#include "dhp.h"
#include "dhp_query.h"

#include "buffer_resize.h"
#include "cpu.h"
#include "follow.h"
#include "vacate.h"

/* A pool refuses nothing. */
static int never_refuses(void *context, const struct dhp_query *query)
{
	return 0;
}

/* ---- CPUs ----------------------------------------------------------------- */

static void processor_changed(void *context,
			      const struct dhp_processor_change *change,
			      int *status)
{
	struct dhp_pool *pool = context;
	unsigned int cpu = change->cpu;
	int err;

	mutex_lock(&pool->mutex);
	switch (change->state) {
	case DHP_PROCESSOR_START:
		err = dhp_cpu_start(pool, cpu, change->nid);
		if (err)
			*status = err;
		break;
	case DHP_PROCESSOR_COMPLETE:
		/* The replay has STARTs first, and then nothing that could fail. */
		pool->created = true;
		fallthrough;
	case DHP_PROCESSOR_REMOVE_FAILURE:
		dhp_cpu_use(pool, cpu);
		break;
	case DHP_PROCESSOR_REMOVE_START:
		dhp_cpu_remove_start(pool, cpu);
		break;
	case DHP_PROCESSOR_FAILURE:
	case DHP_PROCESSOR_REMOVE_COMPLETE:
		dhp_cpu_gone(pool, cpu);
		break;
	}
	dhp_cpu_update(pool, cpu);
	mutex_unlock(&pool->mutex);
}

int dhp_follow_cpus(struct dhp_pool *pool)
{
	struct dhp_processor_client *client;

	client = dhp_register_processor_callback(processor_changed, pool,
						 DHP_PROCESSOR_ADD_EXISTING |
						 DHP_PROCESSOR_REMOVALS);
	if (IS_ERR(client))
		return PTR_ERR(client);
	pool->client = client;
	dhp_processor_set_query(client, never_refuses);
	return 0;
}

void dhp_unfollow_cpus(struct dhp_pool *pool)
{
	dhp_unregister_processor_callback(pool->client);
}

/* ---- Memory --------------------------------------------------------------- */

static void memory_changed(void *context, const struct dhp_memory_change *change, int *status)
{
	struct dhp_pool *pool = context;

	switch (change->state) {
	case DHP_MEMORY_REMOVE_START:
		dhp_vacate_start(pool, change->nid, change->start_pfn, change->nr_pages);
		break;
	case DHP_MEMORY_REMOVE_COMPLETE:
		/* The event comes when the last block of the DIMM is offline. */
		dhp_vacate_complete(pool, change->nid);
		dhp_buffers_kick(pool);
		break;
	case DHP_MEMORY_REMOVE_FAILURE:
		dhp_vacate_failure(pool, change->nid, change->start_pfn, change->nr_pages);
		dhp_buffers_kick(pool);
		break;
	default:
		break;
	}
}

static void memory_event(void *context, const struct dhp_event *event)
{
	struct dhp_pool *pool = context;

	dhp_vacate_over(pool);
	dhp_buffers_kick(pool);
}

/* When it fails, dhp_unfollow_memory() undoes what it has done. */
int dhp_follow_memory(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;
	struct dhp_memory_client *memory;
	struct dhp_event_client *event;

	if (!b->node)
		return 0;
	/* First, so that no removal that has begun ends without an event. */
	event = dhp_register_event_callback(DHP_MEMORY, memory_event, pool, 0);
	if (IS_ERR(event))
		return PTR_ERR(event);
	b->event_client = event;
	memory = dhp_register_memory_callback(memory_changed, pool, DHP_MEMORY_REMOVALS);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	b->memory_client = memory;
	dhp_memory_set_query(memory, never_refuses);
	return 0;
}

void dhp_unfollow_memory(struct dhp_pool *pool)
{
	struct dhp_buffers *b = &pool->buffers;

	if (b->memory_client)
		dhp_unregister_memory_callback(b->memory_client);
	if (b->event_client)
		dhp_unregister_event_callback(b->event_client);
}
