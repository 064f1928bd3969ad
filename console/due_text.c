/* SPDX-License-Identifier: Apache-2.0 */
#include "console/due_text.h"

#include <stdio.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

void due_text(uint64_t due_ms, uint64_t now_ms, char out[DUE_TEXT_SIZE])
{
	static const struct {
		const char *name;
		uint64_t ms, from_ms; /* used from there on */
	} units[] = {
		{ "day", DAY_MS, DAY_MS - HOUR_MS / 2 },
		{ "hour", HOUR_MS, HOUR_MS - MINUTE_MS / 2 },
		{ "minute", MINUTE_MS, MINUTE_MS / 2 },
	};
	uint64_t distance_ms = due_ms > now_ms ? due_ms - now_ms : now_ms - due_ms;

	snprintf(out, DUE_TEXT_SIZE, "%s", due_ms == 0 ? "" : "now");
	for (unsigned i = 0; due_ms > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		/* To the nearest: what was given three days a minute ago is due in three days. */
		unsigned long long count = (distance_ms + units[i].ms / 2) / units[i].ms;

		if (distance_ms < units[i].from_ms)
			continue;
		snprintf(out, DUE_TEXT_SIZE, "%s %llu %s%s", due_ms > now_ms ? "in" : "overdue",
		    count, units[i].name, count == 1 ? "" : "s");
		return;
	}
}
