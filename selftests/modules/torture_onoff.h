/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUs, taken offline and brought online at random. */
#ifndef _TORTURE_ONOFF_H
#define _TORTURE_ONOFF_H

struct rnd_state;
struct torture_thread;

int torture_onoff_init(void);
void torture_onoff_run(struct torture_thread *thread);
void torture_onoff(struct rnd_state *random);

#endif /* _TORTURE_ONOFF_H */
