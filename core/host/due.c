/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens without a record: timers, ticks, and slices of work.
 */
#include "core/host/parts.h"

#include "core/require.h"
#include "proto/state.pb-c.h"

enum { TIMERS_A_BATCH = 1000, WORK_BUDGET = 64 };

static enum status fire(struct host *host, struct bytes entry)
{
	const char *name = (const char *)entry.data + 8;
	size_t name_size = strnlen(name, entry.size - 8);
	struct bytes key;

	REQUIRE(8 + name_size < entry.size);
	key = BYTES(entry.data + 8 + name_size + 1, entry.size - 8 - name_size - 1);
	txn_delete(host->txn, HOST_TIMER_OF, BYTES(entry.data + 8, entry.size - 8));
	txn_delete(host->txn, HOST_TIMER, entry);
	for (size_t i = 0; i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (strcmp(io.stage->name, name) != 0 || io.stage->on_timer == NULL)
			continue;
		host->position_in_chain = i;
		return io.stage->on_timer(&io, key);
	}
	return STATUS_OK; /* of a stage that this version no longer has */
}

/* Collected first, because a timer that fires may set others. */
static enum status fire_timers(struct host *host)
{
	struct txn_scan *scan = NULL;
	struct buffer due = { 0 };
	struct bytes key, value;
	enum status status = txn_scan_open(host->txn, HOST_TIMER, BYTES_NONE, BYTES_NONE, &scan);

	host->next_timer_ms = UINT64_MAX;
	for (size_t count = 0; status == STATUS_OK; count++) {
		status = txn_scan_next(scan, &key, &value);
		if (status != STATUS_OK)
			break;
		if (bytes_u64(key.data) > host->now.stamp_ms || count == TIMERS_A_BATCH) {
			host->next_timer_ms = bytes_u64(key.data);
			break;
		}
		buffer_append_u16(&due, (uint16_t)key.size);
		buffer_append(&due, key);
		/* The stage's name within is read as text. */
		buffer_append_u8(&due, 0);
	}
	txn_scan_close(scan);
	status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	for (size_t at = 0; status == STATUS_OK && at < due.size;) {
		uint16_t size = bytes_u16(due.data + at);

		arena_reset(&host->arena);
		status = fire(host, BYTES(due.data + at + 2, size));
		at += 3U + size;
	}
	buffer_fini(&due);
	return status;
}

static enum status tick(struct host *host)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (io.stage->tick_ms == 0
		    || host->now.stamp_ms - host->now.ticks[i] < io.stage->tick_ms)
			continue;
		host->now.ticks[i] = host->now.stamp_ms;
		host->position_in_chain = i;
		arena_reset(&host->arena);
		status = io.stage->on_tick(&io);
	}
	return status;
}

enum status host_run_due(struct host *host)
{
	enum status status = fire_timers(host);

	return status == STATUS_OK ? tick(host) : status;
}

static enum status run_slice(struct host *host, struct bytes key, Fettle__Work *work)
{
	struct buffer next = { 0 };
	struct stage_work slice = { .kind = work->kind,
		.subject = record_bytes(work->subject),
		.cursor = record_bytes(work->cursor),
		.next = &next,
		.budget = WORK_BUDGET };
	enum status status = STATUS_OK;

	for (size_t i = 0; i < host->stages_count; i++) {
		struct stage_io io = host_io(host, i);

		if (strcmp(io.stage->name, work->stage) != 0 || io.stage->on_work == NULL)
			continue;
		host->position_in_chain = i;
		status = io.stage->on_work(&io, &slice);
		stage_count(&io, "work_slices", 1);
	}
	if (status == STATUS_OK && next.size == 0)
		txn_delete(host->txn, HOST_WORK, key);
	if (status == STATUS_OK && next.size > 0) {
		RECORD_SET_BYTES(work, cursor, buffer_bytes(&next));
		buffer_clear(&host->scratch);
		record_pack(&host->scratch, &work->base);
		txn_put(host->txn, HOST_WORK, key, buffer_bytes(&host->scratch));
	}
	buffer_fini(&next);
	return status;
}

enum status host_work(struct host *host, struct bytes wanted, Fettle__BatchRecord *batch,
    struct arena *arena)
{
	struct txn_scan *scan = NULL;
	struct bytes key, value;
	Fettle__Work *item = NULL;
	enum status status = txn_scan_open(host->txn, HOST_WORK, wanted, BYTES_NONE, &scan);

	if (status == STATUS_OK)
		status = txn_scan_next(scan, &key, &value);
	if (status == STATUS_OK) {
		key = arena_bytes(arena, key);
		item = record_unpack(&fettle__work__descriptor, value, arena);
		status = item == NULL || item->stage == NULL ? STATUS_CORRUPT : STATUS_OK;
	}
	txn_scan_close(scan);
	if (status == STATUS_OK) {
		arena_reset(&host->arena);
		status = run_slice(host, key, item);
		RECORD_SET_BYTES(batch, work, key);
	}
	if (status == STATUS_NOT_FOUND && wanted.size == 0) {
		host->has_work = false;
		status = STATUS_OK;
	}
	return status;
}
