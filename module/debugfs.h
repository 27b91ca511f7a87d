/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _DHP_DEBUGFS_H
#define _DHP_DEBUGFS_H

int dhp_debugfs_init(void);
void dhp_debugfs_exit(void);

#endif /* _DHP_DEBUGFS_H */
