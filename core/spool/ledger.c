/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c - what was last appended for each fact, and small things that are remembered by name.
 */
#include "core/spool/parts.h"
#include "proto/state.pb-c.h"

/* ---- the ledger ---- */

enum status spool_ledger_get(struct spool *spool, struct bytes key, uint8_t hash[HASH_SIZE])
{
	Fettle__LedgerEntry *entry;
	struct bytes value;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_get(spool->write, SPOOL_FACT, key, &value);
	if (status != STATUS_OK)
		return status;
	arena_reset(&spool->arena);
	entry = record_unpack(&fettle__ledger_entry__descriptor, value, &spool->arena);
	if (entry == NULL || entry->hash.len != HASH_SIZE)
		return STATUS_CORRUPT;
	memcpy(hash, entry->hash.data, HASH_SIZE);
	return STATUS_OK;
}

enum status spool_ledger_remember(struct spool *spool, struct bytes key, const uint8_t *hash)
{
	Fettle__LedgerEntry entry = FETTLE__LEDGER_ENTRY__INIT;
	enum status status = spool_digest_toggle(spool, key);

	if (status != STATUS_OK)
		return spool_undo(spool, status);
	if (hash == NULL)
		return spool_undo(spool, kv_delete(spool->write, SPOOL_FACT, key));
	RECORD_SET_BYTES(&entry, hash, BYTES(hash, HASH_SIZE));
	RECORD_SET(&entry, revision, spool->now.revision);
	buffer_clear(&spool->scratch);
	record_pack(&spool->scratch, &entry.base);
	status = kv_put(spool->write, SPOOL_FACT, key, buffer_bytes(&spool->scratch));
	if (status == STATUS_OK)
		status = spool_digest_toggle(spool, key);
	return spool_undo(spool, status);
}

/* Instead of the hash of what was told, where that never arrived. */
static const uint8_t untold_news[HASH_SIZE];
static const uint8_t untold_baseline[HASH_SIZE] = { 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255 };

bool spool_is_untold_baseline(const uint8_t hash[HASH_SIZE])
{
	return memcmp(hash, untold_baseline, HASH_SIZE) == 0;
}

/*
 * The key stays, so that a pass which does not find it unsets it, and its hash is that of nothing,
 * so that whatever is seen next is told.  A newer record that is still there will tell by itself.
 */
enum status spool_ledger_untold(struct spool *spool, uint32_t kind, struct bytes key,
    uint64_t revision, bool is_baseline)
{
	const uint8_t *unknown = is_baseline ? untold_baseline : untold_news;
	Fettle__LedgerEntry *entry;
	struct bytes value;
	enum status status = kv_get(spool->write, SPOOL_FACT, key, &value);

	if (status == STATUS_NOT_FOUND)
		return kind == FETTLE__KIND__KIND_FACT_UNSET
		         ? spool_ledger_remember(spool, key, unknown)
		         : STATUS_OK;
	if (status != STATUS_OK)
		return status;
	entry = record_unpack(&fettle__ledger_entry__descriptor, value, &spool->arena);
	if (entry == NULL)
		return STATUS_CORRUPT;
	spool->forgotten += entry->revision == revision;
	return entry->revision == revision ? spool_ledger_remember(spool, key, unknown) : STATUS_OK;
}

enum status spool_append_fact(struct spool *spool, enum lane lane, uint32_t kind, struct bytes key,
    const uint8_t *hash, struct bytes body)
{
	enum status status = spool_append(spool, lane, kind, spool->now.revision + 1, body);

	if (status != STATUS_OK)
		return status;
	spool->now.revision++;
	return spool_ledger_remember(spool, key, hash);
}

enum status spool_ledger_visit(struct spool *spool, struct bytes prefix,
    enum status (*visit)(void *data, struct bytes key), void *data)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, SPOOL_FACT, &cursor);
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

char *spool_pass_note(const char *collector, struct bytes prefix)
{
	return text_format(SPOOL_NOTE_PASS "%s/%.*s", collector, (int)prefix.size,
	    (const char *)prefix.data);
}

enum status spool_forget_passes(struct spool *spool)
{
	struct bytes prefix = bytes_of_text(SPOOL_NOTE_PASS), key, value;
	struct kv_cursor *cursor = NULL;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_cursor_open(spool->write, SPOOL_NOTE, &cursor);
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

/* KEYS as collect_key has gathered them. */
static enum status forget_keys(struct spool *spool, const struct buffer *keys)
{
	enum status status = STATUS_OK;

