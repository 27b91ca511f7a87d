// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a suspend or a hibernation does to the pools: one after the other is quiesced
 * before, and resumed afterwards. How a pool does that is in cpu.c.
 */

#include <linux/lockdep.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "cpu.h"
#include "depot.h"
#include "registry.h"
#include "suspend.h"

static void resume_all(void)
{
	struct dhp_pool *pool;

	lockdep_assert_held(&dhp_registry.mutex);

	dhp_registry.quiesced = false;
	list_for_each_entry(pool, &dhp_registry.pools, node)
		dhp_cpus_resume(pool);
}

static int quiesce_all(void)
{
	struct dhp_pool *pool;
	int err;

	lockdep_assert_held(&dhp_registry.mutex);

	dhp_registry.quiesced = true;
	list_for_each_entry(pool, &dhp_registry.pools, node) {
		err = dhp_cpus_quiesce(pool);
		if (err) {
			resume_all();
			return err;
		}
	}
	return 0;
}

/* Buffers must be in the image, which leaves out marked pages. */
static void hibernate_all(bool hibernating)
{
	struct dhp_pool *pool;

	lockdep_assert_held(&dhp_registry.mutex);

	dhp_registry.hibernating = hibernating;
	list_for_each_entry(pool, &dhp_registry.pools, node)
		dhp_depots_mark(&pool->buffers, !hibernating);
}

static int pm_event(struct notifier_block *nb, unsigned long event, void *data)
{
	int err = 0;

	mutex_lock(&dhp_registry.mutex);
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		err = quiesce_all();
		if (!err)
			hibernate_all(true);
		break;
	case PM_SUSPEND_PREPARE:
		err = quiesce_all();
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		hibernate_all(false);
		resume_all();
		break;
	case PM_POST_SUSPEND:
		resume_all();
		break;
	}
	mutex_unlock(&dhp_registry.mutex);
	return notifier_from_errno(err);
}

/*
 * Before cpu_hotplug_pm_callback(), whose priority is 0: after a suspend, workers are
 * opened while no CPU can be taken offline yet.
 */
static struct notifier_block pm_nb = {
	.notifier_call = pm_event,
	.priority = 1,
};

int dhp_suspend_init(void)
{
	return register_pm_notifier(&pm_nb);
}

void dhp_suspend_exit(void)
{
	unregister_pm_notifier(&pm_nb);
}
