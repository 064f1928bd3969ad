/* SPDX-License-Identifier: Apache-2.0 */
#include "core/spool.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"
#include "core/require.h"
#include "proto/state.pb-c.h"

enum { RECORD_SCHEMA = 1, NUMBERED_AHEAD = 4096 };

/*
 * record: lane, position -> record      position: rises by one with each append
 * number: lane, sequence -> position, chain hash after it
 */
enum table { TABLE_META, TABLE_RECORD, TABLE_NUMBER, TABLE_FACT, TABLE_NOTE };
static const char *const tables[] = { "meta", "record", "number", "fact", "note", NULL };

static const unsigned lane_percent[LANE_END] = { 0, 50, 35, 15 };

struct lane_state {
	uint64_t appended, numbered, sequence, acked, bytes, records;
	uint8_t chain[HASH_SIZE], acked_chain[HASH_SIZE];
};

/* All that is kept under `meta`; copied so that an abort can go back to it. */
struct memory {
	uint8_t store[16];
	uint64_t epoch, starts, events, revision, command, refused;
	struct lane_state lanes[LANE_END];
};

struct spool {
	struct kv *kv;
	struct kv_txn *write, *read;
	struct memory now, committed;
	uint64_t quota[LANE_END];
	uint8_t boot_id[BOOT_ID_SIZE];
	bool was_full[LANE_END]; /* said in the log */
	uint64_t undone;
	struct buffer scratch;
	struct arena arena;
};

/* ---- keys ---- */

struct key {
	uint8_t bytes[9];
};

static struct bytes key_of(struct key *key, enum lane lane, uint64_t number)
{
	key->bytes[0] = (uint8_t)lane;
	for (unsigned i = 0; i < 8; i++)
		key->bytes[1 + i] = (uint8_t)(number >> 8 * (7 - i));
	return BYTES_OF(key->bytes);
}

/* ---- meta ---- */

static void pack_lane(struct buffer *out, const struct lane_state *lane)
{
	Fettle__SpoolLane message = FETTLE__SPOOL_LANE__INIT;

	RECORD_SET(&message, appended, lane->appended);
	RECORD_SET(&message, numbered, lane->numbered);
	RECORD_SET(&message, sequence, lane->sequence);
	RECORD_SET(&message, acked, lane->acked);
	RECORD_SET(&message, bytes, lane->bytes);
	RECORD_SET(&message, records, lane->records);
	RECORD_SET_BYTES(&message, chain, BYTES_OF(lane->chain));
	RECORD_SET_BYTES(&message, acked_chain, BYTES_OF(lane->acked_chain));
	record_pack(out, &message.base);
}

static void pack_meta(struct buffer *out, const struct memory *memory)
{
	Fettle__SpoolMeta message = FETTLE__SPOOL_META__INIT;

	RECORD_SET_BYTES(&message, store, BYTES_OF(memory->store));
	RECORD_SET(&message, epoch, memory->epoch);
	RECORD_SET(&message, starts, memory->starts);
	RECORD_SET(&message, events, memory->events);
	RECORD_SET(&message, revision, memory->revision);
	RECORD_SET(&message, command_committed, memory->command);
	RECORD_SET(&message, refused, memory->refused);
	record_pack(out, &message.base);
}

static enum status write_meta(struct spool *spool)
{
	struct key key;
	enum status status;

	buffer_clear(&spool->scratch);
	pack_meta(&spool->scratch, &spool->now);
	status = kv_put(spool->write, TABLE_META, bytes_of_text("meta"),
	    buffer_bytes(&spool->scratch));
	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++) {
		buffer_clear(&spool->scratch);
		pack_lane(&spool->scratch, &spool->now.lanes[lane]);
		status = kv_put(spool->write, TABLE_META, key_of(&key, (enum lane)lane, 0),
		    buffer_bytes(&spool->scratch));
	}
	return status;
}

static void copy_hash(uint8_t out[HASH_SIZE], ProtobufCBinaryData data)
{
	if (data.len == HASH_SIZE)
		memcpy(out, data.data, HASH_SIZE);
}

static enum status load_lane(struct spool *spool, struct kv_txn *txn, unsigned lane)
{
	struct lane_state *state = &spool->now.lanes[lane];
	struct key key;
	struct bytes value;
	Fettle__SpoolLane *message;
	enum status status = kv_get(txn, TABLE_META, key_of(&key, (enum lane)lane, 0), &value);

