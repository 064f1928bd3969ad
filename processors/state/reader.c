/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/reader.h"

#include <stdlib.h>

#include "core/host.h"
#include "core/kv.h"
#include "core/sublog.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"
#include "proto/intent.pb-c.h"

static const char *const tables[] = { STATE_TABLE_NAMES };

/* Readers give way: a transaction that lasts would keep the processor's pages from being reused. */
enum { ROWS_A_TRANSACTION = 2000 };

struct state_reader {
	struct kv *kv;
};

enum status state_reader_open(const char *data, struct state_reader **out)
{
	const struct kv_options options = { .tables = tables, .format = STATE_FORMAT };
	char *directory = text_format("%s/state", data);
	struct state_reader *reader = memory_new(sizeof(*reader));
	enum status status = kv_open(directory, &options, &reader->kv);

	free(directory);
	if (status != STATUS_OK) {
		free(reader);
		return status;
	}
	*out = reader;
	return STATUS_OK;
}

void state_reader_close(struct state_reader *reader)
{
	if (reader == NULL)
		return;
	kv_close(reader->kv);
	free(reader);
}

/* ---- rows under a prefix, in pages ---- */

struct page {
	struct kv_txn *txn;
	struct arena *arena;
	void *data;
	enum status (*row)(struct page *page, struct bytes key, struct bytes value);
	const void *visit; /* points to the caller's function pointer, whose type the row knows */
};

/* One page; NEXT is left empty at the end. */
static enum status read_page(struct state_reader *reader, unsigned table, struct bytes prefix,
    struct buffer *next, struct page *page)
{
	struct kv_cursor *cursor = NULL;
	struct buffer from = { 0 };
	struct bytes key, value;
	size_t rows = 0;
	enum status status = kv_read_begin(reader->kv, &page->txn);

