/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passes.c - that a collector has looked at everything: what is not there now is not there.
 */
#include "core/lane.h"
#include "processors/inventory/bundled.h"
#include "processors/inventory/parts.h"
#include "processors/state/facts.h"
#include "processors/state/tables.h"

enum { PASSES_MAX = 256 };

void inventory_pass_key(struct buffer *key, const struct asset_ref *asset, const char *collector,
    struct bytes prefix)
{
	asset_key(key, asset);
	buffer_append_text(key, collector == NULL ? "" : collector);
	buffer_append_u8(key, 0);
	buffer_append(key, prefix);
}

/* ---- what an agent that began anew did not mention is gone ---- */

struct leftovers {
	uint64_t epoch;
	struct buffer keys; /* u16 size and key */
};

static enum status collect_leftover(void *data, struct bytes key, const struct facts_entry *entry)
{
	struct leftovers *leftovers = data;

	if (entry->record->status != FACT_NONE && entry->record->epoch < leftovers->epoch) {
		buffer_append_u16(&leftovers->keys, (uint16_t)key.size);
		buffer_append(&leftovers->keys, key);
	}
	return STATUS_OK;
}

/*
 * In the new epoch the agent knows nothing of what it sent before, so it cannot unset it.  By
 * another plan than before, it may just not have looked.
 */
static enum status unset_leftovers(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record, bool is_other_plan)
{
	const Fettle__Pass *pass = event_pass(event);
	struct leftovers leftovers = { .epoch = event->stamp->epoch };
	enum status status = facts_visit(io->txn, asset, record_bytes(pass->prefix),
	    collect_leftover, &leftovers);

	for (size_t at = 0; status == STATUS_OK && at < leftovers.keys.size;) {
		uint16_t size = bytes_u16(leftovers.keys.data + at);
		struct inventory_update update = { .event = event,
			.asset = asset,
			.record = record,
			.key = BYTES(leftovers.keys.data + at + 2, size),
			.epoch = event->stamp->epoch,
			.collector = pass->collector,
			.is_baseline = is_other_plan };

		status = inventory_update(io, &update);
		at += 2U + size;
	}
	buffer_fini(&leftovers.keys);
	return status;
}

/* REJECT: there are as many passes on the asset as it may have. */
static enum status admit_pass(struct stage_io *io, const struct asset_ref *asset)
{
	struct txn_scan *scan = NULL;
	struct buffer prefix = { 0 };
	struct bytes key, value;
	size_t count = 0;
	enum status status;

	asset_key(&prefix, asset);
	status = txn_scan_open(io->txn, STATE_PASS, buffer_bytes(&prefix), BYTES_NONE, &scan);
	while (status == STATUS_OK) {
		status = txn_scan_next(scan, &key, &value);
		if (status == STATUS_OK && ++count == PASSES_MAX)
			status = stage_reject(io, "the asset has too many passes");
	}
	txn_scan_close(scan);
	buffer_fini(&prefix);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* *OUT NULL: there was none. */
static enum status last_pass(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__Pass *pass, Fettle__StatePass **out)
{
	struct buffer key = { 0 };
	struct bytes kept;
	enum status status;

	*out = NULL;
	inventory_pass_key(&key, asset, pass->collector, record_bytes(pass->prefix));
	status = txn_get(io->txn, STATE_PASS, buffer_bytes(&key), &kept);
	buffer_fini(&key);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	*out = record_unpack(&fettle__state_pass__descriptor, kept, io->arena);
	return *out == NULL ? STATUS_CORRUPT : STATUS_OK;
}

/*
 * Lanes overtake each other.  The first pass of an epoch, and the first by a plan, goes by bulk
 * behind all that it saw: until it is here a later one by another lane proves nothing, as what it
 * covers may not be here either.  One of an epoch that is over says nothing of this one.
 */
static bool is_overtaking(const struct event *event, const Fettle__StatePass *older)
{
	if (older != NULL && older->epoch > event->stamp->epoch)
		return true;
	return event->stamp->lane != LANE_BULK
	    && (older == NULL || older->epoch < event->stamp->epoch
		|| !bytes_equal(record_bytes(older->plan), record_bytes(event_pass(event)->plan)));
}

static void put_pass(struct stage_io *io, const struct event *event, const struct asset_ref *asset)
{
	const Fettle__Pass *pass = event_pass(event);
	Fettle__StatePass row = FETTLE__STATE_PASS__INIT;
	struct buffer key = { 0 }, value = { 0 };

	RECORD_SET(&row, facts, pass->facts);
	RECORD_SET(&row, at_ms, event->stamp->received_ms);
	RECORD_SET(&row, epoch, event->stamp->epoch);
	RECORD_SET_BYTES(&row, plan, record_bytes(pass->plan));
	record_pack(&value, &row.base);
	inventory_pass_key(&key, asset, pass->collector, record_bytes(pass->prefix));
	txn_put(io->txn, STATE_PASS, buffer_bytes(&key), buffer_bytes(&value));
	buffer_fini(&key);
	buffer_fini(&value);
}

/* EVENT's pass is whole, and all of it is here. */
static enum status complete(struct stage_io *io, const struct event *event,
    const struct asset_ref *asset, Fettle__StateAsset *record, const Fettle__StatePass *older)
{
	enum status status = older == NULL ? admit_pass(io, asset) : STATUS_OK;

	if (status == STATUS_OK && (older == NULL || older->epoch < event->stamp->epoch))
		status = unset_leftovers(io, event, asset, record,
		    older != NULL
			&& !bytes_equal(record_bytes(older->plan),
			    record_bytes(event_pass(event)->plan)));
	if (status == STATUS_OK)
		put_pass(io, event, asset);
	return status;
}

enum status inventory_on_pass(struct stage_io *io, const struct event *event)
{
	const Fettle__Pass *pass = event_pass(event);
	Fettle__StatePass *older;
	Fettle__StateAsset *record;
	struct asset_ref asset;
	bool is_held = false;
	enum status status;

	if (pass->prefix.len > FACT_KEY_MAX || pass->plan.len > INVENTORY_TEXT_MAX
	    || !inventory_is_collector(pass->collector))
		return stage_reject(io, "the pass has too long a prefix, plan or collector");
	status = inventory_find_asset(io, event, &asset, &record);
	if (status == STATUS_OK)
		status = last_pass(io, &asset, pass, &older);
	if (status == STATUS_OK && is_overtaking(event, older))
		return inventory_touch(io, event, &asset, record);
	if (status == STATUS_OK)
		status = bundled_hold_pass(io, event, &asset, record, &is_held);
	if (status == STATUS_OK && is_held)
		return inventory_touch(io, event, &asset, record);
	if (status == STATUS_OK)
		status = complete(io, event, &asset, record, older);
	if (status == STATUS_OK)
		status = inventory_touch(io, event, &asset, record);
	/* Now the counts mean something. */
	if (status == STATUS_OK)
		inventory_announce(io, &asset, record);
	return status;
}
