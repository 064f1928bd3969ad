/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending side of a flow.  The resend rule is go-back-N: over ZeroMQ a session loses nothing
 * unless a gateway dies in between, so what is missing is always a tail.  It is sent again after
 * max(2 s, 4 round trips) at the soonest; the latest doubles up to 60 s while nothing comes back,
 * and the time is drawn anew from all that lies between.
 */
#include "core/link/parts.h"

#include <stdlib.h>

#include "core/record.h"

enum {
	RESEND_MS = 2000,
	RESEND_LATEST_MS = 2 * RESEND_MS, /* of the first time */
	RESEND_MAX_MS = 60 * 1000,
	PROBE_MS = 15 * 1000,
	ROUND_TRIPS = 4,
};

/* ---- a session's flows ---- */

static struct link_out *find_out(struct link *link, uint32_t flow)
{
	for (size_t i = 0; i < link->outs_count; i++)
		if (link->outs[i].flow == flow)
			return &link->outs[i];
	return NULL;
}

void link_forget_outs(struct link *link)
{
	for (size_t i = 0; i < link->outs_count; i++)
		credit_debts_fini(&link->outs[i].debts);
	free(link->outs);
	link->outs = NULL;
	link->outs_count = 0;
}

void link_set_up_outs(struct link *link, Fettle__Flow *const *sends, size_t sends_count,
    Fettle__Flow *const *receives, size_t receives_count)
{
	link_forget_outs(link);
	link->outs = memory_new(sends_count * sizeof(*link->outs));
	for (size_t i = 0; i < sends_count; i++)
		for (size_t r = 0; r < receives_count; r++) {
			struct link_out *out = &link->outs[link->outs_count];

			if (sends[i]->flow != receives[r]->flow)
				continue;
			out->flow = sends[i]->flow;
			out->head = sends[i]->head;
			out->acked = out->sent = out->ever_sent = out->paid =
			    receives[r]->committed;
			out->window_records = receives[r]->window_records;
			out->window_bytes = receives[r]->window_bytes;
			out->resend_latest_ms = RESEND_LATEST_MS;
			out->lane = link_lane_of(receives[r]);
			link->outs_count++;
			break;
		}
}

void link_wake(struct link *link, uint32_t flow, uint64_t head)
{
	struct link_out *out = find_out(link, flow);

	if (out != NULL && head > out->head)
		out->head = head;
}

/* ---- acknowledged ---- */

static void rewind_to(struct link_out *out, uint64_t acked)
{
	out->sent = acked;
	out->first = out->count = 0;
	out->bytes = 0;
	out->piece_at = 0;
}

/* Drawn anew each time: those who lost the same log do not come back to it together. */
static uint64_t resend_at(struct link *link, const struct link_out *out, uint64_t now_ms)
{
	uint64_t soonest = ROUND_TRIPS * link->round_trip_ms;
	uint64_t latest = out->resend_latest_ms;

	/* A commit that once took an hour must not make the next loss cost four. */
	soonest = soonest < RESEND_MS ? RESEND_MS : soonest;
	soonest = soonest > RESEND_MAX_MS ? RESEND_MAX_MS : soonest;
	latest = latest < 2 * soonest ? 2 * soonest : latest;
	latest = latest > RESEND_MAX_MS ? RESEND_MAX_MS : latest;
	return now_ms + soonest + link_random(link) % (latest - soonest + 1);
}

