// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that clients and pools allocate.
 *
 * Free memory varies by whole pages for other reasons. So this counts the allocations and frees
 * of its own thread, each with the size that the allocator really uses: slab objects, large ones
 * included, and per-CPU memory, which has a copy for every possible CPU. Other threads allocate the
 * threads and buffers of a pool; their number depends on the online CPUs and on the memory, not on
 * the possible CPUs.
 *
 * Two guests that differ only in the number of possible CPUs show what an absent CPU takes.
 */

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <trace/events/kmem.h>
#include <trace/events/percpu.h>

#include "bench_memory.h"
#include "bench_result.h"
#include "bench_tracepoint.h"
#include "dhp.h"
#include "dhp_pool.h"

#define NR_CLIENTS 100
#define NR_POOLS 8

/* Per-CPU memory that is allocated: the tracepoint of a free does not have the size. */
static struct {
	void __percpu *ptr;
	size_t bytes;
} percpu_held[256];

static struct task_struct *counted; /* the task whose allocations count */
static s64 bytes_held;

static bool counts(void)
{
	return current == counted && in_task();
}

static void on_kmalloc(void *data, unsigned long call_site, const void *ptr, size_t bytes_req,
		       size_t bytes_alloc, gfp_t gfp_flags, int node)
{
	if (counts() && ptr)
		bytes_held += bytes_alloc;
}

static void on_cache_alloc(void *data, unsigned long call_site, const void *ptr,
			   struct kmem_cache *s, gfp_t gfp_flags, int node)
{
	if (counts() && ptr)
		bytes_held += ksize(ptr);
}

static void on_kfree(void *data, unsigned long call_site, const void *ptr)
{
	if (counts() && ptr)
		bytes_held -= ksize(ptr);
}

static void on_cache_free(void *data, unsigned long call_site, const void *ptr,
			  const struct kmem_cache *s)
{
	if (counts() && ptr)
		bytes_held -= ksize(ptr);
}

static void percpu_replace(void __percpu *old, void __percpu *new, size_t bytes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(percpu_held); i++) {
		if (percpu_held[i].ptr != old)
			continue;
		bytes_held -= percpu_held[i].bytes;
		percpu_held[i].ptr = new;
		percpu_held[i].bytes = bytes;
		bytes_held += bytes;
		return;
	}
	WARN_ON_ONCE(new);
}

static void on_percpu_alloc(void *data, unsigned long call_site, bool reserved, bool is_atomic,
			    size_t size, size_t align, void *base_addr, int off,
			    void __percpu *ptr, size_t bytes_alloc, gfp_t gfp_flags)
{
	if (counts() && ptr)
		percpu_replace(NULL, ptr, bytes_alloc);
}

static void on_percpu_free(void *data, void *base_addr, int off, void __percpu *ptr)
{
	if (counts())
		percpu_replace(ptr, NULL, 0);
}

static struct bench_probe probes[] = {
	{ .name = "kmalloc", .fn = on_kmalloc },
	{ .name = "kmem_cache_alloc", .fn = on_cache_alloc },
	{ .name = "kfree", .fn = on_kfree },
	{ .name = "kmem_cache_free", .fn = on_cache_free },
	{ .name = "percpu_alloc_percpu", .fn = on_percpu_alloc },
	{ .name = "percpu_free_percpu", .fn = on_percpu_free },
};

/* The compiler cannot check a function for a tracepoint that is found by name; this does. */
static void __maybe_unused check_types(void)
{
	check_trace_callback_type_kmalloc(on_kmalloc);
	check_trace_callback_type_kmem_cache_alloc(on_cache_alloc);
	check_trace_callback_type_kfree(on_kfree);
	check_trace_callback_type_kmem_cache_free(on_cache_free);
	check_trace_callback_type_percpu_alloc_percpu(on_percpu_alloc);
	check_trace_callback_type_percpu_free_percpu(on_percpu_free);
}

/*
 * Allocations of this thread count between these two functions. The compiler must not move any of
 * them across the barriers.
 */
static void begin_counting(void)
{
	/* Earlier allocations are freed uncounted. */
	memset(percpu_held, 0, sizeof(percpu_held));
	bytes_held = 0;
	barrier();
	WRITE_ONCE(counted, current);
	barrier();
}

static s64 end_counting(void)
{
	barrier();
	WRITE_ONCE(counted, NULL);
	barrier();
	return bytes_held;
}

static void client_fn(void *context, const struct dhp_processor_change *change, int *status)
{
}

static int clients_bytes(s64 *bytes)
{
	static struct dhp_processor_client *clients[NR_CLIENTS];
	unsigned int i, nr;
	int err = 0;

	begin_counting();
	for (nr = 0; nr < NR_CLIENTS; nr++) {
		clients[nr] = dhp_register_processor_callback(client_fn, NULL,
							      DHP_PROCESSOR_ADD_EXISTING);
		if (IS_ERR(clients[nr])) {
			err = PTR_ERR(clients[nr]);
			break;
		}
	}
	*bytes = end_counting();
	for (i = 0; i < nr; i++)
		dhp_unregister_processor_callback(clients[i]);
	return err;
}

static int pools_bytes(s64 *bytes, size_t buffer_size)
{
	struct dhp_pool *pools[NR_POOLS];
	char name[8];
	const struct dhp_pool_config config = {
		.name = name,
		.buffer_size = buffer_size,
		.buffer_permille = 1,
		.buffers_min = 8,
		.buffers_max = 8,
	};
	unsigned int nr;
	int err = 0;

	begin_counting();
	for (nr = 0; nr < NR_POOLS; nr++) {
		snprintf(name, sizeof(name), "bench%u", nr);
		pools[nr] = dhp_pool_create(&config);
		if (IS_ERR(pools[nr])) {
			err = PTR_ERR(pools[nr]);
			break;
		}
	}
	*bytes = end_counting();
	while (nr--)
		dhp_pool_destroy(pools[nr]);
	return err;
}

static int one_round(bool recorded)
{
	s64 clients, pools, with_buffers;
	int err;

	err = clients_bytes(&clients);
	if (!err)
		err = pools_bytes(&pools, 0);
	if (!err)
		err = pools_bytes(&with_buffers, PAGE_SIZE);
	if (err || !recorded)
		return err;
	err = bench_record("memory/client", "bytes", NR_CLIENTS, clients);
	if (!err)
		err = bench_record("memory/pool", "bytes", NR_POOLS, pools);
	if (!err)
		err = bench_record("memory/pool_with_buffers", "bytes", NR_POOLS, with_buffers);
	return err ?: bench_record("memory/possible", "processors", 1, num_possible_cpus());
}

/* The first round also allocates what all rounds share, so it is not recorded. */
int bench_memory(unsigned int rounds)
{
	unsigned int round;
	int err;

	err = bench_probes_add(probes, ARRAY_SIZE(probes));
	if (err)
		return err;
	for (round = 0; round < 1 + rounds && !err; round++)
		err = one_round(round);
	bench_probes_del(probes, ARRAY_SIZE(probes));
	return err;
}
