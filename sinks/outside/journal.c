/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One environment a target: its state is one value, dead letters and gaps are keyed by offset.  The
 * transaction opens with the first change and ends with the commit.
 */
#include "sinks/outside/journal.h"

#include <stdlib.h>

#include "core/kv.h"
#include "core/log.h"
#include "core/record.h"
#include "core/txn.h"

enum table { META, GAPS, DEAD };
static const char *const tables[] = { "meta", "gaps", "dead", NULL };

/* Rises when a value is laid out so that older bytes would be misread. */
enum { FORMAT = 1 };

enum { MAP_INITIAL = 4 * 1024 * 1024, PAGE_ROWS = 64, ERROR_MAX = 300 };

struct journal {
	struct kv *kv;
	struct txn *txn; /* NULL: nothing has changed in the tables */
	Fettle__SinkState state;
	uint64_t *beyond;
	char *error, *kind, *target;
	bool is_changed;
	enum status status; /* why the transaction could not be opened */
	struct buffer key, value;
	struct arena arena;
};

static struct bytes state_key(void)
{
	return bytes_of_text("state");
}

static char *directory_of(const char *data, const char *name)
{
	return text_format("%s/sinks/%s", data, name);
}

/* ---- opening ---- */

static enum status load(struct journal *journal)
{
	const Fettle__SinkState *kept = NULL;
	struct kv_txn *txn;
	struct bytes value;
	enum status status = kv_read_begin(journal->kv, &txn);

	if (status != STATUS_OK)
		return status;
	status = kv_get(txn, META, state_key(), &value);
	if (status == STATUS_OK) {
		kept = record_unpack(&fettle__sink_state__descriptor, value, &journal->arena);
		status = kept == NULL ? STATUS_CORRUPT : STATUS_OK;
	}
	kv_abort(&txn);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	journal->state = *kept;
	journal->state.base.n_unknown_fields = 0; /* they live in the arena */
	journal->state.base.unknown_fields = NULL;
	journal->beyond = memory_new(kept->n_beyond * sizeof(uint64_t) + 1);
	if (kept->n_beyond > 0)
		memcpy(journal->beyond, kept->beyond, kept->n_beyond * sizeof(uint64_t));
	journal->state.beyond = journal->beyond;
	journal->error = text_copy(kept->error);
	journal->state.error = journal->error;
	return STATUS_OK;
}

enum status journal_open(const char *data, const char *name, const char *kind, const char *target,
    struct journal **out)
{
	const struct kv_options options = { .tables = tables,
		.format = FORMAT,
		.is_writer = true,
		.map_initial = MAP_INITIAL };
	struct journal *journal = memory_new(sizeof(*journal));
	char *directory = directory_of(data, name);
	enum status status = kv_open(directory, &options, &journal->kv);

	fettle__sink_state__init(&journal->state);
	if (status == STATUS_OK)
		status = load(journal);
	if (status == STATUS_CORRUPT)
		log_write(LOG_ERROR, "sink-journal", LOG_FIELDS(LOG_TEXT("path", directory)),
		    "what this target remembers is damaged; move it away to begin anew with "
		    "what is kept upstream");
	free(directory);
	if (status != STATUS_OK) {
		journal_close(journal);
		return status;
	}
	journal->kind = text_copy(kind);
	journal->target = text_copy(target);
	journal->state.kind = journal->kind;
	journal->state.target = journal->target;
	journal->is_changed = true; /* the target may be another one now */
	*out = journal;
	return STATUS_OK;
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->txn != NULL)
		txn_abort(&journal->txn);
	kv_close(journal->kv);
	free(journal->beyond);
	free(journal->error);
	free(journal->kind);
	free(journal->target);
	buffer_fini(&journal->key);
	buffer_fini(&journal->value);
	arena_fini(&journal->arena);
	free(journal);
}

const Fettle__SinkState *journal_state(const struct journal *journal)
{
	return &journal->state;
}

/* ---- changes ---- */

void journal_advance(struct journal *journal, uint64_t position, const uint64_t *beyond,
    size_t count)
{
	RECORD_SET(&journal->state, position, position);
	journal->beyond = memory_grow(journal->beyond, count * sizeof(*beyond) + 1);
	if (count > 0)
		memcpy(journal->beyond, beyond, count * sizeof(*beyond));
	journal->state.beyond = journal->beyond;
	journal->state.n_beyond = count;
	journal->is_changed = true;
}

