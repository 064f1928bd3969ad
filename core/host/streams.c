/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host leaves for others: verdicts for its readers, commands for the log, each kept until
 * everybody who is waited for has it.
 */
#include "core/host/parts.h"

#include <stdlib.h>

enum { DELETIONS_A_BATCH = 20 * 1000 };

uint64_t host_verdict_head(const struct host *host)
{
	return host->committed.verdicts;
}

uint64_t host_verdict_tail(const struct host *host)
{
	return host->committed.verdict_tail;
}

uint64_t host_outbox_head(const struct host *host)
{
	return host->committed.outbox;
}

/* Deleted ones give empty records, so that the flow has no holes. */
static enum status read_stream(struct host *host, unsigned table, uint64_t from, uint64_t head,
    size_t most, struct link_batch *batch)
{
	static const uint8_t nothing[1];
	enum status status = STATUS_OK;

	if (host->read == NULL)
		status = kv_read_begin(host->kv, &host->read);
	for (uint64_t number = from; status == STATUS_OK && number <= head && batch->count < most;
	     number++) {
		struct bytes record;

		status = kv_get(host->read, table, host_u64_key(host, number), &record);
		if (status == STATUS_NOT_FOUND) {
			record = BYTES(nothing, 0);
			status = STATUS_OK;
		}
		if (status != STATUS_OK || !link_batch_has_room(batch, record.size))
			break;
		link_batch_add(batch, record);
	}
	return status;
}

enum status host_read_verdicts(struct host *host, uint64_t from, size_t most,
    struct link_batch *batch)
{
	return read_stream(host, HOST_VERDICT, from, host->committed.verdicts, most, batch);
}

enum status host_read_outbox(struct host *host, uint64_t from, size_t most,
    struct link_batch *batch)
{
	return read_stream(host, HOST_OUTBOX, from, host->committed.outbox, most, batch);
}

void host_release(struct host *host)
{
	kv_abort(&host->read);
}

/* ---- readers ---- */

static struct host_reader *find_reader(const struct host *host, const char *name)
{
	size_t size = sizeof(host->readers[0].name)
	            - 1; /* longer ones are told apart by that much */

	for (size_t i = 0; i < host->readers_count; i++)
		if (strncmp(host->readers[i].name, name, size) == 0)
			return (struct host_reader *)&host->readers[i];
	return NULL;
}

static bool has_fallen_behind(const struct host *host, const struct host_reader *reader)
{
	return reader->lag_max > 0 && host->now.verdicts > reader->offset
	    && host->now.verdicts - reader->offset > reader->lag_max;
}

/* A place for a new reader: where there is none left, that of one that was given up. */
static struct host_reader *new_reader(struct host *host)
{
	if (host->readers_count < HOST_READERS_MAX)
		return &host->readers[host->readers_count++];
	for (size_t i = 0; i < host->readers_count; i++)
		if (has_fallen_behind(host, &host->readers[i]))
			return &host->readers[i];
	return NULL;
}

enum status host_verdicts_reader(struct host *host, const char *reader, uint64_t offset,
    uint64_t lag_max)
{
	struct host_reader *at = find_reader(host, reader);

	if (at == NULL)
		at = new_reader(host);
	if (at == NULL)
		return STATUS_FULL;
	*at = (struct host_reader){ .offset = offset, .lag_max = lag_max };
	strncpy(at->name, reader, sizeof(at->name) - 1);
	return STATUS_OK;
}

void host_verdicts_read(struct host *host, const char *reader, uint64_t offset)
{
	struct host_reader *at = find_reader(host, reader);

	if (offset > host->committed.verdicts)
		return;
	if (at != NULL)
		at->offset = offset;
	else
		(void)!host_verdicts_reader(host, reader, offset, 0); /* too many: not waited for */
}

bool host_verdicts_overrun(const struct host *host, const char *reader)
{
	const struct host_reader *at = find_reader(host, reader);

	return at != NULL && has_fallen_behind(host, at);
}

uint64_t host_verdicts_kept(const struct host *host, const char *reader)
{
	const struct host_reader *at = find_reader(host, reader);
	uint64_t kept = host->committed.verdict_tail;

	if (at != NULL && has_fallen_behind(host, at)
	    && host->committed.verdicts - at->lag_max / 2 > kept)
		kept = host->committed.verdicts - at->lag_max / 2;
	return kept;
}

void host_outbox_taken(struct host *host, uint64_t offset)
{
	if (offset > host->outbox_taken && offset <= host->committed.outbox)
		host->outbox_taken = offset;
}

enum status host_load_readers(struct host *host, struct kv_txn *txn)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(txn, HOST_READER, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		char *name = text_copy_bytes(key);

		if (value.size != 8 && value.size != 16)
			status = STATUS_CORRUPT;
		else
			status = host_verdicts_reader(host, name, bytes_u64(value.data),
			    value.size == 16 ? bytes_u64(value.data + 8) : 0);
		free(name);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- what everybody has ---- */

void host_forget_read(struct host *host)
{
	uint64_t read_by_all = UINT64_MAX;
	size_t deletions = 0;
	bool has_required = false; /* one that everything is kept for has come at least once */

	for (size_t i = 0; i < host->readers_count; i++) {
		const struct host_reader *reader = &host->readers[i];

		has_required |= reader->lag_max == 0;
		if (reader->offset < read_by_all && !has_fallen_behind(host, reader))
			read_by_all = reader->offset;
		buffer_clear(&host->scratch);
		buffer_append_u64(&host->scratch, reader->offset);
		buffer_append_u64(&host->scratch, reader->lag_max);
		txn_put(host->txn, HOST_READER, bytes_of_text(reader->name),
		    buffer_bytes(&host->scratch));
	}
	for (;
	     has_required && host->now.verdict_tail <= read_by_all && deletions < DELETIONS_A_BATCH;
	     deletions++)
		txn_delete(host->txn, HOST_VERDICT, host_u64_key(host, host->now.verdict_tail++));
	for (; host->now.outbox_tail <= host->outbox_taken && deletions < DELETIONS_A_BATCH;
	     deletions++)
		txn_delete(host->txn, HOST_OUTBOX, host_u64_key(host, host->now.outbox_tail++));
}
