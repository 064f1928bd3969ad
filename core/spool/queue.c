/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - records on their way through a lane: appended, numbered, read, acknowledged.
 */
#include "core/spool/parts.h"

#include "core/log.h"
#include "core/require.h"
#include "proto/observation.pb-c.h"

enum { RECORD_SCHEMA = 1, NUMBERED_AHEAD = 4096 };

/* What a record grows by where it is marked as baseline, lengths included. */
enum { BASELINE_MARK_SIZE = 8 };

/* ---- appending ---- */

/* Half of the spool's uuid and a counter that never goes back: unique without a clock. */
void spool_last_event(const struct spool *spool, uint8_t out[EVENT_ID_SIZE])
{
	memcpy(out, spool->now.store, 8);
	for (unsigned i = 0; i < 8; i++)
		out[8 + i] = (uint8_t)(spool->now.events >> 8 * (7 - i));
}

void spool_make_record(struct spool *spool, uint32_t kind, uint64_t fact_revision,
    struct bytes body)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	uint8_t event_id[EVENT_ID_SIZE];

	spool->now.events++;
	spool_last_event(spool, event_id);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET(&envelope, schema, RECORD_SCHEMA);
	if (fact_revision > 0)
		RECORD_SET(&envelope, fact_revision, fact_revision);
	RECORD_SET_BYTES(&envelope, boot_id, BYTES_OF(spool->boot_id));
	RECORD_SET(&envelope, monotonic_ms, clock_monotonic_ms());
	RECORD_SET(&envelope, wall_ms, clock_wall_ms());
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, body);
	buffer_clear(&spool->scratch);
	record_pack(&spool->scratch, &record.base);
}

enum status spool_put_record(struct spool *spool, enum lane lane, uint64_t position)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	struct spool_key key;

	state->bytes += spool->scratch.size;
	state->records++;
	return kv_put(spool->write, SPOOL_RECORD, spool_key(&key, lane, position),
	    buffer_bytes(&spool->scratch));
}

void spool_count_out(struct spool_lane *state, struct bytes record)
{
	state->bytes -= record.size < state->bytes ? record.size : state->bytes;
	state->records -= state->records > 0;
}

enum status spool_drop_record(struct spool *spool, enum lane lane, uint64_t position)
{
	struct spool_key key;
	struct bytes record;
	enum status status = kv_get(spool->write, SPOOL_RECORD, spool_key(&key, lane, position),
	    &record);

	if (status != STATUS_OK)
		return status;
	spool_count_out(&spool->now.lanes[lane], record);
	return kv_delete(spool->write, SPOOL_RECORD, BYTES_OF(key.bytes));
}

static enum status refuse(struct spool *spool, enum lane lane, uint64_t count)
{
	spool->now.lanes[lane].refused += count;
	if (!spool->was_full[lane])
		log_write(LOG_WARN, "spool-full", LOG_FIELDS(LOG_NUMBER("lane", lane)),
		    "the spool has no room left in this lane; what changes is observed again once "
		    "the server has taken what waits (setting agent.spool_size)");
	spool->was_full[lane] = true;
	return STATUS_FULL;
}

/* What takes the place of a baseline is one too: nobody has been told of the fact before. */
static void mark_baseline(struct bytes body, struct arena *arena, struct buffer *out)
{
	Fettle__Fact *fact = record_unpack(&fettle__fact__descriptor, body, arena);

	if (fact == NULL) {
		buffer_append(out, body);
		return;
	}
	RECORD_SET(fact, is_baseline, true);
	record_pack(out, &fact->base);
}