void journal_count(struct journal *journal, uint64_t delivered, uint64_t retried, uint64_t now_ms)
{
	Fettle__SinkState *state = &journal->state;

	RECORD_SET(state, delivered, state->delivered + delivered);
	RECORD_SET(state, retried, state->retried + retried);
	if (delivered > 0)
		RECORD_SET(state, last_delivered_ms, now_ms);
	journal->is_changed = true;
}

void journal_error(struct journal *journal, const char *error, uint64_t now_ms)
{
	Fettle__SinkState *state = &journal->state;
	bool is_known = error != NULL && journal->error != NULL
	             && strncmp(journal->error, error, ERROR_MAX) == 0;

	if (is_known || (error == NULL && journal->error == NULL))
		return;
	if (error == NULL || journal->error == NULL)
		RECORD_SET(state, error_ms, error == NULL ? 0 : now_ms);
	free(journal->error);
	journal->error = error == NULL ? NULL : text_format("%.*s", ERROR_MAX, error);
	state->error = journal->error;
	journal->is_changed = true;
}

/* The tables' transaction; NULL: it could not be opened, which the commit tells. */
static struct txn *txn_of(struct journal *journal)
{
	if (journal->txn == NULL && journal->status == STATUS_OK)
		journal->status = txn_begin(journal->kv, &journal->txn);
	return journal->txn;
}

static struct bytes number_key(struct journal *journal, uint64_t number)
{
	buffer_clear(&journal->key);
	buffer_append_u64(&journal->key, number);
	return buffer_bytes(&journal->key);
}

static void put(struct journal *journal, enum table table, const ProtobufCMessage *message)
{
	struct txn *txn = txn_of(journal);

	buffer_clear(&journal->value);
	record_pack(&journal->value, message);
	if (txn != NULL)
		txn_put(txn, table, buffer_bytes(&journal->key), buffer_bytes(&journal->value));
	journal->is_changed = true;
}

void journal_skip(struct journal *journal, uint64_t first, uint64_t last, uint64_t now_ms)
{
	Fettle__SinkGap gap = FETTLE__SINK_GAP__INIT;

	RECORD_SET(&gap, first, first);
	RECORD_SET(&gap, last, last);
	RECORD_SET(&gap, at_ms, now_ms);
	(void)number_key(journal, first);
	put(journal, GAPS, &gap.base);
	RECORD_SET(&journal->state, skipped, journal->state.skipped + (last - first + 1));
}

void journal_told(struct journal *journal, uint64_t first)
{
	struct txn *txn = txn_of(journal);
	struct bytes value;
	Fettle__SinkGap *gap;

	if (txn == NULL || txn_get(txn, GAPS, number_key(journal, first), &value) != STATUS_OK)
		return;
	arena_reset(&journal->arena);
	gap = record_unpack(&fettle__sink_gap__descriptor, value, &journal->arena);
	if (gap == NULL)
		return;
	RECORD_SET(gap, is_told, 1);
	put(journal, GAPS, &gap->base);
}

static void drop_oldest(struct journal *journal)
{
	struct txn *txn = txn_of(journal);
	struct txn_scan *scan = NULL;
	struct bytes key, value;

	if (txn == NULL || txn_scan_open(txn, DEAD, BYTES_NONE, BYTES_NONE, &scan) != STATUS_OK)
		return;
	if (txn_scan_next(scan, &key, &value) == STATUS_OK) {
		arena_reset(&journal->arena);
		txn_delete(txn, DEAD, arena_bytes(&journal->arena, key));
		RECORD_SET(&journal->state, dropped, journal->state.dropped + 1);
	}
	txn_scan_close(scan);
}

void journal_bury(struct journal *journal, const Fettle__SinkDeadLetter *letter)
{
	(void)number_key(journal, letter->offset);
	buffer_append(&journal->key, record_bytes(letter->event_id));
	put(journal, DEAD, &letter->base);
	RECORD_SET(&journal->state, refused, journal->state.refused + 1);
	if (journal->state.refused - journal->state.dropped > JOURNAL_DEAD_MAX)
		drop_oldest(journal);
}

bool journal_is_changed(const struct journal *journal)
{
	return journal->is_changed;
}

enum status journal_commit(struct journal *journal)
{
	struct txn *txn;

