/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.c - what a record is about, and where the last one about it waits for its number.
 *
 * A row of `pending` is written with each such record and deleted when the lane has nothing left
 * that waits; until then it may name a record that has its number, or is gone: whoever reads it
 * sees that by the position.  So numbering, which is the usual way, need not look into records.
 */
#include "core/spool/parts.h"

#include "proto/observation.pb-c.h"

/* A lane that empties for good is purged in few turns, none of which is long. */
enum { PURGE_MAX = 4096 };

enum subject {
	SUBJECT_BUNDLE = 'b',
	SUBJECT_DIGEST = 'd',
	SUBJECT_FACT = 'f',
	SUBJECT_HEARTBEAT = 'h',
	SUBJECT_PASS = 'p',
	SUBJECT_HAVE = 'r',
};

static void begin_subject(struct buffer *out, enum lane lane, enum subject what)
{
	buffer_append_u8(out, (uint8_t)lane);
	buffer_append_u8(out, (uint8_t)what);
}

void spool_subject_passes(struct buffer *out, enum lane lane, const char *collector)
{
	begin_subject(out, lane, SUBJECT_PASS);
	buffer_append_text(out, collector);
	buffer_append_u8(out, 0);
}

void spool_subject(struct buffer *out, enum lane lane, uint32_t kind, struct bytes body,
    struct arena *arena)
{
	const Fettle__Fact *fact;
	const Fettle__Pass *pass;
	const Fettle__Have *have;
	uint8_t hash[HASH_SIZE];

	switch (kind) {
	case FETTLE__KIND__KIND_FACT_SET:
	case FETTLE__KIND__KIND_FACT_UNSET:
		fact = record_unpack(&fettle__fact__descriptor, body, arena);
		if (fact == NULL || fact->key.len == 0)
			return;
		begin_subject(out, lane, SUBJECT_FACT);
		buffer_append(out, record_bytes(fact->key));
		break;
	case FETTLE__KIND__KIND_PASS:
		pass = record_unpack(&fettle__pass__descriptor, body, arena);
		if (pass == NULL || pass->collector == NULL)
			return;
		spool_subject_passes(out, lane, pass->collector);
		buffer_append(out, record_bytes(pass->prefix));
		break;
	case FETTLE__KIND__KIND_HEARTBEAT:
		begin_subject(out, lane, SUBJECT_HEARTBEAT);
		break;
	case FETTLE__KIND__KIND_HAVE:
		/* Of its own, so that it waits for room, as what it stands for would. */
		have = record_unpack(&fettle__have__descriptor, body, arena);
		if (have == NULL || have->is_withdrawn)
			return;
		begin_subject(out, lane, SUBJECT_HAVE);
		buffer_append_u64(out, have->revision);
		break;
	case FETTLE__KIND__KIND_BUNDLE:
		hash_bytes(body, hash);
		begin_subject(out, lane, SUBJECT_BUNDLE);
		buffer_append(out, BYTES_OF(hash));
		break;
	case FETTLE__KIND__KIND_DIGEST:
		begin_subject(out, lane, SUBJECT_DIGEST);
		break;
	default:
		break;
	}
	if (out->size > KV_KEY_MAX)
		buffer_clear(out);
}

uint64_t spool_observations(uint32_t kind)
{
	switch (kind) {
	case FETTLE__KIND__KIND_PASS:
	case FETTLE__KIND__KIND_HEARTBEAT:
	case FETTLE__KIND__KIND_DIGEST:
	case FETTLE__KIND__KIND_GAP:
	case FETTLE__KIND__KIND_HAVE: /* one that withdraws; of others spool_append_bundles knows */
	case FETTLE__KIND__KIND_BUNDLE:
		return 0;
	default:
		return 1;
	}
}

bool spool_subject_is_periodic(struct bytes subject)
{
	return subject.size > 1
	    && (subject.data[1] == SUBJECT_PASS || subject.data[1] == SUBJECT_HEARTBEAT
		|| subject.data[1] == SUBJECT_DIGEST);
}

/* ---- the index ---- */

static enum status position_of(struct bytes row, uint64_t *position)
{
	if (row.size != sizeof(*position))
		return STATUS_CORRUPT;
	*position = bytes_u64(row.data);
	return STATUS_OK;
}

enum status spool_pending_get(struct spool *spool, struct bytes subject, uint64_t *position)
{
	struct bytes row;
	enum status status;

	if (subject.size == 0)
		return STATUS_NOT_FOUND;
	status = kv_get(spool->write, SPOOL_PENDING, subject, &row);
	if (status == STATUS_OK)
		status = position_of(row, position);
	if (status == STATUS_OK && *position <= spool->now.lanes[subject.data[0]].numbered)
		return STATUS_NOT_FOUND;
	return status;
}

enum status spool_pending_put(struct spool *spool, struct bytes subject, uint64_t position)
{
	uint8_t row[sizeof(position)];

	if (subject.size == 0)
		return STATUS_OK;
	for (unsigned i = 0; i < sizeof(row); i++)
		row[i] = (uint8_t)(position >> 8 * (7 - i));
	return kv_put(spool->write, SPOOL_PENDING, subject, BYTES_OF(row));
}

enum status spool_pending_drop(struct spool *spool, struct bytes subject, uint64_t position)
{
	uint64_t last;
	enum status status = spool_pending_get(spool, subject, &last);

	if (status == STATUS_OK && last == position)
		return kv_delete(spool->write, SPOOL_PENDING, subject);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status spool_pending_purge(struct spool *spool, enum lane lane)
{
	const uint8_t first[] = { (uint8_t)lane };
	struct kv_cursor *cursor = NULL;
	struct bytes key, row;
	unsigned count = 0;
	enum status status = kv_cursor_open(spool->write, SPOOL_PENDING, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_OF(first), &key, &row);
	while (status == STATUS_OK && key.data[0] == lane && count++ < PURGE_MAX) {
		status = kv_cursor_delete(cursor, key);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &row);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status index_record(struct spool *spool, struct bytes key, struct bytes encoded)
{
	struct buffer subject = { 0 };
	Fettle__Record *record;
	enum status status;

	arena_reset(&spool->arena);
	status = record_decode(encoded, &spool->arena, &record);
	if (status != STATUS_OK)
		return STATUS_CORRUPT;
	spool_subject(&subject, (enum lane)key.data[0], record->envelope->kind,
	    record_bytes(record->body), &spool->arena);
	status = spool_pending_put(spool, buffer_bytes(&subject), bytes_u64(key.data + 1));
	buffer_fini(&subject);
	return status;
}

enum status spool_pending_rebuild(struct spool *spool)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, record;
	enum status status = kv_cursor_open(spool->write, SPOOL_RECORD, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &record);
	while (status == STATUS_OK) {
		status = index_record(spool, key, record);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &record);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
