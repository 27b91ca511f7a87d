/* SPDX-License-Identifier: GPL-2.0-only */
/* Clients of every kind, registered and unregistered at random. */
#ifndef _TORTURE_CLIENTS_H
#define _TORTURE_CLIENTS_H

struct torture_thread;

extern unsigned int torture_veto_permille;

void torture_clients_run(struct torture_thread *thread);
void torture_clients_exit(void);

#endif /* _TORTURE_CLIENTS_H */
