// SPDX-License-Identifier: GPL-2.0-only
/* Windows' strings. */
#include "unicode_string.h"

/* Fill @string with @prefix and @name, which are ASCII and fit into @buffer. */
void dhp_wdm_string(PUNICODE_STRING string, PWCHAR buffer, size_t units,
		    const char *prefix, const char *name)
{
	size_t n = 0;

	while (*prefix && n < units - 1)
		buffer[n++] = *prefix++;
	while (*name && n < units - 1)
		buffer[n++] = *name++;
	buffer[n] = 0;

	string->Buffer = buffer;
	string->Length = n * sizeof(*buffer);
	string->MaximumLength = (n + 1) * sizeof(*buffer);
}
