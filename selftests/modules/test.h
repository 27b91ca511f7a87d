/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of dhp_test know of each other.
 *
 * dhp_test is a client of dhp's that does what a script tells it, through
 * /sys/kernel/debug/dhp_test/:
 *
 *	control	takes one command per write; the result is the write's errno, and
 *		a read tells why the last one that failed did
 *	log	each call that a client got, in order
 *	pools	what became of the work and the buffers of each pool
 *
 * test_control.c lists the commands.
 */
#ifndef _DHP_TEST_H
#define _DHP_TEST_H

#include <linux/list.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#define MAX_OPTIONS 8

/**
 * struct command - one line of a script, taken apart
 * @name: the second word, "" if there is none
 * @keys: left sides of the KEY=VALUE words
 * @values: their right sides
 * @nr: how many
 */
struct command {
	const char *name;
	const char *keys[MAX_OPTIONS];
	const char *values[MAX_OPTIONS];
	unsigned int nr;
};

/* test_control.c */
__printf(2, 3) int complain(int error, const char *fmt, ...);
const char *option(const struct command *command, const char *key);
int number_option(const struct command *command, const char *key, long *value);

/* test_log.c: one lock of its own, taken inside all others */
__printf(1, 2) void log_line(const char *fmt, ...);
void log_clear(void);
void log_close(void);
extern const struct seq_operations log_seq_operations;

/* test_clients.c */
int client_processor(const struct command *command);
int client_event(const struct command *command);
int client_memory(const struct command *command);
int client_bulk(const struct command *command);
int client_unregister(const struct command *command);
int client_unregister_bad(const struct command *command);
int client_veto(const struct command *command);
int client_inside(const struct command *command);
int client_release(const struct command *command);
int clients_reset(void);
void clients_forget(void);

/* test_newcomers.c */
int newcomers_control(const struct command *command);
void newcomers_stop(void);

/* test_shutdown.c */
int shutdown_control(const struct command *command);

/* test_asleep.c */
int asleep_control(const struct command *command);
void asleep_stop(void);

/* test_cpus.c */
int cpu_hog(const struct command *command);
int gate_control(const struct command *command);
void gate_remove(void);

/* test_refused.c */
int refused_look(const struct command *command);

/* test_pool.c */
int pool_create(const struct command *command);
int pool_destroy(const struct command *command);
void pool_destroy_inside(const char *name);
int pool_submit(const struct command *command);
int pool_cancel(const struct command *command);
int pool_flush(const struct command *command);
int pool_get(const struct command *command);
int pool_put(const struct command *command);
int pool_misuse(const struct command *command);
int pool_ticks(const struct command *command);
int pool_watch(const struct command *command);
int pool_load(const struct command *command);
int pool_storm(const struct command *command);
int pool_rest(const struct command *command);
void pools_reset(void);
void pools_forget(void);
void pools_show(struct seq_file *m);

/* test_balloon.c */
int balloon_resize(const struct command *command);
void balloon_reset(void);

#endif /* _DHP_TEST_H */
