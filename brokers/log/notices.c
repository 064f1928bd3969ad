/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/notices.h"

#include "brokers/log/tables.h"
#include "proto/state.pb-c.h"

enum { SWEPT_AT_ONCE = 256 };

#define WHAT(name) FETTLE__NOTICE_WHAT__NOTICE_WHAT_##name

/* How many a minute are listed; 0: all.  What operators do themselves is always listed. */
static const unsigned listed_most[] = {
	[WHAT(DENIED)] = NOTICES_DENIED_MAX,
	[WHAT(CLONE)] = 1,
	[WHAT(ROLLED_BACK)] = 1,
	[WHAT(SUPERSEDED)] = 1,
	[WHAT(OTHER_SPOOL)] = 1,
	[WHAT(NAMELESS)] = 1,
};

/* ---- what it says ---- */

/* The beginning of TEXT, in OUT, cut where a character ends. */
static char *shorten(char *text, char *out, size_t most)
{
	static const char cut[] = "\xe2\x80\xa6"; /* … */
	size_t size = most - (sizeof(cut) - 1);

	if (text == NULL || strlen(text) <= most)
		return text;
	while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80)
		size--;
	memcpy(out, text, size);
	memcpy(out + size, cut, sizeof(cut));
	return out;
}

void notices_shorten(Fettle__Notice *notice, struct notices_room *room)
{
	size_t kept = sizeof(room->key) - HASH_LONG_SIZE;

	if (notice->key.len > sizeof(room->key)) {
		memcpy(room->key, notice->key.data, kept);
		hash_long(record_bytes(notice->key), room->key + kept);
		RECORD_SET_BYTES(notice, key, BYTES_OF(room->key));
	}
	notice->principal = shorten(notice->principal, room->principal, NOTICES_PRINCIPAL_MAX);
	notice->detail = shorten(notice->detail, room->detail, NOTICES_DETAIL_MAX);
}

/* ---- how many ---- */

/* One for each kind, and whom it is about. */
static void key_of(const Fettle__Notice *notice, uint8_t out[HASH_SIZE])
{
	const uint32_t what = notice->what;
	const struct bytes parts[] = { BYTES(&what, sizeof(what)), record_bytes(notice->agent),
		bytes_of_text(notice->principal) };

	hash_parts(parts, sizeof(parts) / sizeof(parts[0]), out);
}

static enum status get(struct log_store *store, struct bytes key, struct arena *arena,
    Fettle__LogNoted **out)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_NOTED, key, &value);
	if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__log_noted__descriptor, value, arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

static enum status put(struct log_store *store, struct bytes key, const Fettle__LogNoted *noted)
{
	struct buffer packed = { 0 };
	struct kv_txn *txn;
	enum status status = log_store_txn(store, &txn);

	record_pack(&packed, &noted->base);
	if (status == STATUS_OK)
		status = kv_put(txn, TABLE_NOTED, key, buffer_bytes(&packed));
	buffer_fini(&packed);
	return status;
}

/* Also where the clock was set back: better once too often than not for long. */
static bool is_over(const Fettle__LogNoted *noted, uint64_t now_ms)
{
	return now_ms < noted->since_ms || now_ms - noted->since_ms >= NOTICES_MINUTE_MS;
}

/* That some were not listed is listed itself. */
static enum status tell_left_out(struct log_store *store, const Fettle__LogNoted *noted,
    uint64_t now_ms)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	struct buffer detail = { 0 };
	uint64_t offset;
	enum status status;

	if (noted->left_out == 0)
		return STATUS_OK;
	buffer_append_format(&detail, "%llu more of these are not listed one by one",
	    (unsigned long long)noted->left_out);
	RECORD_SET(&notice, what, noted->what);
	if (noted->has_agent)
		RECORD_SET_BYTES(&notice, agent, record_bytes(noted->agent));
	notice.principal = noted->principal;
	notice.detail = RECORD_TEXT(buffer_text(&detail));
	RECORD_SET(&notice, left_out, noted->left_out);
	RECORD_SET(&notice, at_ms, now_ms);
	status = log_store_say(store, SUBLOG_NOTICE, FETTLE__KIND__KIND_NOTICE, &notice.base,
	    now_ms, 0, &offset);
	buffer_fini(&detail);
	return status;
}