	if (status != STATUS_OK)
		return status;
	message = record_unpack(&fettle__spool_lane__descriptor, value, &spool->arena);
	if (message == NULL)
		return STATUS_CORRUPT;
	state->appended = message->appended;
	state->numbered = message->numbered;
	state->sequence = message->sequence;
	state->acked = message->acked;
	state->bytes = message->bytes;
	state->records = message->records;
	copy_hash(state->chain, message->chain);
	copy_hash(state->acked_chain, message->acked_chain);
	return STATUS_OK;
}

static enum status load(struct spool *spool, struct kv_txn *txn)
{
	struct bytes value;
	Fettle__SpoolMeta *message;
	enum status status = kv_get(txn, TABLE_META, bytes_of_text("meta"), &value);

	if (status != STATUS_OK)
		return status;
	message = record_unpack(&fettle__spool_meta__descriptor, value, &spool->arena);
	if (message == NULL || message->store.len != sizeof(spool->now.store))
		return STATUS_CORRUPT;
	memcpy(spool->now.store, message->store.data, sizeof(spool->now.store));
	spool->now.epoch = message->epoch;
	spool->now.starts = message->starts;
	spool->now.events = message->events;
	spool->now.revision = message->revision;
	spool->now.command = message->command_committed;
	spool->now.refused = message->refused;
	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = load_lane(spool, txn, lane);
	return status;
}

/* ---- transactions ---- */

/* For deleting, which may use the room that is kept back for it. */
static enum status begin_trim(struct spool *spool)
{
	if (spool->write != NULL)
		return STATUS_OK;
	REQUIRE(spool->read == NULL);
	return kv_trim_begin(spool->kv, &spool->write);
}

static enum status begin(struct spool *spool)
{
	if (spool->write != NULL)
		return STATUS_OK;
	REQUIRE(spool->read == NULL);
	return kv_write_begin(spool->kv, &spool->write);
}

void spool_abort(struct spool *spool)
{
	uint64_t refused = spool->now.refused;

	spool->undone += spool->write != NULL;
	kv_abort(&spool->write);
	spool->now = spool->committed;
	spool->now.refused = refused;
}

uint64_t spool_undone(const struct spool *spool)
{
	return spool->undone;
}

/* The disk failed in mid-transaction: nothing of it may stay. */
static enum status undo(struct spool *spool, enum status status)
{
	if (status != STATUS_OK)
		spool_abort(spool);
	return status;
}

enum status spool_commit(struct spool *spool)
{
	enum status status;

	if (spool->write == NULL)
		return STATUS_OK;
	status = write_meta(spool);
	if (status != STATUS_OK)
		return undo(spool, status);
	status = kv_commit(&spool->write);
	if (status != STATUS_OK) {
		spool->undone++;
		return undo(spool, status);
	}
	spool->committed = spool->now;
	return STATUS_OK;
}

/* ---- opening ---- */

static enum status start(struct spool *spool)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(spool->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = load(spool, txn);
	kv_abort(&txn);
	if (status == STATUS_NOT_FOUND)
		hash_random(spool->now.store, sizeof(spool->now.store));
	else if (status != STATUS_OK)
		return status;
	spool->committed = spool->now;
	status = begin(spool);
	if (status != STATUS_OK)
		return status;
	spool->now.starts++;
	return spool_commit(spool);
}

enum status spool_open(const char *directory, uint64_t size_max, struct spool **out)
{
	struct spool *spool = memory_new(sizeof(*spool));
	/* Twice the records: pages are not full, and deleting needs room too. */
	struct kv_options options = { .tables = tables,
		.is_writer = true,
		.map_limit = 2 * size_max + 64 * 1024 * 1024 };
	enum status status = kv_open(directory, &options, &spool->kv);

	if (status == STATUS_OK)
		status = start(spool);
	if (status != STATUS_OK) {
		spool_close(spool);
		return status;
	}
	for (unsigned lane = 1; lane < LANE_END; lane++)
		spool->quota[lane] = size_max / 100 * lane_percent[lane];
	clock_boot_id(spool->boot_id);
	*out = spool;
	return STATUS_OK;
}

void spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	spool_release(spool);
	kv_abort(&spool->write);
	kv_close(spool->kv);
	buffer_fini(&spool->scratch);
	arena_fini(&spool->arena);
	free(spool);
}

