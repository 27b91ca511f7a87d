// SPDX-License-Identifier: GPL-2.0-only
/* What the oracle checks in calls of every kind: they may sleep, and they do not overlap. */
#include <linux/atomic.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "torture_count.h"
#include "torture_oracle_call.h"

/* @running counts the calls of one kind that have not ended. */
void oracle_call_begin(atomic_t *running, const char *what)
{
	if (!in_task() || irqs_disabled() || preempt_count())
		torture_err("P8 A3: %s is called where it may not sleep", what);
	if (atomic_inc_return(running) != 1)
		torture_err("P8 A4: %s is called while another one runs", what);
}

void oracle_call_end(atomic_t *running)
{
	atomic_dec(running);
}
