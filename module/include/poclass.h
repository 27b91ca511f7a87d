/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows drivers include it for GUID_DEVICE_PROCESSOR and its like, which are in wdm.h. */
#ifndef _DHP_POCLASS_H
#define _DHP_POCLASS_H

#include "wdm.h"

#endif /* _DHP_POCLASS_H */
