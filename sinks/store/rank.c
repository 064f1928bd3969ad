/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/rank.h"

#include <stddef.h>
#include <string.h>

#include "core/require.h"

static const char *const texts[RANKS] = {
	[RANK_CRITICAL] = "critical",
	[RANK_HIGH] = "high",
	[RANK_MEDIUM] = "medium",
	[RANK_LOW] = "low",
	[RANK_INFO] = "info",
	[RANK_UNKNOWN] = "unknown",
};

bool rank_parse(const char *text, enum rank *out)
{
	for (unsigned i = 0; i < RANKS; i++)
		if (strcmp(texts[i], text) == 0) {
			*out = (enum rank)i;
			return true;
		}
	return false;
}

enum rank rank_of_severity(const char *severity)
{
	enum rank rank = RANK_UNKNOWN;

	if (severity != NULL && strcmp(severity, "informational") == 0)
		return RANK_INFO;
	if (severity == NULL || !rank_parse(severity, &rank))
		return RANK_UNKNOWN;
	return rank;
}

const char *rank_text(enum rank rank)
{
	REQUIRE((unsigned)rank < RANKS);
	return texts[rank];
}
