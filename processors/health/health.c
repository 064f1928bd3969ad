/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - tells how it stands with the reporting of each asset, apart from what is reported: a
 * clock that is off, silence, copies and backups, a quarantine that is full.
 *
 * A clock is judged by heartbeats that were sent as they were made, three in a row, as what waited
 * in a spool is old and not wrong.  Silence is judged by a timer; one that comes late, because this
 * processor did not run, begins anew, as what was heard meanwhile still waits in the log.
 */
#include "processors/health/health.h"

#include "processors/roles.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"

enum {
	SKEW_MAX_MS = 5 * 60 * 1000,
	SKEW_SAMPLES = 3,
	STALE_AFTER_MS = 15 * 60 * 1000,
	STALE_HEARTBEATS = 3,
	EVERY_MAX_MS = 24 * 3600 * 1000,
	LATE_MS = 60 * 1000,
};

struct health_settings {
	uint64_t stale_after;
};

static const struct setting settings[] = {
	SETTING_DURATION(struct health_settings, stale_after, STALE_AFTER_MS, 1000,
	    30ULL * 24 * 3600 * 1000,
	    "after how long without a word an asset is stale; three of its heartbeats at least"),
	SETTING_END
};

const struct setting_section health_section = { .name = "health",
	.settings = settings,
	.size = sizeof(struct health_settings),
	.help = "how it stands with the reporting of each asset" };

/* ---- rows ---- */

