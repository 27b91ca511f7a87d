// SPDX-License-Identifier: GPL-2.0-only
/*
 * Yes-or-no parameters that take whole words. The kernel's own look at the first letter
 * or two: pool=nonsense would be a no, and 10 a yes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/minmax.h>
#include <linux/string.h>

#include "common.h"

#define SHOWN 40	/* characters of a bad value, in the log */

/* Those that the kernel takes, too; the file itself shows Y and N. */
static const char * const words[] = {
	"0", "1", "N", "Y", "n", "y", "no", "yes", "off", "on"
};

static int bool_set(const char *value, const struct kernel_param *param)
{
	int length;

	/* The name alone is a yes. Writing a file brings a newline, which does not count. */
	if (!value || sysfs_match_string(words, value) >= 0)
		return param_set_bool(value, param);
	length = min_t(int, strcspn(value, "\n"), SHOWN);
	pr_err("bad parameter %s=%*pE: it must be 0 or 1\n", param->name, length, value);
	return -EINVAL;
}

const struct kernel_param_ops param_ops_dhp_bool = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = bool_set,
	.get = param_get_bool,
};
