/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _DHP_SYSFS_H
#define _DHP_SYSFS_H

int dhp_sysfs_init(void);
void dhp_sysfs_exit(void);

#endif /* _DHP_SYSFS_H */
