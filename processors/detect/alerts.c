/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An alert stands under the fact that it is about, so that a change finds those that it may undo.
 */
#include "processors/detect/alerts.h"

#include <stdlib.h>

#include "core/hash.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

/*
 * An endpoint may change one fact to and fro for ever, and think of new ones; the store has what
 * went before.
 */
enum { ALERTS_OF_A_FACT = 16, ALERTS_OF_AN_ASSET = 2000, NOTE_MAX = 2000 };

/* How many are dropped where there are as many as may be: all are looked through for it. */
enum { ALERTS_DROPPED = 250 };

/* ---- rows ---- */

static void fact_rows(struct buffer *key, const struct asset_ref *asset, struct bytes fact)
{
	asset_key(key, asset);
	buffer_append(key, fact);
	buffer_append_u8(key, 0);
}

/* How many are kept of the asset that ROW begins with: under its key alone. */
static uint64_t kept(struct stage_io *io, struct bytes row)
{
	struct bytes value;

	return txn_get(io->txn, STATE_ALERT, BYTES(row.data, ASSET_KEY_SIZE), &value) == STATUS_OK
	            && value.size == 8
	         ? bytes_u64(value.data)
	         : 0;
}

static void set_kept(struct stage_io *io, struct bytes row, uint64_t count)
{
	struct buffer value = { 0 };

	buffer_append_u64(&value, count);
	txn_put(io->txn, STATE_ALERT, BYTES(row.data, ASSET_KEY_SIZE), buffer_bytes(&value));
	buffer_fini(&value);
}

static void put(struct stage_io *io, struct bytes row, const Fettle__AlertVerdict *alert)
{
	struct buffer value = { 0 };

	record_pack(&value, &alert->base);
	txn_put(io->txn, STATE_ALERT, row, buffer_bytes(&value));
	txn_put(io->txn, STATE_ALERT_OF, record_bytes(alert->id), row);
	stage_verdict(io, FETTLE__KIND__KIND_ALERT, &alert->base);
	buffer_fini(&value);
}

static void drop(struct stage_io *io, struct bytes row, const Fettle__AlertVerdict *alert)
{
	txn_delete(io->txn, STATE_ALERT, row);
	txn_delete(io->txn, STATE_ALERT_OF, record_bytes(alert->id));
	set_kept(io, row, kept(io, row) - 1);
}

static bool is_over(const Fettle__AlertVerdict *alert)
{
	return alert->state == FETTLE__ALERT_STATE__ALERT_STATE_UNDONE;
}

/* One that may have to go. */
struct aged {
	struct bytes row; /* ends with its id */
	uint64_t opened_ms;
	unsigned use; /* 0: it is over; 1: somebody knows of it; 2: neither */
};

static struct aged aged_of(const Fettle__AlertVerdict *alert, struct bytes row)
{
	return (struct aged){ .row = row,
		.opened_ms = alert->opened_ms,
		.use = is_over(alert)                 ? 0
		     : alert->acknowledged_by != NULL ? 1
		                                      : 2 };
}

/* Those of least use first, and of these the oldest. */
static int compare_aged(const void *left, const void *right)
{
	const struct aged *a = left, *b = right;

	if (a->use != b->use)
		return a->use < b->use ? -1 : 1;
	return (a->opened_ms > b->opened_ms) - (a->opened_ms < b->opened_ms);
}

static enum status read_all(struct stage_io *io, struct bytes asset, struct aged *all,
    size_t *count)
{
	struct txn_scan *scan = NULL;
	struct arena scratch = { 0 }; /* all of them together may be a gigabyte */
	struct bytes key, value;
	enum status status = txn_scan_open(io->txn, STATE_ALERT, asset, BYTES_NONE, &scan);

	*count = 0;
	while (status == STATUS_OK && *count < ALERTS_OF_AN_ASSET) {
		const Fettle__AlertVerdict *alert;

		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK || key.size <= ASSET_KEY_SIZE + HASH_SIZE)
			continue;
		alert = record_unpack(&fettle__alert_verdict__descriptor, value, &scratch);
		if (alert == NULL)
			status = STATUS_CORRUPT;
		else
			all[(*count)++] = aged_of(alert, arena_bytes(io->arena, key));
		arena_reset(&scratch);
	}
	arena_fini(&scratch);
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The asset that ROW begins with has as many as it may. */
static enum status make_room_of_asset(struct stage_io *io, struct bytes row)
{
	struct aged *all = arena_take(io->arena, ALERTS_OF_AN_ASSET * sizeof(*all));
	size_t count;
	enum status status = read_all(io, BYTES(row.data, ASSET_KEY_SIZE), all, &count);

