/* SPDX-License-Identifier: GPL-2.0-only */
/* What the other parts know of refusals. */
#ifndef _DHP_NOTIFY_REFUSAL_H
#define _DHP_NOTIFY_REFUSAL_H

#include "refusal_types.h"

void dhp_refusal_request_begin(const struct dhp_attempt *attempt);
unsigned long dhp_refusal_request_step(void);
void dhp_refusal_request_end(const struct dhp_attempt *attempt, int ret);

void dhp_refusal_client(const struct dhp_attempt *attempt, const char *client, int err);
void dhp_refusal_step(const struct dhp_attempt *attempt, int step, int err);
void dhp_refusal_canceled(const struct dhp_attempt *attempt, const char *where);

#endif /* _DHP_NOTIFY_REFUSAL_H */
