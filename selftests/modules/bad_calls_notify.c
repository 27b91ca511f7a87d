// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad calls of the functions of dhp.h and dhp_rebalance.h: registering and unregistering clients of
 * each kind.
 */
#include <linux/err.h>
#include <linux/kernel.h>

#include "bad_calls_notify.h"
#include "bad_calls_tally.h"
#include "dhp.h"
#include "dhp_rebalance.h"

/* What a caller holds that has not checked its registration: NULL and ERR_PTR()s. */
static void *const no_handles[] = {
	NULL, (void *)-EINVAL, (void *)-ENOMEM, (void *)-1, (void *)-MAX_ERRNO
};

static void on_processor(void *context, const struct dhp_processor_change *change, int *status)
{
}

static void on_memory(void *context, const struct dhp_memory_change *change, int *status)
{
}

static void on_event(void *context, const struct dhp_event *event)
{
}

static bool processor_answers(dhp_processor_fn fn, unsigned int flags, int err)
{
	return dhp_register_processor_callback(fn, NULL, flags) == ERR_PTR(err);
}

static void bad_processor_calls(void)
{
	const unsigned int known = DHP_PROCESSOR_ADD_EXISTING | DHP_PROCESSOR_REMOVALS;
	unsigned int flags, bit, i;

	tally_begin("processor clients");
	for (flags = 0; flags <= known; flags++)
		TRY_WITH(flags, processor_answers(NULL, flags, -EINVAL));
	for (bit = 0; bit < 32; bit++) {
		if (BIT(bit) & known)
			continue;
		TRY_WITH(bit, processor_answers(on_processor, BIT(bit), -EOPNOTSUPP));
		TRY_WITH(bit, processor_answers(on_processor, BIT(bit) | known, -EOPNOTSUPP));
	}
	TRY(processor_answers(on_processor, ~known, -EOPNOTSUPP));
	TRY(processor_answers(on_processor, ~0U, -EOPNOTSUPP));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_processor_callback(no_handles[i]) == -EINVAL);
}

static bool memory_answers(dhp_memory_fn fn, unsigned int flags, int err)
{
	return dhp_register_memory_callback(fn, NULL, flags) == ERR_PTR(err);
}

static void bad_memory_calls(void)
{
	const unsigned int both = DHP_MEMORY_ADDS | DHP_MEMORY_REMOVALS;
	const unsigned int known = both | DHP_MEMORY_ADD_EXISTING;
	/* Neither ADDS nor REMOVALS, or ADD_EXISTING without ADDS. */
	static const unsigned int useless[] = {
		0, DHP_MEMORY_ADD_EXISTING, DHP_MEMORY_ADD_EXISTING | DHP_MEMORY_REMOVALS
	};
	unsigned int flags, bit, i;

	tally_begin("memory clients");
	for (flags = 0; flags <= known; flags++)
		TRY_WITH(flags, memory_answers(NULL, flags, -EINVAL));
	for (i = 0; i < ARRAY_SIZE(useless); i++)
		TRY_WITH(useless[i], memory_answers(on_memory, useless[i], -EINVAL));
	for (bit = 0; bit < 32; bit++) {
		if (BIT(bit) & known)
			continue;
		TRY_WITH(bit, memory_answers(on_memory, BIT(bit), -EOPNOTSUPP));
		TRY_WITH(bit, memory_answers(on_memory, BIT(bit) | known, -EOPNOTSUPP));
	}
	TRY(memory_answers(on_memory, ~known, -EOPNOTSUPP));
	TRY(memory_answers(on_memory, ~0U, -EOPNOTSUPP));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_memory_callback(no_handles[i]) == -EINVAL);
	/* Any context is good, since dhp only hands it back. */
	MUST(!dhp_unregister_memory_callback(dhp_register_memory_callback(on_memory, ERR_PTR(-EIO),
									  both)));
}

static bool event_answers(long category, dhp_event_fn fn, unsigned int flags, int err)
{
	return dhp_register_event_callback((enum dhp_category)category, fn, NULL, flags) ==
	       ERR_PTR(err);
}

static void bad_event_calls(void)
{
	static const long categories[] = { -1, 2, 3, 256, 65536, INT_MAX, INT_MIN, UINT_MAX };
	enum dhp_category category;
	unsigned int bit, i;

	tally_begin("event clients");
	for (i = 0; i < ARRAY_SIZE(categories); i++) {
		TRY_WITH(categories[i], event_answers(categories[i], on_event, 0, -EINVAL));
		TRY_WITH(categories[i], event_answers(categories[i], on_event,
						      DHP_EVENT_INCLUDE_EXISTING, -EINVAL));
	}
	for (category = DHP_PROCESSOR; category <= DHP_MEMORY; category++) {
		TRY_WITH(category, event_answers(category, NULL, 0, -EINVAL));
		TRY_WITH(category, event_answers(category, NULL, DHP_EVENT_INCLUDE_EXISTING,
						 -EINVAL));
		for (bit = 1; bit < 32; bit++) {
			TRY_WITH(bit, event_answers(category, on_event, BIT(bit), -EOPNOTSUPP));
			TRY_WITH(bit, event_answers(category, on_event,
						    BIT(bit) | DHP_EVENT_INCLUDE_EXISTING,
						    -EOPNOTSUPP));
		}
		TRY_WITH(category, event_answers(category, on_event, ~0U, -EOPNOTSUPP));
	}
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_event_callback(no_handles[i]) == -EINVAL);
}

static int on_query_stop(void *context)
{
	return 0;
}

static void on_stop(void *context)
{
}

static void on_start(void *context, const struct dhp_machine *machine)
{
}

static void bad_rebalance_calls(void)
{
	static const struct dhp_rebalance_ops bad[] = {
		{ },
		{ .query_stop = on_query_stop },
		{ .stop = on_stop },
		{ .start = on_start },
		{ .query_stop = on_query_stop, .stop = on_stop },
		{ .query_stop = on_query_stop, .start = on_start },
	};
	static const struct dhp_rebalance_ops good = { .stop = on_stop, .start = on_start };
	static int context;
	unsigned int i;

	tally_begin("rebalance clients");
	TRY(dhp_register_rebalance(NULL, NULL) == ERR_PTR(-EINVAL));
	TRY(dhp_register_rebalance(NULL, &context) == ERR_PTR(-EINVAL));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		TRY_WITH(i, dhp_register_rebalance(&bad[i], NULL) == ERR_PTR(-EINVAL));
	for (i = 0; i < ARRAY_SIZE(no_handles); i++)
		TRY_WITH(i, dhp_unregister_rebalance(no_handles[i]) == -EINVAL);
	/* Any context is good, and unregistering need not wait for the first start. */
	MUST(!dhp_unregister_rebalance(dhp_register_rebalance(&good, ERR_PTR(-EIO))));
}

void bad_notify_calls(void)
{
	bad_processor_calls();
	bad_memory_calls();
	bad_event_calls();
	bad_rebalance_calls();
}