/* Where something had to go for it, the record is made again: gaps and ledger use its buffer. */
static enum status append(struct spool *spool, enum lane lane, uint32_t kind,
    uint64_t fact_revision, struct bytes body, size_t extra)
{
	struct buffer subject = { 0 }, baseline = { 0 };
	struct spool_room room = { 0 };
	uint64_t events = spool->now.events;
	enum status status;

	arena_reset(&spool->arena);
	spool_subject(&subject, lane, kind, body, &spool->arena);
	spool_make_record(spool, kind, fact_revision, body);
	status = spool_make_room(spool, lane, buffer_bytes(&subject),
	    spool->scratch.size + BASELINE_MARK_SIZE + extra, &room);
	if (status == STATUS_OK && room.has_replaced_baseline) {
		mark_baseline(body, &spool->arena, &baseline);
		body = buffer_bytes(&baseline);
	}
	if (status == STATUS_OK && room.was_made)
		spool_make_record(spool, kind, fact_revision, body);
	if (status == STATUS_OK)
		status = spool_put_record(spool, lane, ++spool->now.lanes[lane].appended);
	if (status == STATUS_OK)
		status = spool_pending_put(spool, buffer_bytes(&subject),
		    spool->now.lanes[lane].appended);
	if (status == STATUS_AGAIN) /* nobody has seen the id */
		spool->now.events = events;
	buffer_fini(&subject);
	buffer_fini(&baseline);
	return status;
}

size_t spool_body_max(const struct spool *spool, enum lane lane)
{
	uint64_t room = spool->quota[lane] / 8 * 7; /* the rest is envelope */

	return room < LINK_RECORD_MAX ? (size_t)room : LINK_RECORD_MAX;
}

enum status spool_append_counted(struct spool *spool, enum lane lane, uint32_t kind,
    uint64_t fact_revision, struct bytes body, size_t extra, uint64_t count)
{
	enum status status;

	REQUIRE(lane >= LANE_CRITICAL && lane < LANE_END);
	if (body.size > spool_body_max(spool, lane))
		return STATUS_REJECT;
	status = spool_begin(spool);
	if (status != STATUS_OK)
		return spool_undo(spool, status);
	status = append(spool, lane, kind, fact_revision, body, extra);
	return status == STATUS_AGAIN ? refuse(spool, lane, count) : spool_undo(spool, status);
}

enum status spool_append(struct spool *spool, enum lane lane, uint32_t kind, uint64_t fact_revision,
    struct bytes body)
{
	return spool_append_counted(spool, lane, kind, fact_revision, body, 0,
	    spool_observations(kind));
}

/* ---- numbers ---- */

static enum status number_one(struct spool *spool, enum lane lane, struct bytes record,
    uint64_t position)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	uint8_t row[SPOOL_NUMBER_ROW];
	struct spool_key key;

	hash_chain(state->chain, record);
	for (unsigned i = 0; i < 8; i++)
		row[i] = (uint8_t)(position >> 8 * (7 - i));
	memcpy(row + 8, state->chain, HASH_SIZE);
	state->numbered = position;
	return kv_put(spool->write, SPOOL_NUMBER, spool_key(&key, lane, ++state->sequence),
	    BYTES_OF(row));
}

static enum status number_lane(struct spool *spool, enum lane lane)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	struct kv_cursor *cursor = NULL;
	struct bytes key, record;
	struct spool_key from;
	enum status status;

	if (state->numbered == state->appended || state->sequence - state->acked >= NUMBERED_AHEAD)
		return STATUS_OK;
	status = spool_begin(spool);
	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, SPOOL_RECORD, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, spool_key(&from, lane, state->numbered + 1), &key,
		    &record);
	while (status == STATUS_OK && key.data[0] == lane
	       && state->sequence - state->acked < NUMBERED_AHEAD) {
		status = number_one(spool, lane, record, bytes_u64(key.data + 1));
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &record);
	}
	kv_cursor_close(cursor);
	/* The last positions may be of marks that were dropped: there is nothing to look for. */
	if (status == STATUS_NOT_FOUND || (status == STATUS_OK && key.data[0] != lane))
		state->numbered = state->appended;
	if (status == STATUS_NOT_FOUND)
		status = STATUS_OK;
	if (status == STATUS_OK && state->numbered == state->appended)
		status = spool_pending_purge(spool, lane);
	return spool_undo(spool, status);
}

enum status spool_number(struct spool *spool)
{
	enum status status = STATUS_OK;

	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = number_lane(spool, (enum lane)lane);
	return status;
}

uint64_t spool_head(const struct spool *spool, enum lane lane)
{
	return spool->committed.lanes[lane].sequence;
}

/* ---- reading for the link ---- */

static enum status add_to_batch(struct spool *spool, enum lane lane, struct bytes row,
    struct link_batch *batch)
{
	struct spool_key key;
	struct bytes record;
	enum status status;

