/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - what is said when a session opens, and what a new epoch means.
 */
#include "core/spool/parts.h"

#include "core/log.h"
#include "core/require.h"

void spool_hello(struct spool *spool, Fettle__Hello *hello, struct arena *arena)
{
	Fettle__Flow *command = link_new_flow(arena, SPOOL_COMMAND_FLOW);

	REQUIRE(spool->write == NULL);
	RECORD_SET_BYTES(hello, store, BYTES_OF(spool->now.store));
	RECORD_SET(hello, epoch, spool->now.epoch);
	RECORD_SET(hello, start, spool->now.starts);
	RECORD_SET_BYTES(hello, boot_id, BYTES_OF(spool->boot_id));
	RECORD_SET_BYTES(hello, instance, BYTES_OF(spool->instance));
	RECORD_SET(hello, said_ms, clock_monotonic_ms());
	hello->sends = arena_take(arena, LANES * sizeof(*hello->sends));
	for (unsigned lane = 1; lane < LANE_END; lane++) {
		const struct spool_lane *state = &spool->now.lanes[lane];
		Fettle__Flow *flow = link_new_flow(arena, lane);

		RECORD_SET(flow, head, state->sequence);
		RECORD_SET(flow, tail, state->acked + 1);
		RECORD_SET_BYTES(flow, chain, BYTES_OF(state->acked_chain));
		hello->sends[hello->n_sends++] = flow;
	}
	RECORD_SET(command, committed, spool->now.command);
	RECORD_SET(command, window_records, LINK_BATCH_RECORDS);
	RECORD_SET(command, window_bytes, 4 * LINK_BATCH_BYTES);
	hello->receives = arena_take(arena, sizeof(*hello->receives));
	hello->receives[hello->n_receives++] = command;
}

/* In a new epoch every record that is kept gets a new number, from 1. */
static enum status begin_epoch(struct spool *spool, uint64_t epoch)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	struct buffer keys = { 0 };
	bool had_numbers;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, SPOOL_NUMBER, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value))
		buffer_append(&keys, key);
	kv_cursor_close(cursor);
	status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	for (size_t at = 0; status == STATUS_OK && at < keys.size; at += sizeof(struct spool_key))
		status = kv_delete(spool->write, SPOOL_NUMBER,
		    BYTES(keys.data + at, sizeof(struct spool_key)));
	had_numbers = keys.size > 0;
	buffer_fini(&keys);
	for (unsigned lane = 1; lane < LANE_END; lane++) {
		struct spool_lane *state = &spool->now.lanes[lane];

		state->sequence = state->acked = state->numbered = 0;
		memset(state->chain, 0, HASH_SIZE);
		memset(state->acked_chain, 0, HASH_SIZE);
	}
	spool->now.epoch = epoch;
	if (status == STATUS_OK && had_numbers)
		status = spool_pending_rebuild(spool);
	return status == STATUS_OK ? spool_commit(spool) : spool_undo(spool, status);
}

/* The chain hash after SEQUENCE, where it is still known here. */
static enum status chain_after(struct spool *spool, enum lane lane, uint64_t sequence,
    uint8_t chain[HASH_SIZE])
{
	const struct spool_lane *state = &spool->now.lanes[lane];
	struct spool_key key;
	struct bytes row;
	enum status status;

	if (sequence < state->acked || sequence > state->sequence)
		return STATUS_NOT_FOUND;
	if (sequence == state->acked) {
		memcpy(chain, state->acked_chain, HASH_SIZE);
		return STATUS_OK;
	}
	status = spool_begin(spool);
	if (status == STATUS_OK)
		status = kv_get(spool->write, SPOOL_NUMBER, spool_key(&key, lane, sequence), &row);
	if (status == STATUS_OK && row.size != SPOOL_NUMBER_ROW)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		memcpy(chain, row.data + 8, HASH_SIZE);
	return status;
}

static enum status fits(struct spool *spool, const Fettle__Flow *flow)
{
	uint8_t chain[HASH_SIZE];
	enum status status;

	if (flow->flow < LANE_CRITICAL || flow->flow >= LANE_END)
		return STATUS_OK;
	status = chain_after(spool, (enum lane)flow->flow, flow->committed, chain);
	if (status == STATUS_OK && flow->has_chain
	    && !bytes_equal(record_bytes(flow->chain), BYTES_OF(chain)))
		status = STATUS_NOT_FOUND;
	return status;
}

static bool is_mark(struct spool *spool, struct bytes bytes)
{
	Fettle__Record *record;

	arena_reset(&spool->arena);
	return record_decode(bytes, &spool->arena, &record) == STATUS_OK
	    && (record->envelope->kind == FETTLE__KIND__KIND_PASS
		|| record->envelope->kind == FETTLE__KIND__KIND_DIGEST);
}

/*
 * A pass that was completed before the facts were forgotten would say, in the new epoch, that all
 * of them are gone: each is made again by the next pass.  A digest would speak of facts that were
 * sent in the epoch before.
 */
static enum status drop_marks(struct spool *spool)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, record;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, SPOOL_RECORD, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &record);
	while (status == STATUS_OK) {
		if (is_mark(spool, record)) {
			struct spool_lane *state = &spool->now.lanes[key.data[0] % LANE_END];

			spool_count_out(state, record);
			status = kv_cursor_delete(cursor, key);
		}
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &record);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : spool_undo(spool, status);
}

enum status spool_welcome(struct spool *spool, const Fettle__Welcome *welcome)
{
	enum status status = STATUS_OK;

	if (spool->now.epoch == 0)
		return begin_epoch(spool, welcome->epoch);
	if (welcome->epoch != spool->now.epoch)
		status = STATUS_NOT_FOUND;
	for (size_t i = 0; status == STATUS_OK && i < welcome->n_receives; i++)
		status = fits(spool, welcome->receives[i]);
	if (status == STATUS_OK)
		return spool_commit(spool);
	if (status != STATUS_NOT_FOUND)
		return spool_undo(spool, status);
	log_warn("spool-diverged", "the log has other records from this agent than the spool has "
				   "sent: one of them was restored or copied; starting a new epoch "
				   "and sending every fact again");
	status = spool_ledger_forget(spool, BYTES_NONE);
	if (status == STATUS_OK)
		status = drop_marks(spool);
	/* Its commands may be numbered anew as well; to take one twice does no harm. */
	spool->now.command = 0;
	if (status == STATUS_OK)
		status = begin_epoch(spool, 0);
	return status == STATUS_OK ? STATUS_AGAIN : status;
}

uint64_t spool_command(const struct spool *spool)
{
	return spool->committed.command;
}

enum status spool_set_command(struct spool *spool, uint64_t sequence)
{
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		spool->now.command = sequence;
	return status;
}
