/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resend rule is go-back-N: over ZeroMQ a session loses nothing unless a gateway dies in
 * between, so what is missing is always a tail.  It is sent again after max(2 s, 4 round trips) at
 * the soonest; the latest doubles up to 60 s while nothing comes back, and the time is drawn anew
 * from all that lies between.
 */
#include "core/link.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/record.h"
#include "core/require.h"

enum {
	RESEND_MS = 2000,
	RESEND_LATEST_MS = 2 * RESEND_MS, /* of the first time */
	RESEND_MAX_MS = 60 * 1000,
	HELLO_RETRY_MS = 50,
	HELLO_MS = 1000,
	HELLO_MAX_MS = 60 * 1000,
	PING_MS = 15 * 1000,
	PROBE_MS = 15 * 1000,
	SILENCE_MS = 45 * 1000,
	CALL_MAX_MS = 60 * 1000,
	NUDGE_MS = 200, /* spread over so much: a whole fleet may be back */
	FRAMES_IN_FLIGHT = 64,
	ROUND_TRIPS = 4,
};

/* One frame that was sent and not acknowledged. */
struct in_flight {
	uint64_t last;
	uint64_t sent_ms;
	size_t size;
};

struct flow_out {
	uint32_t flow;
	enum lane lane; /* 0: no share of the credit */
	uint64_t head, acked, sent, ever_sent;
	uint32_t window_records, window_bytes;
	uint64_t resend_at_ms, resend_latest_ms;
	uint64_t probe_at_ms; /* 0: the window is open, or nothing waits for it */
	size_t bytes;         /* in flight */
	struct in_flight frames[FRAMES_IN_FLIGHT];
	unsigned first, count; /* ring in `frames` */
	uint64_t paid;         /* last number that credit was taken for */
	size_t piece_at;       /* what went already of the record after `sent` */
	struct credit_debts debts;
};

struct flow_in {
	uint32_t flow;
	enum lane lane;
	uint64_t delivered; /* handed to the host */
	uint64_t committed;
	uint32_t window_records, window_bytes;
	bool owes_ack, wants_rewind;
	bool has_asked; /* for a rewind, and nothing came of it yet */
	struct credit_debts debts;
	struct buffer pieces; /* of the record after `delivered` */
	size_t pieces_total;  /* its size; 0: there are none */
};

enum link_state { LINK_HELLO, LINK_OPEN };

struct link {
	const struct link_operations *operations;
	void *self;
	bool is_dialler;
	enum link_state state;
	uint64_t session, random, round_trip_ms;
	uint64_t heard_ms, said_ms, hello_at_ms, hello_after_ms, ping_ms;
	uint64_t ping_at_ms; /* 0: when it is time */
	size_t frame_max;
	uint8_t challenge[HASH_SIZE];
	struct flow_out *outs;
	size_t outs_count;
	struct flow_in *ins;
	size_t ins_count;
	struct credit credit;  /* for what is sent */
	struct credit granted; /* for what is received */
	struct credit_grant grant;
	bool owes_grant;
	const char *offence;
	struct arena arena;    /* for the hello */
	struct arena incoming; /* for the frame being taken */
	struct buffer frame;   /* for what goes out */
	struct link_counters counters;
};

/* ---- helpers ---- */

/* xorshift64*: jitter needs no better, and a seed makes a run repeatable. */
static uint64_t next_random(struct link *link)
{
	link->random ^= link->random >> 12;
	link->random ^= link->random << 25;
	link->random ^= link->random >> 27;
	return link->random * 0x2545f4914f6cdd1dULL;
}

static uint64_t jitter(struct link *link, uint64_t base_ms)
{
	return base_ms / 2 + next_random(link) % base_ms;
}

static struct flow_out *find_out(struct link *link, uint32_t flow)
{
	for (size_t i = 0; i < link->outs_count; i++)
		if (link->outs[i].flow == flow)
			return &link->outs[i];
	return NULL;
}

static struct flow_in *find_in(struct link *link, uint32_t flow)
{
	for (size_t i = 0; i < link->ins_count; i++)
		if (link->ins[i].flow == flow)
			return &link->ins[i];
	return NULL;
}

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

