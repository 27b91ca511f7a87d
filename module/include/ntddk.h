/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows drivers include it for what is in wdm.h. */
#ifndef _DHP_NTDDK_H
#define _DHP_NTDDK_H

#include "wdm.h"

#endif /* _DHP_NTDDK_H */
