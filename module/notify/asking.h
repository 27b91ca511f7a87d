/* SPDX-License-Identifier: GPL-2.0-only */
/* One question while it is asked. */
#ifndef _DHP_NOTIFY_ASKING_H
#define _DHP_NOTIFY_ASKING_H

#include "dhp_query.h"

struct dhp_client_info;

/**
 * struct dhp_asking - one question while it is asked
 * @query: the question
 * @fn: gets each answer, or NULL
 * @context: of @fn
 * @refusal: the errno of the first no, or 0
 */
struct dhp_asking {
	struct dhp_query query;
	dhp_answer_fn fn;
	void *context;
	int refusal;
};

static inline struct dhp_answer dhp_kernel_answer(enum dhp_answer_kind kind, int result,
						  const char *reason)
{
	return (struct dhp_answer){ kind, result, "kernel", reason };
}

void dhp_asking_answer(struct dhp_asking *asking, const struct dhp_answer *answer);
void dhp_asking_client(struct dhp_asking *asking, struct dhp_client_info *info, dhp_query_fn fn,
		       void *context);

#endif /* _DHP_NOTIFY_ASKING_H */
