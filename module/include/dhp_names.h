/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of what dhp.h and dhp_rebalance.h enumerate, once for all tables of names. Each list
 * applies X to the names, without their prefix:
 *
 *	#define NAME(state) [DHP_PROCESSOR_##state] = #state,
 *	static const char * const names[] = { DHP_PROCESSOR_STATES(NAME) };
 */
#ifndef _DHP_NAMES_H
#define _DHP_NAMES_H

#include "dhp.h"
#include "dhp_rebalance.h"

/* enum dhp_processor_state, DHP_PROCESSOR_ */
#define DHP_PROCESSOR_STATES(X) \
	X(START) X(COMPLETE) X(FAILURE) X(REMOVE_START) X(REMOVE_COMPLETE) X(REMOVE_FAILURE)

/* enum dhp_memory_state, DHP_MEMORY_ */
#define DHP_MEMORY_STATES(X) \
	X(START) X(COMPLETE) X(FAILURE) X(REMOVE_START) X(REMOVE_COMPLETE) X(REMOVE_FAILURE)

/* enum dhp_event_action, DHP_EVENT_ */
#define DHP_EVENT_ACTIONS(X) X(ARRIVAL) X(REMOVAL)

/* enum dhp_rebalance_state, DHP_REBALANCE_ */
#define DHP_REBALANCE_STATES(X) X(QUERY_STOP) X(STOP) X(START)

#endif /* _DHP_NAMES_H */
