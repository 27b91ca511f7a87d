// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into an emulating QEMU, so that a CPU can be plugged after another was unplugged. KVM
 * does not need it.
 *
 * QEMU (7.2 at least, under TCG) frees the TLBs and the jump cache of a CPU that it removes, but
 * leaves the CPU's memory listener registered. The next change of the memory map, by another CPU or
 * a DIMM, makes the listener flush the freed TLBs: it writes to them, or frees them again. This
 * library keeps that memory: some hundred KiB for each unplug, for the life of one QEMU.
 *
 * It recognises these calls of g_free() by where they happen: QEMU joins the CPU's thread, and then
 * frees the TLBs in the thread that has called join. It frees the jump cache later and elsewhere,
 * but nothing else has its size.
 *
 * If one thread runs all CPUs, that thread removes a CPU for the guest, and must not join itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SMALLEST_TLB	1024	/* bytes; a CPU's tables are not smaller */
#define JUMP_CACHE	(4096 * 16)	/* bytes, and a header of less than 64 */
#define FREES		64	/* tables of one CPU, and some to spare */
#define MAX_KEPT	8192

static __thread int after_join;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *kept[MAX_KEPT];
static atomic_int nr_kept;

/* True if the block is kept: since earlier, or from now on if WANTED. */
static int keep(void *block, int wanted)
{
	int i, found = 0;

	pthread_mutex_lock(&lock);
	for (i = 0; i < nr_kept && !found; i++)
		found = kept[i] == block;
	if (!found && wanted && nr_kept < MAX_KEPT) {
		kept[nr_kept++] = block;
		found = 1;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void g_free(void *block)
{
	size_t size = block ? malloc_usable_size(block) : 0;
	int wanted = 0;

	if (size >= SMALLEST_TLB) {
		if (after_join > 0) {
			after_join--;
			wanted = 1;
		}
		if (size >= JUMP_CACHE && size < JUMP_CACHE + 64)
			wanted = 1;
		if ((wanted || nr_kept) && keep(block, wanted))
			return;
	}
	free(block);
}

int pthread_join(pthread_t thread, void **value)
{
	int (*real)(pthread_t, void **) = dlsym(RTLD_NEXT, "pthread_join");
	int status = 0;

	if (!pthread_equal(thread, pthread_self()))
		status = real(thread, value);
	after_join = FREES;
	return status;
}