	if (status != STATUS_OK)
		return status;
	buffer_append(&from, next->size > 0 ? buffer_bytes(next) : prefix);
	buffer_clear(next);
	status = kv_cursor_open(page->txn, table, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(&from), &key, &value);
	while (status == STATUS_OK && bytes_start_with(key, prefix)) {
		if (++rows > ROWS_A_TRANSACTION) {
			buffer_append(next, key);
			break;
		}
		arena_reset(page->arena);
		status = page->row(page, key, value);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	kv_abort(&page->txn);
	buffer_fini(&from);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status read_rows(struct state_reader *reader, unsigned table, struct bytes prefix,
    struct page *page)
{
	struct arena arena = { 0 };
	struct buffer next = { 0 };
	enum status status;

	page->arena = &arena;
	do
		status = read_page(reader, table, prefix, &next, page);
	while (status == STATUS_OK && next.size > 0);
	arena_fini(&arena);
	buffer_fini(&next);
	return status;
}

/* ---- assets ---- */

typedef enum status visit_asset(void *data, const struct state_asset *asset);

static const char *or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static enum status asset_row(struct page *page, struct bytes key, struct bytes value)
{
	Fettle__StateAsset *record = record_unpack(&fettle__state_asset__descriptor, value,
	    page->arena);
	struct state_asset asset = { .first_seen_ms = 0 };
	struct asset_ref ref;

	if (record == NULL || record->agent.len != AGENT_ID_SIZE || !asset_of_key(key, &ref))
		return STATUS_CORRUPT;
	memcpy(asset.id, ref.id, sizeof(asset.id));
	memcpy(asset.agent, record->agent.data, sizeof(asset.agent));
	asset.name = or_empty(record->name);
	asset.system = or_empty(record->system);
	asset.agent_version = or_empty(record->agent_version);
	asset.first_seen_ms = record->first_seen_ms;
	asset.last_seen_ms = record->last_seen_ms;
	asset.facts = record->facts;
	return (*(visit_asset *const *)page->visit)(page->data, &asset);
}

enum status state_reader_assets(struct state_reader *reader,
    enum status (*visit)(void *data, const struct state_asset *asset), void *data)
{
	struct page page = { .row = asset_row, .data = data };

	page.visit = &visit;
	return read_rows(reader, STATE_ASSET, BYTES_NONE, &page);
}

/* ---- facts ---- */

typedef enum status visit_fact(void *data, const struct state_fact *fact);

static enum status fact_row(struct page *page, struct bytes key, struct bytes value)
{
	Fettle__StateFact *record = record_unpack(&fettle__state_fact__descriptor, value,
	    page->arena);
	struct state_fact fact = { .revision = 0 };
	struct fact_field *fields = NULL;
	struct bytes encoded;
	enum status status = STATUS_OK;

	if (record == NULL)
		return STATUS_CORRUPT;
	if (record->status == FACT_NONE)
		return STATUS_OK;
	encoded = record_bytes(record->value);
	if (record->has_hash)
		status = kv_get(page->txn, STATE_VALUE, record_bytes(record->hash), &encoded);
	if (status == STATUS_OK)
		status = fact_value_decode(encoded, page->arena, &fields, &fact.fact.fields_count);
	if (status != STATUS_OK)
		return STATUS_CORRUPT;
	fact.fact.key = BYTES(key.data + ASSET_KEY_SIZE, key.size - ASSET_KEY_SIZE);
	fact.fact.status = (enum fact_status)record->status;
	fact.fact.reason = record->reason;
	fact.fact.fields = fields;
	fact.revision = record->revision;
	fact.observed_ms = record->observed_ms;
	fact.received_ms = record->received_ms;
	fact.collector = or_empty(record->collector);
	return (*(visit_fact *const *)page->visit)(page->data, &fact);
}

struct find_slot {
	const uint8_t *id;
	int slot;
};

static enum status find_slot_row(struct page *page, struct bytes key, struct bytes value)
{
	struct find_slot *find = page->data;
	struct asset_ref ref;

	(void)value;
	if (asset_of_key(key, &ref) && memcmp(ref.id, find->id, ASSET_ID_SIZE) == 0)
		find->slot = ref.slot;
	return STATUS_OK;
}

/* The beginning of the asset's keys. */
static enum status find_asset(struct state_reader *reader, const uint8_t asset[ASSET_ID_SIZE],
    struct buffer *key)
{
	struct find_slot find = { .id = asset, .slot = -1 };
	struct page page = { .row = find_slot_row, .data = &find };
	struct asset_ref ref;
	enum status status = read_rows(reader, STATE_ASSET, BYTES_NONE, &page);

	if (status != STATUS_OK || find.slot < 0)
		return status == STATUS_OK ? STATUS_NOT_FOUND : status;
	memcpy(ref.id, asset, ASSET_ID_SIZE);
	ref.slot = (uint8_t)find.slot;
	asset_key(key, &ref);
	return STATUS_OK;
}

enum status state_reader_facts(struct state_reader *reader, const uint8_t asset[ASSET_ID_SIZE],
    struct bytes prefix, enum status (*visit)(void *data, const struct state_fact *fact),
    void *data)
{
	struct page page = { .row = fact_row, .data = data };
	struct buffer key = { 0 };
	enum status status = find_asset(reader, asset, &key);

	page.visit = &visit;
	buffer_append(&key, prefix);
	if (status == STATUS_OK)
		status = read_rows(reader, STATE_FACT, buffer_bytes(&key), &page);
	buffer_fini(&key);
	return status;
}

/* ---- passes and scores ---- */

typedef enum status visit_pass(void *data, const struct state_pass *pass);

static enum status pass_row(struct page *page, struct bytes key, struct bytes value)
{
	Fettle__StatePass *record = record_unpack(&fettle__state_pass__descriptor, value,
	    page->arena);
	struct state_pass pass = { .facts = 0 };
	const uint8_t *end = key.size <= ASSET_KEY_SIZE
	                       ? NULL
	                       : memchr(key.data + ASSET_KEY_SIZE, 0, key.size - ASSET_KEY_SIZE);

	if (record == NULL || end == NULL)
		return STATUS_CORRUPT;
	pass.prefix = arena_bytes(page->arena,
	    BYTES(end + 1, key.size - (size_t)(end + 1 - key.data)));
	pass.collector = arena_text(page->arena, (const char *)key.data + ASSET_KEY_SIZE);
	pass.facts = record->facts;
	pass.at_ms = record->at_ms;
	pass.plan = record_bytes(record->plan);
	return (*(visit_pass *const *)page->visit)(page->data, &pass);
}

enum status state_reader_passes(struct state_reader *reader, const uint8_t asset[ASSET_ID_SIZE],
    enum status (*visit)(void *data, const struct state_pass *pass), void *data)
{
	struct page page = { .row = pass_row, .data = data };
	struct buffer key = { 0 };
	enum status status = find_asset(reader, asset, &key);

	page.visit = &visit;
	if (status == STATUS_OK)
		status = read_rows(reader, STATE_PASS, buffer_bytes(&key), &page);
	buffer_fini(&key);
	return status;
}

/* Where nothing was judged on the asset all stays 0. */
static enum status read_assessed(struct kv_txn *txn, struct bytes key, struct state_score *out)
{
	struct arena arena = { 0 };
	Fettle__StateAssessed *assessed;
	struct bytes value;
	enum status status = kv_get(txn, STATE_ASSESSED, key, &value);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	assessed = record_unpack(&fettle__state_assessed__descriptor, value, &arena);
	if (assessed != NULL) {
		out->passed = assessed->passed;
		out->failed = assessed->failed;
		out->not_applicable = assessed->not_applicable;
		out->not_run = assessed->not_run;
	}
	arena_fini(&arena);
	return assessed == NULL ? STATUS_CORRUPT : STATUS_OK;
}

enum status state_reader_score(struct state_reader *reader, const uint8_t asset[ASSET_ID_SIZE],
    struct state_score *out)
{
	struct kv_txn *txn = NULL;
	struct buffer key = { 0 };
	struct bytes value;
	enum status status = find_asset(reader, asset, &key);

	*out = (struct state_score){ .passed = 0 };
	if (status == STATUS_OK)
		status = kv_read_begin(reader->kv, &txn);
	if (status == STATUS_OK)
		status = kv_get(txn, STATE_PLANNED, buffer_bytes(&key), &value);
	if (status == STATUS_OK && value.size != HASH_SIZE)
		status = STATUS_CORRUPT;
	if (status == STATUS_OK) {
		memcpy(out->plan, value.data, HASH_SIZE);
		status = read_assessed(txn, buffer_bytes(&key), out);
	}
	kv_abort(&txn);
	buffer_fini(&key);
	return status;
}

/* ---- digests ---- */

static enum status digest_of_row(struct bytes row, struct state_digest *out)
{
	struct arena arena = { 0 };
	const Fettle__StateDigest *digest = record_unpack(&fettle__state_digest__descriptor, row,
	    &arena);

	if (digest != NULL) {
		out->agreed_ms = digest->agreed_ms;
		out->agreed_facts = digest->agreed_facts;
		if (digest->agreed_root.len == HASH_SIZE)
			memcpy(out->root, digest->agreed_root.data, HASH_SIZE);
		out->differs_ms = digest->differed_ms;
		out->resyncs = digest->resyncs;
	}
	arena_fini(&arena);
	return digest == NULL ? STATUS_CORRUPT : STATUS_OK;
}

enum status state_reader_digest(struct state_reader *reader, const uint8_t asset[ASSET_ID_SIZE],
    struct state_digest *out)
{
	struct buffer key = { 0 };
	struct kv_txn *txn = NULL;
	struct bytes row;
	enum status status = find_asset(reader, asset, &key);

	*out = (struct state_digest){ 0 };
	if (status == STATUS_OK)
		status = kv_read_begin(reader->kv, &txn);
	if (status == STATUS_OK)
		status = kv_get(txn, STATE_DIGEST, buffer_bytes(&key), &row);
	if (status == STATUS_OK)
		status = digest_of_row(row, out);
	kv_abort(&txn);
	buffer_fini(&key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- policies ---- */

typedef enum status visit_policy(void *data, const struct state_policy *policy);

static enum status policy_row(struct page *page, struct bytes key, struct bytes value)
{
	/* Written by operators, and larger than what an endpoint may send. */
	Fettle__Document *record = fettle__document__unpack(NULL, value.size, value.data);
	struct state_policy policy = { .id = "" };
	enum status status = STATUS_CORRUPT;

	(void)key;
	if (record != NULL && record->id != NULL && record->text != NULL
	    && record->hash.len == HASH_SIZE) {
		policy.id = record->id;
		policy.file = or_empty(record->file);
		policy.text = bytes_of_text(record->text);
		memcpy(policy.hash, record->hash.data, HASH_SIZE);
		policy.dialect_override = or_empty(record->dialect);
		status = (*(visit_policy *const *)page->visit)(page->data, &policy);
	}
	if (record != NULL)
		fettle__document__free_unpacked(record, NULL);
	return status;
}

enum status state_reader_policies(struct state_reader *reader,
    enum status (*visit)(void *data, const struct state_policy *policy), void *data)
{
	struct page page = { .row = policy_row, .data = data };

	page.visit = &visit;
	return read_rows(reader, STATE_POLICY, BYTES_NONE, &page);
}

/* ---- counters ---- */

static uint64_t counter(struct kv_txn *txn, const char *name)
{
	struct bytes value;

	return kv_get(txn, HOST_COUNTER, bytes_of_text(name), &value) == STATUS_OK
	            && value.size == 8
	         ? bytes_u64(value.data)
	         : 0;
}

static enum status read_positions(struct kv_txn *txn, struct state_counters *out)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, HOST_INPUT, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	for (; status == STATUS_OK; status = kv_cursor_next(cursor, &key, &value)) {
		if (key.size != 8 || value.size != 8)
			continue;
		if (bytes_u64(key.data) == SUBLOG_INTENT)
			out->intent_read = bytes_u64(value.data);
		else if (bytes_u64(key.data) >= SUBLOG_FIRST)
			out->observations_read += bytes_u64(value.data);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status state_reader_counters(struct state_reader *reader, struct state_counters *out)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(reader->kv, &txn);

	*out = (struct state_counters){ 0 };
	if (status != STATUS_OK)
		return status;
	status = host_peek(txn, &out->batches, &out->verdicts);
	out->rules_evaluated = counter(txn, "rules_evaluated");
	out->memo_hits = counter(txn, "memo_hits");
	out->checks_judged = counter(txn, "checks_judged");
	out->work_slices = counter(txn, "work_slices");
	if (status == STATUS_OK)
		status = kv_count(txn, HOST_WORK, &out->work_waiting);
	if (status == STATUS_OK)
		status = kv_count(txn, HOST_QUARANTINE, &out->quarantined);
	if (status == STATUS_OK)
		status = read_positions(txn, out);
	kv_abort(&txn);
	return status;
}

enum status state_reader_quarantine(struct state_reader *reader,
    enum status (*visit)(void *data, const Fettle__Quarantine *kept), void *data)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	struct arena arena = { 0 };
	struct kv_txn *txn;
	enum status status = kv_read_begin(reader->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_cursor_open(txn, HOST_QUARANTINE, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		const Fettle__Quarantine *kept;

		arena_reset(&arena);
		kept = record_unpack(&fettle__quarantine__descriptor, value, &arena);
		status = kept == NULL ? STATUS_CORRUPT : visit(data, kept);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	arena_fini(&arena);
	kv_abort(&txn);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status state_reader_heads(struct state_reader *reader, struct host_heads *out)
{
	struct kv_txn *txn;
	enum status status = kv_read_begin(reader->kv, &txn);

	*out = (struct host_heads){ .verdicts = 0 };
	if (status != STATUS_OK)
		return status;
	status = host_peek_heads(txn, out);
	kv_abort(&txn);
	return status;
}
