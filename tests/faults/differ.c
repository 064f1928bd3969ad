/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-differ - makes a processor's state differ from what its only agent has told, as no part of
 * Fettle should: of COUNT facts it forgets a third, gives another value to a third, and invents the
 * rest.  The processor must not run.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/quantity.h"
#include "core/record.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"

static const char *const tables[] = { STATE_TABLE_NAMES };

enum { WAYS = 3 };

struct differ {
	struct txn *txn;
	struct asset_ref asset;
	struct arena arena;
	uint64_t count;
	uint64_t done[WAYS];
	struct buffer keys; /* u16 size and key */
	uint64_t collected;
};

static enum status take_first(void *data, const struct asset_ref *asset)
{
	struct differ *differ = data;

	differ->asset = *asset;
	return STATUS_OK;
}

static enum status collect(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct differ *differ = data;

	if (entry->record->status == FACT_NONE || differ->collected == differ->count * 2 / WAYS)
		return STATUS_OK;
	differ->collected++;
	buffer_append_u16(&differ->keys, (uint16_t)key.size);
	buffer_append(&differ->keys, key);
	return STATUS_OK;
}

static enum status falsify(struct differ *differ, struct bytes key, uint64_t number)
{
	const struct fact_field other = FACT_FIELD_TEXT("differs", "yes");
	Fettle__StateFact record = FETTLE__STATE_FACT__INIT;
	struct buffer value = { 0 };
	struct facts_entry older;
	enum status status = facts_get(differ->txn, &differ->asset, key, &differ->arena, &older);

	if (status != STATUS_OK)
		return status;
	RECORD_SET(&record, epoch, older.record->epoch);
	RECORD_SET(&record, revision, older.record->revision);
	record.collector = older.record->collector;
	if (number % 2 == 0) {
		differ->done[0]++;
	} else {
		RECORD_SET(&record, status, FACT_PRESENT);
		fact_value_encode(&value, &other, 1);
		differ->done[1]++;
	}
	status = facts_put(differ->txn, &differ->asset, key, &older, &record, buffer_bytes(&value));
	buffer_fini(&value);
	return status;
}

static enum status invent(struct differ *differ, uint64_t number)
{
	Fettle__StateFact record = FETTLE__STATE_FACT__INIT;
	const char *key = arena_format(&differ->arena, "test/invented/%llu",
	    (unsigned long long)number);

	RECORD_SET(&record, epoch, 1);
	RECORD_SET(&record, revision, 1);
	RECORD_SET(&record, status, FACT_ABSENT);
	record.collector = RECORD_TEXT("files");
	differ->done[2]++;
	return facts_put(differ->txn, &differ->asset, bytes_of_text(key), NULL, &record,
	    BYTES_NONE);
}

static enum status count_facts(struct differ *differ)
{
	Fettle__StateAsset *record;
	enum status status = asset_get(differ->txn, &differ->asset, &differ->arena, &record);

	if (status != STATUS_OK)
		return status;
	RECORD_SET(record, facts, record->facts - differ->done[0] + differ->done[2]);
	asset_put(differ->txn, &differ->asset, record);
	return STATUS_OK;
}

static enum status make_differ(struct differ *differ)
{
	struct buffer next = { 0 };
	uint64_t number = 0;
	enum status status = asset_slice(differ->txn, BYTES_NONE, 1, &next, take_first, differ);

	buffer_fini(&next);
	if (status == STATUS_OK)
		status = facts_visit(differ->txn, &differ->asset, BYTES_NONE, collect, differ);
	for (size_t at = 0; status == STATUS_OK && at < differ->keys.size;) {
		uint16_t size = bytes_u16(differ->keys.data + at);

		status = falsify(differ, BYTES(differ->keys.data + at + 2, size), number++);
		at += 2U + size;
	}
	while (status == STATUS_OK && number < differ->count)
		status = invent(differ, number++);
	return status == STATUS_OK ? count_facts(differ) : status;
}

int main(int argc, char **argv)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };
	struct differ differ = { .count = 0 };
	struct kv *kv = NULL;
	enum status status = STATUS_INVALID;

	if (argc == 3 && quantity_parse(QUANTITY_COUNT, argv[2], &differ.count))
		status = kv_open(argv[1], &options, &kv);
	if (status == STATUS_OK)
		status = txn_begin(kv, &differ.txn);
	if (status == STATUS_OK)
		status = make_differ(&differ);
	if (status == STATUS_OK)
		status = txn_commit(&differ.txn);
	if (differ.txn != NULL)
		txn_abort(&differ.txn);
	kv_close(kv);
	arena_fini(&differ.arena);
	buffer_fini(&differ.keys);
	if (status != STATUS_OK) {
		fprintf(stderr, "fettle-differ STATE COUNT: %s\n", status_text(status));
		return 1;
	}
	printf("{\"forgotten\": %llu, \"changed\": %llu, \"invented\": %llu}\n",
	    (unsigned long long)differ.done[0], (unsigned long long)differ.done[1],
	    (unsigned long long)differ.done[2]);
	return 0;
}