/* ---- appending ---- */

/* Half of the spool's uuid and a counter that never goes back: unique without a clock. */
void spool_last_event(const struct spool *spool, uint8_t out[EVENT_ID_SIZE])
{
	memcpy(out, spool->now.store, 8);
	for (unsigned i = 0; i < 8; i++)
		out[8 + i] = (uint8_t)(spool->now.events >> 8 * (7 - i));
}

static void make_record(struct spool *spool, uint32_t kind, uint64_t fact_revision,
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

static enum status refuse(struct spool *spool, enum lane lane)
{
	spool->now.refused++;
	if (!spool->was_full[lane])
		log_write(LOG_WARN, "spool-full", LOG_FIELDS(LOG_NUMBER("lane", lane)),
		    "the spool has no room left in this lane; what changes is observed again once "
		    "the server has taken what waits (setting agent.spool_size)");
	spool->was_full[lane] = true;
	return STATUS_FULL;
}

enum status spool_append(struct spool *spool, enum lane lane, uint32_t kind, uint64_t fact_revision,
    struct bytes body)
{
	struct lane_state *state = &spool->now.lanes[lane];
	struct key key;
	enum status status;

	REQUIRE(lane >= LANE_CRITICAL && lane < LANE_END);
	if (body.size > LINK_RECORD_MAX)
		return STATUS_REJECT;
	if (state->bytes + body.size > spool->quota[lane])
		return refuse(spool, lane);
	status = begin(spool);
	if (status != STATUS_OK)
		return undo(spool, status);
	make_record(spool, kind, fact_revision, body);
	status = kv_put(spool->write, TABLE_RECORD, key_of(&key, lane, ++state->appended),
	    buffer_bytes(&spool->scratch));
	state->bytes += spool->scratch.size;
	state->records++;
	return undo(spool, status);
}

/* ---- the ledger ---- */

enum status spool_ledger_get(struct spool *spool, struct bytes key, uint8_t hash[HASH_SIZE])
{
	Fettle__LedgerEntry *entry;
	struct bytes value;
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_get(spool->write, TABLE_FACT, key, &value);
	if (status != STATUS_OK)
		return status;
	arena_reset(&spool->arena);
	entry = record_unpack(&fettle__ledger_entry__descriptor, value, &spool->arena);
	if (entry == NULL || entry->hash.len != HASH_SIZE)
		return STATUS_CORRUPT;
	memcpy(hash, entry->hash.data, HASH_SIZE);
	return STATUS_OK;
}

static enum status remember(struct spool *spool, struct bytes key, const uint8_t *hash)
{
	Fettle__LedgerEntry entry = FETTLE__LEDGER_ENTRY__INIT;

	if (hash == NULL)
		return undo(spool, kv_delete(spool->write, TABLE_FACT, key));
	RECORD_SET_BYTES(&entry, hash, BYTES(hash, HASH_SIZE));
	RECORD_SET(&entry, revision, spool->now.revision);
	buffer_clear(&spool->scratch);
	record_pack(&spool->scratch, &entry.base);
	return undo(spool, kv_put(spool->write, TABLE_FACT, key, buffer_bytes(&spool->scratch)));
}

enum status spool_append_fact(struct spool *spool, enum lane lane, uint32_t kind, struct bytes key,
    const uint8_t *hash, struct bytes body)
{
	enum status status = spool_append(spool, lane, kind, spool->now.revision + 1, body);

	if (status != STATUS_OK)
		return status;
	spool->now.revision++;
	return remember(spool, key, hash);
}

enum status spool_ledger_visit(struct spool *spool, struct bytes prefix,
    enum status (*visit)(void *data, struct bytes key), void *data)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, TABLE_FACT, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, prefix, &key, &value);
	while (status == STATUS_OK && bytes_start_with(key, prefix)) {
		status = visit(data, key);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status collect_key(void *data, struct bytes key)
{
	struct buffer *keys = data;

	buffer_append_u16(keys, (uint16_t)key.size);
	buffer_append(keys, key);
	return STATUS_OK;
}

static enum status forget_passes(struct spool *spool)
{
	struct bytes prefix = bytes_of_text(SPOOL_NOTE_PASS), key, value;
	struct kv_cursor *cursor = NULL;
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, TABLE_NOTE, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, prefix, &key, &value);
	while (status == STATUS_OK && bytes_start_with(key, prefix)) {
		status = kv_cursor_delete(cursor, key);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status spool_ledger_forget(struct spool *spool, struct bytes prefix)
{
	struct buffer keys = { 0 };
	enum status status = spool_ledger_visit(spool, prefix, collect_key, &keys);

	if (status == STATUS_OK && prefix.size == 0)
		status = forget_passes(spool);

	for (size_t at = 0; status == STATUS_OK && at < keys.size;) {
		uint16_t size = bytes_u16(keys.data + at);

		status = kv_delete(spool->write, TABLE_FACT, BYTES(keys.data + at + 2, size));
		at += 2U + size;
	}
	buffer_fini(&keys);
	return status == STATUS_OK ? status : undo(spool, status);
}

enum status spool_ledger_count(struct spool *spool, uint64_t *out)
{
	enum status status = begin(spool);

	return status == STATUS_OK ? kv_count(spool->write, TABLE_FACT, out) : status;
}

/* ---- notes ---- */

enum status spool_note_get(struct spool *spool, const char *name, struct buffer *out)
{
	struct bytes value;
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_get(spool->write, TABLE_NOTE, bytes_of_text(name), &value);
	if (status == STATUS_OK)
		buffer_append(out, value);
	return status;
}

enum status spool_note_put(struct spool *spool, const char *name, struct bytes value)
{
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_put(spool->write, TABLE_NOTE, bytes_of_text(name), value);
	return undo(spool, status);
}

/* ---- numbers ---- */

/* Chain hashes are over the record as sent; what a number row holds. */
enum { NUMBER_ROW = 8 + HASH_SIZE };

static enum status number_one(struct spool *spool, enum lane lane, struct bytes record,
    uint64_t position)
{
	struct lane_state *state = &spool->now.lanes[lane];
	uint8_t row[NUMBER_ROW];
	struct key key;

	hash_chain(state->chain, record);
	for (unsigned i = 0; i < 8; i++)
		row[i] = (uint8_t)(position >> 8 * (7 - i));
	memcpy(row + 8, state->chain, HASH_SIZE);
	state->numbered = position;
	return kv_put(spool->write, TABLE_NUMBER, key_of(&key, lane, ++state->sequence),
	    BYTES_OF(row));
}

static enum status number_lane(struct spool *spool, enum lane lane)
{
	struct lane_state *state = &spool->now.lanes[lane];
	struct kv_cursor *cursor = NULL;
	struct bytes key, record;
	struct key from;
	enum status status;

	if (state->numbered == state->appended || state->sequence - state->acked >= NUMBERED_AHEAD)
		return STATUS_OK;
	status = begin(spool);
	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, TABLE_RECORD, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, key_of(&from, lane, state->numbered + 1), &key,
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
	return status == STATUS_NOT_FOUND ? STATUS_OK : undo(spool, status);
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
	struct key key;
	struct bytes record;
	enum status status;

	if (row.size != NUMBER_ROW)
		return STATUS_CORRUPT;
	status = kv_get(spool->read, TABLE_RECORD, key_of(&key, lane, bytes_u64(row.data)),
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
	struct key first;
	enum status status = STATUS_OK;

	REQUIRE(spool->write == NULL);
	if (spool->read == NULL)
		status = kv_read_begin(spool->kv, &spool->read);
	if (status == STATUS_OK)
		status = kv_cursor_open(spool->read, TABLE_NUMBER, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, key_of(&first, lane, from), &key, &row);
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

static void forget_size(struct lane_state *state, struct bytes record)
{
	state->bytes -= record.size < state->bytes ? record.size : state->bytes;
	state->records -= state->records > 0;
}

static enum status delete_one(struct spool *spool, enum lane lane, uint64_t sequence)
{
	struct lane_state *state = &spool->now.lanes[lane];
	struct key number_key, record_key;
	struct bytes row, record;
	enum status status = kv_get(spool->write, TABLE_NUMBER, key_of(&number_key, lane, sequence),
	    &row);

	if (status == STATUS_OK && row.size != NUMBER_ROW)
		status = STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status;
	memcpy(state->acked_chain, row.data + 8, HASH_SIZE);
	key_of(&record_key, lane, bytes_u64(row.data));
	status = kv_get(spool->write, TABLE_RECORD, BYTES_OF(record_key.bytes), &record);
	if (status != STATUS_OK)
		return status;
	forget_size(state, record);
	status = kv_delete(spool->write, TABLE_RECORD, BYTES_OF(record_key.bytes));
	return status == STATUS_OK
	         ? kv_delete(spool->write, TABLE_NUMBER, BYTES_OF(number_key.bytes))
	         : status;
}

enum status spool_acked(struct spool *spool, enum lane lane, uint64_t sequence)
{
	struct lane_state *state = &spool->now.lanes[lane];
	enum status status = begin_trim(spool);

	while (status == STATUS_OK && state->acked < sequence && state->acked < state->sequence) {
		status = delete_one(spool, lane, state->acked + 1);
		if (status == STATUS_OK)
			state->acked++;
	}
	spool->was_full[lane] = false;
	return undo(spool, status);
}

/* ---- the session ---- */

void spool_hello(struct spool *spool, Fettle__Hello *hello, struct arena *arena)
{
	Fettle__Flow *command = link_new_flow(arena, SPOOL_COMMAND_FLOW);

	REQUIRE(spool->write == NULL);
	RECORD_SET_BYTES(hello, store, BYTES_OF(spool->now.store));
	RECORD_SET(hello, epoch, spool->now.epoch);
	RECORD_SET(hello, start, spool->now.starts);
	RECORD_SET_BYTES(hello, boot_id, BYTES_OF(spool->boot_id));
	hello->sends = arena_take(arena, LANES * sizeof(*hello->sends));
	for (unsigned lane = 1; lane < LANE_END; lane++) {
		const struct lane_state *state = &spool->now.lanes[lane];
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
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, TABLE_NUMBER, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value))
		buffer_append(&keys, key);
	kv_cursor_close(cursor);
	status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	for (size_t at = 0; status == STATUS_OK && at < keys.size; at += sizeof(struct key))
		status = kv_delete(spool->write, TABLE_NUMBER,
		    BYTES(keys.data + at, sizeof(struct key)));
	buffer_fini(&keys);
	for (unsigned lane = 1; lane < LANE_END; lane++) {
		struct lane_state *state = &spool->now.lanes[lane];

		state->sequence = state->acked = state->numbered = 0;
		memset(state->chain, 0, HASH_SIZE);
		memset(state->acked_chain, 0, HASH_SIZE);
	}
	spool->now.epoch = epoch;
	return status == STATUS_OK ? spool_commit(spool) : undo(spool, status);
}

/* The chain hash after SEQUENCE, where it is still known here. */
static enum status chain_after(struct spool *spool, enum lane lane, uint64_t sequence,
    uint8_t chain[HASH_SIZE])
{
	const struct lane_state *state = &spool->now.lanes[lane];
	struct key key;
	struct bytes row;
	enum status status;

	if (sequence < state->acked || sequence > state->sequence)
		return STATUS_NOT_FOUND;
	if (sequence == state->acked) {
		memcpy(chain, state->acked_chain, HASH_SIZE);
		return STATUS_OK;
	}
	status = begin(spool);
	if (status == STATUS_OK)
		status = kv_get(spool->write, TABLE_NUMBER, key_of(&key, lane, sequence), &row);
	if (status == STATUS_OK && row.size != NUMBER_ROW)
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
	    && record->envelope->kind == FETTLE__KIND__KIND_PASS;
}

/*
 * A pass that was completed before the facts were forgotten would say, in the new epoch, that all
 * of them are gone: each is made again by the next pass.
 */
static enum status drop_marks(struct spool *spool)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, record;
	enum status status = begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, TABLE_RECORD, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &record);
	while (status == STATUS_OK) {
		if (is_mark(spool, record)) {
			struct lane_state *state = &spool->now.lanes[key.data[0] % LANE_END];

			forget_size(state, record);
			status = kv_cursor_delete(cursor, key);
		}
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &record);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : undo(spool, status);
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
		return undo(spool, status);
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
	enum status status = begin(spool);

	if (status == STATUS_OK)
		spool->now.command = sequence;
	return status;
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
	return spool->now.refused;
}

void spool_clear_refused(struct spool *spool)
{
	spool->now.refused = 0;
}

bool spool_has_room(const struct spool *spool)
{
	for (unsigned lane = 1; lane < LANE_END; lane++)
		if (spool->now.lanes[lane].bytes > spool->quota[lane] / 10 * 8)
			return false;
	return true;
}
