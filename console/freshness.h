/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freshness.h - whether what is known of an asset still says how it is.
 *
 * Freshness stands apart from state: what an asset was last seen to be is not what it is.  What is
 * known of one that has been silent for too long is stale, never fixed.
 */
#ifndef CONSOLE_FRESHNESS_H
#define CONSOLE_FRESHNESS_H

#include "console/asset_table.h"

struct freshness {
	uint64_t stale_after_ms, now_ms;
};

/*
 * From the option --stale-after, else the setting console.stale_after.  False: the option is wrong,
 * and a message said so.
 */
bool freshness_parse(const struct console *console, struct freshness *out);

/* "current", "stale", or "unknown" for an asset that is not known or was never heard of. */
const char *freshness_of(const struct freshness *freshness, const struct asset_row *asset);
bool freshness_is_current(const struct freshness *freshness, const struct asset_row *asset);

/* "15 minutes": how long an asset may be silent. */
enum { FRESHNESS_TEXT_SIZE = 32 };
void freshness_limit(const struct freshness *freshness, char out[FRESHNESS_TEXT_SIZE]);

#endif
