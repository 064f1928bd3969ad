/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/level.h"

#include <string.h>

static const char *const names[] = { "", "informational", "low", "medium", "high", "critical" };

const char *level_text(enum level level)
{
	return (unsigned)level <= LEVEL_CRITICAL ? names[level] : "";
}

bool level_parse(const char *text, enum level *out)
{
	for (unsigned i = LEVEL_INFORMATIONAL; i <= LEVEL_CRITICAL; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum level)i;
			return true;
		}
	return false;
}