	if (status != STATUS_OK)
		return status;
	qsort(all, count, sizeof(*all), compare_aged);
	for (size_t i = 0; i < count && i < ALERTS_DROPPED; i++) {
		txn_delete(io->txn, STATE_ALERT, all[i].row);
		txn_delete(io->txn, STATE_ALERT_OF,
		    BYTES(all[i].row.data + all[i].row.size - HASH_SIZE, HASH_SIZE));
	}
	set_kept(io, row, count < ALERTS_DROPPED ? 0 : count - ALERTS_DROPPED);
	stage_count(io, "alerts_dropped", count < ALERTS_DROPPED ? count : ALERTS_DROPPED);
	return STATUS_OK;
}

/* One that is new.  Of what has gone for it neither the undoing is told nor who saw it. */
static enum status add(struct stage_io *io, struct bytes row, const Fettle__AlertVerdict *alert)
{
	enum status status = STATUS_OK;

	if (kept(io, row) >= ALERTS_OF_AN_ASSET)
		status = make_room_of_asset(io, row);
	if (status != STATUS_OK)
		return status;
	set_kept(io, row, kept(io, row) + 1);
	put(io, row, alert);
	return STATUS_OK;
}

/* The alerts of one fact, at most ALERTS_OF_A_FACT, and where they stand. */
struct rows {
	size_t count;
	struct bytes keys[ALERTS_OF_A_FACT];
	Fettle__AlertVerdict *alerts[ALERTS_OF_A_FACT];
};

static enum status read_rows(struct stage_io *io, struct bytes prefix, struct rows *rows)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	enum status status = txn_scan_open(io->txn, STATE_ALERT, prefix, BYTES_NONE, &scan);

	rows->count = 0;
	while (status == STATUS_OK && rows->count < ALERTS_OF_A_FACT) {
		Fettle__AlertVerdict *alert;

		status = txn_scan_next(scan, &key, &value);
		/* A key that goes on is another fact's. */
		if (status != STATUS_OK || key.size != prefix.size + HASH_SIZE)
			continue;
		alert = record_unpack(&fettle__alert_verdict__descriptor, value, io->arena);
		if (alert == NULL || alert->before == NULL || alert->after == NULL) {
			status = STATUS_CORRUPT;
			break;
		}
		rows->keys[rows->count] = arena_bytes(io->arena, key);
		rows->alerts[rows->count++] = alert;
	}
	txn_scan_close(scan);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- opening ---- */

/* The first of those that are over, or else of all. */
static void make_room(struct stage_io *io, const struct rows *rows)
{
	size_t oldest = 0;

	if (rows->count < ALERTS_OF_A_FACT)
		return;
	for (size_t i = 1; i < rows->count; i++) {
		bool is_older = rows->alerts[i]->opened_ms < rows->alerts[oldest]->opened_ms;

		if (is_over(rows->alerts[i]) != is_over(rows->alerts[oldest])
			? is_over(rows->alerts[i])
			: is_older)
			oldest = i;
	}
	drop(io, rows->keys[oldest], rows->alerts[oldest]);
}

static void complete(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ChangeVerdict *change, const uint8_t id[HASH_SIZE], Fettle__AlertVerdict *draft)
{
	RECORD_SET_BYTES(draft, id, BYTES(id, HASH_SIZE));
	RECORD_SET_BYTES(draft, asset, BYTES_OF(asset->id));
	RECORD_SET(draft, state, FETTLE__ALERT_STATE__ALERT_STATE_OPEN);
	RECORD_SET_BYTES(draft, change, record_bytes(change->id));
	RECORD_SET_BYTES(draft, key, record_bytes(change->key));
	draft->before = change->before;
	draft->after = change->after;
	RECORD_SET(draft, observed_ms, change->observed_ms);
	RECORD_SET(draft, received_ms, change->received_ms);
	RECORD_SET(draft, opened_ms, io->now_ms);
}

enum status alerts_open(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ChangeVerdict *change, Fettle__AlertVerdict *draft)
{
	const struct bytes parts[] = { record_bytes(change->id), record_bytes(change->key),
		bytes_of_text(draft->rule) };
	struct buffer row = { 0 };
	struct rows rows;
	struct bytes older;
	uint8_t id[HASH_SIZE];
	enum status status;

