/* SPDX-License-Identifier: GPL-2.0-only */
/* Events for user space. */
#ifndef _DHP_NOTIFY_UEVENT_H
#define _DHP_NOTIFY_UEVENT_H

#include "dhp.h"
#include "refusal_types.h"

void dhp_uevent(const struct dhp_event *event);
void dhp_uevent_refusal(const struct dhp_refusal *refusal);

#endif /* _DHP_NOTIFY_UEVENT_H */
