/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/restored.h"

#include <stdlib.h>

#include "core/kv.h"
#include "core/record.h"
#include "processors/state/tables.h"
#include "proto/state.pb-c.h"

static const char *const tables[] = { STATE_TABLE_NAMES };

enum { TOKENS_PASSED_OVER = 1 << 20 };

/* ASSET may have had its first job after the backup, so it need not have any here. */
static enum status pass_over_tokens(struct kv_txn *txn, struct bytes asset, struct arena *arena,
    struct buffer *packed)
{
	struct bytes value;
	Fettle__StateJobs *jobs;
	enum status status = kv_get(txn, STATE_ASSET_JOBS, asset, &value);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	arena_reset(arena);
	jobs = record_unpack(&fettle__state_jobs__descriptor,
	    status == STATUS_OK ? value : BYTES_NONE, arena);
	if (jobs == NULL)
		return STATUS_CORRUPT;
	RECORD_SET(jobs, token, jobs->token + TOKENS_PASSED_OVER);
	buffer_clear(packed);
	record_pack(packed, &jobs->base);
	return kv_put(txn, STATE_ASSET_JOBS, asset, buffer_bytes(packed));
}

static enum status pass_over_all_tokens(struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct arena arena = { 0 };
	struct buffer packed = { 0 }, asset = { 0 };
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, STATE_ASSET, &cursor);

	while (
	    status == STATUS_OK && (status = kv_cursor_next(cursor, &key, &value)) == STATUS_OK) {
		buffer_clear(&asset);
		buffer_append(&asset, key);
		status = pass_over_tokens(txn, buffer_bytes(&asset), &arena, &packed);
	}
	kv_cursor_close(cursor);
	arena_fini(&arena);
	buffer_fini(&packed);
	buffer_fini(&asset);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status state_restored(const char *data)
{
	const struct kv_options options = { .tables = tables,
		.format = STATE_FORMAT,
		.is_writer = true };
	char *directory = text_format("%s/state", data);
	struct kv_txn *txn = NULL;
	struct kv *kv = NULL;
	enum status status = kv_open(directory, &options, &kv);

	free(directory);
	if (status == STATUS_OK)
		status = kv_write_begin(kv, &txn);
	if (status == STATUS_OK)
		status = pass_over_all_tokens(txn);
	if (status == STATUS_OK)
		status = kv_commit(&txn);
	kv_abort(&txn);
	kv_close(kv);
	return status;
}
