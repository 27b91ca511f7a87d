// SPDX-License-Identifier: GPL-2.0-only
/* Windows' status values and errnos, both ways. */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "wdm.h"

/*
 * The first line with an errno is its status, the first line with a status
 * is its errno: a line whose errno has come before serves one direction only.
 */
static const struct {
	NTSTATUS status;
	int err;
} errno_table[] = {
	{ STATUS_UNSUCCESSFUL,		 -EIO },
	{ STATUS_IO_DEVICE_ERROR,	 -EIO },
	{ STATUS_INSUFFICIENT_RESOURCES, -ENOMEM },
	{ STATUS_NO_MEMORY,		 -ENOMEM },
	{ STATUS_INVALID_PARAMETER,	 -EINVAL },
	{ STATUS_NOT_SUPPORTED,		 -EOPNOTSUPP },
	{ STATUS_NOT_SUPPORTED,		 -ENOTSUPP },
	{ STATUS_NOT_IMPLEMENTED,	 -ENOSYS },
	{ STATUS_INVALID_DEVICE_REQUEST, -ENOTTY },
	{ STATUS_ACCESS_DENIED,		 -EACCES },
	{ STATUS_PRIVILEGE_NOT_HELD,	 -EPERM },
	{ STATUS_ACCESS_VIOLATION,	 -EFAULT },
	{ STATUS_INVALID_HANDLE,	 -EBADF },
	{ STATUS_DEVICE_BUSY,		 -EBUSY },
	{ STATUS_SHARING_VIOLATION,	 -EBUSY },
	{ STATUS_RETRY,			 -EAGAIN },
	{ STATUS_IO_TIMEOUT,		 -ETIMEDOUT },
	{ STATUS_CANCELLED,		 -ECANCELED },
	{ STATUS_POSSIBLE_DEADLOCK,	 -EDEADLK },
	{ STATUS_OBJECT_NAME_NOT_FOUND,	 -ENOENT },
	{ STATUS_NO_SUCH_FILE,		 -ENOENT },
	{ STATUS_OBJECT_NAME_COLLISION,	 -EEXIST },
	{ STATUS_NO_SUCH_DEVICE,	 -ENODEV },
	{ STATUS_DEVICE_DOES_NOT_EXIST,	 -ENXIO },
	{ STATUS_DISK_FULL,		 -ENOSPC },
	{ STATUS_BUFFER_TOO_SMALL,	 -ENOBUFS },
	{ STATUS_INTEGER_OVERFLOW,	 -EOVERFLOW },
	{ STATUS_INVALID_DEVICE_STATE,	 -EBADFD },
	{ STATUS_INTERNAL_ERROR,	 -ENOTRECOVERABLE },
};

NTSTATUS dhp_ntstatus_from_errno(int err)
{
	int i;

	if (!err)
		return STATUS_SUCCESS;

	for (i = 0; i < ARRAY_SIZE(errno_table); i++)
		if (errno_table[i].err == err)
			return errno_table[i].status;

	return STATUS_UNSUCCESSFUL;
}
EXPORT_SYMBOL_GPL(dhp_ntstatus_from_errno);

int dhp_errno_from_ntstatus(NTSTATUS status)
{
	int i;

	if (NT_SUCCESS(status))
		return 0;

	for (i = 0; i < ARRAY_SIZE(errno_table); i++)
		if (errno_table[i].status == status)
			return errno_table[i].err;

	return -EIO;
}
EXPORT_SYMBOL_GPL(dhp_errno_from_ntstatus);
