/* SPDX-License-Identifier: GPL-2.0-only */
/* The depots of a pool: one for each node, where free buffers are. */
#ifndef _DHP_POOL_DEPOT_H
#define _DHP_POOL_DEPOT_H

#include "types.h"

struct page;

/**
 * struct dhp_depot_sums - totals of all nodes; exact while no other task changes them
 * @buffers: number of buffers
 * @free: number of buffers in the depots
 * @surplus_chunks: chunks above the target
 */
struct dhp_depot_sums {
	unsigned long buffers;
	unsigned long free;
	unsigned long surplus_chunks;
};

void dhp_depot_init(struct dhp_buffer_node *node);

/* Taking and putting */
unsigned int dhp_depot_take(struct dhp_buffers *b, struct dhp_buffer_node *node,
			    void **slot, unsigned int want);
void *dhp_depots_take(struct dhp_buffers *b);
void dhp_depots_put(struct dhp_buffers *b, void **slot, unsigned int nr);
const char *dhp_depots_check(struct dhp_buffers *b, void *buffer);

/* Size */
void dhp_depot_set_target(struct dhp_buffer_node *node, unsigned long target,
			  unsigned long floor);
int dhp_depot_grow(struct dhp_buffers *b, int nid);
bool dhp_depot_shrink(struct dhp_buffers *b, struct dhp_buffer_node *node,
		      const unsigned long *keep);
unsigned long dhp_depot_nr_spare(struct dhp_buffer_node *node);
struct dhp_depot_sums dhp_depots_sum(struct dhp_buffers *b);

/* One chunk, with the node's lock held */
void dhp_depot_sort(struct dhp_buffers *b, struct dhp_buffer_node *node, struct page *page);
void dhp_depot_retire(struct dhp_buffers *b, struct page *page);

/* All chunks */
void dhp_depots_mark(struct dhp_buffers *b, bool marked);
void dhp_depots_leak(struct dhp_buffers *b);

#endif /* _DHP_POOL_DEPOT_H */