void link_take_ack(struct link *link, const Fettle__Flow *ack, uint64_t now_ms)
{
	struct link_out *out = find_out(link, ack->flow);
	uint64_t before;

	/* An ack beyond what was sent is the work of a broken or hostile peer. */
	if (out == NULL || ack->committed > out->ever_sent)
		return;
	before = out->acked;
	if (ack->has_window_records)
		out->window_records = ack->window_records;
	if (ack->has_window_bytes)
		out->window_bytes = ack->window_bytes;
	while (out->count > 0 && out->frames[out->first].last <= ack->committed) {
		link->round_trip_ms = now_ms - out->frames[out->first].sent_ms;
		out->bytes -= out->frames[out->first].size;
		out->first = (out->first + 1) % LINK_FRAMES_IN_FLIGHT;
		out->count--;
	}
	if (ack->committed > out->acked) {
		out->acked = ack->committed;
		out->resend_latest_ms = RESEND_LATEST_MS;
		out->resend_at_ms = resend_at(link, out, now_ms);
		credit_settle(&link->credit, &out->debts, out->lane, out->acked);
	}
	if (out->sent < out->acked)
		rewind_to(out, out->acked);
	if (ack->rewind)
		rewind_to(out, out->acked);
	if (out->acked > before)
		link->operations->on_acked(link->self, out->flow, out->acked);
}

/* ---- what may be sent ---- */

/* What was sent once is paid for, and so is the rest of what goes in pieces. */
static size_t records_allowed(const struct link *link, const struct link_out *out)
{
	uint64_t unacked = out->sent - out->acked;
	uint64_t left = out->window_records > unacked ? out->window_records - unacked : 0;
	uint64_t until = out->sent < out->paid ? out->paid : out->head;

	if (out->sent >= out->head || out->count == LINK_FRAMES_IN_FLIGHT
	    || out->bytes >= out->window_bytes)
		return 0;
	if (out->sent >= out->paid) {
		struct credit_amount credit = credit_left(&link->credit, out->lane);

		if (credit.bytes == 0)
			return 0;
		left = left > credit.records ? credit.records : left;
	}
	if (left > until - out->sent)
		left = until - out->sent;
	return left > LINK_BATCH_RECORDS ? LINK_BATCH_RECORDS : (size_t)left;
}

static size_t bytes_allowed(const struct link *link, const struct link_out *out)
{
	uint64_t left = credit_left(&link->credit, out->lane).bytes;

	return out->sent < out->paid || left > LINK_BATCH_BYTES ? LINK_BATCH_BYTES : (size_t)left;
}

static bool has_credit(const struct link *link, const struct link_out *out,
    const struct link_batch *batch)
{
	const struct credit_amount amount = { .records = batch->count, .bytes = batch->size };

	return out->sent < out->paid || credit_allows(&link->credit, out->lane, amount);
}

static void pay(struct link *link, struct link_out *out, const struct link_batch *batch)
{
	if (out->sent < out->paid)
		return;
	out->paid = out->sent + batch->count;
	credit_owe(&link->credit, &out->debts, out->lane, out->paid,
	    (struct credit_amount){ .records = batch->count, .bytes = batch->size });
}

/* ---- sent ---- */

static enum status send_batch(struct link *link, struct link_out *out, struct link_batch *batch,
    uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;
	ProtobufCBinaryData records[LINK_BATCH_RECORDS];

	for (size_t i = 0; i < batch->count; i++)
		records[i] = record_binary(batch->records[i]);
	RECORD_SET(&data, flow, out->flow);
	RECORD_SET(&data, first, out->sent + 1);
	data.n_records = batch->count;
	data.records = records;
	if (batch->has_chain)
		RECORD_SET_BYTES(&data, chain, BYTES_OF(batch->chain));
	frame.data = &data;
	return link_transmit(link, &frame, now_ms);
}

static enum status send_piece(struct link *link, struct link_out *out,
    const struct link_batch *batch, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Data data = FETTLE__DATA__INIT;
	struct bytes piece = BYTES(batch->records[0].data + out->piece_at,
	    batch->size - out->piece_at);
	ProtobufCBinaryData record;

	if (piece.size > LINK_PIECE_BYTES)
		piece.size = LINK_PIECE_BYTES;
	record = record_binary(piece);
	RECORD_SET(&data, flow, out->flow);
	RECORD_SET(&data, first, out->sent + 1);
	RECORD_SET(&data, piece_at, (uint32_t)out->piece_at);
	RECORD_SET(&data, piece_total, (uint32_t)batch->size);
	data.n_records = 1;
	data.records = &record;
	if (batch->has_chain)
		RECORD_SET_BYTES(&data, chain, BYTES_OF(batch->chain));
	frame.data = &data;
	return link_transmit(link, &frame, now_ms);
}