	for (size_t at = 0; status == STATUS_OK && at < keys->size;) {
		uint16_t size = bytes_u16(keys->data + at);
		struct bytes key = BYTES(keys->data + at + 2, size);

		status = spool_digest_toggle(spool, key);
		if (status == STATUS_OK)
			status = kv_delete(spool->write, SPOOL_FACT, key);
		at += 2U + size;
	}
	spool->forgotten++;
	return status;
}

enum status spool_ledger_forget(struct spool *spool, struct bytes prefix)
{
	struct buffer keys = { 0 };
	enum status status = spool_ledger_visit(spool, prefix, collect_key, &keys);

	if (status == STATUS_OK && prefix.size == 0)
		status = spool_forget_passes(spool);
	if (status == STATUS_OK && prefix.size == 0)
		status = spool_digest_forget(spool);
	if (status == STATUS_OK)
		status = forget_keys(spool, &keys);
	buffer_fini(&keys);
	return spool_undo(spool, status);
}

struct bucket_keys {
	const struct digest_set *buckets;
	struct buffer keys;
};

static enum status collect_key_of_bucket(void *data, struct bytes key)
{
	struct bucket_keys *wanted = data;

	return wanted->buckets->has[digest_bucket(key)] ? collect_key(&wanted->keys, key)
	                                                : STATUS_OK;
}

enum status spool_ledger_forget_buckets(struct spool *spool, const struct digest_set *buckets)
{
	struct bucket_keys wanted = { .buckets = buckets };
	enum status status = spool_ledger_visit(spool, BYTES_NONE, collect_key_of_bucket, &wanted);

	if (status == STATUS_OK)
		status = forget_keys(spool, &wanted.keys);
	buffer_fini(&wanted.keys);
	return spool_undo(spool, status);
}

uint64_t spool_forgotten(const struct spool *spool)
{
	return spool->forgotten;
}

struct untold {
	const struct spool_withdrawn *ranges;
	size_t count;
	struct buffer keys; /* u16 size and key */
};

static bool is_in(const struct untold *untold, uint64_t revision)
{
	for (size_t i = 0; i < untold->count; i++)
		if (revision >= untold->ranges[i].revision
		    && revision - untold->ranges[i].revision < untold->ranges[i].facts)
			return true;
	return false;
}

static enum status collect_untold(struct spool *spool, struct untold *untold)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(spool->write, SPOOL_FACT, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		const Fettle__LedgerEntry *entry;

		arena_reset(&spool->arena);
		entry = record_unpack(&fettle__ledger_entry__descriptor, value, &spool->arena);
		if (entry != NULL && is_in(untold, entry->revision))
			(void)collect_key(&untold->keys, key);
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status spool_ledger_untold_revisions(struct spool *spool, const struct spool_withdrawn *ranges,
    size_t count)
{
	struct untold untold = { .ranges = ranges, .count = count };
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = collect_untold(spool, &untold);
	for (size_t at = 0; status == STATUS_OK && at < untold.keys.size;) {
		uint16_t size = bytes_u16(untold.keys.data + at);

		status = spool_ledger_remember(spool, BYTES(untold.keys.data + at + 2, size),
		    untold_baseline);
		at += 2U + size;
	}
	buffer_fini(&untold.keys);
	return status;
}

enum status spool_ledger_count(struct spool *spool, uint64_t *out)
{
	enum status status = spool_begin(spool);

	return status == STATUS_OK ? kv_count(spool->write, SPOOL_FACT, out) : status;
}

/* ---- notes ---- */

enum status spool_note_get(struct spool *spool, const char *name, struct buffer *out)
{
	struct bytes value;
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_get(spool->write, SPOOL_NOTE, bytes_of_text(name), &value);
	if (status == STATUS_OK)
		buffer_append(out, value);
	return status;
}

enum status spool_note_put(struct spool *spool, const char *name, struct bytes value)
{
	enum status status = spool_begin(spool);

	if (status == STATUS_OK)
		status = kv_put(spool->write, SPOOL_NOTE, bytes_of_text(name), value);
	return spool_undo(spool, status);
}
