/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes KASAN, or a pool in debug mode, find accesses to free buffers. */
#ifndef _DHP_POOL_POISON_H
#define _DHP_POOL_POISON_H

#include <linux/kasan.h>
#include <linux/kasan-checks.h>
#include <linux/poison.h>
#include <linux/string.h>

#include "types.h"

/*
 * KASAN sees free buffers as freed memory, and reports an access to one, and a second
 * put. The kernel exports no function for this to modules; but the generic KASAN's shadow
 * is plain memory of known layout. Limits: its report does not name the task that put the
 * buffer, and the buffer may be handed out again soon. The tag-based KASANs would want
 * another tag in every pointer; they are not supported.
 */
#ifdef CONFIG_KASAN_GENERIC

#define SHADOW_FREED 0xff

static inline void shadow_set(void *start, size_t size, int value)
{
	/* memset() would check the shadow of the shadow. */
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

/* A pool in debug mode writes into free memory, and checks it without KASAN. */
static inline void memory_hide(struct dhp_buffers *b, void *start, size_t size)
{
	if (b->debug)
		memset(start, POISON_FREE, size);
	else
		shadow_hide(start, size);
}

/* For a buffer that is put; false when it is free already, which KASAN has reported. */
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