/* Where the transport is full in between, it goes on from there later. */
static enum status send_pieces(struct link *link, struct link_out *out,
    const struct link_batch *batch, uint64_t now_ms)
{
	while (out->piece_at < batch->size) {
		size_t left = batch->size - out->piece_at;
		enum status status = send_piece(link, out, batch, now_ms);

		if (status != STATUS_OK)
			return status;
		pay(link, out, batch);
		out->piece_at += left < LINK_PIECE_BYTES ? left : LINK_PIECE_BYTES;
	}
	out->piece_at = 0;
	return STATUS_OK;
}

static enum status send_records(struct link *link, struct link_out *out, struct link_batch *batch,
    uint64_t now_ms)
{
	return batch->count == 1 && batch->size > link->frame_max - LINK_FRAME_ROOM
	         ? send_pieces(link, out, batch, now_ms)
	         : send_batch(link, out, batch, now_ms);
}

static void note_sent(struct link *link, struct link_out *out, const struct link_batch *batch,
    uint64_t now_ms)
{
	unsigned slot = (out->first + out->count) % LINK_FRAMES_IN_FLIGHT;

	if (out->count == 0)
		out->resend_at_ms = resend_at(link, out, now_ms);
	link->counters.records_sent += batch->count;
	if (out->sent < out->ever_sent)
		link->counters.records_resent += batch->count;
	pay(link, out, batch);
	out->sent += batch->count;
	if (out->sent > out->ever_sent)
		out->ever_sent = out->sent;
	out->frames[slot] =
	    (struct link_in_flight){ .last = out->sent, .sent_ms = now_ms, .size = batch->size };
	out->count++;
	out->bytes += batch->size;
}

bool link_pump_flow(struct link *link, struct link_out *out, uint64_t now_ms)
{
	size_t most;

	while ((most = records_allowed(link, out)) > 0) {
		struct link_batch batch = { .limit = bytes_allowed(link, out) };
		enum status status = link->operations->read(link->self, out->flow, out->sent + 1,
		    most, &batch);

		if (status == STATUS_OK && batch.count > 0 && has_credit(link, out, &batch))
			status = send_records(link, out, &batch, now_ms);
		else
			status = STATUS_NOT_FOUND;
		if (link->operations->release != NULL)
			link->operations->release(link->self);
		if (status == STATUS_NOT_FOUND)
			return true;
		if (status != STATUS_OK)
			return false;
		note_sent(link, out, &batch, now_ms);
	}
	return true;
}

/* ---- time ---- */

/* A window or credit that is shut with nothing in flight opens by one frame, and that may be lost:
 * ask. */
static uint64_t probe(struct link *link, struct link_out *out, uint64_t now_ms)
{
	bool is_shut = out->head > out->sent
	            && (out->window_records == 0 || out->window_bytes == 0
			|| credit_left(&link->credit, out->lane).bytes == 0);

	if (!is_shut) {
		out->probe_at_ms = 0;
		return UINT64_MAX;
	}
	if (out->probe_at_ms != 0 && out->probe_at_ms <= now_ms) {
		link_say_ping(link, now_ms);
		out->probe_at_ms = 0;
	}
	if (out->probe_at_ms == 0)
		out->probe_at_ms = now_ms + link_jitter(link, PROBE_MS);
	return out->probe_at_ms;
}

uint64_t link_tick_out(struct link *link, struct link_out *out, uint64_t now_ms)
{
	if (out->count == 0)
		return probe(link, out, now_ms);
	if (out->resend_at_ms > now_ms)
		return out->resend_at_ms;
	rewind_to(out, out->acked);
	out->resend_latest_ms = link_earlier(2 * out->resend_latest_ms, RESEND_MAX_MS);
	return now_ms;
}