/* ---- frames ---- */

static enum status transmit(struct link *link, Fettle__Frame *frame, uint64_t now_ms)
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

Fettle__Flow *link_new_flow(struct arena *arena, uint32_t number)
{
	Fettle__Flow *flow = arena_take(arena, sizeof(*flow));

	fettle__flow__init(flow);
	RECORD_SET(flow, flow, number);
	return flow;
}

/* ---- credit ---- */

Fettle__Credit *link_new_credit(struct arena *arena, struct credit_grant grant)
{
	Fettle__Credit *credit = arena_take(arena, sizeof(*credit));

	fettle__credit__init(credit);
	RECORD_SET(credit, records, (uint32_t)grant.budget.records);
	RECORD_SET(credit, bytes, (uint32_t)grant.budget.bytes);
	RECORD_SET(credit, urgent_only, grant.is_urgent_only);
	return credit;
}

static struct credit_grant grant_of(const Fettle__Credit *credit)
{
	return (
	    struct credit_grant){ .budget = { .records = credit->records, .bytes = credit->bytes },
		.is_urgent_only = credit->urgent_only };
}

static enum lane lane_of(const Fettle__Flow *flow)
{
	return flow->lane < LANE_END ? (enum lane)flow->lane : (enum lane)0;
}

/* The credits of a session that opens: GIVEN to this side, and what it GRANTS. */
static void set_up_credit(struct link *link, const Fettle__Credit *given,
    const Fettle__Credit *grants)
{
	link->credit = (struct credit){ .is_shared = false };
	link->granted = (struct credit){ .pool = link->granted.pool };
	if (given != NULL)
		credit_set(&link->credit, grant_of(given));
	if (grants == NULL)
		return;
	link->grant = grant_of(grants);
	credit_widen(&link->granted, link->grant);
}

void link_grant(struct link *link, struct credit_grant grant)
{
	const struct credit_grant *before = &link->grant;

	if (link->state != LINK_OPEN || !link->granted.is_shared
	    || (before->budget.records == grant.budget.records
		&& before->budget.bytes == grant.budget.bytes
		&& before->is_urgent_only == grant.is_urgent_only))
		return;
	link->grant = grant;
	link->owes_grant = true;
	credit_widen(&link->granted, grant);
}

void link_set_pool(struct link *link, struct credit_pool *pool)
{
	link->granted.pool = pool;
}

const char *link_offence(const struct link *link)
{
	return link->offence;
}

/* ---- opening ---- */

static void forget_outs(struct link *link)
{
	for (size_t i = 0; i < link->outs_count; i++)
		credit_debts_fini(&link->outs[i].debts);
	free(link->outs);
	link->outs = NULL;
	link->outs_count = 0;
}

/* What was received and never committed counts no more. */
static void forget_ins(struct link *link)
{
	for (size_t i = 0; i < link->ins_count; i++) {
		struct flow_in *in = &link->ins[i];

		credit_settle(&link->granted, &in->debts, in->lane, UINT64_MAX);
		credit_debts_fini(&in->debts);
		buffer_fini(&in->pieces);
	}
	free(link->ins);
	link->ins = NULL;
	link->ins_count = 0;
}

static void set_up_outs(struct link *link, Fettle__Flow *const *sends, size_t sends_count,
    Fettle__Flow *const *receives, size_t receives_count)
{
	forget_outs(link);
	link->outs = memory_new(sends_count * sizeof(*link->outs));
	for (size_t i = 0; i < sends_count; i++)
		for (size_t r = 0; r < receives_count; r++) {
			struct flow_out *out = &link->outs[link->outs_count];

			if (sends[i]->flow != receives[r]->flow)
				continue;
			out->flow = sends[i]->flow;
			out->head = sends[i]->head;
			out->acked = out->sent = out->ever_sent = out->paid =
			    receives[r]->committed;
			out->window_records = receives[r]->window_records;
			out->window_bytes = receives[r]->window_bytes;
			out->resend_latest_ms = RESEND_LATEST_MS;
			out->lane = lane_of(receives[r]);
			link->outs_count++;
			break;
		}
}

