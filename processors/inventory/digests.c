/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digests.c - what an agent was asked to tell anew and did not mention is gone.
 */
#include "processors/inventory/bundled.h"
#include "processors/inventory/heal.h"
#include "processors/inventory/parts.h"
#include "processors/state/facts.h"

struct untold {
	const struct digest_set *buckets;
	uint64_t epoch, floor;
	struct buffer keys; /* u16 size and key, u8 size and collector */
};

static enum status collect_untold(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct untold *untold = data;
	const Fettle__StateFact *fact = entry->record;
	struct bytes collector = bytes_of_text(fact->collector);

	/* In this epoch and later than that: it has been told since. */
	if (fact->status == FACT_NONE || !untold->buckets->has[digest_bucket(key)]
	    || !(fact->epoch < untold->epoch
		 || (fact->epoch == untold->epoch && fact->revision < untold->floor)))
		return STATUS_OK;
	buffer_append_u16(&untold->keys, (uint16_t)key.size);
	buffer_append(&untold->keys, key);
	buffer_append_u8(&untold->keys, (uint8_t)collector.size);
	buffer_append(&untold->keys, collector);
	return STATUS_OK;
}

/* FLOOR is a revision that no fact has: a fact that was told since and is late still wins. */
static enum status unset_untold(const struct heal *heal, const struct digest_set *buckets,
    uint64_t floor)
{
	struct untold untold = { .buckets = buckets,
		.epoch = heal->event->stamp->epoch,
		.floor = floor };
	enum status status = facts_visit(heal->io->txn, heal->asset, BYTES_NONE, collect_untold,
	    &untold);

	for (size_t at = 0; status == STATUS_OK && at < untold.keys.size;) {
		const uint8_t *key = untold.keys.data + at;
		uint16_t size = bytes_u16(key);
		const uint8_t *collector = key + 2 + size;
		struct inventory_update update = { .event = heal->event,
			.asset = heal->asset,
			.record = heal->record,
			.key = BYTES(key + 2, size),
			.epoch = untold.epoch,
			.revision = floor,
			.collector = arena_format(heal->io->arena, "%.*s", (int)collector[0],
			    (const char *)collector + 1) };

		status = inventory_update(heal->io, &update);
		at += 2U + size + 1U + collector[0];
	}
	buffer_fini(&untold.keys);
	return status;
}

enum status inventory_on_digest(struct stage_io *io, const struct event *event)
{
	const struct inventory_settings *set = io->settings;
	struct asset_ref asset;
	struct heal heal = { .io = io,
		.event = event,
		.asset = &asset,
		.pause_ms = set == NULL ? INVENTORY_RESYNC_PAUSE_MS : set->resync_pause,
		.unset_untold = unset_untold };
	bool is_held = false;
	enum status status = inventory_find_asset(io, event, &asset, &heal.record);

	if (status == STATUS_OK)
		status = bundled_hold_digest(io, event, &asset, heal.record, &is_held);
	if (status == STATUS_OK && !is_held)
		status = heal_on_digest(&heal);
	return status == STATUS_OK ? inventory_touch(io, event, &asset, heal.record) : status;
}