	if (row.size != SPOOL_NUMBER_ROW)
		return STATUS_CORRUPT;
	status = kv_get(spool->read, SPOOL_RECORD, spool_key(&key, lane, bytes_u64(row.data)),
	    &record);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
	if (!link_batch_has_room(batch, record.size))
		return STATUS_FULL;
	link_batch_add(batch, record);
	batch->has_chain = true;
	memcpy(batch->chain, row.data + 8, HASH_SIZE);
	return STATUS_OK;
}

enum status spool_read(struct spool *spool, enum lane lane, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, row;
	struct spool_key first;
	enum status status = STATUS_OK;

	REQUIRE(spool->write == NULL);
	if (spool->read == NULL)
		status = kv_read_begin(spool->kv, &spool->read);
	if (status == STATUS_OK)
		status = kv_cursor_open(spool->read, SPOOL_NUMBER, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, spool_key(&first, lane, from), &key, &row);
	while (status == STATUS_OK && key.data[0] == lane && batch->count < most) {
		status = add_to_batch(spool, lane, row, batch);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &row);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND || status == STATUS_FULL ? STATUS_OK : status;
}

void spool_release(struct spool *spool)
{
	kv_abort(&spool->read);
}

/* ---- acknowledgement ---- */

/*
 * A fifth of the lane: enough that what was refused does not fill it at once.  Bundles that nothing
 * waits with go when their room is needed.
 */
static bool has_room(const struct spool *spool, enum lane lane)
{
	const struct spool_lane *state = &spool->now.lanes[lane];
	uint64_t bytes = state->records == 0 ? state->bytes : spool_lane_bytes(spool, lane);

	return bytes <= spool->quota[lane] / 10 * 8;
}

static enum status delete_one(struct spool *spool, enum lane lane, uint64_t sequence)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	struct spool_key number_key;
	struct bytes row;
	enum status status = kv_get(spool->write, SPOOL_NUMBER,
	    spool_key(&number_key, lane, sequence), &row);

	if (status == STATUS_OK && row.size != SPOOL_NUMBER_ROW)
		status = STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status;
	memcpy(state->acked_chain, row.data + 8, HASH_SIZE);
	status = spool_drop_record(spool, lane, bytes_u64(row.data));
	return status == STATUS_OK
	         ? kv_delete(spool->write, SPOOL_NUMBER, BYTES_OF(number_key.bytes))
	         : status;
}

enum status spool_acked(struct spool *spool, enum lane lane, uint64_t sequence)
{
	struct spool_lane *state = &spool->now.lanes[lane];
	enum status status = spool_begin_trim(spool);

	while (status == STATUS_OK && state->acked < sequence && state->acked < state->sequence) {
		status = delete_one(spool, lane, state->acked + 1);
		if (status == STATUS_OK)
			state->acked++;
	}
	if (has_room(spool, lane))
		spool->was_full[lane] = spool->was_evicting[lane] = false;
	return spool_undo(spool, status);
}

/* ---- numbers for people ---- */

uint64_t spool_kept(const struct spool *spool)
{
	uint64_t kept = 0;

	for (unsigned lane = 1; lane < LANE_END; lane++)
		kept += spool->committed.lanes[lane].records;
	return kept;
}

uint64_t spool_refused(const struct spool *spool)
{
	uint64_t refused = 0;

	for (unsigned lane = 1; lane < LANE_END; lane++)
		refused += spool->now.lanes[lane].refused - spool->now.lanes[lane].told;
	return refused;
}

uint64_t spool_coalesced(const struct spool *spool)
{
	uint64_t coalesced = 0;

	for (unsigned lane = 1; lane < LANE_END; lane++)
		coalesced += spool->now.lanes[lane].coalesced;
	return coalesced;
}

uint64_t spool_evicted(const struct spool *spool)
{
	uint64_t evicted = 0;

	for (unsigned lane = 1; lane < LANE_END; lane++)
		evicted += spool->now.lanes[lane].evicted;
	return evicted;
}

bool spool_has_room(const struct spool *spool)
{
	for (unsigned lane = 1; lane < LANE_END; lane++)
		if (!has_room(spool, (enum lane)lane))
			return false;
	return true;
}
