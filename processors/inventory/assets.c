/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assets.c - the asset that a record is about: made if need be, touched, and announced a little
 * later.
 */
#include "processors/inventory/parts.h"

#include "processors/state/awaited.h"
#include "processors/state/tables.h"
#include "proto/verdict.pb-c.h"

/* ---- announcements ---- */

/* How many checks passed and failed is the assess stage's to know. */
static void add_scores(struct stage_io *io, const struct asset_ref *asset,
    Fettle__AssetVerdict *verdict)
{
	Fettle__StateAssessed *assessed;
	struct buffer key = { 0 };
	struct bytes value;

	asset_key(&key, asset);
	if (txn_get(io->txn, STATE_ASSESSED, buffer_bytes(&key), &value) == STATUS_OK
	    && (assessed = record_unpack(&fettle__state_assessed__descriptor, value, io->arena))
		   != NULL) {
		RECORD_SET(verdict, passed, assessed->passed);
		RECORD_SET(verdict, failed, assessed->failed);
		RECORD_SET(verdict, not_applicable, assessed->not_applicable);
		RECORD_SET(verdict, not_run, assessed->not_run);
	}
	buffer_fini(&key);
}

void inventory_announce(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__StateAsset *record)
{
	Fettle__AssetVerdict verdict = FETTLE__ASSET_VERDICT__INIT;

	RECORD_SET_BYTES(&verdict, asset, BYTES_OF(asset->id));
	RECORD_SET_BYTES(&verdict, agent, record_bytes(record->agent));
	verdict.name = record->name;
	verdict.system = record->system;
	verdict.agent_version = record->agent_version;
	RECORD_SET(&verdict, first_seen_ms, record->first_seen_ms);
	RECORD_SET(&verdict, last_seen_ms, record->last_seen_ms);
	RECORD_SET(&verdict, facts, record->facts);
	add_scores(io, asset, &verdict);
	stage_verdict(io, FETTLE__KIND__KIND_ASSET, &verdict.base);
}

/* ---- assets ---- */

static enum status create_asset(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset)
{
	Fettle__StateAsset record = FETTLE__STATE_ASSET__INIT;
	struct event fresh = { .kind = EVENT_ASSET_NEW, .body = asset };

	RECORD_SET_BYTES(&record, asset, BYTES_OF(asset->id));
	RECORD_SET_BYTES(&record, agent, record_bytes(event->stamp->writer));
	RECORD_SET(&record, first_seen_ms, event->stamp->received_ms);
	RECORD_SET(&record, last_seen_ms, event->stamp->received_ms);
	RECORD_SET(&record, epoch, event->stamp->epoch);
	asset_bind(io->txn, event->stamp->writer.data, asset);
	asset_put(io->txn, asset, &record);
	inventory_announce(io, asset, &record);
	return stage_emit(io, &fresh);
}

static enum status find(struct stage_io *io, const struct event *event, struct asset_ref *asset,
    Fettle__StateAsset **record)
{
	enum status status = asset_of_agent(io->txn, event->stamp->writer.data, asset);

	if (status == STATUS_NOT_FOUND)
		status = create_asset(io, event, asset);
	return status == STATUS_OK ? asset_get(io->txn, asset, io->arena, record) : status;
}

/* An agent that lost what it kept begins another epoch; lanes overtake each other. */
static enum status note_epoch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record)
{
	struct event anew = { .kind = EVENT_ASSET_ANEW, .body = asset };
	bool was_known = record->has_epoch;

	if (was_known && event->stamp->epoch <= record->epoch)
		return STATUS_OK;
	RECORD_SET(record, epoch, event->stamp->epoch);
	if (was_known) {
		/* It will say all of it again, or may not have it any more. */
		enum status status = awaited_forget(io->txn, asset);

		return status == STATUS_OK ? stage_emit(io, &anew) : status;
	}
	return STATUS_OK;
}

/* Many records a second may touch an asset; its verdict follows once, a little later. */
enum status inventory_touch(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record)
{
	const struct inventory_settings *set = io->settings;
	uint64_t delay_ms = set == NULL ? INVENTORY_ANNOUNCE_AFTER_MS : set->announce_after;
	enum status status = note_epoch(io, event, asset, record);

	if (status != STATUS_OK)
		return status;
	if (event->stamp->received_ms > record->last_seen_ms)
		RECORD_SET(record, last_seen_ms, event->stamp->received_ms);
	if (record->announced_ms <= io->now_ms) {
		struct buffer key = { 0 };

		/* Until then it is known to be on its way. */
		RECORD_SET(record, announced_ms, io->now_ms + delay_ms);
		asset_key(&key, asset);
		status = stage_set_timer(io, buffer_bytes(&key), io->now_ms + delay_ms);
		buffer_fini(&key);
		if (status != STATUS_OK)
			return status;
	}
	asset_put(io->txn, asset, record);
	return STATUS_OK;
}

enum status inventory_find_asset(struct stage_io *io, const struct event *event,
    struct asset_ref *asset, Fettle__StateAsset **record)
{
	enum status status = find(io, event, asset, record);

	return status == STATUS_OK ? note_epoch(io, event, asset, *record) : status;
}
