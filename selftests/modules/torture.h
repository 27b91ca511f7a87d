/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of dhp_torture know of each other.
 *
 * Threads do at random, from a seed, what drivers and administrators do with dhp:
 *
 *	torture_clients.c	clients of every kind come, veto and go
 *	torture_pool.c		pools come and go, under work and buffers in use
 *	torture_onoff.c		processors go offline and come online
 *
 * and torture_oracle.c holds each call that a client gets against the contract.
 * torture_main.c starts and ends them and counts.
 */
#ifndef _DHP_TORTURE_H
#define _DHP_TORTURE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "dhp.h"

/* ---- torture_main.c: threads, random numbers, findings, figures ---------- */

/**
 * struct torture_thread - one of those who do something at random
 * @task: it
 * @random: its numbers, which depend on the seed and its own number only
 * @number: which one of its kind it is
 * @run: what it does until kthread_should_stop()
 */
struct torture_thread {
	struct task_struct *task;
	struct rnd_state random;
	unsigned int number;
	void (*run)(struct torture_thread *thread);
};

void torture_pause(struct torture_thread *thread, unsigned int max_ms);
void torture_seed(struct rnd_state *random, u64 number);

/* A number below @n. */
static inline u32 draw(struct rnd_state *random, u32 n)
{
	return prandom_u32_state(random) % n;
}

static inline bool chance(struct rnd_state *random, u32 permille)
{
	return draw(random, 1000) < permille;
}

/* Something is not as it must be. What is said names the clause of the contract. */
__printf(1, 2) void torture_err(const char *fmt, ...);

enum torture_count {
	ONLINE_ATTEMPTS, ONLINE_SUCCESSES, ONLINE_VETOED,
	OFFLINE_ATTEMPTS, OFFLINE_SUCCESSES, OFFLINE_VETOED,
	PROCESSOR_EVENTS, MEMORY_EVENTS, MERGED_EVENTS,
	CLIENT_ATTEMPTS, CLIENT_SUCCESSES, CLIENT_VETOED, CLIENTS_LEFT, CLIENTS_LEFT_INSIDE,
	PROCESSOR_CALLS, MEMORY_CALLS, EVENT_CALLS,
	START_VETOES, REMOVE_VETOES, REPLAY_VETOES,
	POOL_ATTEMPTS, POOL_SUCCESSES, POOLS_DESTROYED,
	ITEMS_ACCEPTED, ITEMS_REFUSED, ITEMS_RAN, ITEMS_CANCELLED,
	BUFFERS_TAKEN, BUFFERS_PUT, BUFFERS_NONE,
	AUDITS,
	NR_COUNTS
};

void count_up(enum torture_count count);
void count_add(enum torture_count count, long nr);
long counted(enum torture_count count);

extern unsigned int torture_veto_permille;

/* ---- torture_oracle.c: is this call allowed here? ------------------------ */

/**
 * struct oracle_cell - what a client was told of one processor
 * @state: IDLE and so on, in torture_oracle.c
 * @since_ns: since when
 */
struct oracle_cell {
	u8 state;
	u64 since_ns;
};

/**
 * struct oracle_processor - what the oracle knows of a processor client
 * @node: in the list of those who are registered or about to be, in that order
 * @order: its place in that order
 * @flags: what it asked for
 * @certain: it is registered, without any doubt, and stays so for the moment
 * @registrant: who is registering it; calls from there are the replay
 * @open: how many processors it waits to hear the outcome of
 * @last: the last processor of the replay's first pass
 * @begun: STARTs of the replay
 * @ended: outcomes of the replay
 * @vetoed: errno by which it vetoed the replay
 * @cell: for each possible processor
 */
struct oracle_processor {
	struct list_head node;
	u64 order;
	unsigned int flags;
	bool certain;
	struct task_struct *registrant;
	unsigned int open;
	int last;
	unsigned int begun;
	unsigned int ended;
	int vetoed;
	struct oracle_cell *cell;
};

/**
 * struct oracle_memory - what the oracle knows of a memory client
 * @node: in the list of those who are registered or about to be, in that order
 * @certain: it is registered, without any doubt, and stays so for the moment
 * @open: it waits to hear the outcome of @start_pfn
 * @start_pfn: the range
 * @nr_pages: its length
 */
struct oracle_memory {
	struct list_head node;
	bool certain;
	bool open;
	unsigned long start_pfn;
	unsigned long nr_pages;
};

/**
 * struct oracle_event - what the oracle knows of an event client
 * @order: its place in the order of registration
 * @category: what it hears of
 * @existing: it asked for what is there already
 * @watcher: it is there from the beginning to the end
 * @live: it has got an event that was no replay
 * @seq: number of its last event
 * @known: of each processor, or section of memory: did it arrive or go last?
 */
struct oracle_event {
	u64 order;
	enum dhp_category category;
	bool existing;
	bool watcher;
	bool live;
	u64 seq;
	struct xarray known;
};

int oracle_processor_begin(struct oracle_processor *o, unsigned int flags);
void oracle_processor_registered(struct oracle_processor *o, int result);
void oracle_processor_leaving(struct oracle_processor *o);
void oracle_processor_gone(struct oracle_processor *o);
void oracle_processor_free(struct oracle_processor *o);
void oracle_processor_enter(struct oracle_processor *o,
			    const struct dhp_processor_change *change, const int *status);
void oracle_processor_leave(struct oracle_processor *o,
			    const struct dhp_processor_change *change, int answer);
bool oracle_may_veto(struct oracle_processor *o, const struct dhp_processor_change *change);
bool oracle_replaying(struct oracle_processor *o);
unsigned int oracle_vetoes(unsigned int cpu);
bool oracle_vetoed(unsigned int cpu, enum dhp_processor_state state, int error, u64 since_ns);

void oracle_memory_begin(struct oracle_memory *o);
void oracle_memory_registered(struct oracle_memory *o);
void oracle_memory_leaving(struct oracle_memory *o);
void oracle_memory_gone(struct oracle_memory *o);
void oracle_memory_enter(struct oracle_memory *o, const struct dhp_memory_change *change);
void oracle_memory_leave(void);

void oracle_event_begin(struct oracle_event *o, enum dhp_category category, bool existing);
void oracle_event_free(struct oracle_event *o);
void oracle_event_enter(struct oracle_event *o, const struct dhp_event *event);
void oracle_event_leave(void);

void oracle_audit(struct torture_thread *thread);
int oracle_init(void);
void oracle_check_end(void);
void oracle_exit(void);

/* ---- torture_clients.c, torture_pool.c, torture_onoff.c ------------------ */

void torture_clients_run(struct torture_thread *thread);
void torture_clients_exit(void);
void torture_pools_run(struct torture_thread *thread);
int torture_onoff_init(void);
void torture_onoff_run(struct torture_thread *thread);
void torture_onoff(struct rnd_state *random);

#endif /* _DHP_TORTURE_H */
