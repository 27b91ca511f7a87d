/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhp's questions: may this CPU, or this range of memory, come or go? The caller gets the answer
 * of each client that would be called, and of the kernel as far as it is known. Nothing changes.
 */
#ifndef _DHP_QUERY_H
#define _DHP_QUERY_H

#include <linux/types.h>

#include "dhp.h"

/**
 * enum dhp_query_change - the change that a question is about
 * @DHP_QUERY_ADD: the CPU, or the memory, goes online; memory that is not there is plugged first
 * @DHP_QUERY_REMOVE: it goes offline
 */
enum dhp_query_change {
	DHP_QUERY_ADD,
	DHP_QUERY_REMOVE,
};

/**
 * struct dhp_query - one question
 * @category: a CPU or memory; selects @cpu, or @start and @size
 * @change: what would be done
 * @cpu: the Linux CPU number, for %DHP_PROCESSOR
 * @start: first physical address of the range, for %DHP_MEMORY
 * @size: its length in bytes, in whole memory blocks. Its blocks change one by one, and a client
 *	is notified of each; a question is about all of them at once.
 * @nid: NUMA node of the CPU, or of the beginning of the range. dhp fills it in for the clients.
 *	In a question that is only for memory that is not there yet: the caller says, or says
 *	NUMA_NO_NODE.
 */
struct dhp_query {
	enum dhp_category category;
	enum dhp_query_change change;
	unsigned int cpu;
	phys_addr_t start;
	phys_addr_t size;
	int nid;
};

/* ---- Answering ---------------------------------------------------------- */

/* A client's answer when it does not know. */
#define DHP_QUERY_UNKNOWN 1

/**
 * typedef dhp_query_fn - a client's answer
 * @context: the pointer given when the client registered
 * @query: the question; valid during the call
 *
 * Says what the client's callback would answer now in START, for %DHP_QUERY_ADD, or in
 * REMOVE_START, for %DHP_QUERY_REMOVE. It does nothing else: nobody says that the change is then
 * tried, and no FAILURE follows. It is asked only when the callback would be called.
 *
 * Context: As the client's callback, with which it is serialised, but without the hotplug locks: an
 * operation that begins meanwhile waits for the answer, so it should not take long. An operation
 * on a CPU waits for 10 seconds and then fails with -EBUSY; one on memory waits for as long as it
 * takes.
 * Return: 0 for yes; for no, the negative errno that the callback would veto with;
 * %DHP_QUERY_UNKNOWN. Anything else counts as that, and is reported once in the log.
 */
typedef int (*dhp_query_fn)(void *context, const struct dhp_query *query);

/**
 * dhp_processor_set_query() - answer questions about CPUs
 * @client: what dhp_register_processor_callback() has returned
 * @fn: the answer; called with the context of the client's callback; NULL for none
 *
 * Of a client that has none, only the name is given to the caller that asks. The answer goes when
 * the client unregisters.
 *
 * Context: Process context; may sleep. Waits for callbacks that run, unless it is called from
 * inside a synchronous CPU callback. Not from inside a memory callback or a pool's work item.
 * Return: 0; -EINVAL for NULL or ERR_PTR(); -EDEADLK when refused, with a warning in the log.
 */
int dhp_processor_set_query(struct dhp_processor_client *client, dhp_query_fn fn);

/**
 * dhp_memory_set_query() - answer questions about memory
 * @client: what dhp_register_memory_callback() has returned
 * @fn: the answer; called with the context of the client's callback; NULL for none
 *
 * Of a client that has none, only the name is given to the caller that asks. The answer goes when
 * the client unregisters. Unlike dhp_processor_set_query(), it is refused nowhere.
 *
 * Context: Process context; may sleep. Waits for callbacks that run, unless it is called from
 * inside a memory callback.
 * Return: 0; -EINVAL for NULL or ERR_PTR().
 */
int dhp_memory_set_query(struct dhp_memory_client *client, dhp_query_fn fn);

/* ---- Asking ------------------------------------------------------------- */

/**
 * enum dhp_answer_kind - how one answer is meant
 * @DHP_ANSWER_YES: it would not refuse
 * @DHP_ANSWER_NO: it would refuse
 * @DHP_ANSWER_UNKNOWN: it cannot say, and may refuse
 */
enum dhp_answer_kind {
	DHP_ANSWER_YES,
	DHP_ANSWER_NO,
	DHP_ANSWER_UNKNOWN,
};

/**
 * struct dhp_answer - one answer
 * @kind: yes, no, or unknown
 * @result: 0, or for %DHP_ANSWER_NO the errno that the change would fail with
 * @name: who says so: MODULE/CALLBACK#NUMBER of a client, or "kernel"
 * @reason: why, in words; NULL if the client's errno is all that is known. The kernel's yes
 *	names here what it finds out only while it does it.
 *
 * Lives for the duration of the call only.
 */
struct dhp_answer {
	enum dhp_answer_kind kind;
	int result;
	const char *name;
	const char *reason;
};

/**
 * typedef dhp_answer_fn - takes one answer
 * @context: the pointer given to dhp_query()
 * @answer: the answer; valid during the call
 *
 * Context: As a synchronous callback of the category that the question is about; the clients
 * that are asked cannot go meanwhile. Must not ask.
 */
typedef void (*dhp_answer_fn)(void *context, const struct dhp_answer *answer);

/**
 * dhp_query() - ask whether a CPU, or a range of memory, may come or go
 * @query: the question
 * @fn: gets each answer, the kernel's first, then those of the clients that would be called, in
 *	that order; NULL when the result is enough
 * @context: handed to @fn
 *
 * The answer is about this moment. A client's no is its veto if the operation is tried and nothing
 * has changed. If nobody says no, the operation can still fail: by a client whose answer is
 * unknown, or for a reason that the kernel's answer names. Pages in the way of memory are a no of
 * the kernel's only if it never moves them. With a pinned page it tries until a signal comes, and
 * what is given away may be given back: then its answer is unknown. Where there is nothing to do,
 * because the CPU or all of the range is already online or offline, the kernel's is the only
 * answer.
 *
 * Context: Process context; may sleep. Takes the CPU hotplug lock for reading, for a CPU, and waits
 * for callbacks that run. Not from inside a synchronous callback or a pool's work item. Nor, about
 * a CPU, in the init of a module that a synchronous CPU callback loads: each would wait for the
 * other.
 * Return: 0 if nobody says no, or the errno of the first no. Without an answer: -EINVAL for a CPU
 * that is not possible, a range that is empty or not of whole memory blocks, and an unknown
 * category or change; -EDEADLK when refused, with a warning in the log.
 */
int dhp_query(const struct dhp_query *query, dhp_answer_fn fn, void *context);

#endif /* _DHP_QUERY_H */