	if (!journal->is_changed)
		return STATUS_OK;
	txn = txn_of(journal);
	if (txn == NULL)
		return journal->status;
	buffer_clear(&journal->value);
	record_pack(&journal->value, &journal->state.base);
	txn_put(txn, META, state_key(), buffer_bytes(&journal->value));
	journal->status = txn_commit(&journal->txn);
	journal->is_changed = false;
	return journal->status;
}

/* ---- reading ---- */

static enum status open_reader(const char *data, const char *name, struct kv **out)
{
	const struct kv_options options = { .tables = tables, .format = FORMAT };
	char *directory = directory_of(data, name);
	enum status status = kv_open(directory, &options, out);

	free(directory);
	return status;
}

enum status journal_peek(const char *data, const char *name, struct arena *arena,
    const Fettle__SinkState **out)
{
	struct kv *kv = NULL;
	struct kv_txn *txn;
	struct bytes value;
	enum status status = open_reader(data, name, &kv);

	if (status == STATUS_OK)
		status = kv_read_begin(kv, &txn);
	if (status == STATUS_OK) {
		status = kv_get(txn, META, state_key(), &value);
		if (status == STATUS_OK) {
			*out = record_unpack(&fettle__sink_state__descriptor, value, arena);
			status = *out == NULL ? STATUS_CORRUPT : STATUS_OK;
		}
		kv_abort(&txn);
	}
	kv_close(kv);
	return status;
}

/* Copies the rows from *AFTER on, so that no visitor holds up the transaction.  NOT_FOUND: none. */
static enum status read_page(struct kv *kv, enum table table, struct buffer *after,
    struct arena *arena, struct bytes rows[PAGE_ROWS], size_t *count)
{
	struct kv_cursor *cursor = NULL;
	struct kv_txn *txn;
	struct bytes key, value;
	enum status status = kv_read_begin(kv, &txn);

	*count = 0;
	if (status != STATUS_OK)
		return status;
	status = kv_cursor_open(txn, table, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, buffer_bytes(after), &key, &value);
	while (status == STATUS_OK && *count < PAGE_ROWS) {
		rows[(*count)++] = arena_bytes(arena, value);
		buffer_clear(after);
		buffer_append(after, key);
		buffer_append_u8(after, 0); /* the first key after it */
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	kv_abort(&txn);
	return status;
}

/* One of the two. */
struct visit {
	enum status (*dead)(void *visitor, const Fettle__SinkDeadLetter *letter);
	enum status (*gap)(void *visitor, const Fettle__SinkGap *gap);
	void *visitor;
};

static enum status visit_row(const struct visit *visit, struct bytes row, struct arena *arena)
{
	const void *message = record_unpack(visit->dead != NULL
						? &fettle__sink_dead_letter__descriptor
						: &fettle__sink_gap__descriptor,
	    row, arena);

	if (message == NULL)
		return STATUS_CORRUPT;
	return visit->dead != NULL ? visit->dead(visit->visitor, message)
	                           : visit->gap(visit->visitor, message);
}

static enum status visit_rows(const struct visit *visit, const struct bytes *rows, size_t count)
{
	enum status status = STATUS_OK;
	struct arena arena = { 0 };

	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		arena_reset(&arena);
		status = visit_row(visit, rows[i], &arena);
	}
	arena_fini(&arena);
	return status;
}

static enum status visit_table(const char *data, const char *name, enum table table,
    const struct visit *visit)
{
	struct kv *kv = NULL;
	struct buffer after = { 0 };
	struct arena arena = { 0 };
	enum status status = open_reader(data, name, &kv), page = STATUS_OK;

	while (status == STATUS_OK && page == STATUS_OK) {
		struct bytes rows[PAGE_ROWS];
		size_t count = 0;

		arena_reset(&arena);
		page = read_page(kv, table, &after, &arena, rows, &count);
		status = visit_rows(visit, rows, count);
	}
	buffer_fini(&after);
	arena_fini(&arena);
	kv_close(kv);
	if (status == STATUS_OK && page != STATUS_NOT_FOUND)
		status = page;
	return status;
}

enum status journal_visit_dead(const char *data, const char *name,
    enum status (*visit)(void *visitor, const Fettle__SinkDeadLetter *letter), void *visitor)
{
	return visit_table(data, name, DEAD, &(struct visit){ .dead = visit, .visitor = visitor });
}

enum status journal_visit_gaps(const char *data, const char *name,
    enum status (*visit)(void *visitor, const Fettle__SinkGap *gap), void *visitor)
{
	return visit_table(data, name, GAPS, &(struct visit){ .gap = visit, .visitor = visitor });
}
