/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c - the digest of the ledger, and its marks on the way to the server.
 *
 * The digest is worked out when the spool is opened and kept in memory from then on: it cannot be
 * older than the ledger, and nothing need be written for it.  What the server asked for again is a
 * note, so that it is completed although the agent ends in between.
 */
#include "core/spool/parts.h"
#include "proto/observation.pb-c.h"
#include "proto/state.pb-c.h"

/* u64 revision after which the buckets were told anew, u8 whether that was said, their numbers. */
static const char note_name[] = "resync";
enum { NOTE_TOLD = 8, NOTE_BUCKETS = 9 };

/* What a mark grows by beyond what it carries: envelope, tags, lengths. */
enum { MARK_OVERHEAD = 512 };

static enum status toggle(struct digest *digest, struct bytes key, struct bytes row)
{
	struct arena arena = { 0 };
	const Fettle__LedgerEntry *entry = record_unpack(&fettle__ledger_entry__descriptor, row,
	    &arena);
	bool is_whole = entry != NULL && entry->hash.len == HASH_SIZE;

	if (is_whole)
		digest_toggle(digest, key, entry->hash.data);
	arena_fini(&arena);
	return is_whole ? STATUS_OK : STATUS_CORRUPT;
}

enum status spool_digest_toggle(struct spool *spool, struct bytes key)
{
	struct bytes row;
	enum status status = kv_get(spool->write, SPOOL_FACT, key, &row);

	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	return status == STATUS_OK ? toggle(&spool->now.digest, key, row) : status;
}

