/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers that depend on the module's parameter seed. */
#ifndef _TORTURE_RANDOM_H
#define _TORTURE_RANDOM_H

#include <linux/prandom.h>
#include <linux/types.h>

void torture_seed(struct rnd_state *random, u64 number);
unsigned long torture_random_seed(void);

/* A number below @n. */
static inline u32 draw(struct rnd_state *random, u32 n)
{
	return prandom_u32_state(random) % n;
}

static inline bool chance(struct rnd_state *random, u32 permille)
{
	return draw(random, 1000) < permille;
}

#endif /* _TORTURE_RANDOM_H */
