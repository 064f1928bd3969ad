/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving side of a flow: what follows is handed to the host, what is missing is asked for
 * again, and nothing is acknowledged before the host has committed it.  A record in pieces is put
 * together here, and counts from its first piece on.
 */
#include "core/link/parts.h"

#include <stdlib.h>

#include "core/record.h"

/* ---- a session's flows ---- */

static struct link_in *find_in(struct link *link, uint32_t flow)
{
	for (size_t i = 0; i < link->ins_count; i++)
		if (link->ins[i].flow == flow)
			return &link->ins[i];
	return NULL;
}

/* What was received and never committed counts no more. */
void link_forget_ins(struct link *link)
{
	for (size_t i = 0; i < link->ins_count; i++) {
		struct link_in *in = &link->ins[i];

		credit_settle(&link->granted, &in->debts, in->lane, UINT64_MAX);
		credit_debts_fini(&in->debts);
		buffer_fini(&in->pieces);
	}
	free(link->ins);
	link->ins = NULL;
	link->ins_count = 0;
}

void link_set_up_ins(struct link *link, Fettle__Flow *const *receives, size_t count)
{
	link_forget_ins(link);
	link->ins = memory_new(count * sizeof(*link->ins));
	link->ins_count = count;
	for (size_t i = 0; i < count; i++)
		link->ins[i] = (struct link_in){ .flow = receives[i]->flow,
			.lane = link_lane_of(receives[i]),
			.delivered = receives[i]->committed,
			.committed = receives[i]->committed,
			.window_records = receives[i]->window_records,
			.window_bytes = receives[i]->window_bytes };
}

/* ---- data ---- */

/* The host of the accepting side looks at link_offence and ends the session. */
static void offend(struct link *link, const char *what, uint64_t now_ms)
{
	if (link->is_dialler)
		link_restart(link, now_ms, what);
	link->offence = what;
}

/* False: the other side has sent more than it was granted, and the session is over. */
static bool take_credit(struct link *link, struct link_in *in, uint64_t last,
    struct credit_amount amount, uint64_t now_ms)
{
	if (!credit_allows(&link->granted, in->lane, amount)) {
		offend(link, "it sent more than its credit", now_ms);
		return false;
	}
	credit_owe(&link->granted, &in->debts, in->lane, last, amount);
	return true;
}

/* Once for all that is in flight behind the gap; if the request is lost, time does the rest. */
static void ask_again(struct link *link, struct link_in *in, size_t count)
{
	link->counters.out_of_order += count;
	in->owes_ack = true;
	in->wants_rewind |= !in->has_asked;
}

/* What was asked for comes. */
static void note_progress(struct link_in *in)
{
	in->has_asked = in->wants_rewind = false;
}

/* True where nothing is missing before record number FIRST. */
static bool follows(struct link *link, struct link_in *in, uint64_t first, size_t count)
{
	if (first <= in->delivered + 1)
		return true;
	ask_again(link, in, count);
	return false;
}

static bool is_known(struct link *link, struct link_in *in, uint64_t last, size_t count)
{
	if (last > in->delivered)
		return false;
	link->counters.duplicates += count;
	in->owes_ack = true;
	return true;
}

static void deliver(struct link *link, struct link_in *in, uint64_t first,
    const struct bytes *records, size_t count, struct bytes chain)
{
	link->counters.records_received += count;
	in->delivered = first + count - 1;
	note_progress(in);
	link->operations->on_data(link->self, in->flow, first, records, count, chain);
}