	hash_parts(parts, 3, id);
	fact_rows(&row, asset, record_bytes(change->key));
	status = read_rows(io, buffer_bytes(&row), &rows);
	buffer_append(&row, BYTES_OF(id));
	if (status == STATUS_OK)
		status = txn_get(io->txn, STATE_ALERT, buffer_bytes(&row), &older);
	if (status == STATUS_NOT_FOUND) {
		make_room(io, &rows);
		complete(io, asset, change, id, draft);
		stage_count(io, "alerts_opened", 1);
		status = add(io, buffer_bytes(&row), draft);
	}
	buffer_fini(&row);
	return status;
}

/* ---- undone ---- */

struct side {
	enum fact_status status;
	struct fact_field *fields;
	size_t count;
};

static bool read_side(uint32_t status, struct bytes value, struct arena *arena, struct side *out)
{
	*out = (struct side){ .status = (enum fact_status)status };
	return fact_value_decode(value, arena, &out->fields, &out->count) == STATUS_OK;
}

static bool is_gone(const struct side *side)
{
	return side->status == FACT_NONE || side->status == FACT_ABSENT;
}

/* Whatever the alert's change made of NAME, it is as it was. */
static bool is_as_before(const struct side *before, const struct side *then, const struct side *now,
    const char *name)
{
	const struct fact_field *old = fact_find(before->fields, before->count, name);

	return fact_field_equal(old, fact_find(then->fields, then->count, name))
	    || fact_field_equal(old, fact_find(now->fields, now->count, name));
}

static bool is_undone(const Fettle__AlertVerdict *alert, const struct event_value *after,
    struct arena *arena)
{
	struct side before, then, now;

	if (!read_side(alert->before->status, record_bytes(alert->before->value), arena, &before)
	    || !read_side(alert->after->status, record_bytes(alert->after->value), arena, &then)
	    || !read_side((uint32_t)after->status, after->value, arena, &now))
		return false;
	if (is_gone(&before) || is_gone(&now))
		return is_gone(&before) && is_gone(&now);
	if (before.status != now.status)
		return false;
	for (size_t i = 0; i < before.count; i++)
		if (!is_as_before(&before, &then, &now, before.fields[i].name))
			return false;
	for (size_t i = 0; i < then.count; i++)
		if (!is_as_before(&before, &then, &now, then.fields[i].name))
			return false;
	return true;
}

enum status alerts_on_change(struct stage_io *io, const struct asset_ref *asset, struct bytes key,
    const struct event_value *after)
{
	struct buffer prefix = { 0 };
	struct rows rows;
	enum status status;

	fact_rows(&prefix, asset, key);
	status = read_rows(io, buffer_bytes(&prefix), &rows);
	buffer_fini(&prefix);
	for (size_t i = 0; status == STATUS_OK && i < rows.count; i++) {
		Fettle__AlertVerdict *alert = rows.alerts[i];

		if (is_over(alert) || !is_undone(alert, after, io->arena))
			continue;
		RECORD_SET(alert, state, FETTLE__ALERT_STATE__ALERT_STATE_UNDONE);
		RECORD_SET(alert, undone_ms, io->now_ms);
		alert->reason = RECORD_TEXT("it is again as it was before");
		put(io, rows.keys[i], alert);
		stage_count(io, "alerts_undone", 1);
	}
	return status;
}

/* ---- acknowledged ---- */

enum status alerts_acknowledge(struct stage_io *io, const Fettle__AlertAck *ack,
    const Fettle__Stamp *stamp)
{
	Fettle__AlertVerdict *alert;
	struct bytes row, value;
	enum status status = txn_get(io->txn, STATE_ALERT_OF, record_bytes(ack->alert), &row);

	if (status == STATUS_OK) {
		row = arena_bytes(io->arena, row);
		status = txn_get(io->txn, STATE_ALERT, row, &value);
	}
	if (status == STATUS_NOT_FOUND)
		return stage_reject(io, "there is no such alert");
	if (status != STATUS_OK)
		return status;
	if (ack->note != NULL && strlen(ack->note) > NOTE_MAX)
		return stage_reject(io, "the note is too long");
	alert = record_unpack(&fettle__alert_verdict__descriptor, value, io->arena);
	if (alert == NULL)
		return STATUS_CORRUPT;
	alert->acknowledged_by = RECORD_TEXT(
	    stamp->principal == NULL ? "an operator" : stamp->principal);
	RECORD_SET(alert, acknowledged_ms, stamp->received_ms);
	alert->note = ack->note;
	put(io, row, alert);
	return STATUS_OK;
}
