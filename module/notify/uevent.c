// SPDX-License-Identifier: GPL-2.0-only
/* Events for user space: a uevent of the module's, with DHP_* variables. */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/pfn.h>

#include "log.h"
#include "uevent.h"

void dhp_uevent(const struct dhp_event *event)
{
	char action[32], category[32], what[40], size[40], node[24], seq[40];
	char *env[7] = { action, category, what, node, seq };

	snprintf(action, sizeof(action), "DHP_ACTION=%s", dhp_event_action_name(event->action));
	snprintf(node, sizeof(node), "DHP_NODE=%d", event->nid);
	snprintf(seq, sizeof(seq), "DHP_SEQUENCE=%llu", event->seq);
	if (event->category == DHP_PROCESSOR) {
		strscpy(category, "DHP_CATEGORY=processor", sizeof(category));
		snprintf(what, sizeof(what), "DHP_CPU=%u", event->cpu);
	} else {
		strscpy(category, "DHP_CATEGORY=memory", sizeof(category));
		snprintf(what, sizeof(what), "DHP_START=%#llx", (u64)event->start);
		snprintf(size, sizeof(size), "DHP_SIZE=%#llx", (u64)event->size);
		env[5] = size;
	}
	kobject_uevent_env(&THIS_MODULE->mkobj.kobj, KOBJ_CHANGE, env);
}

void dhp_uevent_refusal(const struct dhp_refusal *refusal)
{
	const struct dhp_attempt *attempt = &refusal->attempt;
	char category[32], refused[32], by[32], err[32], what[40], seq[40], name[80], size[40];
	char action[] = "DHP_ACTION=REFUSAL";
	char *env[10] = { action, category, refused, by, err, what, seq, name };

	snprintf(refused, sizeof(refused), "DHP_REFUSED=%s", attempt->add ? "add" : "remove");
	snprintf(by, sizeof(by), "DHP_BY=%s", dhp_refusal_by_name(refusal->by));
	snprintf(name, sizeof(name), "DHP_NAME=%s", refusal->name);
	snprintf(err, sizeof(err), "DHP_ERRNO=%d", -refusal->err);
	snprintf(seq, sizeof(seq), "DHP_REFUSAL=%llu", refusal->seq);
	if (attempt->category == DHP_PROCESSOR) {
		strscpy(category, "DHP_CATEGORY=processor", sizeof(category));
		snprintf(what, sizeof(what), "DHP_CPU=%u", attempt->cpu);
	} else {
		strscpy(category, "DHP_CATEGORY=memory", sizeof(category));
		snprintf(what, sizeof(what), "DHP_START=%#llx", (u64)PFN_PHYS(attempt->start_pfn));
		snprintf(size, sizeof(size), "DHP_SIZE=%#llx", (u64)PFN_PHYS(attempt->nr_pages));
		env[8] = size;
	}
	kobject_uevent_env(&THIS_MODULE->mkobj.kobj, KOBJ_CHANGE, env);
}