/* The first of a minute. */
static void begin_minute(Fettle__LogNoted *noted, const Fettle__Notice *notice, uint64_t now_ms)
{
	fettle__log_noted__init(noted);
	RECORD_SET(noted, what, notice->what);
	if (notice->has_agent)
		RECORD_SET_BYTES(noted, agent, record_bytes(notice->agent));
	noted->principal = notice->principal;
	RECORD_SET(noted, since_ms, now_ms);
	RECORD_SET(noted, listed, 0);
	RECORD_SET(noted, left_out, 0);
}

enum status notices_admit(struct log_store *store, const Fettle__Notice *notice, uint64_t now_ms,
    bool *is_listed)
{
	unsigned what = notice->what;
	unsigned most = what < sizeof(listed_most) / sizeof(listed_most[0]) ? listed_most[what] : 0;
	Fettle__LogNoted fresh, *noted = &fresh;
	struct arena arena = { 0 };
	uint8_t key[HASH_SIZE];
	enum status status;

	*is_listed = true;
	if (most == 0)
		return STATUS_OK;
	key_of(notice, key);
	status = get(store, BYTES_OF(key), &arena, &noted);
	if (status == STATUS_OK && is_over(noted, now_ms)) {
		status = tell_left_out(store, noted, now_ms);
		begin_minute(noted, notice, now_ms);
	} else if (status == STATUS_NOT_FOUND) {
		status = STATUS_OK;
		noted = &fresh;
		begin_minute(noted, notice, now_ms);
	}
	if (status == STATUS_OK) {
		*is_listed = noted->listed < most;
		noted->listed += *is_listed;
		noted->left_out += !*is_listed;
		status = put(store, BYTES_OF(key), noted);
	}
	arena_fini(&arena);
	return status;
}

/* ---- once the minute is over ---- */

enum status notices_has_any(struct log_store *store, bool *out)
{
	struct kv_txn *txn;
	uint64_t count = 0;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = kv_count(txn, TABLE_NOTED, &count);
	*out = count > 0;
	return status;
}

/* The keys first: the cursor must be closed before anything is changed. */
static enum status list_over(struct log_store *store, uint64_t now_ms, struct arena *arena,
    struct bytes *keys, size_t *count)
{
	struct kv_cursor *cursor = NULL;
	struct kv_txn *txn;
	struct bytes key, value;
	enum status status = log_store_txn(store, &txn);

	*count = 0;
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, TABLE_NOTED, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK && *count < SWEPT_AT_ONCE) {
		const Fettle__LogNoted *noted = record_unpack(&fettle__log_noted__descriptor, value,
		    arena);

		if (noted == NULL || is_over(noted, now_ms))
			keys[(*count)++] = arena_bytes(arena, key);
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status end_minute(struct log_store *store, struct bytes key, struct arena *arena,
    uint64_t now_ms)
{
	Fettle__LogNoted *noted;
	struct kv_txn *txn;
	enum status status = get(store, key, arena, &noted);

	if (status == STATUS_OK)
		status = tell_left_out(store, noted, now_ms);
	if (status == STATUS_OK)
		status = log_store_txn(store, &txn);
	return status == STATUS_OK ? kv_delete(txn, TABLE_NOTED, key) : status;
}

enum status notices_sweep(struct log_store *store, uint64_t now_ms)
{
	struct arena arena = { 0 };
	struct bytes keys[SWEPT_AT_ONCE];
	size_t count;
	enum status status = list_over(store, now_ms, &arena, keys, &count);

	for (size_t i = 0; status == STATUS_OK && i < count; i++)
		status = end_minute(store, keys[i], &arena, now_ms);
	arena_fini(&arena);
	return status;
}