enum status spool_digest_load(struct spool *spool, struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, row;
	enum status status = kv_cursor_open(txn, SPOOL_FACT, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &row);
	while (status == STATUS_OK) {
		status = toggle(&spool->now.digest, key, row);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &row);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

const struct digest *spool_digest(const struct spool *spool)
{
	return &spool->now.digest;
}

/* ---- what the server asked for again ---- */

static enum status put_note(struct spool *spool, uint64_t floor, bool is_told,
    const struct digest_set *buckets)
{
	struct buffer note = { 0 };
	enum status status;

	buffer_append_u64(&note, floor);
	buffer_append_u8(&note, is_told);
	digest_set_encode(buckets, &note);
	status = spool_note_put(spool, note_name, buffer_bytes(&note));
	buffer_fini(&note);
	return status;
}

/* NOT_FOUND: nothing was ever asked for in this epoch. */
static enum status get_note(struct spool *spool, struct buffer *note)
{
	enum status status = spool_note_get(spool, note_name, note);

	return status == STATUS_OK && note->size < NOTE_BUCKETS ? STATUS_NOT_FOUND : status;
}

enum status spool_digest_forget(struct spool *spool)
{
	return kv_delete(spool->write, SPOOL_NOTE, bytes_of_text(note_name));
}

/* What was asked for before and is not complete yet is sent again with it: one floor for all. */
static void add_unfinished(const struct buffer *note, struct digest_set *buckets)
{
	struct digest_set before;

	if (note->size < NOTE_BUCKETS || note->data[NOTE_TOLD] != 0)
		return;
	digest_set_decode(BYTES(note->data + NOTE_BUCKETS, note->size - NOTE_BUCKETS), &before);
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
		if (before.has[i] && !buckets->has[i]) {
			buckets->has[i] = true;
			buckets->count++;
		}
}

enum status spool_resync(struct spool *spool, const struct digest_set *asked)
{
	struct digest_set buckets = *asked;
	struct buffer note = { 0 };
	enum status status = get_note(spool, &note);

	if (status == STATUS_OK)
		add_unfinished(&note, &buckets);
	buffer_fini(&note);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = spool_ledger_forget_buckets(spool, &buckets);
	/* A revision that no fact has: all that was told before is below, the rest above. */
	if (status == STATUS_OK)
		status = put_note(spool, ++spool->now.revision, false, &buckets);
	return status;
}

/* ---- marks ---- */

/* Of one digest in every lane the same; of a later one higher, byte by byte. */
static void make_id(struct spool *spool, uint8_t id[HASH_SIZE])
{
	uint8_t random[8];

	hash_random(random, sizeof(random));
	spool->now.events++;
	for (unsigned i = 0; i < 8; i++)
		id[i] = (uint8_t)(spool->now.events >> 8 * (7 - i));
	memcpy(id + 8, random, sizeof(random));
}

/* Once said it is with every digest, as a newer one may take the place of one that waits. */
static enum status add_complete(struct spool *spool, bool is_complete, Fettle__Digest *digest,
    struct buffer *note)
{
	enum status status = get_note(spool, note);
	struct digest_set buckets;
	struct bytes numbers;

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (note->data[NOTE_TOLD] == 0 && !is_complete)
		return STATUS_OK;
	numbers = BYTES(note->data + NOTE_BUCKETS, note->size - NOTE_BUCKETS);
	RECORD_SET(digest, floor, bytes_u64(note->data));
	RECORD_SET_BYTES(digest, complete, numbers);
	if (note->data[NOTE_TOLD] != 0)
		return STATUS_OK;
	digest_set_decode(numbers, &buckets);
	return put_note(spool, digest->floor, true, &buckets);
}

/* In all lanes or in none: a mark that fails to follow the others would undo what came before. */
static enum status make_room_for_marks(struct spool *spool)
{
	const uint64_t *quota = spool->quota, size = DIGEST_SIZE + MARK_OVERHEAD;
	uint64_t bulk = spool_lane_bytes(spool, LANE_BULK) + size;
	enum status status = bulk <= quota[LANE_BULK]
	                       ? STATUS_OK
	                       : spool_trim_bundles(spool, bulk - quota[LANE_BULK]);

	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		if (spool_lane_bytes(spool, (enum lane)lane) + size > quota[lane])
			return STATUS_FULL;
	return spool_undo(spool, status);
}

/* ---- marks that wait ---- */

/* NOT_FOUND: none waits in LANE. */
static enum status waiting_mark(struct spool *spool, enum lane lane, struct buffer *subject,
    uint64_t *position)
{
	spool_subject(subject, lane, FETTLE__KIND__KIND_DIGEST, BYTES_NONE, &spool->arena);
	return spool_pending_get(spool, buffer_bytes(subject), position);
}

static enum status has_buckets(struct spool *spool, enum lane lane, bool *out)
{
	struct buffer subject = { 0 };
	struct spool_key key;
	struct bytes encoded;
	uint64_t position;
	enum status status = waiting_mark(spool, lane, &subject, &position);

	buffer_fini(&subject);
	if (status == STATUS_OK)
		status = kv_get(spool->write, SPOOL_RECORD, spool_key(&key, lane, position),
		    &encoded);
	if (status == STATUS_OK) {
		const Fettle__Digest *digest = NULL;
		Fettle__Record *record;

		arena_reset(&spool->arena);
		if (record_decode(encoded, &spool->arena, &record) == STATUS_OK)
			digest = record_unpack(&fettle__digest__descriptor,
			    record_bytes(record->body), &spool->arena);
		if (digest == NULL)
			return STATUS_CORRUPT;
		*out |= digest->buckets.len > 0;
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Whoever asked for the buckets that wait shall have them from what takes their place. */
static enum status add_buckets(struct spool *spool, bool with_buckets, Fettle__Digest *digest)
{
	enum status status = STATUS_OK;

	for (unsigned lane = 1; status == STATUS_OK && !with_buckets && lane < LANE_END; lane++)
		status = has_buckets(spool, (enum lane)lane, &with_buckets);
	if (with_buckets)
		RECORD_SET_BYTES(digest, buckets, BYTES(spool->now.digest.buckets, DIGEST_SIZE));
	return status;
}

static enum status call_incomplete(struct spool *spool)
{
	struct buffer note = { 0 };
	struct digest_set buckets;
	enum status status = get_note(spool, &note);

	if (status == STATUS_OK && note.data[NOTE_TOLD] != 0) {
		digest_set_decode(BYTES(note.data + NOTE_BUCKETS, note.size - NOTE_BUCKETS),
		    &buckets);
		status = put_note(spool, bytes_u64(note.data), false, &buckets);
	}
	buffer_fini(&note);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status spool_digest_take_back(struct spool *spool, enum lane lane, uint64_t position)
{
	struct buffer subject = { 0 };
	uint64_t mark;
	enum status status = waiting_mark(spool, lane, &subject, &mark);

	if (status != STATUS_OK || mark < position) {
		buffer_fini(&subject);
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	}
	status = spool_drop_record(spool, lane, mark);
	if (status == STATUS_OK)
		spool->now.lanes[lane].coalesced++;
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = kv_delete(spool->write, SPOOL_PENDING, buffer_bytes(&subject));
	buffer_fini(&subject);
	return status == STATUS_OK ? call_incomplete(spool) : status;
}

/* ---- appending ---- */

static enum status append_marks(struct spool *spool, const Fettle__Digest *digest)
{
	struct buffer body = { 0 };
	enum status status = STATUS_OK;

	record_pack(&body, &digest->base);
	for (unsigned lane = 1; status == STATUS_OK && lane < LANE_END; lane++)
		status = spool_append(spool, (enum lane)lane, FETTLE__KIND__KIND_DIGEST, 0,
		    buffer_bytes(&body));
	buffer_fini(&body);
	return status;
}

enum status spool_append_digest(struct spool *spool, bool with_buckets, bool is_complete)
{
	Fettle__Digest digest = FETTLE__DIGEST__INIT;
	struct buffer note = { 0 };
	uint8_t id[HASH_SIZE], root[HASH_SIZE];
	uint64_t facts = 0;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = make_room_for_marks(spool);
	if (status == STATUS_FULL)
		return status;
	if (status == STATUS_OK)
		status = add_buckets(spool, with_buckets, &digest);
	if (status == STATUS_OK)
		status = spool_ledger_count(spool, &facts);
	if (status == STATUS_OK)
		status = add_complete(spool, is_complete, &digest, &note);
	if (status == STATUS_OK) {
		make_id(spool, id);
		digest_root(&spool->now.digest, root);
		RECORD_SET_BYTES(&digest, id, BYTES_OF(id));
		RECORD_SET(&digest, revision, spool->now.revision);
		RECORD_SET_BYTES(&digest, root, BYTES_OF(root));
		RECORD_SET(&digest, facts, facts);
		status = append_marks(spool, &digest);
	}
	buffer_fini(&note);
	return spool_undo(spool, status);
}