static void take_records(struct link *link, struct link_in *in, const Fettle__Data *data,
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

/* ---- pieces ---- */

static void forget_pieces(struct link_in *in)
{
	buffer_fini(&in->pieces);
	in->pieces_total = 0;
}

/*
 * There is no room now, which is not the sender's fault: its time to send again comes, and with it
 * the record.  Asking for it would only bring it back at once.
 */
static bool put_off(struct link_in *in)
{
	in->has_asked = true;
	in->wants_rewind = false;
	return false;
}

/* The first piece: of a record that is new, or that is sent again from its beginning. */
static bool begin_pieces(struct link *link, struct link_in *in, const Fettle__Data *data,
    uint64_t now_ms)
{
	size_t total = data->piece_total;

	if ((in->pieces_total != 0 && in->pieces_total != total) || total > LINK_PIECED_MAX) {
		offend(link, "a record in pieces was larger than it may be", now_ms);
		return false;
	}
	if (in->pieces_total == 0 && credit_pool_is_full(link->granted.pool, total))
		return put_off(in);
	note_progress(in);
	buffer_clear(&in->pieces);
	if (in->pieces_total == total)
		return true;
	in->pieces_total = total;
	return take_credit(link, in, data->first, (struct credit_amount){ 1, total }, now_ms);
}

/* False: no honest sender cuts the record that has begun like this. */
static bool is_piece(const struct link_in *in, const Fettle__Data *data)
{
	size_t size = data->records[0].len, have = in->pieces.size;

	return size > 0 && data->piece_total == in->pieces_total && size <= in->pieces_total
	    && data->piece_at <= in->pieces_total - size
	    && (data->piece_at >= have || data->piece_at + size <= have);
}

static void add_piece(struct link *link, struct link_in *in, const Fettle__Data *data)
{
	struct bytes record;

	buffer_append(&in->pieces, record_bytes(data->records[0]));
	if (in->pieces.size < in->pieces_total)
		return;
	record = buffer_bytes(&in->pieces);
	deliver(link, in, data->first, &record, 1, record_bytes(data->chain));
	forget_pieces(in);
}

/* A gateway that dies takes pieces along, and what one had kept may come late. */
static void take_piece(struct link *link, struct link_in *in, const Fettle__Data *data,
    uint64_t now_ms)
{
	if (data->n_records != 1 || data->piece_total == 0 || is_known(link, in, data->first, 1)
	    || !follows(link, in, data->first, 1))
		return;
	if (data->piece_at == 0 && !begin_pieces(link, in, data, now_ms))
		return;
	if (in->pieces_total == 0)
		ask_again(link, in, 1);
	else if (!is_piece(in, data))
		offend(link, "the pieces of a record do not fit each other", now_ms);
	else if (data->piece_at > in->pieces.size)
		ask_again(link, in, 1);
	else if (data->piece_at == in->pieces.size)
		add_piece(link, in, data);
}

void link_take_data(struct link *link, const Fettle__Data *data, uint64_t now_ms)
{
	struct link_in *in = find_in(link, data->flow);

	if (in == NULL || data->first == 0 || data->n_records == 0
	    || data->n_records > LINK_BATCH_RECORDS)
		return;
	if (data->has_piece_total)
		take_piece(link, in, data, now_ms);
	else
		take_records(link, in, data, now_ms);
}

/* ---- what the host says ---- */

void link_committed(struct link *link, uint32_t flow, uint64_t committed, uint32_t window_records,
    uint32_t window_bytes)
{
	struct link_in *in = find_in(link, flow);

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
	struct link_in *in = find_in(link, flow);

	if (in == NULL)
		return;
	in->committed = in->delivered = committed;
	credit_settle(&link->granted, &in->debts, in->lane, UINT64_MAX);
	forget_pieces(in);
	in->owes_ack = in->wants_rewind = true;
	in->has_asked = false;
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

/* ---- acknowledgements ---- */

bool link_pump_acks(struct link *link, uint64_t now_ms)
{
	Fettle__Frame frame = FETTLE__FRAME__INIT;
	Fettle__Ack ack = FETTLE__ACK__INIT;
	Fettle__Flow flows[LINK_FLOWS_MAX], *pointers[LINK_FLOWS_MAX];

	for (size_t i = 0; i < link->ins_count && ack.n_flows < LINK_FLOWS_MAX; i++) {
		struct link_in *in = &link->ins[i];
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
	if (link_transmit(link, &frame, now_ms) != STATUS_OK)
		return false;
	link->owes_grant = false;
	for (size_t i = 0; i < link->ins_count; i++) {
		struct link_in *in = &link->ins[i];

		if (in->owes_ack && in->wants_rewind && in->delivered == in->committed) {
			in->wants_rewind = false;
			in->has_asked = true;
		}
		in->owes_ack = false;
	}
	return true;
}
