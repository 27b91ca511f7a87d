/* SPDX-License-Identifier: GPL-2.0-only */
/* An item's state. */
#ifndef _DHP_POOL_ITEM_H
#define _DHP_POOL_ITEM_H

#include <linux/bits.h>

#include "types.h"

/*
 * The state is 0 for an item that may be submitted. Otherwise submissions are refused, and
 * only the holder of the item writes its state.
 */
#define ITEM_PENDING	BIT(0)	/* submitted; its function has not been called */
#define ITEM_COLOUR	BIT(1)	/* the colour, 0 or 1; a flush waits for one of them */
#define ITEM_BOUND	BIT(2)	/* submitted for this very CPU */
#define ITEM_CANCELLED	BIT(3)	/* it is being cancelled; no other bit is set */
#define ITEM_CPU_SHIFT	8	/* its worker's CPU */

static inline unsigned int item_colour(unsigned long state)
{
	return !!(state & ITEM_COLOUR);
}

static inline unsigned int item_cpu(unsigned long state)
{
	return state >> ITEM_CPU_SHIFT;
}

/* The state of an item in @state that moves to @worker. */
static inline unsigned long item_address(unsigned long state, struct dhp_worker *worker)
{
	state &= ITEM_PENDING | ITEM_COLOUR | ITEM_BOUND;
	return state | worker->address;
}

#endif /* _DHP_POOL_ITEM_H */
