/* SPDX-License-Identifier: GPL-2.0-only */
/* Windows drivers include it for GUID_DEVICE_INTERFACE_ARRIVAL, which is in wdm.h. */
#ifndef _DHP_WDMGUID_H
#define _DHP_WDMGUID_H

#include "wdm.h"

#endif /* _DHP_WDMGUID_H */
