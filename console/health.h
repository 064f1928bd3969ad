/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - how it stands with the reporting of assets: clocks, silence, copies, and whether what
 * is known here is what the agents hold.
 */
#ifndef CONSOLE_HEALTH_H
#define CONSOLE_HEALTH_H

#include <jansson.h>

#include "console/asset_table.h"
#include "console/console.h"
#include "sinks/store/query.h"

/* Assets of which it is so now; resyncs and backups of the last day. */
struct health_counts {
	uint64_t skewed, stale, cloned, resyncing, held; /* the last: their quarantine is full */
	uint64_t resyncs, rolled_back;
};
NODISCARD enum status health_count(struct query *query, uint64_t now_ms, struct health_counts *out);

/* What is not over of ASSET, or was within the last day: an array. */
json_t *health_json(struct query *query, const struct asset_table *assets, uint64_t now_ms,
    const uint8_t asset[16]);
/* {agreed_at, root, facts, differs_since, resyncs}; null where it was never compared. */
json_t *health_digest_json(const struct console *console, const uint8_t asset[16]);
/* Both as a few lines.  Nothing, where there is nothing to tell. */
NODISCARD enum status health_lines(const struct console *console, struct query *query,
    const uint8_t asset[16]);

#endif
