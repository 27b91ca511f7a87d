// SPDX-License-Identifier: GPL-2.0-only
/* The vetoes of operations on CPUs. Those of replays do not count. */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "torture_veto.h"

#define VETOES_KEPT 32	/* for each CPU; more than one operation can have */

struct veto {
	u64 time_ns;
	enum dhp_processor_state state;
	int error;
};

/**
 * struct veto_cpu - the operations on a CPU
 * @add_error: errno of the veto in the last add, 0 without
 * @remove_error: errno of the veto in the last removal, 0 without
 * @nr: number of all vetoes
 * @veto: the last of them
 */
struct veto_cpu {
	int add_error;
	int remove_error;
	unsigned int nr;
	struct veto veto[VETOES_KEPT];
};

static DEFINE_SPINLOCK(veto_lock);
static struct veto_cpu *cpus;

int torture_veto_init(void)
{
	cpus = kvcalloc(nr_cpu_ids, sizeof(*cpus), GFP_KERNEL);
	return cpus ? 0 : -ENOMEM;
}

void torture_veto_exit(void)
{
	kvfree(cpus);
}

static int *error_of(unsigned int cpu, enum dhp_processor_state state)
{
	return state == DHP_PROCESSOR_START ? &cpus[cpu].add_error : &cpus[cpu].remove_error;
}

/* A client gets the call in which it may veto. No earlier client has vetoed this operation. */
void torture_veto_begin(unsigned int cpu, enum dhp_processor_state state)
{
	spin_lock(&veto_lock);
	*error_of(cpu, state) = 0;
	spin_unlock(&veto_lock);
}

void torture_veto_record(unsigned int cpu, enum dhp_processor_state state, int error)
{
	struct veto_cpu *c = &cpus[cpu];

	spin_lock(&veto_lock);
	*error_of(cpu, state) = error;
	c->veto[c->nr % VETOES_KEPT] = (struct veto) {
		.time_ns = ktime_get_ns(),
		.state = state,
		.error = error,
	};
	WRITE_ONCE(c->nr, c->nr + 1);
	spin_unlock(&veto_lock);
}

/* The errno with which the last operation was vetoed, 0 without a veto. */
int torture_veto_of(unsigned int cpu, enum dhp_processor_state state)
{
	int error;

	spin_lock(&veto_lock);
	error = *error_of(cpu, state);
	spin_unlock(&veto_lock);
	return error;
}

/* Was an operation on this CPU vetoed with @error, at @since_ns or later? */
bool torture_vetoed(unsigned int cpu, enum dhp_processor_state state, int error, u64 since_ns)
{
	struct veto *veto = cpus[cpu].veto;
	bool found = false;
	unsigned int i;

	spin_lock(&veto_lock);
	for (i = 0; i < VETOES_KEPT; i++)
		found |= veto[i].error == error && veto[i].state == state &&
			 veto[i].time_ns >= since_ns;
	spin_unlock(&veto_lock);
	return found;
}

unsigned int torture_vetoes(unsigned int cpu)
{
	return READ_ONCE(cpus[cpu].nr);
}
