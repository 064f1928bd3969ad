/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory - puts what agents observe into the state, and says what changed.
 *
 * Here is the stage's table, and what is said in passing; facts, passes, digests and bundles have a
 * file each.
 */
#include "processors/inventory/inventory.h"

#include "core/lane.h"
#include "processors/inventory/bundled.h"
#include "processors/inventory/parts.h"
#include "processors/roles.h"
#include "processors/state/asset.h"
#include "proto/verdict.pb-c.h"

static const struct setting settings[] = {
	SETTING_DURATION(struct inventory_settings, announce_after, INVENTORY_ANNOUNCE_AFTER_MS,
	    100, 3600 * 1000, "how long an asset's counts and last contact may lag behind"),
	SETTING_DURATION(struct inventory_settings, resync_pause, INVENTORY_RESYNC_PAUSE_MS, 0,
	    24 * 3600 * 1000, "how long an agent is not asked again for facts that differ"),
	SETTING_SIZE(struct inventory_settings, bundles_size, INVENTORY_BUNDLES_SIZE, 0, 1ULL << 40,
	    "how much is kept of what agents sent, for others that have the same"),
	SETTING_DURATION(struct inventory_settings, bundles_keep, INVENTORY_BUNDLES_KEEP_MS,
	    3600 * 1000, 365ULL * 24 * 3600 * 1000,
	    "how long it is kept after an agent had it last"),
	SETTING_DURATION(struct inventory_settings, ask_again, INVENTORY_ASK_AGAIN_MS, 1000,
	    3600 * 1000, "how long an agent has to send it before the next one is asked"),
	SETTING_END
};

const struct setting_section inventory_section = { .name = "inventory",
	.settings = settings,
	.size = sizeof(struct inventory_settings),
	.help = "what is known of each asset" };

/* ---- what is said in passing ---- */

/* What is too long to be the name of anything is left unsaid. */
static bool is_name(const char *text)
{
	return text != NULL && strnlen(text, INVENTORY_TEXT_MAX + 1) <= INVENTORY_TEXT_MAX;
}

static enum status on_heartbeat(struct stage_io *io, const struct event *event)
{
	const Fettle__Heartbeat *heartbeat = event_heartbeat(event);
	Fettle__StateAsset *record;
	struct asset_ref asset;
	enum status status = inventory_find_asset(io, event, &asset, &record);

	if (status != STATUS_OK)
		return status;
	if (is_name(heartbeat->host_name) && record->name == NULL)
		record->name = heartbeat->host_name;
	if (is_name(heartbeat->agent_version))
		record->agent_version = heartbeat->agent_version;
	return inventory_touch(io, event, &asset, record);
}

static enum status on_gap(struct stage_io *io, const struct event *event)
{
	const Fettle__Gap *gap = event_gap(event);
	Fettle__LossVerdict verdict = FETTLE__LOSS_VERDICT__INIT;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	enum status status = inventory_find_asset(io, event, &asset, &record);

	if (status != STATUS_OK)
		return status;
	RECORD_SET_BYTES(&verdict, id, record_bytes(event->envelope->event_id));
	RECORD_SET_BYTES(&verdict, asset, BYTES_OF(asset.id));
	RECORD_SET(&verdict, count, gap->count);
	verdict.reason = gap->reason;
	if (gap->lane >= LANE_CRITICAL && gap->lane < LANE_END)
		RECORD_SET(&verdict, lane, gap->lane);
	if (gap->has_from && gap->has_to) {
		RECORD_SET(&verdict, from, gap->from);
		RECORD_SET(&verdict, to, gap->to);
		RECORD_SET(&verdict, first_ms, gap->first_ms);
		RECORD_SET(&verdict, last_ms, gap->last_ms);
	}
	RECORD_SET(&verdict, at_ms, event->stamp->received_ms);
	stage_verdict(io, FETTLE__KIND__KIND_LOSS, &verdict.base);
	return inventory_touch(io, event, &asset, record);
}

enum status inventory_take_held(struct stage_io *io, const struct event *event)
{
	return event->kind == EVENT_DIGEST ? inventory_on_digest(io, event)
	                                   : inventory_on_pass(io, event);
}

/* ---- the stage ---- */

static enum status on_timer(struct stage_io *io, struct bytes key)
{
	Fettle__StateAsset *record;
	struct asset_ref asset;
	enum status status;

	if (key.size == BUNDLE_HASH_SIZE)
		return bundled_on_timer(io, key.data);
	if (!asset_of_key(key, &asset))
		return STATUS_OK;
	status = asset_get(io->txn, &asset, io->arena, &record);
	if (status == STATUS_OK)
		inventory_announce(io, &asset, record);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	switch (event->kind) {
	case EVENT_FACT_SET:
	case EVENT_FACT_UNSET:
		return inventory_on_fact(io, event);
	case EVENT_PASS:
		return inventory_on_pass(io, event);
	case EVENT_HEARTBEAT:
		return on_heartbeat(io, event);
	case EVENT_GAP:
		return on_gap(io, event);
	case EVENT_HAVE:
		return bundled_on_have(io, event);
	case EVENT_BUNDLE:
		return bundled_on_bundle(io, event);
	case EVENT_DIGEST:
		return inventory_on_digest(io, event);
	default:
		return STATUS_OK;
	}
}

const struct stage inventory_stage = {
	.name = "inventory",
	.summary = "keeps what agents observe, and says what changed",
	.consumes = (const enum event_kind[]){ EVENT_FACT_SET, EVENT_FACT_UNSET, EVENT_PASS,
	    EVENT_HEARTBEAT, EVENT_GAP, EVENT_DIGEST, EVENT_HAVE, EVENT_BUNDLE, EVENT_NONE },
	.settings = settings,
	.settings_size = sizeof(struct inventory_settings),
	.tick_ms = 3600 * 1000,
	.on_event = on_event,
	.on_tick = bundled_on_tick,
	.on_timer = on_timer,
	.on_work = bundled_on_work,
};
