/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: out of a session, and in from whoever sends; the pieces of hello and welcome.
 */
#include "core/link/parts.h"
#include "core/record.h"
#include "core/require.h"

bool link_batch_has_room(const struct link_batch *batch, size_t size)
{
	size_t limit = batch->limit == 0 ? LINK_BATCH_BYTES : batch->limit;

	return batch->count < LINK_BATCH_RECORDS
	    && (batch->count == 0 || batch->size + size <= limit);
}

void link_batch_add(struct link_batch *batch, struct bytes record)
{
	REQUIRE(batch->count < LINK_BATCH_RECORDS);
	batch->records[batch->count++] = record;
	batch->size += record.size;
}

enum status link_transmit(struct link *link, Fettle__Frame *frame, uint64_t now_ms)
{
	enum status status;

	RECORD_SET(frame, session, link->session);
	buffer_clear(&link->frame);
	record_pack(&link->frame, &frame->base);
	status = link->operations->transmit(link->self, buffer_bytes(&link->frame));
	if (status == STATUS_OK) {
		link->said_ms = now_ms;
		link->counters.frames_sent++;
	}
	return status;
}

Fettle__Frame *link_decode(struct bytes bytes, struct arena *arena)
{
	return bytes.size > LINK_INNER_FRAME_MAX
	         ? NULL
	         : record_unpack(&fettle__frame__descriptor, bytes, arena);
}

void link_encode_reset(struct buffer *out, uint64_t session, const char *reason)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Reset reset = FETTLE__RESET__INIT;

	RECORD_SET(&frame, session, session);
	reset.reason = RECORD_TEXT(reason);
	frame.reset = &reset;
	record_pack(out, &frame.base);
}

void link_encode_call(struct buffer *out, uint64_t spread_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Call call = FETTLE__CALL__INIT;

	RECORD_SET(&call, spread_ms, spread_ms);
	frame.call = &call;
	record_pack(out, &frame.base);
}

Fettle__Flow *link_new_flow(struct arena *arena, uint32_t number)
{
	Fettle__Flow *flow = arena_take(arena, sizeof(*flow));

	fettle__flow__init(flow);
	RECORD_SET(flow, flow, number);
	return flow;
}

Fettle__Credit *link_new_credit(struct arena *arena, struct credit_grant grant)
{
	Fettle__Credit *credit = arena_take(arena, sizeof(*credit));

	fettle__credit__init(credit);
	RECORD_SET(credit, records, (uint32_t)grant.budget.records);
	RECORD_SET(credit, bytes, (uint32_t)grant.budget.bytes);
	RECORD_SET(credit, urgent_only, grant.is_urgent_only);
	return credit;
}

struct credit_grant link_grant_of(const Fettle__Credit *credit)
{
	return (
	    struct credit_grant){ .budget = { .records = credit->records, .bytes = credit->bytes },
		.is_urgent_only = credit->urgent_only };
}

enum lane link_lane_of(const Fettle__Flow *flow)
{
	return flow->lane < LANE_END ? (enum lane)flow->lane : (enum lane)0;
}