static void set_up_ins(struct link *link, Fettle__Flow *const *receives, size_t count)
{
	forget_ins(link);
	link->ins = memory_new(count * sizeof(*link->ins));
	link->ins_count = count;
	for (size_t i = 0; i < count; i++)
		link->ins[i] = (struct flow_in){ .flow = receives[i]->flow,
			.lane = lane_of(receives[i]),
			.delivered = receives[i]->committed,
			.committed = receives[i]->committed,
			.window_records = receives[i]->window_records,
			.window_bytes = receives[i]->window_bytes };
}

static void open_session(struct link *link)
{
	link->state = LINK_OPEN;
	link->owes_grant = false;
	link->offence = NULL;
	link->ping_at_ms = 0;
	if (link->operations->on_open != NULL)
		link->operations->on_open(link->self);
	/* Where the last acknowledgement of an older session was lost, this one says it. */
	for (size_t i = 0; i < link->outs_count; i++)
		if (link->outs[i].acked > 0)
			link->operations->on_acked(link->self, link->outs[i].flow,
			    link->outs[i].acked);
}

static struct link *new_link(const struct link_operations *operations, void *self, uint64_t random,
    uint64_t now_ms)
{
	struct link *link = memory_new(sizeof(*link));

	link->operations = operations;
	link->self = self;
	link->random = random | 1;
	link->heard_ms = link->said_ms = now_ms;
	link->hello_at_ms = now_ms;
	link->hello_after_ms = HELLO_MS;
	link->ping_ms = PING_MS;
	link->frame_max = LINK_INNER_FRAME_MAX;
	link->counters.sessions = 1;
	return link;
}

struct link *link_new_dialler(const struct link_operations *operations, void *self, uint64_t random,
    uint64_t now_ms)
{
	struct link *link = new_link(operations, self, random, now_ms);

	link->is_dialler = true;
	return link;
}

struct link *link_new_acceptor(const struct link_operations *operations, void *self,
    uint64_t random, uint64_t now_ms, const Fettle__Hello *hello, Fettle__Welcome *welcome)
{
	struct link *link = new_link(operations, self, random, now_ms);
	Fettle__Frame frame = FETTLE__FRAME__INIT;

	while (link->session == 0)
		link->session = next_random(link);
	set_up_outs(link, welcome->sends, welcome->n_sends, hello->receives, hello->n_receives);
	set_up_ins(link, welcome->receives, welcome->n_receives);
	set_up_credit(link, hello->credit, welcome->credit);
	RECORD_SET(welcome, protocol, LINK_PROTOCOL);
	if (hello->has_challenge)
		RECORD_SET_BYTES(welcome, challenge, record_bytes(hello->challenge));
	frame.welcome = welcome;
	/* A welcome that got lost is answered by the next hello. */
	(void)transmit(link, &frame, now_ms);
	open_session(link);
	return link;
}

void link_free(struct link *link)
{
	if (link == NULL)
		return;
	forget_outs(link);
	forget_ins(link);
	arena_fini(&link->arena);
	arena_fini(&link->incoming);
	buffer_fini(&link->frame);
	free(link);
}

void link_set_frame_max(struct link *link, size_t frame_max)
{
	REQUIRE(frame_max >= LINK_PIECE_BYTES + LINK_FRAME_ROOM);
	link->frame_max = frame_max;
}

void link_set_ping(struct link *link, uint64_t ping_ms)
{
	link->ping_ms = ping_ms;
}

bool link_is_open(const struct link *link)
{
	return link->state == LINK_OPEN;
}

uint64_t link_session(const struct link *link)
{
	return link->session;
}

uint64_t link_heard_ms(const struct link *link)
{
	return link->heard_ms;
}

const struct link_counters *link_counters(const struct link *link)
{
	return &link->counters;
}

