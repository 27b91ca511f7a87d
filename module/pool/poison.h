/* SPDX-License-Identifier: GPL-2.0-only */
/* Buffers that nobody has are not to be touched. */
#ifndef _DHP_POOL_POISON_H
#define _DHP_POOL_POISON_H

#include <linux/kasan.h>
#include <linux/kasan-checks.h>
#include <linux/poison.h>
#include <linux/string.h>

#include "pool.h"

/*
 * KASAN knows buffers that nobody has as freed memory, and reports who uses them
 * or puts them once more. The kernel exports no function for this to modules; but
 * the generic KASAN's shadow is plain memory of known layout. What it cannot do:
 * tell who has put the buffer, and keep it from being given out again soon. The
 * tag-based KASANs would want another tag in every pointer, which is left out.
 */
#ifdef CONFIG_KASAN_GENERIC

#define SHADOW_FREED 0xff

static inline void shadow_set(void *start, size_t size, int value)
{
	/* memset() would look for the shadow's shadow. */
	__memset(kasan_mem_to_shadow(start), value, size >> KASAN_SHADOW_SCALE_SHIFT);
}

static inline void shadow_hide(void *start, size_t size)
{
	shadow_set(start, size, SHADOW_FREED);
}

static inline void shadow_show(void *start, size_t size)
{
	shadow_set(start, size, 0);
}

#else

static inline void shadow_hide(void *start, size_t size)
{
}

static inline void shadow_show(void *start, size_t size)
{
}

#endif

/* A pool in debug mode writes into free memory, and looks for itself. */
static inline void memory_hide(struct dhp_buffers *b, void *start, size_t size)
{
	if (b->debug)
		memset(start, POISON_FREE, size);
	else
		shadow_hide(start, size);
}

/* The buffer that comes back; false when it is back already, which was reported. */
static inline bool buffer_hide(struct dhp_buffers *b, void *buffer)
{
	if (!IS_ENABLED(CONFIG_KASAN_GENERIC) || b->debug)
		return true;
	if (!kasan_check_write(buffer, b->size))
		return false;
	shadow_hide(buffer, b->size);
	return true;
}

static inline void *buffer_show(struct dhp_buffers *b, void *buffer)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) && buffer)
		shadow_show(buffer, b->size);
	return buffer;
}

#endif /* _DHP_POOL_POISON_H */
