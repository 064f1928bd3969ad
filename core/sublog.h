/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sublog.h - how the log's sub-logs are numbered as flows of a link.
 *
 * The log has 64 slots, chosen by agent, and in each one sub-log per lane; intent is one more that
 * every processor reads.  What a processor decides goes back to the log by its outbox.
 */
#ifndef CORE_SUBLOG_H
#define CORE_SUBLOG_H

#include <stdint.h>

#include "core/lane.h"

enum {
	SUBLOG_SLOTS = 64,
	SUBLOG_INTENT = 8,
	SUBLOG_OUTBOX = 9,   /* processor to log: commands */
	SUBLOG_VERDICT = 10, /* processor to sink */
	SUBLOG_NOTICE = 11,  /* what the log itself has to tell: processors read it */
	SUBLOG_MEMBER = 12,  /* who is admitted, compacted by key: gateways read it */
	SUBLOG_FIRST = 16,
	SUBLOG_COUNT = SUBLOG_SLOTS * LANES,
	SUBLOG_END = SUBLOG_FIRST + SUBLOG_COUNT,
};

/* Critical sub-logs come first, so that whoever goes through flows in order drains them first. */
static inline uint32_t sublog_flow(unsigned slot, enum lane lane)
{
	return SUBLOG_FIRST + ((unsigned)lane - 1) * SUBLOG_SLOTS + slot;
}

static inline enum lane sublog_lane(uint32_t flow)
{
	return (enum lane)((flow - SUBLOG_FIRST) / SUBLOG_SLOTS + 1);
}

static inline unsigned sublog_slot(uint32_t flow)
{
	return (flow - SUBLOG_FIRST) % SUBLOG_SLOTS;
}

/* An agent's id is a hash, so its first byte is as good as any. */
static inline unsigned sublog_slot_of(const uint8_t *agent_id)
{
	return agent_id[0] % SUBLOG_SLOTS;
}

#endif