static void say_hello(struct link *link, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	uint64_t challenge[2] = { next_random(link), next_random(link) };

	memcpy(link->challenge, challenge, sizeof(challenge));
	arena_reset(&link->arena);
	link->session = 0;
	RECORD_SET(&hello, protocol_lowest, LINK_PROTOCOL);
	RECORD_SET(&hello, protocol_highest, LINK_PROTOCOL);
	RECORD_SET_BYTES(&hello, challenge, BYTES_OF(link->challenge));
	link->operations->on_hello(link->self, &hello, &link->arena);
	frame.hello = &hello;
	if (transmit(link, &frame, now_ms) != STATUS_OK) {
		/* Nobody is connected yet: it costs nothing to ask again soon. */
		link->hello_at_ms = now_ms + HELLO_RETRY_MS;
		return;
	}
	link->hello_at_ms = now_ms + jitter(link, link->hello_after_ms);
	link->hello_after_ms = link->hello_after_ms * 2 > HELLO_MAX_MS ? HELLO_MAX_MS
	                                                               : link->hello_after_ms * 2;
}

void link_restart(struct link *link, uint64_t now_ms, const char *reason)
{
	REQUIRE(link->is_dialler);
	if (link->state == LINK_OPEN && link->operations->on_closed != NULL)
		link->operations->on_closed(link->self, reason);
	link->state = LINK_HELLO;
	link->hello_after_ms = HELLO_MS;
	link->hello_at_ms = now_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void nudge_within(struct link *link, uint64_t spread_ms, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + next_random(link) % (spread_ms == 0 ? 1 : spread_ms);

	if (link->state == LINK_OPEN && (link->ping_at_ms == 0 || at_ms < link->ping_at_ms))
		link->ping_at_ms = at_ms;
	else if (link->state != LINK_OPEN && at_ms < link->hello_at_ms)
		link->hello_at_ms = at_ms;
}

void link_nudge(struct link *link, uint64_t now_ms)
{
	nudge_within(link, NUDGE_MS, now_ms);
}

void link_encode_call(struct buffer *out, uint64_t spread_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Call call = FETTLE__CALL__INIT;

	RECORD_SET(&call, spread_ms, spread_ms);
	frame.call = &call;
	record_pack(out, &frame.base);
}

static void on_welcome(struct link *link, const Fettle__Frame *frame, uint64_t now_ms)
{
	const Fettle__Welcome *welcome = frame->welcome;
	/* The flows that this side sends are set up by its own last hello. */
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	enum status status;

	if (link->state == LINK_OPEN || welcome->protocol != LINK_PROTOCOL || frame->session == 0
	    || !bytes_equal(record_bytes(welcome->challenge), BYTES_OF(link->challenge)))
		return;
	status = link->operations->on_welcome(link->self, welcome);
	if (status != STATUS_OK) {
		/* Otherwise a host whose disk is full would greet as fast as it is answered. */
		if (status == STATUS_AGAIN)
			link->hello_at_ms = now_ms;
		return;
	}
	link->operations->on_hello(link->self, &hello, &link->arena);
	link->session = frame->session;
	set_up_outs(link, hello.sends, hello.n_sends, welcome->receives, welcome->n_receives);
	set_up_ins(link, hello.receives, hello.n_receives);
	set_up_credit(link, welcome->credit, hello.credit);
	link->hello_after_ms = HELLO_MS;
	link->counters.sessions++;
	open_session(link);
}

/* ---- the sending side of a flow ---- */

static void rewind_to(struct flow_out *out, uint64_t acked)
{
	out->sent = acked;
	out->first = out->count = 0;
	out->bytes = 0;
	out->piece_at = 0;
}

/* Drawn anew each time: those who lost the same log do not come back to it together. */
static uint64_t resend_at(struct link *link, const struct flow_out *out, uint64_t now_ms)
{
	uint64_t soonest = ROUND_TRIPS * link->round_trip_ms;
	uint64_t latest = out->resend_latest_ms;

	/* A commit that once took an hour must not make the next loss cost four. */
	soonest = soonest < RESEND_MS ? RESEND_MS : soonest;
	soonest = soonest > RESEND_MAX_MS ? RESEND_MAX_MS : soonest;
	latest = latest < 2 * soonest ? 2 * soonest : latest;
	latest = latest > RESEND_MAX_MS ? RESEND_MAX_MS : latest;
	return now_ms + soonest + next_random(link) % (latest - soonest + 1);
}

static void take_ack(struct link *link, const Fettle__Flow *ack, uint64_t now_ms)
{
	struct flow_out *out = find_out(link, ack->flow);
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
		out->first = (out->first + 1) % FRAMES_IN_FLIGHT;
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

/* What was sent once is paid for, and so is the rest of what goes in pieces. */
static size_t records_allowed(const struct link *link, const struct flow_out *out)
{
	uint64_t unacked = out->sent - out->acked;
	uint64_t left = out->window_records > unacked ? out->window_records - unacked : 0;
	uint64_t until = out->sent < out->paid ? out->paid : out->head;

	if (out->sent >= out->head || out->count == FRAMES_IN_FLIGHT
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

static size_t bytes_allowed(const struct link *link, const struct flow_out *out)
{
	uint64_t left = credit_left(&link->credit, out->lane).bytes;

	return out->sent < out->paid || left > LINK_BATCH_BYTES ? LINK_BATCH_BYTES : (size_t)left;
}

static bool has_credit(const struct link *link, const struct flow_out *out,
    const struct link_batch *batch)
{
	const struct credit_amount amount = { .records = batch->count, .bytes = batch->size };

	return out->sent < out->paid || credit_allows(&link->credit, out->lane, amount);
}

static void pay(struct link *link, struct flow_out *out, const struct link_batch *batch)
{
	if (out->sent < out->paid)
		return;
	out->paid = out->sent + batch->count;
	credit_owe(&link->credit, &out->debts, out->lane, out->paid,
	    (struct credit_amount){ .records = batch->count, .bytes = batch->size });
}

static enum status send_batch(struct link *link, struct flow_out *out, struct link_batch *batch,
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
	return transmit(link, &frame, now_ms);
}

static enum status send_piece(struct link *link, struct flow_out *out,
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
	return transmit(link, &frame, now_ms);
}

/* Where the transport is full in between, it goes on from there later. */
static enum status send_pieces(struct link *link, struct flow_out *out,
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

static enum status send_records(struct link *link, struct flow_out *out, struct link_batch *batch,
    uint64_t now_ms)
{
	return batch->count == 1 && batch->size > link->frame_max - LINK_FRAME_ROOM
	         ? send_pieces(link, out, batch, now_ms)
	         : send_batch(link, out, batch, now_ms);
}

static void note_sent(struct link *link, struct flow_out *out, const struct link_batch *batch,
    uint64_t now_ms)
{
	unsigned slot = (out->first + out->count) % FRAMES_IN_FLIGHT;

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
	    (struct in_flight){ .last = out->sent, .sent_ms = now_ms, .size = batch->size };
	out->count++;
	out->bytes += batch->size;
}

/* Sends what one flow may.  False: the transport is full. */
static bool pump_flow(struct link *link, struct flow_out *out, uint64_t now_ms)
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

void link_wake(struct link *link, uint32_t flow, uint64_t head)
{
	struct flow_out *out = find_out(link, flow);

	if (out != NULL && head > out->head)
		out->head = head;
}

/* ---- the receiving side of a flow ---- */

/* The host of the accepting side looks at link_offence and ends the session. */
static void offend(struct link *link, const char *what, uint64_t now_ms)
{
	if (link->is_dialler)
		link_restart(link, now_ms, what);
	link->offence = what;
}

/* False: the other side has sent more than it was granted, and the session is over. */
static bool take_credit(struct link *link, struct flow_in *in, uint64_t last,
    struct credit_amount amount, uint64_t now_ms)
{
	if (!credit_allows(&link->granted, in->lane, amount)) {
		offend(link, "it sent more than its credit", now_ms);
		return false;
	}
	credit_owe(&link->granted, &in->debts, in->lane, last, amount);
	return true;
}

/* True where nothing is missing before record number FIRST. */
static bool follows(struct link *link, struct flow_in *in, uint64_t first, size_t count)
{
	if (first <= in->delivered + 1)
		return true;
	link->counters.out_of_order += count;
	/* Once for all that is in flight behind the gap; if it is lost, time does the rest. */
	in->owes_ack = true;
	in->wants_rewind |= !in->has_asked;
	return false;
}

static bool is_known(struct link *link, struct flow_in *in, uint64_t last, size_t count)
{
	if (last > in->delivered)
		return false;
	link->counters.duplicates += count;
	in->owes_ack = true;
	return true;
}

static void forget_pieces(struct flow_in *in)
{
	buffer_fini(&in->pieces);
	in->pieces_total = 0;
}

static void deliver(struct link *link, struct flow_in *in, uint64_t first,
    const struct bytes *records, size_t count, struct bytes chain)
{
	link->counters.records_received += count;
	in->delivered = first + count - 1;
	in->has_asked = in->wants_rewind = false;
	link->operations->on_data(link->self, in->flow, first, records, count, chain);
}

/* The first piece: of a record that is new, or that is sent again from its beginning. */
static bool begin_pieces(struct link *link, struct flow_in *in, const Fettle__Data *data,
    uint64_t now_ms)
{
	size_t total = data->piece_total;

	buffer_clear(&in->pieces);
	if (in->pieces_total == total)
		return true;
	if (in->pieces_total != 0 || total > LINK_PIECED_MAX) {
		offend(link, "a record in pieces was larger than it may be", now_ms);
		return false;
	}
	if (credit_pool_is_full(link->granted.pool, total)) {
		offend(link, "there is no room for a record in pieces now", now_ms);
		return false;
	}
	in->pieces_total = total;
	return take_credit(link, in, data->first, (struct credit_amount){ 1, total }, now_ms);
}

static bool fits(const struct flow_in *in, const Fettle__Data *data)
{
	size_t size = data->records[0].len;

	return size > 0 && data->piece_total == in->pieces_total
	    && data->piece_at == in->pieces.size && size <= in->pieces_total - in->pieces.size;
}

static void take_piece(struct link *link, struct flow_in *in, const Fettle__Data *data,
    uint64_t now_ms)
{
	struct bytes record;

	if (data->n_records != 1 || data->piece_total == 0 || is_known(link, in, data->first, 1)
	    || !follows(link, in, data->first, 1))
		return;
	if (data->piece_at == 0 && !begin_pieces(link, in, data, now_ms))
		return;
	/* The ones before it were lost. */
	if (in->pieces_total == 0) {
		(void)follows(link, in, in->delivered + 2, 1);
		return;
	}
	if (!fits(in, data)) {
		offend(link, "the pieces of a record have a gap, or overlap", now_ms);
		return;
	}
	buffer_append(&in->pieces, record_bytes(data->records[0]));
	if (in->pieces.size < in->pieces_total)
		return;
	record = buffer_bytes(&in->pieces);
	deliver(link, in, data->first, &record, 1, record_bytes(data->chain));
	forget_pieces(in);
}

static void take_records(struct link *link, struct flow_in *in, const Fettle__Data *data,
    uint64_t now_ms)
{
	struct bytes records[LINK_BATCH_RECORDS];
	uint64_t known, last = data->first + data->n_records - 1;
	struct credit_amount amount = { 0 };

	if (!follows(link, in, data->first, data->n_records)
	    || is_known(link, in, last, data->n_records))
		return;
	known = in->delivered + 1 - data->first;
	for (size_t i = known; i < data->n_records; i++) {
		records[i - known] = record_bytes(data->records[i]);
		amount.bytes += data->records[i].len;
	}
	amount.records = data->n_records - known;
	if (in->pieces_total != 0) {
		offend(link, "a record in pieces was not finished", now_ms);
		return;
	}
	if (!take_credit(link, in, last, amount, now_ms))
		return;
	link->counters.duplicates += known;
	/* What is new is acknowledged once it is committed, not before. */
	in->owes_ack |= known > 0;
	deliver(link, in, data->first + known, records, amount.records, record_bytes(data->chain));
}

static void take_data(struct link *link, const Fettle__Data *data, uint64_t now_ms)
{
	struct flow_in *in = find_in(link, data->flow);

	if (in == NULL || data->first == 0 || data->n_records == 0
	    || data->n_records > LINK_BATCH_RECORDS)
		return;
	if (data->has_piece_total)
		take_piece(link, in, data, now_ms);
	else
		take_records(link, in, data, now_ms);
}

void link_committed(struct link *link, uint32_t flow, uint64_t committed, uint32_t window_records,
    uint32_t window_bytes)
{
	struct flow_in *in = find_in(link, flow);

	if (in == NULL)
		return;
	if (committed > in->committed || window_records != in->window_records
	    || window_bytes != in->window_bytes)
		in->owes_ack = true;
	if (committed > in->committed)
		in->committed = committed;
	if (in->delivered < in->committed)
		in->delivered = in->committed;
	credit_settle(&link->granted, &in->debts, in->lane, in->committed);
	in->window_records = window_records;
	in->window_bytes = window_bytes;
}

void link_rewind(struct link *link, uint32_t flow, uint64_t committed)
{
	struct flow_in *in = find_in(link, flow);

	if (in == NULL)
		return;
	in->committed = in->delivered = committed;
	credit_settle(&link->granted, &in->debts, in->lane, UINT64_MAX);
	forget_pieces(in);
	in->owes_ack = in->wants_rewind = true;
	in->has_asked = false;
}

static bool pump_acks(struct link *link, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ack ack = FETTLE__ACK__INIT;
	Fettle__Flow flows[LINK_FLOWS_MAX], *pointers[LINK_FLOWS_MAX];

	for (size_t i = 0; i < link->ins_count && ack.n_flows < LINK_FLOWS_MAX; i++) {
		struct flow_in *in = &link->ins[i];
		Fettle__Flow *flow = &flows[ack.n_flows];

		if (!in->owes_ack)
			continue;
		fettle__flow__init(flow);
		RECORD_SET(flow, flow, in->flow);
		RECORD_SET(flow, committed, in->committed);
		RECORD_SET(flow, window_records, in->window_records);
		RECORD_SET(flow, window_bytes, in->window_bytes);
		if (in->wants_rewind && in->delivered == in->committed)
			RECORD_SET(flow, rewind, 1);
		pointers[ack.n_flows++] = flow;
	}
	if (ack.n_flows == 0 && !link->owes_grant)
		return true;
	if (link->granted.is_shared) {
		arena_reset(&link->arena);
		ack.credit = link_new_credit(&link->arena, link->grant);
	}
	ack.flows = pointers;
	frame.ack = &ack;
	if (transmit(link, &frame, now_ms) != STATUS_OK)
		return false;
	link->owes_grant = false;
	for (size_t i = 0; i < link->ins_count; i++) {
		struct flow_in *in = &link->ins[i];

		if (in->owes_ack && in->wants_rewind && in->delivered == in->committed) {
			in->wants_rewind = false;
			in->has_asked = true;
		}
		in->owes_ack = false;
	}
	return true;
}

void link_pump(struct link *link, uint64_t now_ms)
{
	if (link->state != LINK_OPEN || !pump_acks(link, now_ms))
		return;
	/* In the order in which the flows were declared: the most urgent first. */
	for (size_t i = 0; i < link->outs_count; i++)
		if (!pump_flow(link, &link->outs[i], now_ms))
			return;
}

/* ---- frames in ---- */

static void take_ping(struct link *link, const Fettle__Ping *ping, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ping reply = FETTLE__PING__INIT;

	if (ping->reply)
		return;
	/* It may ask because an acknowledgement, or the opening of a window, was lost. */
	for (size_t i = 0; i < link->ins_count; i++)
		link->ins[i].owes_ack = true;
	RECORD_SET(&reply, token, ping->token);
	RECORD_SET(&reply, reply, 1);
	frame.ping = &reply;
	(void)transmit(link, &frame, now_ms);
}

void link_take(struct link *link, const Fettle__Frame *frame, uint64_t now_ms)
{
	link->counters.frames_received++;
	if (frame->welcome != NULL && link->is_dialler) {
		link->heard_ms = now_ms;
		on_welcome(link, frame, now_ms);
		return;
	}
	if (frame->call != NULL && link->is_dialler) {
		nudge_within(link, earlier(frame->call->spread_ms, CALL_MAX_MS), now_ms);
		return;
	}
	if (link->state != LINK_OPEN || frame->session != link->session)
		return;
	link->heard_ms = now_ms;
	if (frame->reset != NULL && link->is_dialler) {
		link_restart(link, now_ms,
		    frame->reset->reason == NULL ? "the other side forgot it"
						 : frame->reset->reason);
		return;
	}
	if (frame->data != NULL && link->operations->on_data != NULL)
		take_data(link, frame->data, now_ms);
	if (link->state != LINK_OPEN || link->offence != NULL)
		return;
	if (frame->ack != NULL && frame->ack->credit != NULL)
		credit_set(&link->credit, grant_of(frame->ack->credit));
	if (frame->ack != NULL)
		for (size_t i = 0; i < frame->ack->n_flows; i++)
			take_ack(link, frame->ack->flows[i], now_ms);
	if (frame->ping != NULL)
		take_ping(link, frame->ping, now_ms);
}

enum status link_frame(struct link *link, struct bytes bytes, uint64_t now_ms)
{
	Fettle__Frame *frame;

	arena_reset(&link->incoming);
	frame = link_decode(bytes, &link->incoming);
	if (frame != NULL)
		link_take(link, frame, now_ms);
	return frame == NULL ? STATUS_REJECT : STATUS_OK;
}

/* ---- time ---- */

static void say_ping(struct link *link, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ping ping = FETTLE__PING__INIT;

	RECORD_SET(&ping, token, next_random(link));
	frame.ping = &ping;
	(void)transmit(link, &frame, now_ms);
}

/* A window or credit that is shut with nothing in flight opens by one frame, and that may be lost:
 * ask. */
static uint64_t probe(struct link *link, struct flow_out *out, uint64_t now_ms)
{
	bool is_shut = out->head > out->sent
	            && (out->window_records == 0 || out->window_bytes == 0
			|| credit_left(&link->credit, out->lane).bytes == 0);

	if (!is_shut) {
		out->probe_at_ms = 0;
		return UINT64_MAX;
	}
	if (out->probe_at_ms != 0 && out->probe_at_ms <= now_ms) {
		say_ping(link, now_ms);
		out->probe_at_ms = 0;
	}
	if (out->probe_at_ms == 0)
		out->probe_at_ms = now_ms + jitter(link, PROBE_MS);
	return out->probe_at_ms;
}

static uint64_t tick_out(struct link *link, struct flow_out *out, uint64_t now_ms)
{
	if (out->count == 0)
		return probe(link, out, now_ms);
	if (out->resend_at_ms > now_ms)
		return out->resend_at_ms;
	rewind_to(out, out->acked);
	out->resend_latest_ms = earlier(2 * out->resend_latest_ms, RESEND_MAX_MS);
	return now_ms;
}

static void tick_open(struct link *link, uint64_t now_ms)
{
	if (link->is_dialler && now_ms - link->heard_ms >= SILENCE_MS) {
		link_restart(link, now_ms, "nothing was heard for 45 seconds");
		return;
	}
	if (link->ping_at_ms != 0 && link->ping_at_ms <= now_ms) {
		link->ping_at_ms = 0;
		say_ping(link, now_ms);
		return;
	}
	if (now_ms - link->heard_ms < link->ping_ms || now_ms - link->said_ms < link->ping_ms)
		return;
	say_ping(link, now_ms);
}

uint64_t link_tick(struct link *link, uint64_t now_ms)
{
	uint64_t next = now_ms + link->ping_ms;

	if (link->state == LINK_OPEN)
		tick_open(link, now_ms);
	if (link->state == LINK_HELLO) {
		if (link->is_dialler && link->hello_at_ms <= now_ms)
			say_hello(link, now_ms);
		return link->hello_at_ms;
	}
	if (link->ping_at_ms != 0)
		next = earlier(next, link->ping_at_ms);
	for (size_t i = 0; i < link->outs_count; i++)
		next = earlier(next, tick_out(link, &link->outs[i], now_ms));
	link_pump(link, now_ms);
	return next;
}
