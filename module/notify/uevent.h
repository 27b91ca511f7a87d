/* SPDX-License-Identifier: GPL-2.0-only */
/* Events for user space. */
#ifndef _DHP_NOTIFY_UEVENT_H
#define _DHP_NOTIFY_UEVENT_H

#include "dhp.h"

void dhp_uevent(const struct dhp_event *event);

#endif /* _DHP_NOTIFY_UEVENT_H */