/* A fresh one where there is none. */
static enum status get_row(struct stage_io *io, const struct asset_ref *asset,
    Fettle__StateHealth **out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	asset_key(&key, asset);
	status = txn_get(io->txn, STATE_HEALTH, buffer_bytes(&key), &value);
	buffer_fini(&key);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	*out = record_unpack(&fettle__state_health__descriptor,
	    status == STATUS_OK ? value : BYTES_NONE, io->arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

static void put_row(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__StateHealth *row)
{
	struct buffer key = { 0 }, value = { 0 };

	asset_key(&key, asset);
	record_pack(&value, &row->base);
	txn_put(io->txn, STATE_HEALTH, buffer_bytes(&key), buffer_bytes(&value));
	buffer_fini(&key);
	buffer_fini(&value);
}

/* ---- verdicts ---- */

/* UNTIL_MS 0: it is not over. */
static void say(struct stage_io *io, const struct asset_ref *asset, Fettle__HealthWhat what,
    uint64_t since_ms, uint64_t until_ms, const Fettle__StateHealth *row, const char *detail)
{
	Fettle__HealthVerdict verdict = FETTLE__HEALTH_VERDICT__INIT;

	RECORD_SET_BYTES(&verdict, asset, BYTES_OF(asset->id));
	RECORD_SET(&verdict, what, what);
	RECORD_SET(&verdict, since_ms, since_ms);
	if (until_ms > 0) {
		RECORD_SET(&verdict, is_over, true);
		RECORD_SET(&verdict, until_ms, until_ms);
	}
	if (what == FETTLE__HEALTH_WHAT__HEALTH_WHAT_SKEW)
		RECORD_SET(&verdict, skew_ms, row->skew_ms);
	verdict.detail = RECORD_TEXT(detail);
	stage_verdict(io, FETTLE__KIND__KIND_HEALTH, &verdict.base);
}

/* ---- clocks ---- */

static bool is_off(int64_t skew_ms)
{
	return skew_ms > SKEW_MAX_MS || skew_ms < -SKEW_MAX_MS;
}

static void judge_clock(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateHealth *row)
{
	int64_t skew_ms = (int64_t)(event->envelope->wall_ms - event->stamp->received_ms);

	if (!is_off(skew_ms)) {
		if (row->skewed_since_ms > 0)
			say(io, asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_SKEW, row->skewed_since_ms,
			    io->now_ms, row, NULL);
		RECORD_SET(row, skewed, 0);
		RECORD_SET(row, skewed_since_ms, 0);
		return;
	}
	RECORD_SET(row, skew_ms, skew_ms);
	if (row->skewed < SKEW_SAMPLES)
		RECORD_SET(row, skewed, row->skewed + 1);
	if (row->skewed < SKEW_SAMPLES || row->skewed_since_ms > 0)
		return;
	RECORD_SET(row, skewed_since_ms, io->now_ms);
	say(io, asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_SKEW, io->now_ms, 0, row, NULL);
}

/* ---- silence ---- */

static uint64_t stale_after_ms(const struct stage_io *io, const Fettle__StateHealth *row)
{
	const struct health_settings *set = io->settings;
	uint64_t least_ms = set == NULL ? STALE_AFTER_MS : set->stale_after;
	uint64_t every_ms = row->every_ms < EVERY_MAX_MS ? row->every_ms : EVERY_MAX_MS;

	return every_ms * STALE_HEARTBEATS > least_ms ? every_ms * STALE_HEARTBEATS : least_ms;
}

static enum status look_again(struct stage_io *io, const struct asset_ref *asset, uint64_t due_ms)
{
	struct buffer key = { 0 };
	enum status status;

	asset_key(&key, asset);
	status = stage_set_timer(io, buffer_bytes(&key), due_ms);
	buffer_fini(&key);
	return status;
}

static enum status on_heartbeat(struct stage_io *io, const struct event *event)
{
	const Fettle__Heartbeat *heartbeat = event_heartbeat(event);
	Fettle__StateHealth *row;
	struct asset_ref asset;
	bool is_armed;
	enum status status = asset_of_agent(io->txn, event->stamp->writer.data, &asset);

	if (status == STATUS_OK)
		status = get_row(io, &asset, &row);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (row->stale_since_ms > 0)
		say(io, &asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE, row->stale_since_ms,
		    io->now_ms, row, NULL);
	is_armed = row->heard_ms > 0 && row->stale_since_ms == 0;
	RECORD_SET(row, stale_since_ms, 0);
	RECORD_SET(row, heard_ms, io->now_ms);
	RECORD_SET(row, every_ms, heartbeat->every_ms);
	if (heartbeat->is_prompt)
		judge_clock(io, event, &asset, row);
	put_row(io, &asset, row);
	return is_armed ? STATUS_OK : look_again(io, &asset, io->now_ms + stale_after_ms(io, row));
}

static enum status on_timer(struct stage_io *io, struct bytes key)
{
	Fettle__StateHealth *row;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	uint64_t heard_ms, due_ms;
	enum status status;

	if (!asset_of_key(key, &asset))
		return STATUS_OK;
	status = get_row(io, &asset, &row);
	if (status == STATUS_OK)
		status = asset_get(io->txn, &asset, io->arena, &record);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	heard_ms = record->last_seen_ms > row->heard_ms ? record->last_seen_ms : row->heard_ms;
	due_ms = heard_ms + stale_after_ms(io, row);
	if (io->now_ms < due_ms)
		return look_again(io, &asset, due_ms);
	if (io->now_ms > due_ms + LATE_MS && row->stale_since_ms == 0 && row->late_ms != heard_ms) {
		RECORD_SET(row, late_ms, heard_ms);
		put_row(io, &asset, row);
		return look_again(io, &asset, io->now_ms + stale_after_ms(io, row));
	}
	RECORD_SET(row, stale_since_ms, heard_ms);
	put_row(io, &asset, row);
	say(io, &asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE, heard_ms, 0, row, NULL);
	return STATUS_OK;
}

/* ---- what the log has noted ---- */

static void say_clone(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__Notice *notice, Fettle__StateHealth *row)
{
	if (row->clone_since_ms > 0)
		return;
	RECORD_SET(row, clone_since_ms, notice->at_ms);
	say(io, asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_CLONE, notice->at_ms, 0, row,
	    notice->detail);
}

/* Whatever was decided about its key, somebody has looked. */
static void end_clone(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__Notice *notice, Fettle__StateHealth *row)
{
	if (row->clone_since_ms == 0
	    || bytes_equal(bytes_of_text(notice->principal), bytes_of_text("log")))
		return;
	say(io, asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_CLONE, row->clone_since_ms, notice->at_ms,
	    row, notice->detail);
	RECORD_SET(row, clone_since_ms, 0);
}

/* It is silent because nothing of it is taken, and not of itself. */
static void judge_quarantine(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__Notice *notice, Fettle__StateHealth *row)
{
	bool is_full = notice->what == FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_FULL;

	if (is_full == (row->full_since_ms > 0))
		return;
	if (is_full)
		RECORD_SET(row, full_since_ms, notice->at_ms);
	say(io, asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_QUARANTINE_FULL, row->full_since_ms,
	    is_full ? 0 : notice->at_ms, row, notice->detail);
	if (!is_full)
		RECORD_SET(row, full_since_ms, 0);
}

static enum status on_notice(struct stage_io *io, const struct event *event)
{
	const Fettle__Notice *notice = event_notice(event);
	Fettle__StateHealth *row;
	struct asset_ref asset;
	enum status status;

	if (notice->agent.len != AGENT_ID_SIZE)
		return STATUS_OK;
	status = asset_of_agent(io->txn, notice->agent.data, &asset);
	if (status == STATUS_OK)
		status = get_row(io, &asset, &row);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (notice->what == FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE)
		say_clone(io, &asset, notice, row);
	else if (notice->what == FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER)
		end_clone(io, &asset, notice, row);
	else if (notice->what == FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_FULL
		 || notice->what == FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_OPEN)
		judge_quarantine(io, &asset, notice, row);
	else if (notice->what == FETTLE__NOTICE_WHAT__NOTICE_WHAT_ROLLED_BACK)
		say(io, &asset, FETTLE__HEALTH_WHAT__HEALTH_WHAT_ROLLED_BACK, notice->at_ms,
		    notice->at_ms, row, notice->detail);
	else
		return STATUS_OK;
	put_row(io, &asset, row);
	return STATUS_OK;
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	return event->kind == EVENT_NOTICE ? on_notice(io, event) : on_heartbeat(io, event);
}

const struct stage health_stage = {
	.name = "health",
	.summary = "tells of clocks that are off, of silence, of copies and backups",
	.consumes = (const enum event_kind[]){ EVENT_HEARTBEAT, EVENT_NOTICE, EVENT_NONE },
	.settings = settings,
	.settings_size = sizeof(struct health_settings),
	.on_event = on_event,
	.on_timer = on_timer,
};
