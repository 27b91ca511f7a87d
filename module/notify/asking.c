// SPDX-License-Identifier: GPL-2.0-only
/*
 * One question while it is asked: what becomes of an answer, and how one client is asked. Which
 * clients are asked is in processor_clients.c and memory_clients.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/printk.h>

#include "asking.h"
#include "client.h"

void dhp_asking_answer(struct dhp_asking *asking, const struct dhp_answer *answer)
{
	if (answer->kind == DHP_ANSWER_NO && !asking->refusal)
		asking->refusal = answer->result;
	if (asking->fn)
		asking->fn(asking->context, answer);
}

/**
 * dhp_asking_client() - ask one client
 * @asking: the question
 * @info: the client
 * @fn: its answer, or NULL
 * @context: of @fn
 *
 * The caller holds what serialises the client's callbacks. Neither counted nor logged as one.
 */
void dhp_asking_client(struct dhp_asking *asking, struct dhp_client_info *info, dhp_query_fn fn,
		       void *context)
{
	struct dhp_answer answer = { .name = info->name };
	int result;

	if (!fn) {
		answer.kind = DHP_ANSWER_UNKNOWN;
		answer.reason = "it answers no questions, and may veto";
		dhp_asking_answer(asking, &answer);
		return;
	}
	result = fn(context, &asking->query);
	if (!result) {
		answer.kind = DHP_ANSWER_YES;
	} else if (IS_ERR_VALUE((long)result)) {
		answer.kind = DHP_ANSWER_NO;
		answer.result = result;
	} else if (result == DHP_QUERY_UNKNOWN) {
		answer.kind = DHP_ANSWER_UNKNOWN;
		answer.reason = "it cannot say, and may veto";
	} else {
		answer.kind = DHP_ANSWER_UNKNOWN;
		answer.reason = "its answer is neither 0 nor a negative errno";
		if (!info->warned_query)
			pr_warn("%s answered %d to a question, which is ignored; 0 is yes, and a negative errno is no\n",
				info->name, result);
		info->warned_query = true;
	}
	dhp_asking_answer(asking, &answer);
}
